"""Training on parts of images that are larger than the network's input."""

import functools
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from tqdm import tqdm

from ..config_rules.values import check_fraction, is_integer
from ..geometry.windows import starts
from ..instances import InstanceBoxes, InstanceKeypoints, InstanceMasks
from ..types import Array, PathLike
from . import large_files
from .cache import ByteCache
from .cutting import Box, Cut, cut_out, moved
from .dataset import Dataset
from .prepared import prepared_ids
from .reading import place_of


class Tiles(Dataset):
    """The tiles of a dataset's images, as a dataset; made by `Dataset.tiles`.

    An entry of `image_info` has what the image's has, except for its annotations, and `tile`, the
    tile's (y1, x1, y2, x2) in the image; `tile_of`, the image's index in `whole`; its own `id` and
    `path`, which is that of the image with the place of the tile; `height` and `width`.

    Args:
        whole, size, overlap, keep: see `Dataset.tiles`.

    Attributes:
        whole, keep: as given.
        size: (height, width) of the tiles in pixels.
        overlap: in pixels.

    Raises:
        ValueError: see `Dataset.tiles`.
    """

    # The images and instances that were read last are kept up to this many bytes, in each process.
    CACHE_BYTES = 2**30

    def __init__(
        self, whole: Dataset, size: int | Sequence[int], overlap: int = 0, keep: float = 0.5
    ) -> None:
        super().__init__()
        check_fraction("keep", keep)
        self.whole, self.keep = whole, keep
        self.size, self.overlap = check_size(size, overlap)
        self.class_info = list(whole.class_info)
        self.keypoint_layout = whole.keypoint_layout
        self.CROWD_HELP = (
            f"{whole.CROWD_HELP} Among tiles, an instance of which less than {keep:.0%} lies in "
            "the tile counts as a crowd."
        )
        self._read = ByteCache(functools.partial(_read, whole), self.CACHE_BYTES)
        self._sizes: dict[int, tuple[int, int]] = {}  # of the images in `whole`
        self._fields: dict[tuple[str, int], bool] = {}
        self._without_parts: set[int] = set()  # images that are read as a whole
        ids = prepared_ids(whole).tolist()
        for image_id in tqdm(ids, desc="Tiles", leave=False, disable=None):
            self._add_tiles(image_id)
        self.prepare()

    def _add_tiles(self, image_id: int) -> None:
        """Add an image's tiles, row by row."""
        info = self.whole.image_info[image_id]
        height, width = self._sizes[image_id] = self._size_of(image_id)
        sides = min(height, self.size[0]), min(width, self.size[1])
        rest = {name: value for name, value in info.items() if name != "annotations"}
        for y in starts(height, self.size[0], self.overlap):
            for x in starts(width, self.size[1], self.overlap):
                box = y, x, y + sides[0], x + sides[1]
                self.image_info.append(
                    {
                        **rest,
                        "id": f"{info['id']} {place(box)}",
                        "path": None if info["path"] is None else f"{info['path']} {place(box)}",
                        "height": sides[0],
                        "width": sides[1],
                        "tile_of": image_id,
                        "tile": box,
                    }
                )

    def _size_of(self, image_id: int) -> tuple[int, int]:
        if self.whole.reads_files:
            return large_files.image_size(self.whole.image_info[image_id]["path"])
        height, width = np.shape(self._read("image", image_id))[:2]
        return height, width

    def _tile(self, image_id: int) -> tuple[int, Box]:
        """Index of a tile's image in `whole`, and the tile's box."""
        info = self.image_info[image_id]
        return info["tile_of"], info["tile"]

    def load_image(self, image_id: int) -> Array:
        """See `Dataset.load_image`; of large files that allow it, only the tile is read."""
        whole_id, box = self._tile(image_id)
        if self.whole.reads_files and whole_id not in self._without_parts:
            path = self.whole.image_info[whole_id]["path"]
            part = large_files.read_part(path, box, self.whole.MAX_PIXELS)
            if part is not None:
                return part
            self._without_parts.add(whole_id)
        y1, x1, y2, x2 = box
        return self._read("image", whole_id)[y1:y2, x1:x2].copy()

    def load_mask(self, image_id: int) -> tuple[Array, Array]:
        """The tile's instances as one array, see `Dataset.load_mask`."""
        masks, class_ids = self.load_instances(image_id)
        return masks.dense(), class_ids

    def load_instances(self, image_id: int) -> tuple[InstanceMasks, Array]:
        """The parts of instances that lie in the tile, see `Dataset.load_instances`.

        Raises:
            ValueError: the masks are those of an image of another size.
        """
        cut = self._cut("instances", image_id)
        return cut.shapes, cut.class_ids

    def load_boxes(self, image_id: int) -> tuple[InstanceBoxes, Array]:
        """The boxes of what lies in the tile: around the cut masks, if there are masks.

        Raises:
            ValueError: see `load_instances`.
        """
        if self.has("masks", image_id):
            return super().load_boxes(image_id)
        cut = self._cut("boxes", image_id)
        return cut.shapes, cut.class_ids

    def _cut(self, kind: str, image_id: int) -> Cut:
        """The instances of a tile; `kind` is "instances" or "boxes"."""
        whole_id, box = self._tile(image_id)
        size = self._sizes[whole_id]
        shapes, class_ids = self._read(kind, whole_id)
        class_ids = np.asarray(class_ids)
        if not len(class_ids):
            shapes = InstanceMasks([], [], size) if kind == "instances" else InstanceBoxes([], size)
        elif tuple(shapes.shape[:2]) != size:
            raise ValueError(
                f"{place_of(self.whole, whole_id)}: its {kind} are {shapes.height}x{shapes.width} "
                f"pixels, but the image is {size[0]}x{size[1]} (height x width): they must have "
                "the same size."
            )
        return cut_out(shapes, class_ids, box, self.keep)

    # Hidden from type checkers, as in the base class.
    if not TYPE_CHECKING:

        def __getattr__(self, name):
            # A method such as load_keypoints, if the whole dataset has it.
            if name.startswith("load_") and hasattr(self.whole, name):
                return functools.partial(self._load, name.removeprefix("load_"))
            return super().__getattr__(name)

    def _load(self, field: str, image_id: int) -> Any:
        """A further field of a tile's instances, such as their keypoints."""
        whole_id, box = self._tile(image_id)
        cut = self._cut("instances" if self.has("masks", image_id) else "boxes", image_id)
        values = moved(self._read(field, whole_id)[cut.indices], box)
        return cut.seen(values) if isinstance(values, InstanceKeypoints) else values

    def has(self, field: str, image_id: int) -> bool:
        """See `Dataset.has`."""
        key = field, self._tile(image_id)[0]
        if key not in self._fields:
            self._fields[key] = self.whole.has(*key)
        return self._fields[key]

    def has_only_crowds(self) -> bool:
        """See `Dataset.has_only_crowds`."""
        return self.whole.has_only_crowds()

    def image_reference(self, image_id: int) -> str:
        """The image's reference, or its file or id, and the place of the tile in it."""
        whole_id, box = self._tile(image_id)
        info = self.whole.image_info[whole_id]
        name = PurePath(info["path"]).name if info["path"] else str(info["id"])
        return f"{self.whole.image_reference(whole_id) or name} {place(box)}"

    def source_image_link(self, image_id: int) -> PathLike | None:
        """The path or URL of the whole image."""
        return self.whole.source_image_link(self._tile(image_id)[0])

    def split(
        self, fraction: float = 0.2, seed: int | np.random.Generator = 0
    ) -> tuple[Self, Self]:
        """Return (training, validation) datasets: the tiles of an image stay together.

        The images are divided as `whole.split` divides them. See `splits.split`.

        Raises:
            ValueError: see `splits.split`; or there is only one image.
        """
        ids = self.image_ids.tolist()
        images = sorted({self.image_info[i]["tile_of"] for i in ids})
        if len(images) == 1:
            raise ValueError(
                "all tiles are of one image, and neighbours would be on both sides of a split: "
                "choose them by their place, such as the ids i in image_ids with "
                "image_info[i]['tile'][2] <= 5000, the last line of a tile, for subset()."
            )
        parts = self.whole.subset(images).split(fraction, seed)
        train, validation = (
            self.subset([i for i in ids if self.image_info[i]["tile_of"] in set(part.image_ids)])
            for part in parts
        )
        return train, validation


