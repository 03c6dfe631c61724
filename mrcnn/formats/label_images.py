"""Label images: one whole number per instance, as Cellpose, StarDist and ImageJ write them."""

import collections
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..images.reading import read_labels
from ..instances.masks import InstanceMasks
from ..text import some
from ..types import Array, PathLike
from .components import check_min_area, sign_of_one_number, split_masks
from .finding import existing_folder, given_path, image_files
from .instance_pngs import OBJECT, MaskFile, name_the_class, subfolder
from .records import AnnotatedDataset, Instance, Problems, Record

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "raw", "JPEGImages")
LABEL_FOLDERS = ("masks", "mask", "labels", "label", "instances", "annotations", "gt")

# What tools append to an image's name to name its label image.
LABEL_ENDINGS = tuple(
    joint + word
    for word in (
        *("cp_masks", "cp_mask", "masks", "mask", "labels", "label"),
        *("instances", "instance", "segmentation", "seg", "gt"),
    )
    for joint in ("_", "-", ".", " ")
)
_IMAGE_ENDINGS = ("_img", "_image", "_raw")
# What Cellpose writes besides label images: its session, and images for viewing.
_SESSION = "_seg.npy"
_OTHER_ENDINGS = ("_flows.tif", "_outlines.png", "_dp.tif", "_cellprob.tif")


class LabelImageDataset(AnnotatedDataset):
    """Images with one label image each (PNG, TIFF or .npy).

    In a label image, 0 is background and each instance has a different number; the numbers need not
    be consecutive. There is one class. The label images are read when an image's instances are
    loaded.

    Binary masks, such as 0 and 255, are label images with a single instance. If several objects
    share the number, `split_components=True` makes each 8-connected piece an instance.
    """

    SOURCE = "label_images"

    def load(
        self,
        images: PathLike,
        labels: PathLike | None = None,
        class_names: Sequence[str] | None = None,
        class_map: Mapping[str, str | None] | None = None,
        strict: bool = True,
        suffix: str | None = None,
        split_components: bool | None = None,
        min_area: int = 1,
    ) -> None:
        """Add the images of a folder.

        Args:
            images: folder of the images. Without `labels`, it contains two folders, such as images/
                and masks/ (or labels/); or the images and a folder masks/ with the label images; or
                both kinds of files, the label images with a suffix in their names.
            labels: folder of the label images.
            class_names: a list with the name of the class; by default it is "object".
            class_map: see `AnnotatedDataset.add_records`.
            strict: see `AnnotatedDataset.add_records`; unusable entries are images and label images
                without a partner.
            suffix: what a label image's name adds to its image's name, before the extension. By
                default nothing, or what tools write: "_mask", "_cp_masks", "-labels", ...
            split_components: whether each 8-connected piece of a number's pixels is an instance.
                None makes a number one instance, with a warning if the label images look like
                binary masks; False does so without a warning.
            min_area: pixels; with `split_components`, smaller pieces are left out.

        Raises:
            FileNotFoundError: no such folder.
            ValueError: an image without a label image, or the reverse; no images; `min_area` is
                not a whole number of at least 1.

        Example:
            >>> import pathlib
            >>> from mrcnn.formats import LabelImageDataset
            >>> pathlib.Path("label_images").mkdir()
            >>> np.save("label_images/1.npy", np.zeros((2, 3, 3), np.uint8))
            >>> np.save("label_images/1_mask.npy", np.array([[0, 1, 1], [2, 2, 0]]))
            >>> masks, class_ids = LabelImageDataset.read("label_images").load_mask(0)
            >>> masks[..., 0]
            array([[False,  True,  True],
                   [False, False, False]])
        """
        images = given_path(images, "images")
        labels = labels if labels is None else given_path(labels, "labels")
        check_min_area(min_area)
        problems = Problems(images)
        image_paths, label_paths = find_files(images, labels, suffix)
        pairs = pair(image_paths, label_paths, suffix, problems)
        # Instances are unknown until the label image is read: one stands in for all of them.
        records = [
            Record(_name(image), str(image), [Instance(OBJECT, MaskFile(str(label)))])
            for image, label in pairs
        ]
        class_map = name_the_class(images, class_names, class_map)
        self.add_records(records, problems, class_names, class_map, strict, found={OBJECT: 1})
        sign = ""
        if split_components is None:
            paths = [str(label) for _, label in pairs]
            sign = sign_of_one_number(paths, _read_numbered, "label images", images)
        for info, (_, label) in zip(self.image_info[-len(pairs) :], pairs, strict=True):
            kept = info.pop("annotations")
            info["label_image"] = str(label)
            info["class_name"] = kept[0].class_name if kept else None
            info["split_components"], info["min_area"] = split_components, min_area
            info["binary"] = sign

    def _annotated_instances(self, image_id: int) -> tuple[InstanceMasks, Array]:
        """What `AnnotatedDataset.load_instances` returns.

        Raises:
            FileNotFoundError, OSError: the label image cannot be read.
            ValueError: it is not a label image, or has negative numbers.
        """
        info = self.image_info[image_id]
        numbers, labels = _read_numbered(info["label_image"])
        masks = InstanceMasks.from_labels(labels, len(numbers))
        if info.get("split_components"):
            masks, _ = split_masks(masks, info["min_area"])
        if info["class_name"] is None:
            masks = masks[:0]
        ids = {c["name"]: i for i, c in enumerate(self.class_info) if c["source"] == info["source"]}
        return masks, np.full(len(masks), ids.get(info["class_name"], 0), np.int32)


