"""One range of pixel values for all tiles of an image."""

from typing import Any

import numpy as np

from ..types import Array
from . import nodata as no_data
from . import pixels, ranges

# An image's range is that of at most this many blocks, of this side in pixels.
_BLOCKS, _SIDE = 256, 128


class TileScaling:
    """A function that scales tiles of an image as `pixels.for_network` scales the whole image.

    The values that become black and white, those that hold no data, and the mean that stands for
    these come from at most 4 megapixels, in blocks spread over the image. uint8 tiles stay as they
    are, unless pixels are masked or equal IMAGE_NODATA.

    Args:
        image: [H, W] or [H, W, C]: an array, or anything with `shape` and slicing
            `[y1:y2, x1:x2]`.
        config: the settings. A remark on missing data is logged once for each.
        name: the image's name in messages.

    Raises:
        TypeError, ValueError: see `pixels.as_channels`.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.images.tile_scaling import TileScaling
        >>> image = np.zeros((64, 64), np.uint16)
        >>> image[:, 32:] = 1000
        >>> scaled = TileScaling(image, Config())(image[:, 40:])
        >>> int(scaled.min())  # scaled by itself, a tile of one value would be black
        255
    """

    def __init__(self, image: Any, config: pixels.PixelSettings, name: str = "image") -> None:
        self._name, self._channels = name, config.IMAGE_CHANNEL_COUNT
        scaling, self._nodata = config.IMAGE_SCALING, config.IMAGE_NODATA
        if self._nodata == "auto" and not isinstance(scaling, str):
            self._nodata = None
        values, mask = pixels.parts(_sample(image), self._channels, name)
        missing, remarks = no_data.marked(values, mask, self._nodata, name)
        # What is taken for no data: the channel's index and the value.
        self._taken: list[tuple[int, Any]] = []
        if missing is not None and self._nodata == "auto":
            for index, value, remark, taken in no_data.guesses(
                values, missing, scaling != "full", name
            ):
                remarks.setdefault(str(value), remark)
                if taken:
                    self._taken.append((index, value))
                    missing[..., index] |= values[..., index] == value
        pixels.log_once(remarks, config)
        if missing is not None:
            values = no_data.filled(values, missing)
        self._ranges = ranges.find(values, scaling, name, missing)
        if self._ranges is None and values.dtype != np.uint8:
            # As uint8, no tile can pass for one of another range.
            self._ranges = [(0, 255)] * values.shape[2]
        scaled = ranges.stretch(values, self._ranges)
        self._means = _means(scaled, missing)

    def __call__(self, tile: Any) -> Array:
        """Scale a tile.

        Args:
            tile: [h, w] or [h, w, C] of the image's dtype, possibly masked.

        Returns:
            uint8 [h, w, IMAGE_CHANNEL_COUNT], or [h, w, 1] if it is grayscale.
        """
        values, mask = pixels.parts(tile, self._channels, self._name)
        missing, _ = no_data.marked(values, mask, self._nodata, self._name, part=True)
        if missing is None:
            return ranges.stretch(values, self._ranges)
        for index, value in self._taken:
            missing[..., index] |= values[..., index] == value
        if missing.any():
            values = no_data.filled(values, missing)
        scaled = ranges.stretch(values, self._ranges)
        scaled = np.where(missing, self._means, scaled)
        if isinstance(self._nodata, str) or self._nodata is None or not 0 <= self._nodata <= 255:
            return scaled
        # The model, which looks for the value again, must not find it among scaled pixels.
        found = no_data.equal_to(scaled, self._nodata)
        return np.where(found, scaled + (1 if self._nodata < 255 else -1), scaled)


def _means(scaled: Array, missing: Array | None) -> Array:
    """The mean of each channel's valid values, uint8 [C]; 0 where there are none."""
    valid = np.ones(scaled.shape, bool) if missing is None else ~missing
    sums = np.sum(scaled, axis=(0, 1), where=valid, dtype=np.float64)
    counts = np.count_nonzero(valid, axis=(0, 1))
    return np.rint(sums / np.maximum(counts, 1)).astype(np.uint8)


def _sample(image: Any) -> Array:
    """Blocks of an image, one below the other, [h, w] or [h, w, C]; a small image as it is."""
    height, width = image.shape[:2]
    most = -(-height // _SIDE), -(-width // _SIDE)
    if most[0] * most[1] <= _BLOCKS:
        return image[0:height, 0:width]
    rows = min(max(round((_BLOCKS * height / width) ** 0.5), 1), most[0], _BLOCKS)
    columns = min(_BLOCKS // rows, most[1])
    rows = min(_BLOCKS // columns, most[0])
    ys, xs = _spread(height, rows), _spread(width, columns)
    blocks = [image[y : y + _SIDE, x : x + _SIDE] for y in ys for x in xs]
    return np.ma.concatenate(blocks) if any(map(np.ma.isMA, blocks)) else np.concatenate(blocks)


def _spread(length: int, count: int) -> list[int]:
    """Starts of blocks in the middle of `count` equal parts of a length."""
    middles = (np.arange(count) + 0.5) * length / count
    return np.clip(middles - _SIDE / 2, 0, max(length - _SIDE, 0)).astype(int).tolist()
