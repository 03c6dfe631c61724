"""Greedy non-maximum suppression for padded batches."""

from keras import ops

from ..types import Tensor
from . import kernels
from .boxes import overlaps_graph
from .gather import first_argmax, gather_rows


def non_max_suppression(
    boxes: Tensor,
    scores: Tensor,
    count: int,
    threshold: float,
    valid: Tensor | None = None,
    groups: Tensor | None = None,
    group_count: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Select the boxes that greedy NMS keeps, best first.

    A box is dropped if its IoU with a better box that is kept exceeds the threshold.

    Args:
        boxes: float tensor [B, N, 4], pixels or normalised.
        scores: float tensor [B, N], not negative.
        count: the maximum number of boxes kept per image.
        threshold: IoU.
        valid: bool tensor [B, N]; rows that are False are never kept. None: all are valid.
        groups: int tensor [B, N]; boxes of different groups (classes) do not suppress each other.
        group_count: number of groups, if they are numbered from 0: some formats that graphs are
            converted to can then suppress by group.

    Returns:
        indices: int32 tensor [B, count] into N; entries past `kept` are 0.
        kept: int32 tensor [B], the number of boxes kept.
    """
    boxes, scores = ops.stop_gradient(boxes), ops.stop_gradient(scores)
    if valid is not None:
        scores = ops.where(valid, scores, -1.0)
    if groups is not None and group_count and kernels.available("non_max_suppression_by_group"):
        return kernels.non_max_suppression_by_group(
            boxes, scores, count, threshold, groups, group_count
        )
    overlaps = None
    if groups is not None:
        same = ops.expand_dims(groups, 2) == ops.expand_dims(groups, 1)  # [B, N, N]
        overlaps = ops.where(same, overlaps_graph(boxes, boxes), 0.0)
    if overlaps is None and kernels.available("non_max_suppression"):
        return kernels.non_max_suppression(boxes, scores, count, threshold)
    if overlaps is not None and kernels.available("non_max_suppression_overlaps"):
        return kernels.non_max_suppression_overlaps(overlaps, scores, count, threshold)
    return _greedy(boxes, overlaps, scores, count, threshold)


def non_max_suppression_by_group(
    boxes: Tensor, scores: Tensor, count: int, threshold: float, valid: Tensor
) -> tuple[Tensor, Tensor]:
    """The best boxes of all groups, such as classes, after NMS in each group by itself.

    It selects what `non_max_suppression` does with `groups`, without comparing boxes of different
    groups.

    Args:
        boxes: float tensor [B, G, N, 4], pixels or normalised; G is known.
        scores: float tensor [B, G, N], not negative.
        count: the maximum number of boxes kept per image.
        threshold: IoU.
        valid: bool tensor [B, G, N]; rows that are False are never kept.

    Returns:
        indices: int32 tensor [B, count] into G * N, best first, of equal scores the lower index
            first; entries past `kept` are 0.
        kept: int32 tensor [B], the number of boxes kept.
    """
    batch, groups, number = ops.shape(scores)
    # No group can contribute more than `count` boxes.
    each = min(count, number) if isinstance(number, int) else count
    # The number of images is stated: some formats need to know it.
    rows = (batch * groups, number)
    flat = ops.reshape(scores, rows)
    indices, kept = non_max_suppression(
        ops.reshape(boxes, (*rows, 4)), flat, each, threshold, ops.reshape(valid, rows)
    )  # [B * G, each]
    is_kept = ops.arange(each, dtype="int32") < kept[:, None]
    found = ops.where(is_kept, gather_rows(ops.stop_gradient(flat), indices), -1.0)
    first = ops.arange(groups, dtype="int32")[:, None] * number
    indices = ops.reshape(ops.reshape(indices, (-1, groups, each)) + first, (-1, groups * each))
    best, places = ops.top_k(ops.reshape(found, (-1, groups * each)), min(count, groups * each))
    chosen = ops.where(best >= 0, gather_rows(indices, places), 0)
    missing = max(0, count - groups * each)
    chosen = ops.pad(chosen, ((0, 0), (0, missing)))
    return chosen, ops.sum(ops.cast(best >= 0, "int32"), axis=1)


def _greedy(boxes, overlaps, scores, count, threshold):
    """One box per iteration: keep the best that is left, drop those that overlap it."""
    number = ops.shape(scores)[1]
    places = ops.arange(count, dtype="int32")

    def body(step, state):
        left, chosen, kept = state
        best = first_argmax(left, axis=1)[:, None]  # [B, 1]
        found = ops.max(left, axis=1) >= 0
        if overlaps is None:
            iou = overlaps_graph(gather_rows(boxes, best), boxes)[:, 0]  # [B, N]
        else:
            iou = gather_rows(overlaps, best)[:, 0]
        is_best = ops.arange(number, dtype="int32")[None] == best
        left = ops.where(is_best | (found[:, None] & (iou > threshold)), -1.0, left)
        here = (places == step)[None] & found[:, None]  # [B, count]
        chosen = ops.where(here, best, chosen)
        return left, chosen, kept + ops.cast(found, "int32")

    none = ops.zeros_like(scores[:, :1], dtype="int32")  # [B, 1]
    start = (scores, ops.repeat(none, count, axis=1), none[:, 0])
    _, chosen, kept = ops.fori_loop(0, count, body, start)
    return chosen, kept
