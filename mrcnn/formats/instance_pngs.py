"""One mask file per instance, as in the Data Science Bowl 2018."""

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..datasets.reading import turned_by_exif
from ..images.opening import open_image
from ..images.reading import read_image
from ..instances.masks import InstanceMasks
from ..text import some
from ..types import Array, PathLike
from .components import check_min_area, sampled, sign_of_one_mask, split_masks
from .finding import IMAGE_SUFFIXES, existing_folder, given_path
from .records import AnnotatedDataset, Instance, Problems, Record
from .shapes import Crop

# Class name for formats without classes.
OBJECT = "object"

_IMAGE_FOLDERS = ("images", "image")
_MASK_FOLDERS = ("masks", "mask")


class InstancePngDataset(AnnotatedDataset):
    """Images with one mask file per instance::

        path/<id>/images/<name>.png
        path/<id>/masks/*.png
        path/<id>/masks/<class>/*.png    if there are several classes

    A mask has the size of its image and is nonzero (in a JPEG: above 127) inside the instance. In
    a colour mask any channel counts except alpha. The masks are read when an image's instances are
    loaded. If they do not overlap, one label image (`LabelImageDataset`) is read ten times as fast.

    If one file holds several objects, `split_components=True` makes each 8-connected piece of it an
    instance.
    """

    SOURCE = "instance_pngs"

    def load(
        self,
        path: PathLike,
        class_names: Sequence[str] | None = None,
        class_map: Mapping[str, str | None] | None = None,
        strict: bool = True,
        labelled: bool = True,
        split_components: bool | None = None,
        min_area: int = 1,
    ) -> None:
        """Add the images of a folder.

        Args:
            path: folder that contains one folder per image, such as stage1_train.
            class_names: class names in order. Masks outside a class folder have the class "object";
                a single name given here replaces "object".
            class_map: see `AnnotatedDataset.add_records`.
            strict: see `AnnotatedDataset.add_records`.
            labelled: whether every image must have a masks folder, even an empty one. False reads
                only the images, for detection, as in stage1_test.
            split_components: whether each 8-connected piece of a mask is an instance. None makes a
                mask one instance, with a warning if no image has more than one mask of a class and
                some masks are in several pieces; False does so without a warning.
            min_area: pixels; with `split_components`, smaller pieces are left out.

        Raises:
            FileNotFoundError: no such folder.
            ValueError: unusable folders; no images; classes that do not match; `min_area` is not a
                whole number of at least 1.

        Example:
            >>> from mrcnn.formats import InstancePngDataset
            >>> dataset = InstancePngDataset.read("stage1_train", ["nucleus"])  # doctest: +SKIP
            >>> dataset.class_names  # doctest: +SKIP
            ['BG', 'nucleus']
        """
        path = given_path(path)
        check_min_area(min_area)
        problems = Problems(path)
        records = read_folders(path, problems, labelled)
        found = sorted({i.class_name for record in records for i in record.instances}) or [OBJECT]
        if found == [OBJECT]:
            class_map = name_the_class(path, class_names, class_map)
        self.add_records(
            records,
            problems,
            class_names,
            class_map,
            strict,
            found={name: i + 1 for i, name in enumerate(found)},
        )
        sign = "" if split_components is not None else _sign_of_binary(records, path)
        for info in self.image_info[-len(records) :]:
            info["split_components"], info["min_area"] = split_components, min_area
            info["binary"] = sign

    def _annotated_instances(self, image_id: int) -> tuple[InstanceMasks, Array]:
        """What `AnnotatedDataset.load_instances` returns."""
        masks, class_ids = super()._annotated_instances(image_id)
        info = self.image_info[image_id]
        if not info.get("split_components"):
            return masks, class_ids
        pieces, parents = split_masks(masks, info["min_area"])
        return pieces, class_ids[parents]


@dataclasses.dataclass(frozen=True, slots=True)
class MaskFile:
    """The mask of one instance, in a separate file.

    Args:
        path: the file.
    """

    path: str

    def crop(self, height: int, width: int) -> Crop:
        """Its pixels, see `shapes.Polygon.crop`.

        Raises:
            FileNotFoundError, OSError: the file cannot be read.
            ValueError: its size is not the image's.
        """
        inside, corner, size = _read_mask(self.path)
        if size != (height, width):
            raise ValueError(
                f"{self.path} is {size[0]}x{size[1]} pixels, its image is {height}x{width} (height "
                "x width): a mask must have the size of its image."
                f"{turned_by_exif(None, size, (height, width))}"
            )
        return inside, corner


