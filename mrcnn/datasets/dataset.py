"""The base class of datasets: subclass it and override `load_mask`."""

import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from ..config import Config
from ..images import reading
from ..instances import InstanceBoxes, InstanceMasks, KeypointLayout
from ..types import Array, ImageInfo, PathLike
from . import check, coco_export, prepared, splits
from .reading import place_of, with_three_channels
from .report import Report

if TYPE_CHECKING:
    from .tiles import Tiles

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

    A subclass adds a method that calls `add_class` and `add_image`, and overrides `load_mask`
    (and, for images that are not files, `load_image`). Then::

        dataset = BalloonDataset()
        dataset.load_balloon(folder, "train")
        dataset.prepare()

    Attributes:
        image_info: id, source, path and the other arguments of `add_image`, for each image.
        class_info: source, id and name of each class; the first is the background.
        left_out: the image ids that a `subset` leaves out.
        source_class_ids: class ids of each source, always including the background.
        num_classes, num_images: how many there are. `prepare` sets these and all that follow.
        class_ids: int [num_classes], 0, 1, ...
        class_names: in the order of `class_ids`.
        class_from_source_map, image_from_source_map: "source.id" to the id in this dataset.
        sources: names of the sources.

    Example:
        >>> from mrcnn.datasets import Dataset
        >>> class Squares(Dataset):
        ...     def load_image(self, image_id):
        ...         return np.zeros((64, 64, 3), np.uint8)
        ...     def load_mask(self, image_id):
        ...         masks = np.zeros((64, 64, 1), bool)
        ...         masks[10:20, 10:20] = True
        ...         return masks, np.array([1])
        >>> dataset = Squares()
        >>> dataset.add_class("shapes", 1, "square")
        >>> dataset.add_image("shapes", "first", path=None)
        >>> dataset.prepare()
        >>> dataset.class_names, dataset.image_ids
        (['BG', 'square'], array([0]))
    """

    image_info: list[ImageInfo]
    class_info: list[dict[str, Any]]
    left_out: frozenset[int] = frozenset()  # here, for a subclass with an `__init__` of its own
    source_class_ids: dict[str, list[int]]
    num_classes: int
    num_images: int
    class_ids: Array
    class_names: list[str]
    class_from_source_map: dict[str, int]
    image_from_source_map: dict[str, int]
    sources: list[str]

    # Why instances may be crowds, and how to make them ordinary ones, for messages.
    CROWD_HELP = "Training ignores crowds, which have negative class ids."

    # Maximum height times width of an image, to guard against decompression bombs. None: any.
    MAX_PIXELS: int | None = reading.MAX_PIXELS

    # The keypoints of each instance, if there are any. A dataset with keypoints also has a method
    # load_keypoints(image_id), which returns an `InstanceKeypoints` in the order of the class ids.
    keypoint_layout: KeypointLayout | None = None

    _image_ids: Array | None = None
    _warned_of_no_masks = False
    _warned_of_channels = False

    def __init__(self, class_map: Any = None) -> None:
        """`class_map` is unused; it exists for compatibility with matterport's Mask_RCNN."""
        self.image_info = []
        self.class_info = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids = {}

    # Hidden from type checkers, which would otherwise accept any attribute name.
    if not TYPE_CHECKING:

        def __getattr__(self, name):
            # Called only for attributes that do not exist.
            if name in _SET_BY_PREPARE:
                raise AttributeError(
                    f"{type(self).__name__}.{name} is not known yet: call prepare() after the last "
                    "add_class() and add_image()."
                )
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def add_class(self, source: str, class_id: Any, class_name: str | int) -> None:
        """Add a class; one that the source already has is ignored.

        Args:
            source: name of the source, without a dot.
            class_id: id of the class in the source.
            class_name: display name; `class_names` has the part before the first comma. A whole
                number becomes text.

        Raises:
            TypeError: `source` or `class_name` is not text.
            ValueError: a dot in `source`.
        """
        source, name = prepared.source_name(source), prepared.class_name(class_name)
        if any(c["source"] == source and c["id"] == class_id for c in self.class_info):
            return
        self.class_info.append({"source": source, "id": class_id, "name": name})

    def add_image(self, source: str, image_id: Any, path: PathLike | None, **kwargs: Any) -> None:
        """Add an image.

        Args:
            source: name of the source.
            image_id: id of the image in the source.
            path: image file, or None if the subclass overrides `load_image`.
            **kwargs: stored in the image's `image_info`, for example width, height, annotations.
        """
        self.image_info.append({"id": image_id, "source": source, "path": path, **kwargs})

    def image_reference(self, image_id: int) -> str:
        """Return a link or text that helps people find the image; "" unless overridden.

        Args:
            image_id: index of the image in the dataset.
        """
        return ""

    def prepare(self, class_map: Any = None) -> None:
        """Number the classes and images. Call this after adding the last one.

        `class_map` is unused; it exists for compatibility with matterport's Mask_RCNN.
        """
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        names = [prepared.class_name(info["name"]) for info in self.class_info]
        self.class_names = [name.split(",")[0] for name in names]
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

    def map_source_class_id(self, source_class_id: str) -> int:
        """Return the class id in this dataset for a class of a source.

        Args:
            source_class_id: "source.id", for example "coco.12".

        Raises:
            KeyError: no such class.
        """
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id: int, source: str) -> Any:
        """Return the id that a class has in its source.

        Args:
            class_id: class id in this dataset.
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

    def check(self, read_images: bool = True, config: Config | None = None) -> Report:
        """Check all images and instances, and print what is wrong with them.

        Args:
            read_images: whether the images are decoded; False reads only their headers.
            config: a `Config` to train with; what does not fit it is reported too.

        Returns:
            `report.Report`. Its `ok` is False if something would break training; `without` leaves
            out its `bad_image_ids`.

        Example:
            >>> from mrcnn.datasets import Dataset
            >>> dataset = Dataset()
            >>> dataset.add_image("cells", 1, path="missing.png")
            >>> dataset.prepare()
            >>> report = dataset.check()
            1 images with 0 instances, ...
            Errors:
            - image files that are missing: 1
            ...
            >>> report.bad_image_ids
            [0]
        """
        report = check.check(self, read_images, config)
        print(report)
        return report

    def subset(self, image_ids: Iterable[int]) -> Self:
        """Return a prepared dataset of some of the images, see `splits.subset`.

        Example:
            >>> from mrcnn.datasets import Dataset
            >>> dataset = Dataset()
            >>> for name in ["a.png", "b.png", "c.png"]:
            ...     dataset.add_image("cells", name, path=name)
            >>> dataset.prepare()
            >>> dataset.subset([0, 2]).image_ids
            array([0, 2])
        """
        return splits.subset(self, image_ids)

    def without(self, image_ids: npt.ArrayLike) -> Self:
        """Return a prepared dataset of all images except these.

        Args:
            image_ids: some of `image_ids`, such as the `bad_image_ids` of `check`.

        Raises:
            ValueError: no image is left.
        """
        left_out = set(np.asarray(image_ids, int).reshape(-1).tolist())
        ids = prepared.prepared_ids(self).tolist()
        return self.subset([i for i in ids if i not in left_out])

    def split(
        self, fraction: float = 0.2, seed: int | np.random.Generator = 0
    ) -> tuple[Self, Self]:
        """Return (training, validation) datasets of random images, see `splits.split`.

        Example:
            >>> from mrcnn.datasets import Dataset
            >>> dataset = Dataset()
            >>> for number in range(10):
            ...     dataset.add_image("cells", number, path=f"{number}.png")
            >>> dataset.prepare()
            >>> train, validation = dataset.split(fraction=0.2)
            >>> train.num_images, validation.num_images
            (8, 2)
        """
        return splits.split(self, fraction, seed)

    def split_by_group(
        self,
        group_of: Callable[[ImageInfo], Hashable] | str,
        fraction: float = 0.2,
        seed: int | np.random.Generator = 0,
    ) -> tuple[Self, Self]:
        """Return (training, validation) without shared groups, see `splits.split_by_group`.

        Example:
            >>> from mrcnn.datasets import Dataset
            >>> dataset = Dataset()
            >>> for number in range(9):
            ...     dataset.add_image("cells", number, path=f"{number}.png", slide=number // 3)
            >>> dataset.prepare()
            >>> train, validation = dataset.split_by_group("slide", fraction=0.3)
            >>> train.num_images, validation.num_images
            (6, 3)
        """
        return splits.split_by_group(self, group_of, fraction, seed)

    def tiles(self, size: int | Sequence[int], overlap: int = 0, keep: float = 0.5) -> "Tiles":
        """Return a prepared dataset of tiles, to train on images larger than the network's input.

        Every pixel is in a tile. The tiles of an image have the same size, are spread evenly, and
        share more than `overlap` where the sizes do not divide. An image smaller than a tile stays
        whole. Training draws the tiles in random order, as it draws images.

        An instance of which less than `keep` lies in a tile becomes a crowd there: training learns
        neither that it is an object nor that it is background. With an overlap of the size of the
        largest objects, each lies in a tile as a whole; without, one in a corner may have no tile
        that learns it.

        `split` keeps the tiles of an image together. Images that are read from files are decoded
        once for several tiles, as far as memory allows (`Tiles.CACHE_BYTES`); of large TIFF, .npy
        and OME-Zarr images only the tile is read. With a scaling by percentiles, such as the
        default for 16 bits, each tile is scaled by its own: set IMAGE_SCALING to (low, high) to
        scale all alike.

        Args:
            size: of the tiles in pixels: an integer, or (height, width).
            overlap: pixels that neighbours share at least, less than the size.
            keep: fraction, 0 to 1, of an instance's area (of its box, if there are no masks) from
                which a tile learns it; 0 keeps all of which a pixel is seen.

        Raises:
            RuntimeError: `prepare` was not called.
            ValueError: an argument is out of range.
            FileNotFoundError, OSError: the size of an image cannot be read.

        Example:
            >>> from mrcnn.datasets import Dataset
            >>> np.save("field.npy", np.zeros((1000, 1500, 3), np.uint8))
            >>> dataset = Dataset()
            >>> dataset.add_image("fields", 1, path="field.npy")
            >>> dataset.prepare()
            >>> tiles = dataset.tiles(512, overlap=64)
            >>> tiles.num_images, tiles.load_image(1).shape
            (12, (512, 512, 3))
            >>> tiles.image_reference(1)
            'field.npy [0:512, 329:841]'
        """
        from .tiles import Tiles  # a subclass of this class

        return Tiles(self, size, overlap, keep)

    def to_coco(self, path: PathLike | None = None) -> dict[str, list[dict[str, Any]]]:
        """Return the dataset in COCO's format, see `coco_export.to_coco`.

        Example:
            >>> from mrcnn.datasets import Dataset
            >>> np.save("cells.npy", np.zeros((40, 60, 3), np.uint8))
            >>> dataset = Dataset()
            >>> dataset.add_image("cells", 7, path="cells.npy")
            >>> dataset.prepare()
            >>> dataset.to_coco()["images"]
            [{'id': 7, 'file_name': 'cells.npy', 'height': 40, 'width': 60}]
        """
        return coco_export.to_coco(self, path)

    @property
    def image_ids(self) -> Array:
        """Image ids in this dataset, [num_images] int array: 0, 1, ..., or those of a `subset`.

        Empty before `prepare`.
        """
        return np.zeros(0, int) if self._image_ids is None else self._image_ids

    def source_image_link(self, image_id: int) -> PathLike | None:
        """Return the path or URL of an image, as it was passed to `add_image`.

        Args:
            image_id: index of the image in the dataset.
        """
        return self.image_info[image_id]["path"]

    @property
    def reads_files(self) -> bool:
        """Whether images are the files at their paths: `load_image` is not overridden."""
        return type(self).load_image is Dataset.load_image

    def load_image(self, image_id: int) -> Array:
        """Read the image's file, see `images.read_image`.

        Args:
            image_id: index of the image in the dataset.

        Returns:
            [H, W, 3] for gray (repeated), RGB and RGBA (alpha dropped) images, [H, W, C] for all
            others, in the file's dtype; a masked array if pixels have the value of a TIFF's no-data
            tag. `Config.IMAGE_SCALING` sets how values are scaled to 0..255.

        Raises:
            FileNotFoundError: the file does not exist.
            OSError: it cannot be read as an image.
            ValueError: it has more than MAX_PIXELS pixels, or is a stack of images.
        """
        path = self.image_info[image_id]["path"]
        image, remark = reading.read_with_remark(path, self.MAX_PIXELS)
        if remark and not self._warned_of_channels:
            self._warned_of_channels = True
            logger.warning("%s This may apply to other images too.", remark)
        return with_three_channels(image)

    def load_mask(self, image_id: int) -> tuple[Array, Array]:
        """Return the instances of an image. Subclasses override this; the base class has none.

        Args:
            image_id: index of the image in the dataset.

        Returns:
            masks: [H, W, N] bool.
            class_ids: [N] int32, ids in this dataset (not in the source); negative for a crowd. An
                empty mask of class 0 is not an instance.
        """
        if not self._warned_of_no_masks:
            self._warned_of_no_masks = True
            logger.warning(
                "image %s of %s has no instances, because Dataset.load_mask returns none; this may "
                "apply to other images too.",
                image_id,
                type(self).__name__,
            )
        return np.zeros((0, 0, 0), bool), np.zeros(0, np.int32)

    def load_instances(self, image_id: int) -> tuple[InstanceMasks, Array]:
        """Return the instances of an image in the form that the loader works on.

        A subclass with compact annotations overrides this in addition to `load_mask`: making dense
        masks of 200 instances takes longer than everything that follows.

        Args:
            image_id: index of the image in the dataset.

        Returns:
            masks: `InstanceMasks` of N instances.
            class_ids: [N] int32, ids in this dataset; negative for a crowd.

        Raises:
            TypeError, ValueError: what `load_mask` returned is not consistent.
        """
        masks, class_ids = map(np.asarray, self.load_mask(image_id))
        where = place_of(self, image_id)
        if class_ids.size and class_ids.dtype.kind not in "iuf":
            raise TypeError(
                f"{where}: load_mask returned class ids of {class_ids.dtype}, such as "
                f"{class_ids.flat[0]!r}: they must be numbers, 1 for the first class."
            )
        class_ids = class_ids.astype(np.int32).reshape(-1)
        if not len(class_ids):
            return InstanceMasks([], [], (0, 0)), class_ids
        if masks.ndim != 3 or masks.shape[2] != len(class_ids):
            raise ValueError(
                f"{where}: load_mask returned masks of shape {masks.shape} and {len(class_ids)} "
                f"class ids: the masks must be (height, width, {len(class_ids)})."
            )
        instances = InstanceMasks.from_dense(masks)
        if (class_ids == 0).any():
            # Some projects return an empty mask of class 0 for an image without instances.
            kept = (class_ids != 0) | instances.visible
            instances, class_ids = instances[kept], class_ids[kept]
        return instances, class_ids

    def load_boxes(self, image_id: int) -> tuple[InstanceBoxes, Array]:
        """Return the boxes of an image's instances, for networks without a mask head.

        A subclass whose annotations are boxes overrides this instead of `load_mask`. One that can
        compute boxes without making masks overrides both. The base class returns the masks' boxes.

        Args:
            image_id: index of the image in the dataset.

        Returns:
            boxes: `InstanceBoxes` of N instances, in pixels.
            class_ids: [N] int32, ids in this dataset; negative for a crowd.
        """
        masks, class_ids = self.load_instances(image_id)
        return InstanceBoxes(masks.boxes, masks.shape, masks.annotated), class_ids

    def has_only_crowds(self) -> bool:
        """Whether all instances are crowds; False if only reading them could tell."""
        return False

    def has(self, field: str, image_id: int) -> bool:
        """Whether the instances of an image have a field that a head can learn from.

        Args:
            field: "masks", "boxes", or another name, for which the dataset needs a method, such as
                `load_keypoints` for "keypoints".
            image_id: index of the image in the dataset.
        """
        kind = type(self)
        boxes_only = (
            kind.load_boxes is not Dataset.load_boxes
            and kind.load_mask is Dataset.load_mask
            and kind.load_instances is Dataset.load_instances
        )
        return {"boxes": True, "masks": not boxes_only}.get(field, hasattr(self, f"load_{field}"))
