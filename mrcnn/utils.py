"""The names in `utils` of matterport's Mask_RCNN, gathered from the subpackages."""

from typing import TYPE_CHECKING, Any

from .anchors.pyramid import generate_anchors, generate_pyramid_anchors
from .datasets.dataset import Dataset
from .evaluation import compute_ap, compute_ap_range, compute_matches, compute_recall
from .geometry.boxes import (
    apply_box_deltas,
    box_refinement,
    compute_iou,
    compute_overlaps,
    denorm_boxes,
    non_max_suppression,
    norm_boxes,
    trim_zeros,
)
from .images.resizing import resize_image
from .instances.overlaps import compute_overlaps_masks
from .instances.pasting import expand_mask, extract_bboxes, minimize_mask, mold_mask, unmold_mask
from .legacy import reference_imports as _reference_imports
from .legacy.resize import resize, resize_mask
from .legacy.tensors import batch_slice
from .ops import box_refinement_graph
from .weights.published import COCO_MODEL_URL, download_trained_weights

__all__ = [
    "COCO_MODEL_URL",
    "Dataset",
    "apply_box_deltas",
    "batch_slice",
    "box_refinement",
    "box_refinement_graph",
    "compute_ap",
    "compute_ap_range",
    "compute_iou",
    "compute_matches",
    "compute_overlaps",
    "compute_overlaps_masks",
    "compute_recall",
    "denorm_boxes",
    "download_trained_weights",
    "expand_mask",
    "extract_bboxes",
    "generate_anchors",
    "generate_pyramid_anchors",
    "minimize_mask",
    "mold_mask",
    "non_max_suppression",
    "norm_boxes",
    "resize",
    "resize_image",
    "resize_mask",
    "trim_zeros",
    "unmold_mask",
]
__all__ += _reference_imports.installed(_reference_imports.UTILS)


if not TYPE_CHECKING:  # to a type checker, any name would seem to exist

    def __getattr__(name: str) -> Any:
        """What the reference's module imports, such as `np`; imported when needed."""
        return _reference_imports.find(_reference_imports.UTILS, name, __name__)
