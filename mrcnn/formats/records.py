"""What an annotation reader finds, and the dataset built from it."""

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from ..datasets.dataset import Dataset
from ..images.reading import image_size
from ..instances import InstanceBoxes, InstanceMasks
from ..instances.annotated import Annotated
from ..text import some
from ..types import Array, PathLike
from .naming import check_background, checked_map, checked_names, keep_wanted, without_reserved
from .shapes import Extent, Shape, box_of

logger = logging.getLogger(__name__)

# How many unusable entries of a file an error quotes.
_MAX_QUOTED = 10


@dataclasses.dataclass
class Instance:
    """An annotated object.

    Attributes:
        class_name: as the annotator wrote it.
        shape: anything with `crop(height, width) -> (bool array [h, w], (y, x))` and, if known
            without reading pixels, `box(height, width) -> (y1, x1, y2, x2)`, see `shapes`.
        crowd: whether it marks a group of objects that are not told apart.
        box: (y1, x1, y2, x2), floats in pixels, if the file gives a box besides the shape; None
            means the shape's box. Metrics compare detections with it.
        area: square pixels, if the file gives an area; metrics by size use it.
        keypoints: float32 array [K, 3] of (y, x, visibility), y and x in pixels, if the dataset has
            keypoints and the file gives those of the object.
    """

    class_name: str
    shape: Shape
    crowd: bool = False
    box: Extent | None = None
    area: float | None = None
    keypoints: Array | None = None

    def file_box(self, height: int, width: int) -> Extent | None:
        """The box that the file gives, as (y1, x1, y2, x2) in pixels; None for an outline.

        Args:
            height, width: size of the image in pixels.
        """
        if self.box is None and getattr(self.shape, "is_box", False):
            return box_of(self.shape, height, width)
        return self.box


@dataclasses.dataclass
class Record:
    """An annotated image.

    Attributes:
        id: of the image in its source.
        path: of its file.
        instances: the annotated objects.
        height, width: pixels, as given by the annotation; None if it gives none.
    """

    id: Any
    path: str
    instances: list[Instance]
    height: int | None = None
    width: int | None = None


