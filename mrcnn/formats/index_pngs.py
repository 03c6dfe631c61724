"""Index PNGs in Pascal VOC's folders: one number per class, and one per object."""

import contextlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..images.reading import read_labels
from ..instances.masks import InstanceMasks
from ..text import some
from ..types import Array, PathLike
from .components import check_min_area, sampled, sign_of_one_number, split_masks
from .finding import given_path, image_files
from .index_colours import BACKGROUNDS, VOID, index_colours, read_indices, read_labelmap, read_lines
from .instance_pngs import subfolder
from .label_images import numbered
from .naming import is_ignored
from .records import AnnotatedDataset, Problems, Record
from .voc_boxes import annotated_boxes, xml_of
from .voc_folders import VOC_IMAGE_FOLDERS, find_root, split_ids

logger = logging.getLogger(__name__)

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)

_CLASS_FOLDERS = ("SegmentationClass", "SegmentationClassPNG", "classes", "masks", "labels")
_OBJECT_FOLDERS = ("SegmentationObject", "SegmentationObjectPNG", "objects", "instances")


class IndexPngDataset(AnnotatedDataset):
    """Images with index PNGs in Pascal VOC's folders::

        path/JPEGImages/<id>.jpg
        path/SegmentationClass/<id>.png     the class of each pixel: 1 is the first; 0 background
        path/SegmentationObject/<id>.png    the object of each pixel; 0 background
        path/ImageSets/Segmentation/<split>.txt

    255 is void: it belongs to nothing. An object has the class of most of its pixels. Without a
    SegmentationObject folder, each 8-connected region of a class is an instance, so touching
    objects become one. Colour PNGs (CVAT) are accepted: class colours are looked up in
    path/labelmap.txt, or else in the Pascal VOC palette.

    Metrics compare boxes with those in path/Annotations/<id>.xml, if there are any; its first
    object has the number 1 in the object PNG. The files are read when an image's instances are
    loaded. Source class ids are the numbers in the PNGs.
    """

    SOURCE = "index_pngs"

    def load(
        self,
        path: PathLike,
        split: str | None = None,
        class_names: Sequence[str] | None = None,
        class_map: Mapping[str, str | None] | None = None,
        strict: bool = True,
        split_components: bool | None = None,
        min_area: int = 1,
    ) -> None:
        """Add the images of a folder.

        Args:
            path: folder that contains these folders, such as VOCdevkit/VOC2012.
            split: name of a file in ImageSets/Segmentation, such as "train"; None takes all images
                that have a PNG in SegmentationClass.
            class_names: names of the indices 1, 2, ... in the PNGs; if the first is "background",
                it names index 0. Default: path/class_names.txt (labelme) or path/labelmap.txt
                (CVAT), or else Pascal VOC's 20 classes if there is an ImageSets folder.
            class_map: maps one of these names to a class name, or to None to drop its instances.
            strict: see `AnnotatedDataset.add_records`.
            split_components: whether objects are split by class and into 8-connected pieces, which
                become instances. None keeps objects whole, with a warning if the object PNGs look
                like binary masks; False does so without a warning.
            min_area: pixels; smaller instances are left out where objects are split, or where
                there are no object PNGs and instances are the regions of a class.

        Raises:
            FileNotFoundError: a folder, or the split's file, does not exist.
            ValueError: images or PNGs are missing, the class names are unknown, or `min_area` is
                not a whole number of at least 1.

        Example:
            >>> from mrcnn.formats import IndexPngDataset
            >>> dataset = IndexPngDataset.read("VOCdevkit/VOC2012", "train")  # doctest: +SKIP
            >>> dataset.num_images, dataset.class_names[:3]  # doctest: +SKIP
            (1464, ['BG', 'aeroplane', 'bicycle'])
        """
        check_min_area(min_area)
        root = find_root(given_path(path), _CLASS_FOLDERS)
        names = index_names(root, class_names)
        problems = Problems(root)
        triples = find_triples(root, split, problems)
        records = [Record(image.stem, str(image), []) for image, *_ in triples]
        found = {name: i + 1 for i, name in enumerate(names)}
        self.add_records(records, problems, None, class_map, strict, found=found)
        names_here = [(class_map or {}).get(name, name) for name in names]
        colours = index_colours(root)
        _warn_of_void([path for _, path, _ in triples], root)
        objects, sign = [path for *_, path in triples if path is not None], ""
        if split_components is None:
            sign = sign_of_one_number(objects, _read_objects, "object PNGs", root)
        for info, triple in zip(self.image_info[-len(triples) :], triples, strict=True):
            # Annotations are unknown until the files are read.
            del info["annotations"]
            image, info["class_image"], info["object_image"] = triple
            info["boxes_file"], info["file_names"] = xml_of(root, image.stem), names
            info["index_names"], info["index_colours"] = names_here, colours
            if objects:
                info["split_components"], info["binary"] = split_components, sign
            info["min_area"] = min_area

    def _annotated_instances(self, image_id: int) -> tuple[InstanceMasks, Array]:
        """What `AnnotatedDataset.load_instances` returns.

        Raises:
            FileNotFoundError, OSError: a PNG cannot be read.
            ValueError: an index without a name, an object without a class, or PNGs of different
                sizes.
        """
        info = self.image_info[image_id]
        names = info["index_names"]
        classes = read_indices(info["class_image"], info["index_colours"])
        _check_indices(classes, names, info["class_image"])
        if info["object_image"] is None:
            masks, indices = regions(classes, info["min_area"])
        else:
            objects = read_indices(info["object_image"])
            if objects.shape != classes.shape:
                raise ValueError(
                    f"{info['object_image']} has the shape {objects.shape}, but "
                    f"{info['class_image']} has {classes.shape}: they must agree."
                )
            if info["split_components"]:
                # An object of a binary object PNG may have pixels of several classes.
                objects = np.where(classes > 0, objects * (int(classes.max()) + 1) + classes, 0)
            masks, indices = objects_of(objects, classes, info["object_image"])
            if info["split_components"]:
                masks, parents = split_masks(masks, info["min_area"])
                indices = indices[parents]
            elif info["boxes_file"]:
                numbers = numbered(objects, info["object_image"])[0].tolist()
                named = [info["file_names"][i - 1] for i in indices.tolist()]
                masks.annotated = annotated_boxes(info["boxes_file"], numbers, named, masks.boxes)
        ids = {c["name"]: i for i, c in enumerate(self.class_info) if c["source"] == info["source"]}
        # 0 for classes that the class map drops.
        table = np.array([0] + [ids.get(name, 0) for name in names], np.int32)
        class_ids = table[indices]
        return masks[class_ids > 0], class_ids[class_ids > 0]


