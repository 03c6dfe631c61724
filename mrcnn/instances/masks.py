"""The masks of an image's instances, each stored only inside its box.

A dense array [H, W, N] of 200 nuclei at 1024x1024 takes 200 MB, of which only a few hundred kB
carry information. The loader works on these crops from the annotation to the mini masks.
"""

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from ..geometry.resampling import nearest_pixels, per_axis
from ..types import Array
from .annotated import Annotated
from .instances import Chosen
from .pasting import minimize_crops


class InstanceMasks:
    """Bool masks of N instances of one image.

    Args:
        crops: N arrays [h, w], nonzero inside; they may extend outside the image.
        corners: [N, (y, x)] pixels, position of each crop's first pixel in the image.
        shape: (height, width) of the image; further entries are ignored.
        annotated: boxes and areas that the file gives besides the masks, if any. Selecting
            instances keeps them, and moving instances drops them.

    Attributes:
        height, width: size of the image in pixels.
        crops: N bool arrays, cut to the instance's box: (0, 0) if it has no pixels.
        boxes: [N, 4] int32 pixels, zeros where an instance has no pixels.
        annotated: as given, for evaluation; all else uses `boxes`.

    Example:
        >>> from mrcnn.instances import InstanceMasks
        >>> dense = np.zeros((100, 200, 1), bool)
        >>> dense[10:13, 20:24, 0] = True
        >>> masks = InstanceMasks.from_dense(dense)
        >>> masks.boxes, masks.areas
        (array([[10, 20, 13, 24]], dtype=int32), array([12]))
        >>> masks.flip(1).boxes
        array([[ 10, 176,  13, 180]], dtype=int32)
    """

    annotated: Annotated | None = None

    def __init__(
        self,
        crops: Iterable[npt.ArrayLike],
        corners: Iterable[Sequence[int]] | Array,
        shape: Sequence[int] | Array,
        annotated: Annotated | None = None,
    ) -> None:
        self.annotated = annotated
        self.height, self.width = (int(side) for side in shape[:2])
        self.crops: list[Array] = []
        boxes = []
        for crop, (y, x) in zip(crops, corners, strict=True):
            cut, box = self._cut(np.asarray(crop, bool), int(y), int(x))
            self.crops.append(cut)
            boxes.append(box)
        self.boxes: Array = np.array(boxes, np.int32).reshape(-1, 4)

    def _cut(self, crop: Array, y: int, x: int) -> tuple[Array, tuple[int, int, int, int]]:
        """The crop, cut to the image and trimmed of empty borders, and its box."""
        if y < 0 or x < 0 or y + crop.shape[0] > self.height or x + crop.shape[1] > self.width:
            crop = crop[max(-y, 0) : max(self.height - y, 0), max(-x, 0) : max(self.width - x, 0)]
            y, x = max(y, 0), max(x, 0)
        y1, y2 = _ends(np.any(crop, axis=1))
        x1, x2 = _ends(np.any(crop, axis=0))
        if y1 == y2:
            return np.zeros((0, 0), bool), (0, 0, 0, 0)
        return crop[y1:y2, x1:x2], (y + y1, x + x1, y + y2, x + x2)

    @classmethod
    def from_dense(cls, masks: npt.ArrayLike) -> Self:
        """`InstanceMasks` of `masks`, an array [H, W, N], nonzero inside the instance."""
        masks = np.asarray(masks)
        masks = masks if masks.dtype == bool else masks != 0
        height, width, count = masks.shape
        rows = np.any(masks, axis=1)  # [H, N]
        ys = [_ends(rows[:, i]) for i in range(count)]
        # Most rows are empty for most instances, and a contiguous plane is cheap to search.
        crops = [masks[y1:y2, :, i] for i, (y1, y2) in enumerate(ys)]
        return cls(crops, [(y1, 0) for y1, _ in ys], (height, width))

    @classmethod
    def from_labels(cls, labels: Array, count: int) -> Self:
        """`InstanceMasks` of label images, as `labels()` returns them.

        Args:
            labels: integers [H, W] or [H, W, L]: i + 1 in the pixels of instance i, 0 outside.
            count: number of instances; one without pixels has an empty mask.
        """
        labels = np.atleast_3d(labels)
        crops, corners = [np.zeros((0, 0), bool)] * count, [(0, 0)] * count
        for layer in np.moveaxis(labels, -1, 0):
            places = scipy.ndimage.find_objects(layer, max_label=count)
            for i, place in enumerate(places):
                if place is not None:
                    crops[i] = layer[place] == i + 1
                    corners[i] = (place[0].start, place[1].start)
        return cls(crops, corners, labels.shape)

    def __len__(self) -> int:
        return len(self.crops)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, N): the shape of `dense()`."""
        return self.height, self.width, len(self)

    @property
    def visible(self) -> Array:
        """[N] bool, whether an instance has any pixels."""
        return self.boxes[:, 2] > 0

    @property
    def areas(self) -> Array:
        """[N] int64, area of each instance in pixels."""
        return np.array([np.count_nonzero(crop) for crop in self.crops], np.int64)

    def __getitem__(self, chosen: Chosen) -> Self:
        """The instances selected by a slice, a bool array [N] or an array of indices."""
        masks = object.__new__(type(self))
        masks.height, masks.width = self.height, self.width
        masks.crops = [self.crops[i] for i in np.arange(len(self))[chosen]]
        masks.boxes = self.boxes[chosen]
        masks.annotated = self.annotated[chosen] if self.annotated else None
        return masks

    def thinned(self, step: int) -> "InstanceMasks":
        """The masks in every `step`-th row and column of the image, from the first on."""
        crops, corners = [], []
        for crop, (y1, x1, _, _) in zip(self.crops, self.boxes.tolist(), strict=True):
            crops.append(crop[-y1 % step :: step, -x1 % step :: step])
            corners.append((-(-y1 // step), -(-x1 // step)))
        return InstanceMasks(crops, corners, (-(-self.height // step), -(-self.width // step)))

    def dense(self) -> Array:
        """The masks as one array, bool [H, W, N]."""
        masks = np.zeros(self.shape, bool)
        for i, (crop, (y1, x1, y2, x2)) in enumerate(zip(self.crops, self.boxes, strict=True)):
            masks[y1:y2, x1:x2, i] = crop
        return masks

    def labels(self) -> Array:
        """The masks as label images, to move all of them in one go.

        Returns:
            int32 [H, W, L]: i + 1 in the pixels of instance i, 0 outside. Instances that share a
            pixel are in different layers, so L is 1 if none do (and 0 without instances).
        """
        layers: list[Array] = []
        for i, (crop, (y1, x1, y2, x2)) in enumerate(zip(self.crops, self.boxes, strict=True)):
            for layer in layers:
                if not layer[y1:y2, x1:x2][crop].any():
                    break
            else:
                layer = np.zeros((self.height, self.width), np.int32)
                layers.append(layer)
            layer[y1:y2, x1:x2][crop] = i + 1
        if not layers:
            return np.zeros((self.height, self.width, 0), np.int32)
        return np.stack(layers, axis=-1)

    def flip(self, axis: int) -> Self:
        """The masks mirrored top to bottom (`axis` 0) or left to right (1)."""
        size = (self.height, self.width)[axis]
        crops = [np.flip(crop, axis) if crop.size else crop for crop in self.crops]
        corners = self.boxes[:, :2].copy()
        corners[:, axis] = size - self.boxes[:, 2 + axis]
        return type(self)(crops, corners, self.shape)

    def transpose(self) -> Self:
        """The masks with rows and columns swapped."""
        crops = [crop.T for crop in self.crops]
        return type(self)(crops, self.boxes[:, 1::-1], (self.width, self.height))

    def resize(
        self,
        scale: float | Sequence[float],
        padding: Sequence[tuple[int, int]],
        crop: Sequence[int] | None = None,
    ) -> Self:
        """The masks as `resize_mask` would resize them: nearest pixel, then padded, then cropped.

        Args:
            scale, padding, crop: see `Instances.resize`.
        """
        (top, bottom), (left, right) = padding[:2]
        crops, ends = self.crops, self.boxes.astype(np.int64)
        height, width = self.height, self.width
        if scale != 1:
            vertical, horizontal = per_axis(scale)
            nearest = [nearest_pixels(height, vertical), nearest_pixels(width, horizontal)]
            (ys, xs), (height, width) = nearest, map(len, nearest)
            # `nearest` never decreases, so the pixels inside a box form a range.
            ends = np.stack(
                [np.searchsorted((ys, xs)[i % 2], ends[:, i]) for i in range(4)], axis=1
            )
            crops = [
                crop[(ys[y1:y2] - box[0])[:, None], xs[x1:x2] - box[1]]
                for crop, box, (y1, x1, y2, x2) in zip(crops, self.boxes, ends, strict=True)
            ]
        corners = ends[:, :2] + [top, left]
        shape: Sequence[int] = (height + top + bottom, width + left + right)
        if crop is not None:
            corners, shape = corners - crop[:2], crop[2:]
        return type(self)(crops, corners, shape)

    def behind(self, cover: Array) -> Self:
        """The masks without the pixels that something in front of them hides.

        Args:
            cover: bool [H, W], where it is.
        """
        crops = [
            crop & ~cover[y1:y2, x1:x2]
            for crop, (y1, x1, y2, x2) in zip(self.crops, self.boxes, strict=True)
        ]
        return type(self)(crops, self.boxes[:, :2], self.shape)

    def joined(self, other: Self) -> Self:
        """These masks, followed by those of `other` in the same image."""
        corners = np.concatenate([self.boxes[:, :2], other.boxes[:, :2]])
        return type(self)([*self.crops, *other.crops], corners, self.shape)

    def minimize(self, mini_shape: Sequence[int] | Array) -> Array:
        """Mini masks, as `pasting.minimize_mask` makes them.

        Args:
            mini_shape: (height, width).

        Returns:
            bool [height, width, N]: a view of an array [N, height, width].

        Raises:
            ValueError: an instance has no pixels.
        """
        if not self.visible.all():
            empty = int(np.flatnonzero(~self.visible)[0])
            raise ValueError(f"instance {empty} has no pixels: drop empty masks first.")
        return minimize_crops(self.crops, mini_shape)


def as_instances(masks: InstanceMasks | npt.ArrayLike) -> InstanceMasks:
    """Masks [H, W, N] as `InstanceMasks`; `InstanceMasks` are returned unchanged."""
    return masks if isinstance(masks, InstanceMasks) else InstanceMasks.from_dense(masks)


def union(
    crops: Sequence[Array], corners: Sequence[Sequence[int]] | Array
) -> tuple[Array, tuple[int, int]]:
    """Several crops merged into one.

    Args:
        crops: bool arrays [h, w], at least one.
        corners: (y, x) of each crop's first pixel.

    Returns:
        bool array [h, w] and the (y, x) of its first pixel.
    """
    corners = np.array(corners)
    ends = corners + [crop.shape for crop in crops]
    first = corners.min(axis=0)
    whole = np.zeros(ends.max(axis=0) - first, bool)
    for crop, (y, x) in zip(crops, corners - first, strict=True):
        whole[y : y + crop.shape[0], x : x + crop.shape[1]] |= crop
    return whole, tuple(first.tolist())


def _ends(inside: Array) -> tuple[int, int]:
    """Index of a vector's first True, and one past its last; (0, 0) if there is none."""
    places = np.flatnonzero(inside)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
