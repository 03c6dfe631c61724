"""The names in `model` of matterport's Mask_RCNN, gathered from the subpackages."""

from typing import TYPE_CHECKING, Any

from .anchors.pyramid import compute_backbone_shapes
from .anchors.targets import build_rpn_targets
from .images.meta import compose_image_meta, parse_image_meta, parse_image_meta_graph
from .images.normalising import mold_image, unmold_image
from .legacy import reference_imports as _reference_imports
from .legacy.debug_targets import build_detection_targets, generate_random_rois
from .legacy.generator import data_generator
from .legacy.signatures import (
    DetectionTargetLayer,
    build_fpn_mask_graph,
    detection_targets_graph,
    fpn_classifier_graph,
    refine_detections_graph,
)
from .legacy.tensors import batch_pack_graph, trim_zeros_graph
from .legacy.tf_identity import install as _install_tf_identity
from .loading.samples import load_image_gt
from .mask_rcnn import MaskRCNN
from .network.backbones.resnet import conv_block, identity_block, resnet_graph
from .network.detections import DetectionLayer
from .network.heads.box import mrcnn_bbox_loss_graph, mrcnn_class_loss_graph
from .network.heads.mask_losses import mrcnn_mask_loss_graph
from .network.layers import BatchNorm
from .network.losses import smooth_l1_loss
from .network.poolers.align import PyramidROIAlign, log2_graph
from .network.proposals import ProposalLayer
from .network.rpn import build_rpn_model, rpn_bbox_loss_graph, rpn_class_loss_graph, rpn_graph
from .ops import (
    apply_box_deltas_graph,
    clip_boxes_graph,
    denorm_boxes_graph,
    norm_boxes_graph,
    overlaps_graph,
)
from .text import log

__all__ = [
    "BatchNorm",
    "DetectionLayer",
    "DetectionTargetLayer",
    "MaskRCNN",
    "ProposalLayer",
    "PyramidROIAlign",
    "apply_box_deltas_graph",
    "batch_pack_graph",
    "build_detection_targets",
    "build_fpn_mask_graph",
    "build_rpn_model",
    "build_rpn_targets",
    "clip_boxes_graph",
    "compose_image_meta",
    "compute_backbone_shapes",
    "conv_block",
    "data_generator",
    "denorm_boxes_graph",
    "detection_targets_graph",
    "fpn_classifier_graph",
    "generate_random_rois",
    "identity_block",
    "load_image_gt",
    "log",
    "log2_graph",
    "mold_image",
    "mrcnn_bbox_loss_graph",
    "mrcnn_class_loss_graph",
    "mrcnn_mask_loss_graph",
    "norm_boxes_graph",
    "overlaps_graph",
    "parse_image_meta",
    "parse_image_meta_graph",
    "refine_detections_graph",
    "resnet_graph",
    "rpn_bbox_loss_graph",
    "rpn_class_loss_graph",
    "rpn_graph",
    "smooth_l1_loss",
    "trim_zeros_graph",
    "unmold_image",
]
__all__ += _reference_imports.installed(_reference_imports.MODEL)


if not TYPE_CHECKING:  # to a type checker, any name would seem to exist

    def __getattr__(name: str) -> Any:
        """What the reference's module imports, such as `np`; imported when needed."""
        return _reference_imports.find(_reference_imports.MODEL, name, __name__)


_install_tf_identity()
