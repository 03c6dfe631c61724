"""The keypoints of an image's instances."""

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from ..geometry.resampling import per_axis, scaled_side
from ..types import Array
from .instances import Chosen
from .keypoint_layout import check_flip_pairs, mirrored

# COCO's visibilities: not labelled (y and x mean nothing), labelled but hidden, visible.
UNLABELLED, HIDDEN, VISIBLE = 0, 1, 2


class InstanceKeypoints:
    """K keypoints for each of an image's N instances, which move as `InstanceMasks` do.

    Positions are continuous, like those of boxes: the centre of the image's first pixel is at
    (0.5, 0.5), and COCO's whole numbers, which count pixels, lie 0.5 lower.

    Args:
        points: [N, K, 3] of (y, x, visibility), y and x in pixels. The visibility is COCO's: 0 not
            labelled, 1 labelled but hidden, 2 visible. Points may lie outside the image.
        shape: (height, width) of the image in pixels; further entries are ignored.
        flip_pairs: pairs of indices of keypoints, left and right, which flips swap; see
            `KeypointLayout`.

    Attributes:
        height, width: size of the image in pixels.
        points: float32 [N, K, 3], as given; zeros where the visibility is 0.
        flip_pairs: as given, a tuple.

    Raises:
        ValueError: `points` has the wrong shape, a visibility other than 0, 1 and 2, or a labelled
            point that is not finite; or see `check_flip_pairs`.

    Example:
        >>> from mrcnn.instances import InstanceKeypoints
        >>> hands = [[[30, 10, 2], [40, 25, 1]]]  # left, right
        >>> keypoints = InstanceKeypoints(hands, shape=(100, 200), flip_pairs=[(0, 1)])
        >>> keypoints.flip(1).points
        array([[[ 40., 175.,   1.],
                [ 30., 190.,   2.]]], dtype=float32)
    """

    def __init__(
        self,
        points: npt.ArrayLike,
        shape: Sequence[int] | Array,
        flip_pairs: Iterable[Sequence[int]] = (),
    ) -> None:
        self.height, self.width = (int(side) for side in shape[:2])
        given = np.asarray(points, np.float32)
        if given.ndim != 3 or given.shape[2] != 3:
            raise ValueError(
                f"the keypoints have shape {given.shape}: it must be [N, K, 3], with (y, x, "
                "visibility) for each of K keypoints of N instances."
            )
        wrong = ~np.isin(given[..., 2], (UNLABELLED, HIDDEN, VISIBLE))
        if wrong.any():
            raise ValueError(
                f"a keypoint has visibility {given[..., 2][wrong][0]:g}: it must be 0 (not "
                "labelled), 1 (hidden) or 2 (visible)."
            )
        labelled = given[..., 2] > 0
        if not np.isfinite(given[labelled]).all():
            raise ValueError("a labelled keypoint has a position that is NaN or infinite.")
        self.points: Array = np.where(labelled[..., None], given, np.float32(0))
        self.flip_pairs = check_flip_pairs(flip_pairs, given.shape[1])

    def __len__(self) -> int:
        return len(self.points)

    @property
    def count(self) -> int:
        """K, the number of keypoints of an instance."""
        return self.points.shape[1]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, N) of the image and its instances."""
        return self.height, self.width, len(self)

    @property
    def labelled(self) -> Array:
        """[N, K] bool, whether the position of a keypoint is known."""
        return self.points[..., 2] > 0

    @property
    def visible(self) -> Array:
        """[N] bool, whether any labelled keypoint of an instance is inside the image."""
        inside = (self.points[..., :2] >= 0) & (self.points[..., :2] <= [self.height, self.width])
        return np.any(self.labelled & inside.all(axis=-1), axis=1)

    def outside(self, boxes: npt.ArrayLike, tolerance: float | Array = 1.0) -> Array:
        """Which labelled keypoints lie outside the box of their instance.

        Args:
            boxes: [N, 4] pixels.
            tolerance: how far outside a keypoint may lie, in pixels; or an array [N, 1, 1].

        Returns:
            bool [N, K].
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 1, 4)
        positions = self.points[..., :2]
        beyond = (positions < boxes[..., :2] - tolerance) | (positions > boxes[..., 2:] + tolerance)
        found: Array = self.labelled & beyond.any(axis=-1)
        return found

    def __getitem__(self, chosen: Chosen) -> Self:
        """The instances selected by a slice, a bool array [N] or an array of indices."""
        return self._moved(self.points[chosen], self.shape)

    def flip(self, axis: int) -> Self:
        """The keypoints mirrored top to bottom (`axis` 0) or left to right (1).

        Left and right are swapped in both cases: the mirror image of a left hand is a right hand,
        whichever way it is turned.
        """
        points = self.points.copy()
        points[..., axis] = (self.height, self.width)[axis] - points[..., axis]
        return self._moved(self._swapped(points), self.shape)

    def transpose(self) -> Self:
        """The keypoints with rows and columns swapped, which is a mirror image too, see `flip`."""
        return self._moved(self._swapped(self.points[..., [1, 0, 2]]), (self.width, self.height))

    def resize(
        self,
        scale: float | Sequence[float],
        padding: Sequence[tuple[int, int]],
        crop: Sequence[int] | None = None,
    ) -> Self:
        """The keypoints, moved as `resize_image` moved the image.

        Args:
            scale, padding, crop: see `Instances.resize`.
        """
        (top, bottom), (left, right) = padding[:2]
        height, width = self.height, self.width
        if scale != 1:
            vertical, horizontal = per_axis(scale)
            height, width = scaled_side(height, vertical), scaled_side(width, horizontal)
        factors = np.array([height / self.height, width / self.width, 1])
        points = self.points * factors + [top, left, 0]
        shape: Sequence[int] = (height + top + bottom, width + left + right)
        if crop is not None:
            points, shape = points - [*crop[:2], 0], crop[2:]
        return self._moved(points, shape)

    def behind(self, cover: Array) -> Self:
        """The keypoints, of which visible ones behind something become hidden.

        Args:
            cover: bool [H, W], True where something is in front.
        """
        points = self.points.copy()
        y, x = np.floor(points[..., 0]).astype(int), np.floor(points[..., 1]).astype(int)
        # A point on the lower or right edge of the image belongs to its last pixel.
        y, x = np.where(y == self.height, y - 1, y), np.where(x == self.width, x - 1, x)
        inside = (y >= 0) & (x >= 0) & (y < self.height) & (x < self.width)
        covered = inside & cover[np.where(inside, y, 0), np.where(inside, x, 0)]
        points[covered & (points[..., 2] == VISIBLE), 2] = HIDDEN
        return self._moved(points, self.shape)

    def joined(self, other: Self) -> Self:
        """These keypoints, followed by those of `other` in the same image."""
        return self._moved(np.concatenate([self.points, other.points]), self.shape)

    def _swapped(self, points: Array) -> Array:
        return points[:, mirrored(self.count, self.flip_pairs)]

    def _moved(self, points: Array, shape: Sequence[int]) -> Self:
        return type(self)(points, shape, self.flip_pairs)
