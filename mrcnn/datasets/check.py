"""Check a dataset before training, and find what training would stumble over."""

import collections
import dataclasses
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from ..config import Config
from ..config_rules import network_rules, parts
from ..images.pixels import scale
from ..images.reading import image_size
from ..text import some
from ..types import Array, ImageInfo
from .crowds import report_crowds
from .keypoints import KeypointsCheck
from .limits import LimitsCheck
from .missing_pixels import report_missing_pixels
from .names import report_similar_names
from .pieces import PiecesCheck
from .prepared import prepared_ids
from .reading import check_classes, turned_by_exif
from .rectangles import RectanglesCheck
from .report import Report

if TYPE_CHECKING:
    from .dataset import Dataset

# Masks with fewer pixels, and boxes narrower than this, are likely slips of the annotator's hand.
_FEW_PIXELS = 4
_NARROW = 2

# Masks and boxes that cover more of the image than this are likely the background.
_NEARLY_ALL = 0.98

_OTHER_SIZE = {
    "masks": "masks of a different size than the image",
    "boxes": "boxes of an image of a different size",
}

# Errors whose message is clear without their type.
_CLEAR = (ValueError, OSError)


def check(dataset: "Dataset", read_images: bool = True, config: Config | None = None) -> Report:
    """Read every image and its instances, and check that they can be trained on.

    Where the instances of an image have no masks, or no head of `config` learns from masks, their
    boxes are checked and no mask is made.

    Args:
        dataset: a prepared `Dataset` of any class.
        read_images: whether images are decoded. False reads only file headers, which is faster but
            does not find damaged pixels; if the dataset overrides `load_image`, its images are then
            not checked.
        config: configuration to train with. Its number of classes, its number of channels (if
            images are read), what its HEADS learn from and its limits on the number and
            size of objects (see `LimitsCheck`) are compared with the dataset.

    Returns:
        What was found.

    Raises:
        RuntimeError: `prepare` was not called.
        TypeError: `config` is a class.
    """
    if isinstance(config, type):
        raise TypeError(f"config is the class {config.__name__}: pass an instance of it.")
    report = Report(num_images=len(prepared_ids(dataset)))
    # By class id; those of crowds are negative.
    per_class: collections.Counter[int] = collections.Counter()
    images_of: collections.Counter[int] = collections.Counter()
    _check_duplicates(dataset, report)
    if config is not None:
        try:
            check_classes(dataset, config)
        except ValueError as error:
            report.error("classes that do not fit the configuration", str(error))
    limit = (config or Config).MAX_GT_INSTANCES
    needed: dict[str, Any] = {"masks": None} if config is None else parts.needed_fields(config)
    pieces = PiecesCheck(report)
    rectangles = RectanglesCheck(report, None if config is None else "masks" in needed)
    limits, keypoints = _limits(config, report), KeypointsCheck(dataset, config, report)
    for image_id in tqdm(dataset.image_ids.tolist(), desc="Checking", disable=None):
        shape, failed = _check_image(dataset, image_id, read_images, config, report)
        found = _check_instances(dataset, image_id, shape, failed, needed, report)
        if found is None:
            continue
        per_class.update(found.known_ids)
        images_of.update(set(found.known_ids))
        info, name = dataset.image_info[image_id], _name(dataset.image_info[image_id])
        keypoints.look(image_id, name, found.size, found.boxes)
        if found.crops is not None:
            pieces.look(info, image_id, name, found.crops, found.areas, found.class_ids)
            rectangles.look(info, image_id, name)
        if len(found.class_ids) > limit:
            kind = (
                f"images with more than {limit} instances (training uses MAX_GT_INSTANCES of them)"
            )
            report.remark(kind, f"{name}: {len(found.class_ids)}", image_id)
        if limits is not None:
            limits.look(image_id, name, found.size, found.boxes, found.class_ids)
    for class_id, name in enumerate(dataset.class_names):
        if class_id:
            # Two sources may have a class of the same name.
            name = name if dataset.class_names.count(name) == 1 else f"{name} ({class_id})"
            report.class_instances[name] = per_class[class_id]
            report.class_images[name] = images_of[class_id]
            report.class_crowds[name] = per_class[-class_id]
            if not per_class[class_id] and not per_class[-class_id]:
                report.remark("classes without instances", name)
    report_crowds(dataset, report)
    report_similar_names(report)
    pieces.finish()
    rectangles.finish()
    if limits is not None:
        limits.finish()
    if not sum(report.instances_per_image):
        report.error("nothing to train on", "no image has instances")
    return report


@dataclasses.dataclass
class _Found:
    """The instances of an image.

    Attributes:
        size: (height, width) of the image that they imply, in pixels.
        boxes: [N, 4] pixels.
        areas: [N] pixels.
        crops: list of N masks, bool [h, w]; None if only boxes were read.
        class_ids: int64 [N]; negative for a crowd.
        known_ids: list of the class ids that the dataset knows.
    """

    size: tuple[int, int]
    boxes: Array
    areas: Array
    crops: list[Array] | None
    class_ids: Array
    known_ids: list[int]