class Problems:
    """Unusable entries of a file, collected so that one error names them all.

    Args:
        path: the file.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = path
        self.lines: list[str] = []

    def add(self, entry: object, reason: object) -> None:
        """Add an entry, such as "balloon.jpg, region 3", and the `reason` why it is unusable."""
        self.lines.append(f"{entry}: {reason}")

    def report(self, strict: bool) -> None:
        """Raise an error with all problems, or log them.

        Raises:
            ValueError: there are problems, and `strict` is true.
        """
        if not self.lines:
            return
        lines = [f"- {line}" for line in self.lines[:_MAX_QUOTED]]
        if len(self.lines) > _MAX_QUOTED:
            lines.append(f"- and {len(self.lines) - _MAX_QUOTED} more")
        entries, are = ("entry", "is") if len(self.lines) == 1 else ("entries", "are")
        head = f"{self.path}: {len(self.lines)} {entries} cannot be used"
        body = "\n".join(lines)
        if strict:
            raise ValueError(f"{head}:\n{body}\nFix them, or leave them out with strict=False.")
        logger.warning("%s and %s left out:\n%s", head, are, body)


class AnnotatedDataset(Dataset):
    """Base class of datasets that read the files of annotation tools.

    A subclass sets `SOURCE`, the name of its source, parses its format into records in `load`, and
    passes them to `add_records`. Users' subclasses may override `load_mask`, as with any `Dataset`.
    """

    SOURCE: str

    # Whether the files give the sizes of the images; `load` then has `ignore_file_sizes`.
    HAS_FILE_SIZES = False

    @classmethod
    def read(cls, *args: Any, **kwargs: Any) -> Self:
        """A prepared dataset; the arguments are those of `load`."""
        dataset = cls()
        dataset.load(*args, **kwargs)
        dataset.prepare()
        return dataset

    def load(self, *args: Any, **kwargs: Any) -> None:
        """Add the images and classes of a file or folder.

        Subclasses override this. Their arguments are the path, others that the format needs, and
        `class_names`, `class_map` and `strict` as in `add_records`.

        Annotations are for the image as it is read, rotated upright by EXIF. A format whose files
        give the size of an image has the argument `ignore_file_sizes`, for tools that write the
        size before the rotation. The size is then taken from the image file.
        """
        raise NotImplementedError(f"{type(self).__name__} has no load().")

    def add_records(
        self,
        records: Sequence[Record],
        problems: Problems,
        class_names: Sequence[str] | None,
        class_map: Mapping[str, str | None] | None,
        strict: bool,
        found: Mapping[str, Any] | None = None,
    ) -> None:
        """Add images and classes, or reject them all.

        Args:
            records: the images and their instances.
            problems: those found so far.
            class_names: class names in order, without the background, as they are after
                `class_map`. None takes the names found; training and validation then agree only if
                both contain the same classes.
            class_map: maps a name in the file to a class name, or to None to drop its instances.
            strict: whether unusable entries are an error, or are skipped with a warning.
            found: class name to its id in the format, if it has ids; otherwise the class names of
                the instances are numbered from 1 in alphabetical order.

        Raises:
            TypeError: `class_names` or `class_map` contains something other than names.
            ValueError: unusable entries; no images; no classes are left after `class_map`; a class
                has the name of the background.
        """
        wanted, new_names = checked_names(class_names), checked_map(class_map)
        if found is None:
            names = sorted({i.class_name for record in records for i in record.instances})
        else:
            names = list(found)
        unknown = [name for name in new_names if name not in names]
        if unknown:
            logger.warning(
                "%s: class_map names %s, but the classes are %s.",
                problems.path,
                some(unknown),
                some(names),
            )
        names = without_reserved(names, records, {*wanted, *new_names}, problems.path)
        renamed = {name: new_names.get(name, name) for name in names}
        source_ids = self._source_ids(renamed, wanted, found)
        check_background(renamed, source_ids, problems.path)
        keep_wanted(records, renamed, source_ids, problems)
        problems.report(strict)
        if not records:
            raise ValueError(f"{problems.path} has no images.")
        if not source_ids:
            raise ValueError(
                f"{problems.path}: no classes are left (found: {some(names)}): list the classes in "
                "class_names."
            )
        for name, source_id in source_ids.items():
            self.add_class(self.SOURCE, source_id, name)
        for record in records:
            self.add_image(
                self.SOURCE,
                record.id,
                os.fspath(record.path),
                height=record.height,
                width=record.width,
                annotations=record.instances,
            )
        crowds = [instance.crowd for record in records for instance in record.instances]
        if crowds and all(crowds):
            logger.warning(
                "%s: all %d instances are crowds, so there is nothing to learn. %s",
                problems.path,
                len(crowds),
                self.CROWD_HELP,
            )

    def _source_ids(
        self,
        renamed: Mapping[str, str | None],
        class_names: Sequence[str],
        found: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """dict of class name in the dataset to its id in the source, in class order."""
        names = class_names or [name for name in renamed.values() if name is not None]
        known = {c["name"]: c["id"] for c in self.class_info if c["source"] == self.SOURCE}
        found = found or {}
        taken, ids = set(known.values()), {}
        for name in dict.fromkeys(names):
            wanted = [found[old] for old, new in renamed.items() if new == name and old in found]
            free = [i for i in wanted if i not in taken]
            numbers = [i for i in (*taken, *found.values()) if isinstance(i, int)]
            fresh = free[0] if free else max(numbers, default=0) + 1
            ids[name] = known.get(name, fresh)
            taken.add(ids[name])
        return ids

    def load_instances(self, image_id: int) -> tuple[InstanceMasks, Array]:
        """The instances of an image; taken from `load_mask` if a subclass overrides it.

        Returns:
            masks: `InstanceMasks` of N instances.
            class_ids: [N] int32, ids in this dataset; negative for a crowd.
        """
        cls = type(self)
        ours = cls.load_instances is AnnotatedDataset.load_instances
        if ours and cls.load_mask is not AnnotatedDataset.load_mask:
            return super().load_instances(image_id)
        return self._annotated_instances(image_id)

    def load_mask(self, image_id: int) -> tuple[Array, Array]:
        """The instances of an image as one array, see `Dataset.load_mask`."""
        masks, class_ids = self._annotated_instances(image_id)
        return masks.dense(), class_ids

    def load_boxes(self, image_id: int) -> tuple[InstanceBoxes, Array]:
        """The boxes of an image's instances, without building masks.

        A box given in the file comes first, then the extent of the drawn shape. If an annotation is
        a file of pixels, or a subclass provides masks, the box is the one around these.

        Returns:
            boxes: `InstanceBoxes` of N instances, in pixels.
            class_ids: [N] int32, ids in this dataset; negative for a crowd.
        """
        if not self._has_shapes():
            return super().load_boxes(image_id)
        instances, class_ids, size = self._annotations(image_id)
        boxes = [i.box or box_of(i.shape, *size) for i in instances]
        return InstanceBoxes(boxes, size, _annotated(instances, size)), class_ids

    def has(self, field: str, image_id: int) -> bool:
        """See `Dataset.has`; an image has no masks if any of its annotations is only a box."""
        if field == "masks" and self._has_shapes():
            instances = self.image_info[image_id].get("annotations", [])
            return all(getattr(i.shape, "is_outline", True) for i in instances)
        return super().has(field, image_id)

    def has_only_crowds(self) -> bool:
        """See `Dataset.has_only_crowds`."""
        if not self._has_shapes():
            return False
        images = [self.image_info[i].get("annotations") for i in self.image_ids.tolist()]
        if not all(isinstance(image, list) for image in images):
            return False
        crowds = [getattr(instance, "crowd", False) for image in images for instance in image]
        return bool(crowds) and all(crowds)

    def _has_shapes(self) -> bool:
        """Whether the instances are the annotated shapes, not overridden by a subclass."""
        names = ("load_instances", "load_mask", "_annotated_instances")
        return all(getattr(type(self), n) is getattr(AnnotatedDataset, n) for n in names)

    def _annotated_instances(self, image_id: int) -> tuple[InstanceMasks, Array]:
        """What `load_instances` returns; formats that store masks in files override it."""
        instances, class_ids, size = self._annotations(image_id)
        crops, corners = [], []
        for instance in instances:
            crop, corner = instance.shape.crop(*size)
            crops.append(crop)
            corners.append(corner)
        return InstanceMasks(crops, corners, size, _annotated(instances, size)), class_ids

    def _annotations(self, image_id: int) -> tuple[list[Instance], Array, tuple[int, int]]:
        """List of N `Instance`, their class ids, int32 [N], and the image's (height, width)."""
        info = self.image_info[image_id]
        ids = {c["name"]: i for i, c in enumerate(self.class_info) if c["source"] == info["source"]}
        height, width = info.get("height"), info.get("width")
        if height is None or width is None:
            height, width = self.size_of_file(image_id)
        instances = info.get("annotations", [])
        class_ids = [ids[i.class_name] * (-1 if i.crowd else 1) for i in instances]
        return instances, np.array(class_ids, np.int32), (height, width)

    def size_of_file(self, image_id: int) -> tuple[int, int]:
        """(height, width) of the image `image_id`, from its file header.

        Raises:
            FileNotFoundError, OSError, ValueError: see `images.image_size`.
        """
        return image_size(self.image_info[image_id]["path"])


def _annotated(instances: Sequence[Instance], size: tuple[int, int]) -> Annotated | None:
    """What the file says about the instances of an image of (height, width) pixels."""
    return Annotated.of((i.file_box(*size), i.area) for i in instances)
