"""Functions of the reference whose work classes do here."""

from keras import ops

from ..network.detections import refine_detections
from ..network.sampling import DetectionTargetLayer


def detection_targets_graph(proposals, gt_class_ids, gt_boxes, gt_masks, config):
    """`DetectionTargetLayer` for one image, without the batch axis.

    Args:
        proposals: float tensor [N, 4], normalised.
        gt_class_ids: int tensor [G].
        gt_boxes: float tensor [G, 4], normalised.
        gt_masks: tensor [h, w, G].
        config: a `Config`.

    Returns:
        rois [T, 4] normalised, class_ids [T], deltas [T, 4], masks [T, *MASK_SHAPE].
    """
    layer = DetectionTargetLayer(config)
    outputs = layer([x[None] for x in (proposals, gt_class_ids, gt_boxes, gt_masks)])
    return tuple(output[0] for output in outputs)


def refine_detections_graph(rois, probs, deltas, window, config):
    """`refine_detections` for one image, without the batch axis.

    Args:
        rois: float tensor [R, 4], normalised.
        probs: float tensor [R, C].
        deltas: float tensor [R, C, 4].
        window: float tensor [4], normalised.
        config: a `Config`.

    Returns:
        Float tensor [DETECTION_MAX_INSTANCES, 6], see `refine_detections`.
    """
    inputs = (ops.cast(x, "float32")[None] for x in (rois, probs, deltas, window))
    return refine_detections(*inputs, config)[0]
