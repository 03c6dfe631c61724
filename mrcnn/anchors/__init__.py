"""Anchors: where they lie, how well they cover a dataset's objects, and the RPN's targets."""

from .coverage import anchor_coverage
from .pyramid import (
    compute_backbone_shapes,
    generate_anchors,
    generate_pyramid_anchors,
    pyramid_anchors,
)
from .targets import build_rpn_targets

__all__ = [
    "anchor_coverage",
    "build_rpn_targets",
    "compute_backbone_shapes",
    "generate_anchors",
    "generate_pyramid_anchors",
    "pyramid_anchors",
]
