"""A walk through a data set that finds what training would stumble over, before it starts."""

import collections
import dataclasses
import os

import numpy as np
from tqdm import tqdm

from .config import Config
from .images import image_size
from .text import some

# Of the findings of one kind, those that the report quotes.
_QUOTED = 5

# Masks below are likely slips of the annotator's hand.
_FEW_PIXELS = 4

# Masks above, as a share of the image, are likely of the background.
_NEARLY_ALL = 0.98


@dataclasses.dataclass
class Finding:
    """What is wrong with one image or instance.

    Attributes:
        image_id: index of the image in the data set; None for what concerns no image.
        instance: index of the instance in the image; None for what concerns the image.
        text: path and reason.
    """

    image_id: int | None
    instance: int | None
    text: str

    def __str__(self):
        image = "" if self.image_id is None else f"image {self.image_id}"
        instance = "" if self.instance is None else f", instance {self.instance}"
        return f"{image}{instance} ({self.text})" if image else self.text


@dataclasses.dataclass
class Report:
    """What `check` found. `str(report)` is a summary.

    Attributes:
        num_images: images of the data set.
        instances_per_image: list of the number of instances of each image that could be read,
            crowds among them.
        crowds: number of crowds.
        pixels: dict of channels and dtype, such as "3 channels of uint8", to the number of images
            that have them; empty if the images were not read.
        class_instances: dict of class name to the number of its instances.
        class_images: dict of class name to the number of images that have it.
        errors: dict of a kind to its `Finding`s: training would fail, or learn what is wrong.
        remarks: the same of what is worth a look.
    """

    num_images: int = 0
    instances_per_image: list = dataclasses.field(default_factory=list)
    crowds: int = 0
    pixels: dict = dataclasses.field(default_factory=collections.Counter)
    class_instances: dict = dataclasses.field(default_factory=dict)
    class_images: dict = dataclasses.field(default_factory=dict)
    errors: dict = dataclasses.field(default_factory=dict)
    remarks: dict = dataclasses.field(default_factory=dict)

    @property
    def ok(self):
        """Whether there are no errors."""
        return not self.errors

    @property
    def bad_image_ids(self):
        """Ids of the images that have errors, ascending."""
        found = {f.image_id for findings in self.errors.values() for f in findings}
        return sorted(found - {None})

    def error(self, kind, text, image_id=None, instance=None):
        """Note an error of a kind."""
        self.errors.setdefault(kind, []).append(Finding(image_id, instance, text))

    def remark(self, kind, text, image_id=None, instance=None):
        """Note a remark of a kind."""
        self.remarks.setdefault(kind, []).append(Finding(image_id, instance, text))

    def __str__(self):
        counts = self.instances_per_image or [0]
        lines = [
            f"{self.num_images} images with {sum(counts)} instances, {self.crowds} of them crowds; "
            f"{np.median(counts):g} in the median image, {max(counts)} at most."
        ]
        lines += [f"  {count} images have {pixels}" for pixels, count in self.pixels.items()]
        width = max((len(name) for name in self.class_instances), default=0)
        for name, count in self.class_instances.items():
            lines.append(f"  {name:{width}}  {count} instances in {self.class_images[name]} images")
        for title, kinds in (("Errors", self.errors), ("Remarks", self.remarks)):
            lines.append(f"{title}:" if kinds else f"{title}: none.")
            for kind, findings in kinds.items():
                lines.append(f"- {kind}: {len(findings)}")
                lines += [f"    {finding}" for finding in findings[:_QUOTED]]
                if len(findings) > _QUOTED:
                    lines.append(f"    and {len(findings) - _QUOTED} more")
        return "\n".join(lines)


def check(dataset, read_images=True):
    """Read every image and its instances, and see whether they can be trained on.

    Args:
        dataset: a prepared `Dataset` of any class.
        read_images: whether images are decoded. False reads the heads of their files only, which
            is faster but does not find damaged pixels; images of a data set with a `load_image` of
            its own are then not looked at.

    Returns:
        a `Report`.

    Raises:
        RuntimeError: `prepare` was not called.
    """
    report = Report(num_images=len(dataset.image_ids))
    per_class, images_of = collections.Counter(), collections.Counter()
    _check_doubles(dataset, report)
    for image_id in tqdm(dataset.image_ids.tolist(), desc="Checking", disable=None):
        shape = _check_image(dataset, image_id, read_images, report)
        class_ids = _check_instances(dataset, image_id, shape, report)
        if class_ids is not None:
            per_class.update(class_ids)
            images_of.update(set(class_ids))
    for class_id, name in enumerate(dataset.class_names):
        if class_id:
            # Two sources may have a class of one name.
            name = name if dataset.class_names.count(name) == 1 else f"{name} ({class_id})"
            report.class_instances[name] = per_class[class_id]
            report.class_images[name] = images_of[class_id]
            if not per_class[class_id]:
                report.remark("classes without an instance", name)
    if not sum(report.instances_per_image):
        report.error("nothing to train on", "no image has an instance")
    return report


def _check_doubles(dataset, report):
    """Images that are in the data set twice."""
    ids, files = collections.defaultdict(list), collections.defaultdict(list)
    for i, info in enumerate(dataset.image_info):
        ids[info["source"], str(info["id"])].append(i)
        if _is_path(info["path"]):
            files[os.path.abspath(info["path"])].append(i)
    for (source, name), twins in ids.items():
        for i in twins[1:]:
            text = f"{source}.{name}, as image {twins[0]}"
            report.error("image ids that are there more than once", text, i)
    for path, twins in files.items():
        for i in twins[1:]:
            text = f"{path}, as image {twins[0]}"
            report.remark("files that are there more than once", text, i)


