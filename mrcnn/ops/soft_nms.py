"""Soft-NMS (Bodla et al., 2017) for padded batches; `mrcnn.geometry.soft_nms` is for numpy."""

from keras import ops

from ..types import Tensor
from .boxes import overlaps_graph
from .gather import first_argmax, gather_rows


def soft_non_max_suppression(
    boxes: Tensor,
    scores: Tensor,
    count: int,
    method: str,
    threshold: float,
    sigma: float,
    valid: Tensor | None = None,
    groups: Tensor | None = None,
    least: Tensor | float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Select boxes, best first; each lowers the scores of those that it overlaps.

    Args:
        boxes: float tensor [B, N, 4], pixels or normalised.
        scores: float tensor [B, N], not negative.
        count: the maximum number of boxes selected per image.
        method: "soft_linear" multiplies a score by 1 - IoU if the IoU exceeds `threshold`;
            "soft_gaussian" multiplies it by exp(-IoU² / sigma).
        threshold: IoU, for "soft_linear".
        sigma: for "soft_gaussian".
        valid: bool tensor [B, N]; rows that are False are never selected and lower no score. None:
            all are valid.
        groups: int tensor [B, N]; boxes of different groups (classes) leave each other's scores
            unchanged.
        least: float or tensor [B, N]: a box whose score falls below it, or to 0, is dropped.

    Returns:
        indices: int32 tensor [B, count] into N; entries past `kept` are 0.
        kept: int32 tensor [B], the number of boxes selected.
        scores: float tensor [B, count], their lowered scores, in descending order; 0 past `kept`.
    """
    boxes, scores = ops.stop_gradient(boxes), ops.stop_gradient(scores)
    if valid is not None:
        scores = ops.where(valid, scores, 0.0)
    number = ops.shape(scores)[1]
    places = ops.arange(count, dtype="int32")
    rows = ops.arange(number, dtype="int32")

    def body(step, state):
        left, chosen, kept, lowered = state
        left = ops.where((left > 0) & (left >= least), left, 0.0)
        best = first_argmax(left, axis=1)[:, None]  # [B, 1]
        score = ops.max(left, axis=1)  # [B]
        found = score > 0
        iou = overlaps_graph(gather_rows(boxes, best), boxes)[:, 0]  # [B, N]
        if groups is not None:
            iou = ops.where(groups == gather_rows(groups, best), iou, 0.0)
        # Where nothing is found, all scores are 0 and stay so.
        left = ops.where(rows[None] == best, 0.0, left * factors(iou, method, threshold, sigma))
        here = (places == step)[None] & found[:, None]  # [B, count]
        chosen = ops.where(here, best, chosen)
        lowered = ops.where(here, score[:, None], lowered)
        return left, chosen, kept + ops.cast(found, "int32"), lowered

    none = ops.zeros_like(scores[:, :1], dtype="int32")  # [B, 1]
    start = (
        scores,
        ops.repeat(none, count, axis=1),
        none[:, 0],
        ops.repeat(ops.zeros_like(scores[:, :1]), count, axis=1),
    )
    _, chosen, kept, lowered = ops.fori_loop(0, count, body, start)
    return chosen, kept, lowered


def factors(iou: Tensor, method: str, threshold: float, sigma: float) -> Tensor:
    """What the scores of boxes are multiplied by if they overlap a better one by `iou`.

    Args:
        iou: float tensor of any shape.
        method, threshold, sigma: see `soft_non_max_suppression`.

    Returns:
        Float tensor of that shape, in [0, 1].
    """
    if method == "soft_gaussian":
        return ops.exp(-ops.square(iou) / sigma)
    return ops.where(iou > threshold, 1.0 - iou, 1.0)
