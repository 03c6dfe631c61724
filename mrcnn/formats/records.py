"""What an annotation reader finds, and the dataset built from it."""

import dataclasses
import logging
import os

import numpy as np

from ..datasets.dataset import Dataset
from ..images.reading import image_size
from ..instances import InstanceBoxes, InstanceMasks
from ..text import some
from .naming import check_background, checked_map, checked_names, keep_wanted
from .shapes import box_of

logger = logging.getLogger(__name__)

# How many unusable entries of a file an error quotes.
_QUOTED = 10


@dataclasses.dataclass
class Instance:
    """An annotated object.

    Attributes:
        class_name: as the annotator wrote it.
        shape: anything with `crop(height, width) -> (bool array [h, w], (y, x))` and, if known
            without reading pixels, `box(height, width) -> (y1, x1, y2, x2)`, see `shapes`.
        crowd: whether it marks a group of objects that are not told apart.
        box: (y1, x1, y2, x2), floats in pixels, if the file gives a box besides the shape; None
            means the shape's box.
    """

    class_name: str
    shape: object
    crowd: bool = False
    box: tuple | None = None


@dataclasses.dataclass
class Record:
    """An annotated image.

    Attributes:
        id: of the image in its source.
        path: of its file.
        instances: list of `Instance`.
        height, width: pixels, as given by the annotation; None if it gives none.
    """

    id: object
    path: str
    instances: list
    height: int | None = None
    width: int | None = None


class Problems:
    """Unusable entries of a file, collected so that one error names them all.

    Args:
        path: the file.
    """

    def __init__(self, path):
        self.path = path
        self.lines = []

    def add(self, entry, reason):
        """Add an entry, such as "balloon.jpg, region 3", and the `reason` why it is unusable."""
        self.lines.append(f"{entry}: {reason}")

    def report(self, strict):
        """Raise an error with all problems, or log them.

        Raises:
            ValueError: there are problems, and `strict` is true.
        """
        if not self.lines:
            return
        lines = [f"- {line}" for line in self.lines[:_QUOTED]]
        if len(self.lines) > _QUOTED:
            lines.append(f"- and {len(self.lines) - _QUOTED} more")
        entries, are = ("entry", "is") if len(self.lines) == 1 else ("entries", "are")
        head = f"{self.path}: {len(self.lines)} {entries} cannot be used"
        body = "\n".join(lines)
        if strict:
            raise ValueError(f"{head}:\n{body}\nFix them, or leave them out with strict=False.")
        logger.warning("%s and %s left out:\n%s", head, are, body)