def _check_image(dataset, image_id, read_images, report):
    """(height, width) of an image; None if it is not known."""
    info = dataset.image_info[image_id]
    path, name = info["path"], _name(info)
    try:
        if dataset.reads_files and not os.path.exists(path):
            report.error("image files that are missing", name, image_id)
            return None
        if read_images:
            image = np.asarray(dataset.load_image(image_id))
            _check_pixels(image)
            channels = image.shape[2] if image.ndim == 3 else 1
            report.pixels[f"{channels} channels of {image.dtype}"] += 1
            return image.shape[:2]
        return image_size(path) if dataset.reads_files else None
    except FileNotFoundError as error:
        report.error("image files that are missing", _reason(name, error), image_id)
    except Exception as error:  # whatever a subclass's load_image does
        report.error("images that cannot be read", _reason(name, error), image_id)
    return None


def _check_pixels(image):
    if image.dtype.kind not in "buif" or image.ndim not in (2, 3) or not image.size:
        raise ValueError(
            f"it is an array of {image.dtype} and shape {image.shape}: numbers of [height, width] "
            "or [height, width, channels] are accepted."
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ValueError("it has values that are NaN or infinite.")


def _check_instances(dataset, image_id, shape, report):
    """Class ids of an image's instances, without signs; None if they cannot be read."""
    name = _name(dataset.image_info[image_id])
    try:
        masks, class_ids = dataset.load_instances(image_id)
        class_ids = np.asarray(class_ids).astype(np.int64).reshape(-1)
        areas, boxes, size = masks.areas, masks.boxes, masks.shape[:2]
    except Exception as error:  # whatever a subclass's load_mask does
        report.error("instances that cannot be read", _reason(name, error), image_id)
        return None
    count = len(class_ids)
    report.instances_per_image.append(count)
    report.crowds += int((class_ids < 0).sum())
    if not count:
        report.remark("images without an instance", name, image_id)
        return []
    if len(areas) != count:
        text = f"{name}: {len(areas)} masks and {count} class ids"
        report.error("masks and class ids that differ in number", text, image_id)
        return None
    if shape is not None and tuple(shape) != tuple(size):
        text = f"{name}: masks {size[0]}x{size[1]}, image {shape[0]}x{shape[1]} (height x width)"
        report.error("masks of another size than the image", text, image_id)
    _check_class_ids(dataset, image_id, class_ids, report)
    _check_masks(image_id, name, areas, boxes, size, report)
    _check_copies(image_id, name, masks, class_ids, report)
    if count > Config.MAX_GT_INSTANCES:
        kind = (
            f"images with more than {Config.MAX_GT_INSTANCES} instances (training takes "
            "MAX_GT_INSTANCES of them)"
        )
        report.remark(kind, f"{name}: {count}", image_id)
    return [i for i in np.abs(class_ids).tolist() if 0 < i < dataset.num_classes]


def _check_class_ids(dataset, image_id, class_ids, report):
    info = dataset.image_info[image_id]
    name = _name(info)
    own = dataset.source_class_ids.get(info["source"])
    if own is None:
        text = f"{name}: {info['source']!r}; known are {some(dataset.sources[1:])}"
        report.error("images of a source without classes", text, image_id)
    for i, class_id in enumerate(class_ids.tolist()):
        if class_id == 0 or abs(class_id) >= dataset.num_classes:
            text = f"{name}: {class_id}; 1 to {dataset.num_classes - 1} are accepted"
            report.error("class ids that are out of range", text, image_id, i)
        elif own is not None and abs(class_id) not in own:
            known_as = dataset.class_names[abs(class_id)]
            text = f"{name}: {known_as}, which {info['source']} does not have"
            report.error("classes of another source than the image's", text, image_id, i)


def _check_masks(image_id, name, areas, boxes, size, report):
    sides = boxes[:, 2:] - boxes[:, :2]
    for i, (area, (height, width)) in enumerate(zip(areas.tolist(), sides.tolist(), strict=True)):
        if not area:
            report.remark("masks without a pixel (left out in training)", name, image_id, i)
        elif min(height, width) == 1 or area < _FEW_PIXELS:
            kind = f"masks one pixel wide or high, or of fewer than {_FEW_PIXELS} pixels"
            report.remark(kind, f"{name}: box {height}x{width}, {area} pixels", image_id, i)
        elif area > _NEARLY_ALL * size[0] * size[1]:
            kind = "masks of nearly the whole image (is it the background?)"
            report.remark(kind, f"{name}: {area} of {size[0] * size[1]} pixels", image_id, i)


def _check_copies(image_id, name, masks, class_ids, report):
    """Instances that an annotator has drawn, or a tool has written, twice."""
    first = {}
    for i, (crop, box) in enumerate(zip(masks.crops, masks.boxes.tolist(), strict=True)):
        if crop.size:
            key = (*box, int(class_ids[i]), crop.tobytes())
            if first.setdefault(key, i) != i:
                text = f"{name}: as instance {first[key]}"
                report.remark("instances that are there twice", text, image_id, i)


def _is_path(path):
    return isinstance(path, (str, os.PathLike)) and "://" not in os.fspath(path)


def _name(info):
    """What to call an image: its path, or its id where it has none."""
    return f"{info['source']}.{info['id']}" if info["path"] is None else str(info["path"])


def _reason(name, error):
    text = str(error) or type(error).__name__
    if type(error) not in (ValueError, OSError, FileNotFoundError):
        text = f"{type(error).__name__}: {text}"
    return text if name in text else f"{name}: {text}"