def regions(classes: Array, min_area: int = 1) -> tuple[InstanceMasks, Array]:
    """Instances of a class image: its 8-connected regions.

    Args:
        classes: integers [H, W], the class index of each pixel.
        min_area: pixels; smaller regions are left out.

    Returns:
        `InstanceMasks` of N instances and their class indices [N].
    """
    indices, labels = numbered(np.maximum(classes, 0), "")
    masks, parents = split_masks(InstanceMasks.from_labels(labels, len(indices)), min_area)
    return masks, indices[parents].astype(np.int64)


def objects_of(objects: Array, classes: Array, name: str) -> tuple[InstanceMasks, Array]:
    """Instances of an object image.

    Args:
        objects, classes: integers [H, W], the object and class index of each pixel.
        name: what the error calls the object image.

    Returns:
        `InstanceMasks` of N instances and their class indices [N].

    Raises:
        ValueError: no pixel of an object has a class.
    """
    numbers, labels = numbered(objects, name)
    classes = classes.astype(np.int64)
    width = int(classes.max(initial=0)) + 1
    votes = np.bincount((labels * width + classes).ravel(), minlength=(len(numbers) + 1) * width)
    votes = votes.reshape(-1, width)[1:]
    votes[:, 0] = 0
    unclear = numbers[~votes.any(axis=1)]
    if len(unclear):
        raise ValueError(
            f"{name}: no pixel of object {some(unclear)} has a class in the class image: at "
            "least one must."
        )
    return InstanceMasks.from_labels(labels, len(numbers)), votes.argmax(axis=1)