class AnnotatedDataset(Dataset):
    """Base class of datasets that read the files of annotation tools.

    A subclass parses its format into records in `load` and passes them to `add_records`. Users'
    subclasses may override `load_mask`, as with any `Dataset`.
    """

    SOURCE = None

    @classmethod
    def read(cls, *args, **kwargs):
        """A prepared dataset; the arguments are those of `load`."""
        dataset = cls()
        dataset.load(*args, **kwargs)
        dataset.prepare()
        return dataset

    def load(self, path, class_names=None, class_map=None, strict=True):
        """Add the images and classes of a file or folder. Subclasses override this.

        Args:
            path: the file or folder.
            class_names, class_map, strict: see `add_records`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no load().")

    def add_records(self, records, problems, class_names, class_map, strict, found=None):
        """Add images and classes, or reject them all.

        Args:
            records: list of `Record`.
            problems: `Problems` found so far.
            class_names: class names in order, without the background, as they are after
                `class_map`. None takes the names found; training and validation then agree only if
                both contain the same classes.
            class_map: dict that maps a name in the file to a class name, or to None to drop its
                instances.
            strict: whether unusable entries are an error, or are skipped with a warning.
            found: dict of class name to its id in the format, if it has ids; otherwise the class
                names of the instances are numbered from 1 in alphabetical order.

        Raises:
            TypeError: `class_names` or `class_map` contains something other than names.
            ValueError: unusable entries; no images; no classes are left after `class_map`; a class
                is named like the background.
        """
        class_names, class_map = checked_names(class_names), checked_map(class_map)
        if found is None:
            names = sorted({i.class_name for record in records for i in record.instances})
        else:
            names = list(found)
        unknown = [name for name in class_map if name not in names]
        if unknown:
            logger.warning(
                "%s: class_map names %s, but the classes are %s.",
                problems.path,
                some(unknown),
                some(names),
            )
        renamed = {name: class_map.get(name, name) for name in names}
        source_ids = self._source_ids(renamed, class_names, found)
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

    def _source_ids(self, renamed, class_names, found):
        """dict of class name in the dataset to its id in the source, in class order."""
        names = class_names or [name for name in renamed.values() if name is not None]
        known = {c["name"]: c["id"] for c in self.class_info if c["source"] == self.SOURCE}
        found = found or {}
        taken, ids = set(known.values()), {}
        for name in dict.fromkeys(names):
            wanted = [found[old] for old, new in renamed.items() if new == name and old in found]
            free = [i for i in wanted if i not in taken]
            fresh = free[0] if free else max({*taken, *found.values()}, default=0) + 1
            ids[name] = known.get(name, fresh)
            taken.add(ids[name])
        return ids

    def load_instances(self, image_id):
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

    def load_mask(self, image_id):
        """The instances of an image as one array, see `Dataset.load_mask`."""
        masks, class_ids = self._annotated_instances(image_id)
        return masks.dense(), class_ids

    def load_boxes(self, image_id):
        """The boxes of an image's instances, without building masks.

        A box given in the file comes first, then the extent of the drawn shape. If an annotation is
        a file of pixels, or a subclass provides masks, it is the box around these.

        Returns:
            boxes: `InstanceBoxes` of N instances, in pixels.
            class_ids: [N] int32, ids in this dataset; negative for a crowd.
        """
        if not self._has_shapes():
            return super().load_boxes(image_id)
        instances, class_ids, size = self._annotations(image_id)
        boxes = [i.box or box_of(i.shape, *size) for i in instances]
        return InstanceBoxes(boxes, size), class_ids

    def has(self, field, image_id):
        """See `Dataset.has`; an image has no masks if any of its annotations is only a box."""
        if field == "masks" and self._has_shapes():
            instances = self.image_info[image_id].get("annotations", [])
            return all(getattr(i.shape, "is_outline", True) for i in instances)
        return super().has(field, image_id)

    def _has_shapes(self):
        """Whether the instances are the annotated shapes, not overridden by a subclass."""
        names = ("load_instances", "load_mask", "_annotated_instances")
        return all(getattr(type(self), n) is getattr(AnnotatedDataset, n) for n in names)

    def _annotated_instances(self, image_id):
        """What `load_instances` returns; formats that store masks in files override it."""
        instances, class_ids, size = self._annotations(image_id)
        crops, corners = [], []
        for instance in instances:
            crop, corner = instance.shape.crop(*size)
            crops.append(crop)
            corners.append(corner)
        return InstanceMasks(crops, corners, size), class_ids

    def _annotations(self, image_id):
        """List of N `Instance`, their class ids, int32 [N], and the image's (height, width)."""
        info = self.image_info[image_id]
        ids = {c["name"]: i for i, c in enumerate(self.class_info) if c["source"] == info["source"]}
        height, width = info.get("height"), info.get("width")
        if height is None or width is None:
            height, width = self.size_of_file(image_id)
        instances = info.get("annotations", [])
        class_ids = [ids[i.class_name] * (-1 if i.crowd else 1) for i in instances]
        return instances, np.array(class_ids, np.int32), (height, width)

    def size_of_file(self, image_id):
        """(height, width) of the image `image_id`, from its file header.

        Raises:
            FileNotFoundError, OSError, ValueError: see `images.image_size`.
        """
        return image_size(self.image_info[image_id]["path"])
