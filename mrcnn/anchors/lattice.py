"""Finds the anchors that overlap boxes, without looking at every anchor."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..config import Config
from ..geometry.boxes import box_areas, compute_iou
from ..types import Array
from .pyramid import compute_backbone_shapes, pyramid_anchors

# Pairs handled at a time; their temporaries take about 30 MB.
_CHUNK_PAIRS = 1 << 18
# Bounds are loosened by this factor, because sizes and areas carry float64 rounding errors.
_SLACK = 1 - 1e-6


class AnchorLattice:
    """A configuration's anchors for one input size, indexed by position.

    Anchors of the same pyramid level, ratio and scale have the same size and lie on a regular
    grid. Those that overlap a box enough therefore form a rectangle of the grid, and bisection
    finds its sides. Nothing changes after construction, so threads may share a lattice.

    Args:
        config: see `pyramid_anchors`.
        image_shape: (height, width) of the network's input in pixels; further entries are ignored.

    Attributes:
        anchors: [A, 4] float64 pixels, as returned by `pyramid_anchors`.

    Example:
        >>> from mrcnn.anchors.lattice import AnchorLattice
        >>> from mrcnn.config import Config
        >>> lattice = AnchorLattice(Config(), (64, 64))
        >>> [(box, anchor, iou)] = lattice.pairs(np.array([[16.0, 16, 48, 48]]), at_least=0.9)
        >>> lattice.anchors[anchor], iou
        (array([[16., 16., 48., 48.]]), array([1.]))
    """

    def __init__(self, config: Config, image_shape: Sequence[int] | Array) -> None:
        self.anchors = pyramid_anchors(config, image_shape)
        self._areas = box_areas(self.anchors)
        self._rows, self._columns, places = [], [], []
        shapes = np.asarray(compute_backbone_shapes(config, image_shape))
        first = 0
        for scales, shape in zip(config.RPN_ANCHOR_SCALES, shapes, strict=True):
            rows, columns = -(-shape // config.RPN_ANCHOR_STRIDE)
            per_cell = len(config.RPN_ANCHOR_RATIOS) * np.size(scales)
            stop = first + rows * columns * per_cell
            level = self.anchors[first:stop].reshape(rows, columns, per_cell, 4)
            for k in range(per_cell):
                self._rows.append(_Spans(level[:, 0, k, 0], level[:, 0, k, 2]))
                self._columns.append(_Spans(level[0, :, k, 1], level[0, :, k, 3]))
                places.append((first + k, columns * per_cell, per_cell))
            first = stop
        # Row i and column j of grid k: anchor _first[k] + i * _down[k] + j * _right[k].
        self._first, self._down, self._right = np.array(places).T  # [K]
        self._heights = np.array([spans.size for spans in self._rows])
        self._widths = np.array([spans.size for spans in self._columns])

    def pairs(self, boxes: Array, at_least: float) -> Iterator[tuple[Array, Array, Array]]:
        """The pairs of a box and an anchor that overlap enough.

        Args:
            boxes: [N, 4] float64 pixels, anywhere; boxes without area have no pairs.
            at_least: IoU threshold, above 0.

        Yields:
            box, anchor: int64 [P], indices into `boxes` and `anchors`. No pair is repeated, and
                all pairs of a box are consecutive. Every pair with an IoU of `at_least` or more is
                included, and so is a box's best pair, or several that tie, if its IoU is above 0.
                Other pairs may be included.
            iou: float64 [P].
        """
        sizes = boxes[:, 2:] - boxes[:, :2]
        areas = sizes[:, 0] * sizes[:, 1]
        real = np.flatnonzero((sizes > 0).all(axis=1) & np.isfinite(areas))
        boxes, areas = boxes[real], areas[real]
        origin, rows, columns = self._rectangles(boxes, areas, at_least)
        chunk = np.cumsum((rows * columns).sum(axis=1)) // _CHUNK_PAIRS
        for part in np.split(np.arange(len(boxes)), np.flatnonzero(np.diff(chunk)) + 1):
            box, anchor = self._cells(origin[part], rows[part], columns[part])
            box = part[box]
            iou = compute_iou(boxes[box].T, self.anchors[anchor], areas[box], self._areas[anchor])
            yield real[box], anchor, iou

    def _rectangles(self, boxes, areas, at_least):
        """First anchor, rows and columns [N, K] of the rectangles that overlap enough."""
        best = self._iou_with_nearest(boxes, areas).max(axis=1, initial=0)
        iou = np.minimum(at_least, best)[:, None] * _SLACK  # [N, 1]
        # With union = a + b - intersection, IoU >= t means intersection >= t / (1 + t) * (a + b).
        intersection = iou / (1 + iou) * (areas[:, None] + self._heights * self._widths)  # [N, K]
        # An overlap is no longer than the shorter side; this bounds the other axis from below.
        height = np.minimum((boxes[:, 2] - boxes[:, 0])[:, None], self._heights)
        width = np.minimum((boxes[:, 3] - boxes[:, 1])[:, None], self._widths)
        possible = intersection <= height * width
        y1, x1, y2, x2 = boxes.T
        top, rows = _overlapping(self._rows, y1, y2, intersection / width)
        left, columns = _overlapping(self._columns, x1, x2, intersection / height)
        origin = self._first + top * self._down + left * self._right
        return origin, rows * possible, columns

    def _iou_with_nearest(self, boxes, areas):
        """IoU [N, K] of each box with the anchor nearest to its centre on each grid."""
        y, x = 0.5 * (boxes[:, :2] + boxes[:, 2:]).T
        row = np.stack([spans.nearest(y) for spans in self._rows], axis=1)
        column = np.stack([spans.nearest(x) for spans in self._columns], axis=1)
        anchor = self._first + row * self._down + column * self._right  # [N, K]
        near = self.anchors[anchor.ravel()]
        box = np.repeat(np.arange(len(boxes)), len(self._first))
        iou = compute_iou(boxes[box].T, near, areas[box], self._areas[anchor.ravel()])
        return iou.reshape(anchor.shape)

    def _cells(self, origin, rows, columns):
        """Box and anchor [P] of every cell in the rectangles [N, K]."""
        per_box, grids = rows.shape
        rows, columns = rows.ravel(), columns.ravel()
        counts = rows * columns
        rectangle = np.repeat(np.arange(per_box * grids), counts)  # [P]
        cell = np.arange(len(rectangle)) - np.repeat(np.cumsum(counts) - counts, counts)
        box, grid = np.divmod(rectangle, grids)
        row, column = np.divmod(cell, columns[rectangle])
        anchor = origin.ravel()[rectangle] + row * self._down[grid] + column * self._right[grid]
        return box, anchor


class _Spans:
    """Spans of equal length along an axis, in order: [n] starts and ends in pixels."""

    def __init__(self, starts: Array, ends: Array) -> None:
        self.starts, self.ends = np.ascontiguousarray(starts), np.ascontiguousarray(ends)
        self.size = (ends - starts).max()
        centres = 0.5 * (starts + ends)
        self.borders = 0.5 * (centres[1:] + centres[:-1])

    def nearest(self, centre: Array) -> Array:
        """Index [N] of the span whose centre is nearest to each `centre` [N]."""
        return np.searchsorted(self.borders, centre)


def _overlapping(axes, low, high, length):
    """First index and number [N, K] of the spans that overlap [low, high) by `length` [N, K]."""
    first, stop = np.empty(length.shape, np.int64), np.empty(length.shape, np.int64)
    for k, spans in enumerate(axes):
        first[:, k] = np.searchsorted(spans.ends, low + length[:, k], "left")
        stop[:, k] = np.searchsorted(spans.starts, high - length[:, k], "right")
    return first, np.maximum(stop - first, 0)


def overlapping_pairs(
    anchors: Array, boxes: Array, at_least: float
) -> Iterator[tuple[Array, Array, Array]]:
    """As `AnchorLattice.pairs`, for any anchors [A, 4] in pixels; checks each against every box."""
    y1, x1, y2, x2 = np.ascontiguousarray(anchors.T)
    areas = box_areas(anchors)
    for k, box in enumerate(boxes):
        near = np.flatnonzero((y1 < box[2]) & (y2 > box[0]) & (x1 < box[3]) & (x2 > box[1]))
        area = (box[2] - box[0]) * (box[3] - box[1])
        iou = compute_iou(box, anchors[near], area, areas[near])
        enough = iou >= min(at_least, iou.max(initial=0))
        near, iou = near[enough], iou[enough]
        yield np.full(len(near), k), near, iou