def _read_numbered(path: str) -> tuple[Array, Array]:
    """What `numbered` returns for the label image at a path."""
    return numbered(read_labels(path), path)


def numbered(labels: Array, name: str) -> tuple[Array, Array]:
    """Renumber the instances of a label image as 1, 2, ...

    Args:
        labels: integers [H, W], 0 outside.
        name: what the error calls the image.

    Returns:
        numbers: [N], the original numbers, ascending, without 0.
        labels: int32 [H, W] of 0 to N.

    Raises:
        ValueError: a negative number.
    """
    if not labels.size:
        return np.zeros(0, labels.dtype), np.zeros(labels.shape, np.int32)
    low, high = int(labels.min()), int(labels.max())
    if low < 0:
        raise ValueError(f"{name} has the value {low}: it must be 0 for background, or positive.")
    if high < 2**20:  # a lookup table is much faster than sorting all pixels
        there = np.zeros(high + 1, bool)
        there[labels] = True
        there[0] = False
        new = np.cumsum(there, dtype=np.int32)
        new[0] = 0
        return np.flatnonzero(there), new[labels]
    numbers, places = np.unique(labels, return_inverse=True)
    places = places.reshape(labels.shape).astype(np.int32)
    if numbers[0] == 0:
        return numbers[1:], places
    return numbers, places + 1


def find_files(
    images: PathLike, labels: PathLike | None = None, suffix: str | None = None
) -> tuple[list[Path], list[Path]]:
    """Find the images and the label images.

    Args:
        images, labels, suffix: see `LabelImageDataset.load`.

    Returns:
        Their paths.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: a folder has no images.
    """
    images = existing_folder(images)
    if labels is None:
        labels = subfolder(images, LABEL_FOLDERS)
        images = subfolder(images, IMAGE_FOLDERS) or images
    paths, sessions = _files(images)
    if labels is not None and Path(labels).resolve() != images.resolve():
        label_paths, sessions = _files(labels)
        if not label_paths:
            raise ValueError(f"{labels} has no label images. {_session_hint(sessions)}")
        return paths, label_paths
    endings = LABEL_ENDINGS if suffix is None else (suffix.lower(),)
    paths = [path for path in paths if not path.name.lower().endswith(_OTHER_ENDINGS)]
    label_paths = [path for path in paths if _name(path).lower().endswith(endings)]
    if not label_paths or suffix == "":
        message = (
            f"{images} has no label images: pass their folder as `labels`, or a folder that holds "
            "images/ and masks/. If they are in the same folder as the images, their names must "
            f"have a `suffix` such as {endings[0] or LABEL_ENDINGS[0]!r}. {_session_hint(sessions)}"
        )
        raise ValueError(message.strip())
    return [path for path in paths if path not in set(label_paths)], label_paths


def pair(
    images: Sequence[Path], labels: Sequence[Path], suffix: str | None, problems: Problems
) -> list[tuple[Path, Path]]:
    """Match each image with its label image by name.

    Args:
        images, labels: lists of their paths.
        suffix: see `LabelImageDataset.load`.
        problems: files without a partner are added.

    Returns:
        (image, label image) of each pair.
    """
    by_name = collections.defaultdict(list)
    for image in images:
        by_name[_name(image)].append(image)
    for image in images:
        short = _without_ending(_name(image), _IMAGE_ENDINGS)
        if short is not None and short not in by_name:
            by_name[short].append(image)
    partners = collections.defaultdict(list)
    unclear: set[Path] = set()
    for label in labels:
        names = _image_names(_name(label), suffix)
        found = next((by_name[name] for name in names if name in by_name), [])
        if len(found) != 1:
            problems.add(
                label.name,
                f"it must belong to exactly one image, named {' or '.join(names)}; found: "
                f"{some(image.name for image in found)}.",
            )
            unclear.update(found)
        for image in found:
            partners[image].append(label)
    pairs = []
    for image in images:
        own = partners[image]
        if len(own) != 1:
            given = some(label.name for label in own)
            problems.add(image.name, f"it must have exactly one label image; found: {given}.")
        elif image not in unclear:
            pairs.append((image, own[0]))
    return pairs


def _image_names(label: str, suffix: str | None) -> list[str]:
    """Possible names of a label image's image, the most likely first."""
    if suffix is not None:
        return [label[: -len(suffix)]] if suffix and label.endswith(suffix) else [label]
    short = _without_ending(label, LABEL_ENDINGS)
    return [label] if short is None else [label, short]


def _without_ending(name: str, endings: Iterable[str]) -> str | None:
    """The name without the first ending that matches, ignoring case; None if none does."""
    return next((name[: -len(e)] for e in endings if name.lower().endswith(e)), None)


def _name(path: Path) -> str:
    """The name of a file without its extension, such as .png or .ome.tif."""
    return path.stem.removesuffix(".ome")


def _files(folder: PathLike) -> tuple[list[Path], list[Path]]:
    """Paths of a folder's images, and of its Cellpose sessions."""
    paths = image_files(folder)
    sessions = [path for path in paths if path.name.lower().endswith(_SESSION)]
    return [path for path in paths if path not in set(sessions)], sessions


def _session_hint(sessions: Sequence[Path]) -> str:
    if not sessions:
        return ""
    names = some(path.name for path in sessions)
    return f"Cellpose sessions ({names}) are not read: save the masks as PNG or TIFF."