def index_names(root: Path, class_names: Iterable[str] | None = None) -> list[str]:
    """The names of indices 1, 2, ... in the folder `root`, see `IndexPngDataset.load`.

    Raises:
        TypeError: `class_names` is not a list of names.
        ValueError: no names are known, or a name appears twice.
    """
    listed, rows = root / "class_names.txt", read_labelmap(root)
    if class_names is not None:
        names = class_names if isinstance(class_names, str) else list(class_names)
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"class_names is {class_names!r}: it must be a list of names.")
        names = names[1:] if names and is_ignored(names[0]) else names  # as in labelme's labels.txt
    elif listed.is_file():
        lines = [line.strip() for line in read_lines(listed)]
        names = [line for line in lines if line and not is_ignored(line)]
    elif rows:
        names = [name for name, _ in rows]
    elif (root / "ImageSets").is_dir() or re.fullmatch(r"VOC20\d\d", root.name):
        names = list(VOC_CLASSES)
    else:
        raise ValueError(
            f"{root} does not say what its indices mean: give class_names, the names of 1, 2, ..."
        )
    if names and names[0].lower() in BACKGROUNDS:
        names = names[1:]
    if not names:
        raise ValueError(f"{root}: class_names is empty: it must hold the names of 1, 2, ...")
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ValueError(
            f"{root}: class_names has {some(map(repr, twice))} twice: names must be unique; use "
            "class_map to merge classes."
        )
    return names


def find_triples(
    root: Path, split: str | None, problems: Problems
) -> list[tuple[Path, str, str | None]]:
    """Find the files of each image in a split.

    Args:
        root: folder as returned by `find_root`.
        split: see `IndexPngDataset.load`.
        problems: images with missing files are added.

    Returns:
        (image, class PNG, object PNG or None) of each image.

    Raises:
        FileNotFoundError: a folder, or the split's file, does not exist.
        ValueError: the split's file is a list with flags.
    """
    folder = subfolder(root, VOC_IMAGE_FOLDERS)
    if folder is None:
        raise FileNotFoundError(f"no such folder: {root / 'JPEGImages'}.")
    images, classes = _by_stem(folder), _by_stem(subfolder(root, _CLASS_FOLDERS))
    folder = subfolder(root, _OBJECT_FOLDERS)
    objects = None if folder is None else _by_stem(folder)
    triples = []
    for stem in split_ids(root, "Segmentation", split, classes):
        kinds = {"image": images, "class PNG": classes, "object PNG": objects}
        missing = [kind for kind, paths in kinds.items() if paths is not None and stem not in paths]
        if missing:
            problems.add(stem, f"there is no {' and no '.join(missing)} with this name.")
            continue
        triples.append(
            (images[stem], str(classes[stem]), None if objects is None else str(objects[stem]))
        )
    return triples


def _warn_of_void(paths: Sequence[str], root: Path) -> None:
    """Log a warning if class PNGs hold only 0 and 255, like binary masks: 255 is not a class."""
    found: set[int] = set()
    for path in sampled(paths):
        with contextlib.suppress(OSError, ValueError):  # raised when its instances are loaded
            found.update(np.unique(read_labels(path)).tolist())
        if found - {0, VOID}:
            return
    if VOID in found:
        logger.warning(
            "%s: the class PNGs hold only 0 and %d (void): they have no instances. If they "
            "are binary masks, read them with LabelImageDataset and split_components=True.",
            root,
            VOID,
        )


def _read_objects(path: str) -> tuple[Array, Array]:
    """What `numbered` returns for the object PNG at a path."""
    return numbered(read_indices(path), path)


def _by_stem(folder):
    return {path.stem: path for path in image_files(folder)}


def _check_indices(classes: Array, names: Sequence[str], name: str) -> None:
    unknown = [int(i) for i in np.unique(classes) if not 0 <= i <= len(names)]
    if unknown:
        raise ValueError(
            f"{name} has the index {some(unknown)}: class_names has {len(names)} names, so it must "
            f"be 1 to {len(names)}, 0 for background or {VOID} for void."
        )