def read_folders(path: PathLike, problems: Problems, labelled: bool = True) -> list[Record]:
    """Records of a folder with one folder per image; class names are those of the mask folders.

    Args:
        path: the folder.
        problems: unusable folders are added.
        labelled: see `InstancePngDataset.load`.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: none of its folders has images.
    """
    path = existing_folder(path)
    folders = [entry for entry in _visible(path) if entry.is_dir()]
    if not any(subfolder(folder, _IMAGE_FOLDERS) for folder in folders):
        raise ValueError(
            f"{path} has no folders <id>/images (its folders are {some(f.name for f in folders)}): "
            "give the folder that contains one folder per image, such as stage1_train."
        )
    records = []
    for folder in folders:
        images = subfolder(folder, _IMAGE_FOLDERS)
        masks = subfolder(folder, _MASK_FOLDERS)
        files = _image_files(images) if images else []
        if images is None:
            problems.add(folder.name, "it has no images folder.")
        elif len(files) != 1:
            problems.add(
                f"{folder.name}/{images.name}",
                f"it must have exactly one image; found: {some(f.name for f in files)}.",
            )
        elif labelled and masks is None:
            problems.add(
                folder.name,
                "it has no masks folder: add an empty one if the image has no instances, or read "
                "only the images with labelled=False.",
            )
        else:
            instances = _instances(masks) if labelled and masks else []
            records.append(Record(folder.name, str(files[0]), instances))
    return records


def name_the_class(
    path: PathLike,
    class_names: Sequence[str] | None,
    class_map: Mapping[str, str | None] | None,
) -> dict[str, str | None]:
    """The class map of a format with a single, unnamed class.

    Args:
        path: named in the error.
        class_names, class_map: as passed to `load`.

    Returns:
        `class_map`, with "object" mapped to the name in `class_names`.

    Raises:
        ValueError: `class_names` has several names, and `class_map` does not choose one.
    """
    named = dict(class_map or {})
    if isinstance(class_names, str):
        return named  # add_records rejects it
    if class_names and OBJECT not in named and OBJECT not in class_names:
        if len(class_names) > 1:
            raise ValueError(
                f"{path}: class_names has {len(class_names)} names, but there is only one class: "
                f"choose a name with class_map={{{OBJECT!r}: {class_names[0]!r}}}."
            )
        named[OBJECT] = class_names[0]
    return named


def subfolder(path: PathLike, names: Iterable[str]) -> Path | None:
    """The folder in `path` with the first of these names that exists, ignoring case, or None."""
    folders = {entry.name.lower(): entry for entry in Path(path).iterdir() if entry.is_dir()}
    return next((folders[name.lower()] for name in names if name.lower() in folders), None)


def _instances(masks: Path) -> list[Instance]:
    """Instances of a masks folder and of the class folders in it."""
    classes = [(OBJECT, masks)]
    classes += [(entry.name, entry) for entry in _visible(masks) if entry.is_dir()]
    return [
        Instance(name, MaskFile(str(file)))
        for name, folder in classes
        for file in _image_files(folder)
    ]


def _sign_of_binary(records: Sequence[Record], path: PathLike) -> str:
    """See `components.sign_of_one_mask`; "" if an image has several masks of a class."""
    masks = [[(i.class_name, i.shape) for i in record.instances] for record in records]
    if any(len({name for name, _ in image}) < len(image) for image in masks):
        return ""
    crops = []
    for file in sampled([shape for image in masks for _, shape in image]):
        if isinstance(file, MaskFile):
            with contextlib.suppress(OSError, ValueError):  # raised when the instance is loaded
                crops.append(_read_mask(file.path)[0])
    return sign_of_one_mask(crops, path)


def _visible(folder: Path) -> list[Path]:
    """A folder's entries, sorted by name, without hidden files and those that macOS adds."""
    return sorted(p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX")))


def _image_files(folder: Path) -> list[Path]:
    return [p for p in _visible(folder) if p.suffix.lower() in (*IMAGE_SUFFIXES, ".gif")]


def _read_mask(path: str) -> tuple[Array, tuple[int, int], tuple[int, ...]]:
    """Bool array [h, w] of a mask, the (y, x) of its first pixel and the file's (height, width)."""
    if path.lower().endswith(".png"):
        try:
            with open_image(path) as image:
                if image.mode in ("L", "1"):
                    # There may be hundreds of masks per image, and Pillow finds the box ten times
                    # as fast as numpy.
                    box = image.getbbox() or (0, 0, 0, 0)
                    inside = np.asarray(image.crop(box)) != 0
                    return inside, (box[1], box[0]), (image.height, image.width)
        except Exception:  # Pillow raises many types; read_image explains what is wrong
            pass
    pixels = read_image(path)
    # JPEG compression leaves noise outside.
    inside = pixels > (127 if path.lower().endswith((".jpg", ".jpeg")) else 0)
    if inside.ndim == 3:
        inside = np.logical_or.reduce([inside[..., i] for i in range(inside.shape[2])])
    return inside, (0, 0), inside.shape
