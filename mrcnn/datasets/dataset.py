"""The base class of data sets: subclass it and override `load_mask`."""

import logging

import numpy as np

from ..images import reading
from ..instances import InstanceBoxes, InstanceMasks
from . import check, coco_export, splits
from .reading import place_of

logger = logging.getLogger(__name__)

_SET_BY_PREPARE = (
    "num_classes",
    "class_ids",
    "class_names",
    "num_images",
    "class_from_source_map",
    "image_from_source_map",
    "sources",
)


class Dataset:
    """A list of images and classes, from one or several sources.

    A subclass writes a method that calls `add_class` and `add_image`, and overrides `load_mask`
    (and, for images that are not files, `load_image`). Then::

        dataset = BalloonDataset()
        dataset.load_balloon(folder, "train")
        dataset.prepare()

    Attributes:
        image_info: list of dicts with id, source, path and whatever `add_image` was given.
        class_info: list of dicts with source, id and name; the first is the background.
        left_out: frozenset of the image ids that a `subset` leaves out.
        source_class_ids: dict of source to the class ids it knows, the background in each.
        num_classes, num_images: how many there are; set by `prepare`, as are those that follow.
        class_ids: int [num_classes], 0, 1, ...
        class_names: list of str, in that order.
        class_from_source_map, image_from_source_map: dict of "source.id" to the id here.
        sources: list of str.
    """

    # Height times width of the largest image that is read, against decompression bombs; None: any.
    MAX_PIXELS = reading.MAX_PIXELS

    _warned_of_no_masks = False

    def __init__(self, class_map=None):
        """`class_map` is not used; the reference has it."""
        self._image_ids = None
        self.image_info = []
        self.left_out = frozenset()
        self.class_info = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids = {}

    def __getattr__(self, name):
        # Reached only for attributes that are not there.
        if name in _SET_BY_PREPARE:
            raise AttributeError(
                f"{type(self).__name__}.{name} is not known yet: call prepare() after the last "
                "add_class() and add_image()."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def add_class(self, source, class_id, class_name):
        """Add a class; one that the source has already is ignored.

        Args:
            source: name of the source, without a dot.
            class_id: id of the class in the source.
            class_name: name to show; `class_names` has the part before the first comma.

        Raises:
            ValueError: a dot in `source`.
        """
        if "." in source:
            raise ValueError(
                f"source is {source!r}: a name without a dot is accepted, because 'source.id' "
                "names a class."
            )
        if any(c["source"] == source and c["id"] == class_id for c in self.class_info):
            return
        self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source, image_id, path, **kwargs):
        """Add an image.

        Args:
            source: name of the source.
            image_id: id of the image in the source, any type.
            path: file of the image, or None when the subclass overrides `load_image`.
            **kwargs: kept in the image's `image_info`, for example width, height, annotations.
        """
        self.image_info.append({"id": image_id, "source": source, "path": path, **kwargs})

    def image_reference(self, image_id):
        """A link or text that helps a human to find the image; "" unless a subclass knows one.

        Args:
            image_id: index of the image in the data set.
        """
        return ""

    def prepare(self, class_map=None):
        """Number the classes and images. Call it after the last one was added.

        `class_map` is not used; the reference has it.
        """
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        self.class_names = [info["name"].split(",")[0] for info in self.class_info]
        images = np.arange(len(self.image_info))
        self._image_ids = images[[i not in self.left_out for i in images.tolist()]]
        self.num_images = len(self._image_ids)
        self.class_from_source_map = {
            f"{info['source']}.{info['id']}": i for i, info in enumerate(self.class_info)
        }
        self.image_from_source_map = {
            f"{self.image_info[i]['source']}.{self.image_info[i]['id']}": i
            for i in self._image_ids.tolist()
        }
        self.sources = list(dict.fromkeys(info["source"] for info in self.class_info))
        self.source_class_ids = {
            source: [
                i for i, info in enumerate(self.class_info) if i == 0 or info["source"] == source
            ]
            for source in self.sources
        }

    def map_source_class_id(self, source_class_id):
        """The class id here of a class of a source.

        Args:
            source_class_id: "source.id", for example "coco.12".

        Raises:
            KeyError: no such class.
        """
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id, source):
        """The id that a class has in its source.

        Args:
            class_id: class id here.
            source: name of the source.

        Raises:
            ValueError: the class belongs to another source.
        """
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(
                f"class {class_id} ({info['name']}) belongs to source {info['source']!r}, not to "
                f"{source!r}."
            )
        return info["id"]

    def check(self, read_images=True, config=None):
        """Walk over all images and instances and print what is wrong with them.

        Args:
            read_images: whether the images are decoded; False looks at their headers only.
            config: a `Config` to train with; what does not fit it is reported too.

        Returns:
            `report.Report`; its `ok` is False if something would break the training, and
            its `bad_image_ids` can be left out by `without`.
        """
        report = check.check(self, read_images, config)
        print(report)
        return report

    def subset(self, image_ids):
        """A prepared data set of some of the images, see `splits.subset`."""
        return splits.subset(self, image_ids)

    def without(self, image_ids):
        """A prepared data set of all images but these.

        Args:
            image_ids: ints, some of `image_ids`, such as the `bad_image_ids` of `check`.

        Raises:
            ValueError: no image is left.
        """
        left_out = set(np.asarray(image_ids, int).reshape(-1).tolist())
        return self.subset([i for i in self.image_ids.tolist() if i not in left_out])

    def split(self, fraction=0.2, seed=0):
        """(training, validation) data sets of random images, see `splits.split`."""
        return splits.split(self, fraction, seed)

    def split_by_group(self, group_of, fraction=0.2, seed=0):
        """(training, validation) data sets that share no group, see `splits.split_by_group`."""
        return splits.split_by_group(self, group_of, fraction, seed)

    def to_coco(self, path=None):
        """The data set in COCO's format, see `coco_export.to_coco`."""
        return coco_export.to_coco(self, path)

    @property
    def image_ids(self):
        """[num_images] int array of the ids here: 0, 1, ..., or those of a `subset`.

        Raises:
            RuntimeError: `prepare` was not called.
        """
        if self._image_ids is None:
            raise RuntimeError(
                f"{type(self).__name__}.image_ids is not known yet: call prepare() after the last "
                "add_class() and add_image()."
            )
        return self._image_ids

    def source_image_link(self, image_id):
        """The path or URL of the image `image_id`, as `add_image` was given it."""
        return self.image_info[image_id]["path"]

    @property
    def reads_files(self):
        """Whether images are the files at their paths: a subclass's `load_image` may differ."""
        return type(self).load_image is Dataset.load_image

    def load_image(self, image_id):
        """Read the image's file, see `images.read_image`.

        Args:
            image_id: index of the image in the data set.

        Returns:
            [H, W, 3] of gray (repeated), RGB and RGBA (alpha dropped) images, [H, W, C] of all
            others; in the dtype of the file. `Config.IMAGE_SCALING` says how it becomes 0 to 255.

        Raises:
            FileNotFoundError: the file is not there.
            OSError: it cannot be read as an image.
            ValueError: it has more than MAX_PIXELS pixels, or is a stack of images.
        """
        image = reading.read_image(self.image_info[image_id]["path"], self.MAX_PIXELS)
        image = image[..., np.newaxis] if image.ndim == 2 else image
        return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image

    def load_mask(self, image_id):
        """The instances of an image. Subclasses override this; here there are none.

        Args:
            image_id: index of the image in the data set.

        Returns:
            masks: [H, W, N] bool.
            class_ids: [N] int32, ids here (not of the source); negative for a crowd.
        """
        if not self._warned_of_no_masks:
            self._warned_of_no_masks = True
            logger.warning(
                "image %s of %s has no instances, for Dataset.load_mask has none to give; that may "
                "be so for others too.",
                image_id,
                type(self).__name__,
            )
        return np.zeros((0, 0, 0), bool), np.zeros(0, np.int32)

    def load_instances(self, image_id):
        """The instances of an image in the form that the loader works on.

        A subclass that has its annotations in a compact form overrides this beside `load_mask`:
        dense masks of 200 instances take longer to make than all that follows.

        Args:
            image_id: index of the image in the data set.

        Returns:
            masks: `InstanceMasks` of N instances.
            class_ids: [N] int32, ids here; negative for a crowd.

        Raises:
            TypeError, ValueError: what `load_mask` returned does not fit together.
        """
        masks, class_ids = map(np.asarray, self.load_mask(image_id))
        where = place_of(self, image_id)
        if class_ids.size and class_ids.dtype.kind not in "iuf":
            raise TypeError(
                f"{where}: load_mask gave class ids of {class_ids.dtype}, such as "
                f"{class_ids.flat[0]!r}: they must be numbers, 1 for the first class."
            )
        class_ids = class_ids.astype(np.int32).reshape(-1)
        if not len(class_ids):
            return InstanceMasks([], [], (0, 0)), class_ids
        if masks.ndim != 3 or masks.shape[2] != len(class_ids):
            raise ValueError(
                f"{where}: load_mask gave masks of shape {masks.shape} and {len(class_ids)} class "
                f"ids: masks of (height, width, {len(class_ids)}) go with them."
            )
        return InstanceMasks.from_dense(masks), class_ids

    def load_boxes(self, image_id):
        """The boxes of an image's instances, for networks without a mask head.

        A subclass whose annotations are boxes overrides this in place of `load_mask`, and one that
        can tell boxes without making masks beside it. Here they are those around the masks.

        Args:
            image_id: index of the image in the data set.

        Returns:
            boxes: `InstanceBoxes` of N instances, in pixels.
            class_ids: [N] int32, ids here; negative for a crowd.
        """
        masks, class_ids = self.load_instances(image_id)
        return InstanceBoxes(masks.boxes, masks.shape), class_ids

    def has(self, field, image_id):
        """Whether there is something of the instances of an image to learn from.

        Args:
            field: "masks", "boxes", or another name, for which the data set needs a method: for
                "keypoints" `load_keypoints`.
            image_id: index of the image in the data set.
        """
        kind = type(self)
        boxes_only = (
            kind.load_boxes is not Dataset.load_boxes
            and kind.load_mask is Dataset.load_mask
            and kind.load_instances is Dataset.load_instances
        )
        return {"boxes": True, "masks": not boxes_only}.get(field, hasattr(self, f"load_{field}"))
