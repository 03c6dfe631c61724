"""Which axes of a stored array are height, width, channels and planes (depth, time)."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Self

from ..types import Array

# Axes that are the channels: samples, channels. Of both, the samples are.
_CHANNELS = "SC"
# Axes that may be anything: unnamed ones, and pages of unstated meaning.
_UNNAMED = "QI"


class StackError(ValueError):
    """The file holds more than one image."""


@dataclasses.dataclass(frozen=True, slots=True)
class Axes:
    """The axes of an array as it is stored, each by its position; those of one entry are left out.

    Attributes:
        sizes: of all axes.
        names: of all axes, one letter each, as in TIFF files: Y, X, C, S, Z, T, ...
        y, x: positions of height and width.
        channel: position of the channels; None if there is only one.
        planes: positions of all others. Their entries, in the order of the file, are the planes.
    """

    sizes: tuple[int, ...]
    names: str
    y: int
    x: int
    channel: int | None
    planes: tuple[int, ...]

    @classmethod
    def of(cls, sizes: Sequence[int], names: str, pages: bool = False) -> Self:
        """Tell the axes of an array by their sizes and names.

        Args:
            sizes: of all axes.
            names: one letter each. C and S are channels, Q and I have no stated meaning.
            pages: whether a third axis of no stated meaning counts planes, not channels.

        Raises:
            ValueError: the array has no two axes for height and width.

        Example:
            >>> from mrcnn.images.axes import Axes
            >>> axes = Axes.of((5, 2, 40, 60), "ZCYX")
            >>> axes.channels, axes.plane_count
            (2, 5)
        """
        kept = [i for i, size in enumerate(sizes) if size > 1 or names[i] in "YX"]
        others = [i for i in kept if names[i] not in "YX"]
        if len(kept) != len(others) + 2:
            raise ValueError(f"its shape is {tuple(sizes)} with axes {names}, without Y and X")
        if len(others) == 1 and names[others[0]] in _UNNAMED and not pages:
            # An array [H, W, C] that was saved unchanged looks like H pages of [W, C].
            channel: int | None = kept[_smaller_end([sizes[i] for i in kept])]
            planes = []
        else:
            channel = next((i for name in _CHANNELS for i in others if names[i] == name), None)
            planes = [i for i in others if i != channel]
        y, x = (i for i in kept if i != channel and i not in planes)
        if names[y] == "X" and names[x] == "Y":
            y, x = x, y
        if channel is not None and sizes[channel] == 1:
            channel = None
        return cls(tuple(sizes), names, y, x, channel, tuple(planes))

    @property
    def channels(self) -> int:
        """The number of channels."""
        return 1 if self.channel is None else self.sizes[self.channel]

    @property
    def plane_count(self) -> int:
        """The number of planes."""
        return math.prod(self.sizes[i] for i in self.planes)

    @property
    def height(self) -> int:
        """Of a plane, in pixels, as stored."""
        return self.sizes[self.y]

    @property
    def width(self) -> int:
        """Of a plane, in pixels, as stored."""
        return self.sizes[self.x]

    def resized(self, shape: Sequence[int]) -> Self | None:
        """The same axes of a smaller copy; None if it is not one.

        Args:
            shape: of the copy, which differs in height and width alone.
        """
        same = [i for i in range(len(self.sizes)) if i not in (self.y, self.x)]
        if len(shape) != len(self.sizes) or any(shape[i] != self.sizes[i] for i in same):
            return None
        return dataclasses.replace(self, sizes=tuple(shape))

    def check_one_image(self) -> None:
        """Check that there is one plane.

        Raises:
            StackError: there are several.
        """
        if self.planes:
            kept = [i for i, size in enumerate(self.sizes) if size > 1 or self.names[i] in "YX"]
            sizes, names = [self.sizes[i] for i in kept], "".join(self.names[i] for i in kept)
            raise StackError(
                f"it holds a stack of {self.plane_count} planes (shape {tuple(sizes)}, axes "
                f"{names}), not one image. Choose a plane, such as plane=0, or combine them, such "
                'as projection="max", with images.open_regions.'
            )

    def key(self, plane: int, rows: slice, columns: slice, channel: int | None = None) -> Any:
        """What to index the stored array with, to get a window of one plane.

        Args:
            plane: from 0 to `plane_count` - 1.
            rows, columns: of the window.
            channel: one channel, or None for all.

        Returns:
            A tuple of one slice per axis, for `arranged`.
        """
        slices: list[slice] = [slice(0, 1)] * len(self.sizes)
        for i in reversed(self.planes):
            plane, index = divmod(plane, self.sizes[i])
            slices[i] = slice(index, index + 1)
        slices[self.y], slices[self.x] = rows, columns
        if self.channel is not None:
            slices[self.channel] = (
                slice(0, self.channels) if channel is None else slice(channel, channel + 1)
            )
        return tuple(slices)

    def arranged(self, block: Array) -> Array:
        """A block of one plane as [h, w] or [h, w, C].

        Args:
            block: [..., h, ..., w, ...], the stored array indexed with `key`, with all its axes.
        """
        ends = [self.y, self.x] + ([] if self.channel is None else [self.channel])
        others = [i for i in range(block.ndim) if i not in ends]
        block = block.transpose(others + ends)[(0,) * len(others)]
        return block[..., 0] if self.channel is not None and block.shape[-1] == 1 else block


def check_plane(plane: int | None, count: int) -> None:
    """Check that an image has a plane.

    Args:
        plane: its number, or None for no choice.
        count: of planes.

    Raises:
        StackError: it has not.
    """
    if plane is not None and not 0 <= plane < count:
        has = f"{count} planes, 0 to {count - 1}," if count > 1 else "one plane, 0,"
        raise StackError(f"it has {has} and no plane {plane}.")


def _smaller_end(sizes: Sequence[int]) -> int:
    """The channel axis, 0 or 2 of three: the smaller, or the odd one out if the image is square."""
    if sizes[0] == sizes[1]:
        return 2
    return 0 if sizes[1] == sizes[2] or sizes[0] < sizes[2] else 2