def _limits(config: Config | None, report: Report) -> LimitsCheck | None:
    """The check of a configuration's limits, unless its settings cannot work."""
    if config is None:
        return None
    # A name is not needed here, and the number of classes has its own error.
    wrong = [
        p for p in network_rules.problems(config) if not p.startswith(("NAME ", "NUM_CLASSES "))
    ]
    for problem in wrong:
        report.error("settings that cannot work", problem)
    return None if wrong else LimitsCheck(config, report)


def _check_duplicates(dataset: "Dataset", report: Report) -> None:
    """Report images that are in the dataset more than once."""
    ids, files = collections.defaultdict(list), collections.defaultdict(list)
    for i in dataset.image_ids.tolist():
        info = dataset.image_info[i]
        path = os.path.abspath(info["path"]) if _is_path(info["path"]) else info["path"]
        # Two files of annotations may both number their images from 1.
        ids[info["source"], str(info["id"]), path].append(i)
        if _is_path(info["path"]):
            files[path].append(i)
    for (source, name, _), twins in ids.items():
        for i in twins[1:]:
            text = f"{source}.{name}, same as image {twins[0]}"
            report.error("duplicate image ids", text, i)
    for path, twins in files.items():
        for i in twins[1:]:
            text = f"{path}, same as image {twins[0]}"
            report.remark("duplicate image files", text, i)


def _check_image(dataset, image_id, read_images, config, report):
    """Return an image's (height, width), or None if unknown, and whether reading it failed."""
    info = dataset.image_info[image_id]
    path, name = info["path"], _name(info)
    try:
        if dataset.reads_files and not os.path.exists(path):
            report.error("image files that are missing", name, image_id)
            return None, True
        if read_images:
            image = np.asanyarray(dataset.load_image(image_id))  # may be masked
            _check_pixels(image)
            channels = image.shape[2] if image.ndim == 3 else 1
            report.pixels[f"{channels} channels of {image.dtype}"] += 1
            report_missing_pixels(image, image_id, name, config or Config, report)
            if config is not None:
                _check_fit(image, image_id, name, config, report)
            return image.shape[:2], False
        return image_size(path) if dataset.reads_files else None, False
    except FileNotFoundError as error:
        report.error("image files that are missing", _reason(name, error), image_id)
    except Exception as error:  # a subclass's load_image may raise anything
        report.error("images that cannot be read", _reason(name, error), image_id)
    return None, True


def _check_fit(image, image_id, name, config, report):
    try:
        settings = config.IMAGE_CHANNEL_COUNT, name, config.IMAGE_SCALING, config.IMAGE_NODATA
        scale(image, *settings)
    except (TypeError, ValueError) as error:
        report.error("images that do not fit the configuration", str(error), image_id)


def _check_pixels(image):
    if image.dtype.kind not in "buif" or image.ndim not in (2, 3) or not image.size:
        raise ValueError(
            f"it is an array of {image.dtype} with shape {image.shape}: it must hold numbers, as "
            "[height, width] or [height, width, channels]."
        )
    if image.dtype.kind == "f" and (np.isinf(image).any() or np.isnan(image).all()):
        raise ValueError("it has NaN or infinite values.")


def _check_instances(dataset, image_id, shape, failed, needed, report):
    """Return an image's instances as `_Found`, or None if it has none or they cannot be read.

    Args:
        shape, failed: what `_check_image` returned.
        needed: dict of field name, such as "masks", to the head that needs it, or None.
    """
    name = _name(dataset.image_info[image_id])
    try:
        lacking = [field for field in needed if not dataset.has(field, image_id)]
        has_masks = dataset.has("masks", image_id)
        if has_masks and "masks" in needed:
            kind, (shapes, class_ids) = "masks", dataset.load_instances(image_id)
        else:
            kind, (shapes, class_ids) = "boxes", dataset.load_boxes(image_id)
        if not isinstance(class_ids, np.ndarray):
            method = {"masks": "load_instances", "boxes": "load_boxes"}[kind]
            raise ValueError(
                f"{method} returned class ids as a {type(class_ids).__name__}: they must be an "
                "int32 array [N]."
            )
        if isinstance(shapes, np.ndarray):
            raise ValueError(
                f"its {kind} are a NumPy array: they must be `Instance{kind.title()}`."
            )
        class_ids = class_ids.astype(np.int64).reshape(-1)
        areas, boxes, size = shapes.areas, shapes.boxes, shapes.shape[:2]
    except Exception as error:  # a subclass's load_mask or load_boxes may raise anything
        # Formats ask the image for its size; an unreadable image is already reported.
        if not (failed and isinstance(error, _CLEAR) and name in str(error)):
            report.error("instances that cannot be read", _reason(name, error), image_id)
        return None
    count = len(class_ids)
    report.instances_per_image.append(count)
    report.crowds += int((class_ids < 0).sum())
    report.only_boxes += not has_masks
    for field in lacking:
        if needed[field]:
            text = f"{name}: no {field}, which the head {needed[field]!r} learns from"
            report.error("images without what the heads learn from", text, image_id)
    if not count:
        report.remark("images without instances", name, image_id)
        return None
    if len(areas) != count:
        text = f"{name}: {len(areas)} {kind} and {count} class ids"
        report.error(f"{kind} and class ids that differ in number", text, image_id)
        return None
    if shape is not None and tuple(shape) != tuple(size):
        text = f"{name}: {kind} {size[0]}x{size[1]}, image {shape[0]}x{shape[1]} (height x width)"
        text += "." * bool(hint := turned_by_exif(dataset, size, shape)) + hint
        report.error(_OTHER_SIZE[kind], text, image_id)
    _check_class_ids(dataset, image_id, class_ids, report)
    if kind == "boxes":
        _check_boxes(image_id, name, shapes, report)
        _check_copies(image_id, name, boxes, [b""] * count, class_ids, report)
    else:
        _check_masks(image_id, name, areas, boxes, size, report)
        pixels = [crop.tobytes() for crop in shapes.crops]
        _check_copies(image_id, name, boxes, pixels, class_ids, report)
    known = [i for i in class_ids.tolist() if 0 < abs(i) < dataset.num_classes]
    crops = None if kind == "boxes" else shapes.crops
    return _Found(tuple(size), boxes, areas, crops, class_ids, known)


