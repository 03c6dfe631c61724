"""Which detections of two tiles are the same object: those whose masks agree where both see them.

In the region that two tiles share, the mask of an object is the same in both, however much of the
object lies outside. Masks are compared piece by piece there: the two arms of a C may be two
detections in the tile that does not see its bow.
"""

from collections.abc import Sequence

import numpy as np
import scipy.ndimage

from ..types import Array
from .tiles import Box
from .views import View

# Pixels that touch at a corner only are not connected.
_CONNECTED = scipy.ndimage.generate_binary_structure(2, 1)
# A mask of more pieces is noise: it is compared as one.
_MOST_PIECES = 256


def agreements(
    first: Sequence[View], second: Sequence[View], min_iou: float, across_classes: bool
) -> list[tuple[View, View]]:
    """Pairs of detections that are the same object.

    Masks in the shared region, or connected pieces of them, are paired one to one, best first, if
    their IoU is at least `min_iou`.

    Args:
        first, second: the views of two tiles.
        min_iou: in [0, 1].
        across_classes: whether the two may be of different classes.

    Returns:
        (view of the first tile, view of the second), best first.
    """
    if not first or not second:
        return []
    shared = _shared(first[0].tile.box, second[0].tile.box)
    ours, theirs = _inside(first, shared), _inside(second, shared)
    if not ours or not theirs:
        return []
    boxes = np.array([part.box for part in theirs])
    found = []
    for i, part in enumerate(ours):
        y1, x1, y2, x2 = part.box
        near = (boxes[:, 0] < y2) & (boxes[:, 1] < x2) & (boxes[:, 2] > y1) & (boxes[:, 3] > x1)
        for j in np.flatnonzero(near).tolist():
            if across_classes or part.view.class_id == theirs[j].view.class_id:
                found += [(*pair, i, j) for pair in _similar(part, theirs[j], min_iou)]
    found.sort(key=lambda each: each[:2], reverse=True)
    pairs: dict[tuple[int, int], None] = {}
    for _, _, a, b, i, j in found:
        if ours[i].is_free(a) and theirs[j].is_free(b):
            ours[i].taken.add(a)
            theirs[j].taken.add(b)
            pairs[i, j] = None
    return [(ours[i].view, theirs[j].view) for i, j in pairs]


class _Part:
    """What of a view lies in the shared region.

    Attributes:
        view: the view.
        box: of the part, in pixels of the image.
        labels: int [h, w], numbers from 1 of its connected pieces.
        sizes: int [P + 1], pixels of each piece; the first entry is for all together.
        taken: numbers of the pieces that were paired; 0 is all together.
    """

    __slots__ = ("box", "labels", "sizes", "taken", "view")

    def __init__(self, view: View, box: Box, crop: Array) -> None:
        self.view, self.box = view, box
        self.labels, count = scipy.ndimage.label(crop, _CONNECTED)
        if count > _MOST_PIECES:
            self.labels = crop.astype(np.int32)
        self.sizes = np.bincount(self.labels.ravel(), minlength=2)
        self.sizes[0] = self.sizes[1:].sum()
        self.taken: set[int] = set()

    def is_free(self, piece: int) -> bool:
        """Whether neither a piece nor a larger or smaller part with it was paired."""
        return not self.taken & {0, piece} if piece else not self.taken


def _shared(first: Box, second: Box) -> Box:
    """The part of two boxes in which they overlap; empty ones have an end before their start."""
    y1, x1, y2, x2 = zip(first, second, strict=True)
    return max(y1), max(x1), min(y2), min(x2)


def _inside(views: Sequence[View], region: Box) -> list[_Part]:
    """The parts of views that lie in a region."""
    parts = []
    for view in views:
        box = _shared(view.box, region)
        if box[2] > box[0] and box[3] > box[1]:
            crop = _cut(view.crop, view.box, box)
            if crop.any():
                parts.append(_Part(view, box, crop))
    return parts


def _cut(crop: Array, box: Box, region: Box) -> Array:
    """The part of a crop with this box that lies in a region inside it."""
    y, x = box[:2]
    return crop[region[0] - y : region[2] - y, region[1] - x : region[3] - x]


def _similar(a: _Part, b: _Part, min_iou: float) -> list[tuple[float, int, int, int]]:
    """The pieces of two parts that agree.

    Returns:
        IoU, number of shared pixels, and the two pieces' numbers, 0 for all together.
    """
    region = _shared(a.box, b.box)
    labels_a, labels_b = _cut(a.labels, a.box, region), _cut(b.labels, b.box, region)
    both = (labels_a > 0) & (labels_b > 0)
    size = len(a.sizes), len(b.sizes)
    codes = labels_a[both] * size[1] + labels_b[both]
    if not len(codes):
        return []
    common = np.bincount(codes, minlength=size[0] * size[1]).reshape(size)
    common[0] = common.sum(axis=0)
    common[:, 0] = common.sum(axis=1)
    # A single piece is the same as all together.
    common = common[: size[0] if size[0] > 2 else 1, : size[1] if size[1] > 2 else 1]
    iou = common / (a.sizes[: common.shape[0], None] + b.sizes[: common.shape[1]] - common)
    found = np.argwhere((iou >= min_iou) & (common > 0)).tolist()
    return [(float(iou[i, j]), int(common[i, j]), i, j) for i, j in found]
