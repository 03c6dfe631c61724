"""Images of any size, of which only the parts that are asked for are read."""

import logging
import os
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..types import Array, PathLike
from .channels import addressed, index_of, remark_on
from .opening import MAX_PIXELS, errors_of
from .pixel_size import PixelSize, read_pixel_size
from .projections import check_projection
from .reading import contiguous
from .region_kinds import open_source
from .region_source import Source
from .slicing import ascending, ranges

logger = logging.getLogger(__name__)


class Regions:
    """An image that is read as it is sliced, from `open_regions`.

    A slice is what the same slice of `read_image`'s array would be, in a new array, masked if one
    of its pixels is. Only numbers, slices and "..." are accepted. Any number of threads may read at
    the same time.

    Args:
        path: of the file.
        source: what reads it.
        channel: index of the only channel that is given, or None for all.
        whole: the image of which this one is a smaller copy, if any.

    Attributes:
        path: see above.
        shape: (H, W) or (H, W, C).
        dtype: of the pixels.
        ndim: 2 or 3.
        channel_names: one per channel, "" if unknown; or empty, for colours and single channels.
    """

    def __init__(
        self,
        path: PathLike,
        source: Source,
        channel: int | None = None,
        whole: "Regions | None" = None,
    ) -> None:
        self.path, self._source, self._channel, self._whole = path, source, channel, whole
        self.shape = source.shape if channel is None else source.shape[:2]
        self.dtype, self.ndim = source.dtype, len(self.shape)
        names = list(source.channel_names)
        self.channel_names = names if channel is None or not names else [names[channel]]
        self._is_closed = False

    @property
    def pixel_size(self) -> PixelSize | None:
        """The size of a pixel, if the file gives it, see `read_pixel_size`."""
        return self._source.pixel_size or read_pixel_size(self.path)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed if self._whole is None else self._whole.closed

    def levels(self) -> list["Regions"]:
        """The smaller copies of the image in the file, the largest first; closed together with it.

        Raises:
            ValueError: the image is closed.
        """
        self._check_open()
        with errors_of(self.path):
            levels = self._source.levels()
        return [Regions(self.path, level, self._channel, self) for level in levels]

    def __getitem__(self, key: Any) -> Any:
        """Read a part of the image.

        Raises:
            ValueError: the image is closed.
            IndexError: see `slicing.ranges`.
            FileNotFoundError, OSError: the file was removed or is damaged.
        """
        (rows, columns, *others), last = ranges(key, self.shape)
        self._check_open()
        channels = others[0] if others else range(0)
        one = channels[0] if len(channels) == 1 else self._channel
        if not rows or not columns:
            block = np.empty((len(rows), len(columns), *map(len, others)), self.dtype)
        else:
            with errors_of(self.path):
                block = self._source.read(ascending(rows), ascending(columns), one)
            block = block[:: _sign(rows), :: _sign(columns)]
            if others:
                block = block[..., np.newaxis] if block.ndim == 2 else block[..., _slice(channels)]
        part = block[last]
        return contiguous(part) if part.ndim else part

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        """The whole image, for `numpy.asarray`."""
        return np.asarray(np.ma.getdata(self[...]), dtype)

    def __len__(self) -> int:
        """The height."""
        return self.shape[0]

    def close(self) -> None:
        """Close the file; the arrays that were read stay."""
        if not self.closed and self._whole is None:
            self._is_closed = True
            self._source.close()

    def __enter__(self) -> Self:
        """The image itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def __repr__(self) -> str:
        """Path, shape and dtype."""
        return f"<Regions of {os.fspath(self.path)}: {self.shape}, {self.dtype}>"

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError(f"{self.path} is closed: read it inside the `with`.")


def open_regions(
    path: PathLike,
    channel: int | str | None = None,
    plane: int | None = None,
    projection: str | None = None,
    max_pixels: int | None = MAX_PIXELS,
) -> Regions:
    """Open an image of any size, to read only the parts that are asked for.

    It is like the array of `read_image`: upright, channels last, colours as RGB, no alpha. Of these
    files, only the tiles, strips or chunks around a part are read:

    - TIFF in tiles or strips, BigTIFF, OME-TIFF and pyramids, of which it is the largest image.
      Compressions other than deflate need `pip install "mask-rcnn[huge]"` if the file is large.
    - Folders of OME-Zarr, or of a Zarr array, which need it, too.
    - Whole slides (SVS, NDPI, MRXS, SCN, ...), which need `pip install "mask-rcnn[slides]"`.
    - .npy files.

    All others, such as PNG, JPEG and a TIFF that is compressed in one piece, are read as a whole.

    Args:
        path: of the file or folder.
        channel: one channel, by its index or name, see `read_channel`. None: all.
        plane: one plane of a stack, from 0, such as a depth or a time. The planes of several axes
            are counted in the file's order, the last axis fastest. If it or `projection` is given,
            the pages of a TIFF that does not say what they are count as planes, not as channels.
        projection: "max", "mean" or "sum" of all planes, see `projections.projected`. It changes
            nothing in an image of one plane.
        max_pixels: the most pixels of an image that is read as a whole, see `read_image`.

    Returns:
        The image, to be used in a `with` statement.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: reading it needs a package; the message has the command that installs it.
        OSError: the file cannot be read as an image.
        ValueError: there is no such channel, plane or projection; or the file is a stack, and
            neither `plane` nor `projection` is given; or it must be read as a whole and is too
            large.

    Example:
        >>> from mrcnn.images import open_regions
        >>> np.save("cells.npy", np.arange(6000, dtype=np.uint16).reshape(60, 100))
        >>> with open_regions("cells.npy") as image:
        ...     image.shape, image[20:22, 30:33]
        ((60, 100), array([[2030, 2031, 2032],
               [2130, 2131, 2132]], dtype=uint16))
    """
    check_projection(projection)
    if plane is not None and projection is not None:
        raise ValueError(f'plane is {plane} and projection is "{projection}": give one of them.')
    with errors_of(path):
        source = open_source(path, plane, projection, max_pixels)
    try:
        if channel is not None:
            count = source.shape[2] if len(source.shape) == 3 else 1
            index = index_of(channel, addressed(source.channel_names, count), path)
            return Regions(path, source, index if len(source.shape) == 3 else None)
        names = source.channel_names
        if names and source.shape[2:] in ((3,), (4,)):
            logger.warning(remark_on(path, names))
        return Regions(path, source)
    except BaseException:
        source.close()
        raise


def _sign(positions: range) -> int:
    return 1 if positions.step > 0 else -1


def _slice(positions: range) -> slice:
    """The slice of the entries at `positions`."""
    stop = positions.stop if positions.stop >= 0 else None
    return slice(positions.start, stop, positions.step)