def _check_class_ids(dataset, image_id, class_ids, report):
    info = dataset.image_info[image_id]
    name = _name(info)
    own = dataset.source_class_ids.get(info["source"])
    if own is None:
        text = f"{name}: {info['source']!r}; known sources: {some(dataset.sources[1:])}"
        report.error("images of a source without classes", text, image_id)
    for i, class_id in enumerate(class_ids.tolist()):
        if class_id == 0 or abs(class_id) >= dataset.num_classes:
            text = f"{name}: {class_id}; it must be from 1 to {dataset.num_classes - 1}"
            report.error("class ids that are out of range", text, image_id, i)
        elif own is not None and abs(class_id) not in own:
            known_as = dataset.class_names[abs(class_id)]
            text = f"{name}: {known_as}, which {info['source']} does not have"
            report.error("classes of a source other than the image's", text, image_id, i)


def _check_masks(image_id, name, areas, boxes, size, report):
    sides = boxes[:, 2:] - boxes[:, :2]
    for i, (area, (height, width)) in enumerate(zip(areas.tolist(), sides.tolist(), strict=True)):
        if not area:
            report.remark("empty masks (left out in training)", name, image_id, i)
        elif min(height, width) == 1 or area < _FEW_PIXELS:
            kind = f"masks one pixel wide or high, or with fewer than {_FEW_PIXELS} pixels"
            report.remark(kind, f"{name}: box {height}x{width}, {area} pixels", image_id, i)
        elif area > _NEARLY_ALL * size[0] * size[1]:
            kind = "masks that cover nearly the whole image (background?)"
            report.remark(kind, f"{name}: {area} of {size[0] * size[1]} pixels", image_id, i)


def _check_boxes(image_id, name, boxes, report):
    whole = boxes.height * boxes.width
    sides = (boxes.boxes[:, 2:] - boxes.boxes[:, :2]).tolist()
    for i, (height, width) in enumerate(sides):
        if not height:
            kind = "boxes with less than a pixel inside the image (left out in training)"
            report.remark(kind, name, image_id, i)
        elif min(height, width) < _NARROW:
            kind = f"boxes less than {_NARROW} pixels wide or high"
            report.remark(kind, f"{name}: box {height:g}x{width:g}", image_id, i)
        elif height * width > _NEARLY_ALL * whole:
            kind = "boxes that cover nearly the whole image (background?)"
            report.remark(kind, f"{name}: {height * width:.0f} of {whole} pixels", image_id, i)


def _check_copies(image_id, name, boxes, pixels, class_ids, report):
    """Report instances that an annotator has drawn, or a tool has written, twice."""
    first: dict[tuple[Any, ...], int] = {}
    for i, (box, inside) in enumerate(zip(boxes.tolist(), pixels, strict=True)):
        if box[2]:
            key = (*box, int(class_ids[i]), inside)
            if first.setdefault(key, i) != i:
                text = f"{name}: same as instance {first[key]}"
                report.remark("duplicate instances", text, image_id, i)


def _is_path(path: Any) -> bool:
    return isinstance(path, (str, os.PathLike)) and "://" not in os.fspath(path)


def _name(info: ImageInfo) -> str:
    """Return what to call an image: its path, or its id if it has none."""
    return f"{info['source']}.{info['id']}" if info["path"] is None else str(info["path"])


def _reason(name: str, error: Exception) -> str:
    text = str(error) or type(error).__name__
    if not isinstance(error, _CLEAR):
        text = f"{type(error).__name__}: {text}"
    return text if name in text else f"{name}: {text}"