def check_size(size: int | Sequence[int], overlap: int) -> tuple[tuple[int, int], int]:
    """Check the size and overlap of tiles.

    Args:
        size: in pixels, or (height, width).
        overlap: in pixels.

    Returns:
        (height, width) and the overlap.

    Raises:
        ValueError: they are impossible.
    """
    sides: Any = (size, size) if np.ndim(size) == 0 else size
    if len(sides) != 2 or not all(is_integer(side) and side > 0 for side in sides):
        raise ValueError(
            f"size is {size!r}: it must be a whole number of pixels, or (height, width)."
        )
    if not is_integer(overlap) or not 0 <= overlap < min(sides):
        raise ValueError(
            f"overlap is {overlap!r}: it must be a whole number of pixels, from 0 to less than the "
            f"tile's side of {min(sides)}."
        )
    return (int(sides[0]), int(sides[1])), int(overlap)


def place(box: Sequence[int]) -> str:
    """A box as the slices that cut it out.

    Args:
        box: (y1, x1, y2, x2) pixels.

    Example:
        >>> from mrcnn.datasets.tiles import place
        >>> place((0, 1024, 1024, 2048))
        '[0:1024, 1024:2048]'
    """
    y1, x1, y2, x2 = box
    return f"[{y1}:{y2}, {x1}:{x2}]"


def _read(whole: Dataset, field: str, image_id: int) -> Any:
    """What a dataset's method `load_{field}` returns, without the arrays that it was cut from."""
    values = getattr(whole, f"load_{field}")(image_id)
    if field != "instances":
        return values
    masks, class_ids = values
    masks = masks[:]
    masks.crops = [crop if crop.base is None else crop.copy() for crop in masks.crops]
    return masks, class_ids
