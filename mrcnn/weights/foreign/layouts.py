"""How a tensor of PyTorch becomes a variable of ours, and back."""

import abc
import math
from dataclasses import dataclass

import numpy as np

from ...types import Array


class Change(abc.ABC):
    """A change of a tensor's first axis or of the order of its axes."""

    @abc.abstractmethod
    def ours(self, tensor: Array) -> Array:
        """The changed tensor, which has another shape; a view where possible.

        Args:
            tensor: as in PyTorch.
        """

    @abc.abstractmethod
    def theirs(self, array: Array) -> Array:
        """The inverse of `ours`.

        Args:
            array: as `ours` returns it.
        """


class Kernel(Change):
    """Kernels of convolutions, [out, in, h, w] -> [h, w, in, out].

    It also turns those of transposed ones, [in, out, h, w] -> [h, w, out, in].
    """

    def ours(self, tensor: Array) -> Array:
        return tensor.transpose(2, 3, 1, 0)

    def theirs(self, array: Array) -> Array:
        return array.transpose(3, 2, 0, 1)


class Dense(Change):
    """Kernels of fully connected layers, [out, in] -> [in, out]."""

    def ours(self, tensor: Array) -> Array:
        return tensor.T

    def theirs(self, array: Array) -> Array:
        return array.T


@dataclass(frozen=True)
class Cells(Change):
    """Fully connected layers as convolutions, [out, C * s * s] -> [s, s, C, out].

    Attributes:
        channels: C; 0 for the number of inputs, which makes s 1.
    """

    channels: int = 0

    def ours(self, tensor: Array) -> Array:
        filters, inputs = tensor.shape
        channels = self.channels or inputs
        side = math.isqrt(inputs // channels)
        if side * side * channels != inputs:
            raise ValueError(
                f"a layer takes {inputs} values: they are no square of cells with {channels} "
                "channels"
            )
        return tensor.reshape(filters, channels, side, side).transpose(2, 3, 1, 0)

    def theirs(self, array: Array) -> Array:
        return array.transpose(3, 2, 0, 1).reshape(array.shape[3], -1)


class Yx(Change):
    """Box deltas (dx, dy, dw, dh) -> (dy, dx, dh, dw), for each group of four rows."""

    def ours(self, tensor: Array) -> Array:
        return tensor.reshape(-1, 4, *tensor.shape[1:])[:, [1, 0, 3, 2]].reshape(tensor.shape)

    def theirs(self, array: Array) -> Array:
        return self.ours(array)


@dataclass(frozen=True)
class RatiosFirst(Change):
    """Anchors of a cell by size, for each its ratios -> by ratio, for each its sizes.

    Attributes:
        ratios: their number.
        rows: of each anchor.
    """

    ratios: int
    rows: int

    def ours(self, tensor: Array) -> Array:
        return self._swapped(tensor, -1, self.ratios)

    def theirs(self, array: Array) -> Array:
        return self._swapped(array, self.ratios, -1)

    def _swapped(self, array: Array, first: int, second: int) -> Array:
        split = array.reshape(first, second, self.rows, *array.shape[1:])
        return split.swapaxes(0, 1).reshape(array.shape)


class BackgroundFirst(Change):
    """The last class becomes the first."""

    def ours(self, tensor: Array) -> Array:
        return np.concatenate([tensor[-1:], tensor[:-1]])

    def theirs(self, array: Array) -> Array:
        return np.concatenate([array[1:], array[:1]])


@dataclass(frozen=True)
class BackgroundAdded(Change):
    """A background of zeros before the first class.

    Attributes:
        rows: of each class.
    """

    rows: int = 1

    def ours(self, tensor: Array) -> Array:
        return np.concatenate([np.zeros((self.rows, *tensor.shape[1:]), tensor.dtype), tensor])

    def theirs(self, array: Array) -> Array:
        return array[self.rows :]


Changes = tuple[Change, ...]


def ours(changes: Changes, tensor: Array) -> Array:
    """A tensor of PyTorch in the shape of a variable of ours.

    Args:
        changes: in order.
        tensor: any shape.

    Example:
        >>> from mrcnn.weights.foreign.layouts import Kernel, Yx, ours
        >>> ours((Yx(), Kernel()), np.zeros((12, 256, 3, 1))).shape
        (3, 1, 256, 12)
    """
    for change in changes:
        tensor = change.ours(tensor)
    return tensor


def theirs(changes: Changes, array: Array) -> Array:
    """The inverse of `ours`.

    Args:
        changes: in the order of `ours`.
        array: any shape.
    """
    for change in reversed(changes):
        array = change.theirs(array)
    return array
