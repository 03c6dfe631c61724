"""Figures of images, instances, detections and the inner workings of the network.

Functions shared with matterport's Mask_RCNN keep their names and positional arguments. Everything
works without a display. A function that creates its own figure shows it in a window or a notebook
if there is one. Pass the path of a PNG as `save_to` to write the figure instead, cropped to its
content; it is then closed. With `native=True`, a figure of images has exactly their pixels. Images
may be of any kind, see `pictures.as_rgb`. Masks are [H, W, N], and boxes (y1, x1, y2, x2) in
pixels.
"""

from typing import TYPE_CHECKING, Any

from ..legacy import reference_imports as _reference_imports
from .batches import display_batch
from .dataset_charts import plot_anchor_coverage, plot_classes, plot_sizes
from .dataset_images import display_augmented, display_sample
from .drawing import apply_mask, draw_box, random_colors
from .history_chart import plot_history
from .instances import display_images, display_instances, display_top_masks
from .keypoints import display_keypoints
from .model_charts import plot_models
from .network_boxes import draw_boxes, draw_rois
from .score_charts import (
    plot_confusion,
    plot_counts,
    plot_overlaps,
    plot_precision_recall,
    plot_precision_recall_curves,
)
from .side_by_side import compare, display_differences, draw_predictions
from .tables import display_table, display_weight_stats

__all__ = [
    "apply_mask",
    "compare",
    "display_augmented",
    "display_batch",
    "display_differences",
    "display_images",
    "display_instances",
    "display_keypoints",
    "display_sample",
    "display_table",
    "display_top_masks",
    "display_weight_stats",
    "draw_box",
    "draw_boxes",
    "draw_predictions",
    "draw_rois",
    "plot_anchor_coverage",
    "plot_classes",
    "plot_confusion",
    "plot_counts",
    "plot_history",
    "plot_models",
    "plot_overlaps",
    "plot_precision_recall",
    "plot_precision_recall_curves",
    "plot_sizes",
    "random_colors",
]
__all__ += _reference_imports.installed(_reference_imports.VISUALIZE)


if not TYPE_CHECKING:  # to a type checker, any name would seem to exist

    def __getattr__(name: str) -> Any:
        """What the reference's module imports, such as `plt`; imported when needed."""
        return _reference_imports.find(_reference_imports.VISUALIZE, name, __name__)
