"""Instances of an image that are known only by their boxes."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from ..geometry.resampling import per_axis, scaled_side
from ..types import Array
from .annotated import Annotated
from .instances import Chosen
from .masks import InstanceMasks

# A box is out of sight if either side has less than this inside the image, in pixels. (Not quite a
# pixel, because boxes are rounded to float32.)
_MIN_SIDE = 0.999


class InstanceBoxes:
    """Boxes of N instances of one image, which move as `InstanceMasks` do.

    Args:
        boxes: [N, 4] pixels; they may extend outside the image.
        shape: (height, width) of the image; further entries are ignored.
        annotated: boxes and areas as the file gives them, if it does. Selecting instances keeps
            them, and moving instances drops them.

    Attributes:
        height, width: size of the image in pixels.
        boxes: [N, 4] float32 pixels, clipped to the image; zeros where less than a pixel is left.
        annotated: as given, for evaluation; all else uses `boxes`.

    Example:
        >>> from mrcnn.instances import InstanceBoxes
        >>> boxes = InstanceBoxes([[10, 20, 30, 40], [90, 0, 120, 50]], shape=(100, 200))
        >>> boxes.boxes
        array([[ 10.,  20.,  30.,  40.],
               [ 90.,   0., 100.,  50.]], dtype=float32)
        >>> boxes.areas
        array([400., 500.])
    """

    annotated: Annotated | None = None

    def __init__(
        self,
        boxes: npt.ArrayLike,
        shape: Sequence[int] | Array,
        annotated: Annotated | None = None,
    ) -> None:
        self.annotated = annotated
        self.height, self.width = (int(side) for side in shape[:2])
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        boxes = np.clip(boxes, 0, [self.height, self.width] * 2)
        inside = (boxes[:, 2:] - boxes[:, :2] >= _MIN_SIDE).all(axis=1)
        self.boxes: Array = np.where(inside[:, None], boxes, 0).astype(np.float32)

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, N): the shape of `dense()`."""
        return self.height, self.width, len(self)

    @property
    def visible(self) -> Array:
        """[N] bool, whether any part of an instance is inside the image."""
        return self.boxes[:, 2] > 0

    @property
    def areas(self) -> Array:
        """[N] float64, area of each box in pixels."""
        sides = (self.boxes[:, 2:] - self.boxes[:, :2]).astype(np.float64)
        return sides[:, 0] * sides[:, 1]

    def __getitem__(self, chosen: Chosen) -> Self:
        """The instances selected by a slice, a bool array [N] or an array of indices."""
        annotated = self.annotated[chosen] if self.annotated else None
        return type(self)(self.boxes[chosen], self.shape, annotated)

    def flip(self, axis: int) -> Self:
        """The boxes mirrored top to bottom (`axis` 0) or left to right (1)."""
        size = (self.height, self.width)[axis]
        boxes = self.boxes.copy()
        boxes[:, axis], boxes[:, axis + 2] = (
            size - self.boxes[:, axis + 2],
            size - self.boxes[:, axis],
        )
        return type(self)(boxes, self.shape)

    def transpose(self) -> Self:
        """The boxes with rows and columns swapped."""
        return type(self)(self.boxes[:, [1, 0, 3, 2]], (self.width, self.height))

    def resize(
        self,
        scale: float | Sequence[float],
        padding: Sequence[tuple[int, int]],
        crop: Sequence[int] | None = None,
    ) -> Self:
        """The boxes, moved as `resize_image` moved the image.

        Args:
            scale, padding, crop: see `Instances.resize`.
        """
        (top, bottom), (left, right) = padding[:2]
        height, width = self.height, self.width
        if scale != 1:
            vertical, horizontal = per_axis(scale)
            height, width = scaled_side(height, vertical), scaled_side(width, horizontal)
        factors = np.array([height / self.height, width / self.width] * 2)
        boxes = self.boxes * factors + [top, left, top, left]
        shape: Sequence[int] = (height + top + bottom, width + left + right)
        if crop is not None:
            boxes, shape = boxes - [*crop[:2], *crop[:2]], crop[2:]
        return type(self)(boxes, shape)

    def behind(self, cover: Array) -> Self:
        """The boxes unchanged: what is still visible of an instance cannot be told from its box.

        Args:
            cover: bool [H, W], where something in front of the instances is.
        """
        return type(self)(self.boxes, self.shape)

    def joined(self, other: Self) -> Self:
        """These boxes, followed by those of `other` in the same image."""
        return type(self)(np.concatenate([self.boxes, other.boxes]), self.shape)

    def filled(self) -> InstanceMasks:
        """The boxes as filled `InstanceMasks`, for augmentations that only move pixels."""
        rounded = np.floor(self.boxes + 0.5).astype(np.int64)
        # A visible box keeps at least one pixel.
        thinnest = rounded[:, :2] + self.visible[:, None]
        rounded[:, 2:] = np.maximum(rounded[:, 2:], thinnest)
        crops = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in rounded]
        return InstanceMasks(crops, rounded[:, :2], self.shape)

    def dense(self) -> Array:
        """The filled boxes as one array, bool [H, W, N]."""
        return self.filled().dense()

    def labels(self) -> Array:
        """The filled boxes as label images, see `InstanceMasks.labels`."""
        return self.filled().labels()

    @classmethod
    def from_dense(cls, masks: npt.ArrayLike) -> Self:
        """The boxes around `masks`, an array [H, W, N], nonzero inside the instance."""
        return cls(InstanceMasks.from_dense(masks).boxes, np.shape(masks))

    @classmethod
    def from_labels(cls, labels: Array, count: int) -> Self:
        """The boxes around the instances in label images, see `InstanceMasks.from_labels`.

        Args:
            labels, count: as in `InstanceMasks.from_labels`.
        """
        return cls(InstanceMasks.from_labels(labels, count).boxes, labels.shape)
