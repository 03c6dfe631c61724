"""An image of the objects' numbers: 0 is background, and the numbers are those of the table."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tifffile

from ..files.whole import replacing
from ..images.pixel_size import PixelSize
from ..instances import InstanceBoxes, InstanceMasks
from ..types import Array, PathLike
from .objects import ImageFacts, Objects

# Pixels that are painted and compressed at a time. ImageJ reads strips, but no tiles.
_STRIP_PIXELS = 1 << 20
# The most bytes of pixels in a classic TIFF, with 32 MB to spare for the rest.
_CLASSIC_BYTES = (1 << 32) - (1 << 25)


def write(path: PathLike, image: ImageFacts, parts: Iterable[Objects]) -> None:
    """Write a label image as TIFF, strip by strip.

    It is uint16, or uint32 if a number is above 65,535, compressed, and a BigTIFF if it would have
    more than 4 GB without compression. It has the pixel size of the image, in ImageJ's words.

    The memory needed is a bit for each pixel in the objects' boxes, and a strip of the image.

    Args:
        path: of the TIFF.
        image: see `ImageFacts`.
        parts: its objects. A pixel of several belongs to the one with the highest score; of those,
            to the one with the lowest number. An object without a mask fills its box.

    Raises:
        OSError: it cannot be written.
    """
    height, width = image.shape
    pile = _Pile(image.shape)
    for objects in parts:
        pile.add(objects)
    dtype = np.dtype("<u2" if pile.largest < 1 << 16 else "<u4")
    rows = min(max(1, _STRIP_PIXELS // width), height)
    strips = pile.strips(rows, dtype)
    with replacing(path) as part:
        tifffile.imwrite(
            part,
            (zlib.compress(strip.tobytes()) for strip in strips),
            shape=(height, width),
            dtype=dtype,
            byteorder="<",
            bigtiff=height * width * dtype.itemsize > _CLASSIC_BYTES,
            photometric="minisblack",
            compression="zlib",
            rowsperstrip=rows,
            metadata=None,
            **_resolution(image.pixel_size),
        )


def painted(objects: Objects, shape: tuple[int, int]) -> Array:
    """The label image of a few objects in memory.

    Args:
        objects: see `write`.
        shape: (height, width) of the image.

    Returns:
        int32 [H, W], or int64 if a number needs it.

    Example:
        >>> from mrcnn.results import Objects
        >>> from mrcnn.results.label_image import painted
        >>> painted(Objects([7, 8], [1, 1], [0.9, 0.8], [[0, 0, 1, 2], [0, 1, 2, 3]]), (2, 3))
        array([[7, 7, 8],
               [0, 8, 8]], dtype=int32)
    """
    largest = objects.numbers.max(initial=0)
    labels = np.zeros(shape, np.int32 if largest <= np.iinfo(np.int32).max else np.int64)
    masks = masks_of(objects, shape)
    for i in _from_the_bottom(objects.scores, objects.numbers):
        y1, x1, y2, x2 = masks.boxes[i]
        labels[y1:y2, x1:x2][masks.crops[i]] = objects.numbers[i]
    return labels


def masks_of(objects: Objects, shape: tuple[int, int]) -> InstanceMasks:
    """The masks of objects, or, if they have none, their filled boxes.

    Args:
        objects: N objects.
        shape: (height, width) of the image.
    """
    if objects.masks is not None:
        return objects.masks
    return InstanceBoxes(objects.boxes, shape).filled()


def _from_the_bottom(scores: Array, numbers: Array) -> Array:
    """The order in which objects are painted over each other, as indices [N]."""
    return np.lexsort((-numbers, scores))


class _Pile:
    """The masks of objects, packed into bits, to be painted strip by strip."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._bits = bytearray()  # of all crops, each row in bytes of its own
        self._numbers: list[Array] = []
        self._scores: list[Array] = []
        self._boxes: list[Array] = []
        self.largest = 0

    def add(self, objects: Objects) -> None:
        masks = masks_of(objects, self._shape)
        for crop in masks.crops:
            self._bits += np.packbits(crop, axis=1).tobytes()
        self._numbers.append(objects.numbers)
        self._scores.append(objects.scores)
        self._boxes.append(masks.boxes)
        self.largest = max(self.largest, int(objects.numbers.max(initial=0)))

    def strips(self, rows: int, dtype: np.dtype[Any]) -> Iterator[Array]:
        """The label image from top to bottom, in strips [rows, W]; the last may be lower."""
        numbers, scores = _joined(self._numbers, 0), _joined(self._scores, 0)
        boxes = _joined(self._boxes, (0, 4)).astype(np.int64)
        heights, row_bytes = boxes[:, 2] - boxes[:, 0], -(-(boxes[:, 3] - boxes[:, 1]) // 8)
        ends = np.cumsum(heights * row_bytes)
        order = _from_the_bottom(scores, numbers)
        tops, bottoms = boxes[order, 0], boxes[order, 2]
        bits = np.frombuffer(self._bits, np.uint8)
        height, width = self._shape
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            strip = np.zeros((bottom - top, width), dtype)
            for i in order[(tops < bottom) & (bottoms > top)]:
                y1, x1, y2, x2 = boxes[i]
                first, last = max(y1, top), min(y2, bottom)
                start = ends[i] - (y2 - first) * row_bytes[i]
                packed = bits[start : start + (last - first) * row_bytes[i]]
                crop = np.unpackbits(packed.reshape(last - first, -1), axis=1, count=x2 - x1)
                strip[first - top : last - top, x1:x2][crop.view(bool)] = numbers[i]
            yield strip


def _joined(arrays: list[Array], shape: int | tuple[int, ...]) -> Array:
    return np.concatenate([np.zeros(shape, np.int64), *arrays])


def _resolution(size: PixelSize | None) -> dict[str, Any]:
    """The tags that say how large a pixel is, as ImageJ writes and reads them."""
    if size is None:
        return {}
    unit = size.unit.replace("µ", "u").encode("ascii", "ignore").decode()
    return {
        "description": f"ImageJ=1.11a\nimages=1\nunit={unit}\n",
        "resolution": (1 / size.x, 1 / size.y),
        "resolutionunit": "NONE",
    }
