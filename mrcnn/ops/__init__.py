"""Tensor operations missing from Keras: box geometry, RoIAlign sampling, NMS, row gathering.

All are batched, have static shapes and run on every Keras backend. Only `kernels`, `replicas` and
`eager` hold code that depends on the backend.
"""

from .boxes import (
    apply_box_deltas_graph,
    box_refinement_graph,
    boxes_in_pixels_graph,
    clip_boxes_graph,
    denorm_boxes_graph,
    norm_boxes_graph,
    overlaps_graph,
)
from .crop import crop_and_resize, crop_pyramid
from .eager import in_graph, outside_graphs
from .gather import first_argmax, gather_rows, take_flagged
from .nms import non_max_suppression, non_max_suppression_by_group
from .replicas import replica_count, sum_over_replicas, uniform_keys
from .roi_masks import align_masks
from .roi_pyramid import roi_align, roi_pool, roi_warp
from .soft_nms import soft_non_max_suppression

__all__ = [
    "align_masks",
    "apply_box_deltas_graph",
    "box_refinement_graph",
    "boxes_in_pixels_graph",
    "clip_boxes_graph",
    "crop_and_resize",
    "crop_pyramid",
    "denorm_boxes_graph",
    "first_argmax",
    "gather_rows",
    "in_graph",
    "non_max_suppression",
    "non_max_suppression_by_group",
    "norm_boxes_graph",
    "outside_graphs",
    "overlaps_graph",
    "replica_count",
    "roi_align",
    "roi_pool",
    "roi_warp",
    "soft_non_max_suppression",
    "sum_over_replicas",
    "take_flagged",
    "uniform_keys",
]
