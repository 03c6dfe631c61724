"""Masks and keypoints of detections, in pixels of their image."""

import numpy as np

from ..geometry.heatmaps import keypoints_of_heatmaps
from ..instances.masks import InstanceMasks
from ..instances.pasting import unmold_crops, unmold_masks
from ..types import Array
from .found import Found


def pasted(masks: Array, found: Found, rule: str) -> Array | InstanceMasks:
    """Masks of boxes, pasted into the image.

    Args:
        masks: float [N, h, w] in 0..1, each of the class of its detection.
        found: the N detections.
        rule: MASK_PASTING.

    Returns:
        bool [H, W, N] if `found.dense`, else an `InstanceMasks`.
    """
    if found.dense:
        return unmold_masks(masks, found.boxes, found.image_shape, rule)
    crops, corners = unmold_crops(masks, found.boxes, found.image_shape, rule)
    return InstanceMasks(crops, corners, found.image_shape)


def located(maps: Array, boxes: Array, found: Found, rule: str) -> Array:
    """Keypoints at the maxima of their heatmaps.

    They are decoded in the network's input, where the maps were made, and scaled to the image.

    Args:
        maps: float [N, h, w, K], logits.
        boxes: float [N, 4] of the detections, normalised.
        found: the N detections.
        rule: KEYPOINT_SCORES, see `keypoints_of_heatmaps`.

    Returns:
        float32 [N, K, 3] of (y, x, score), y and x in pixels of the image.
    """
    positions, logits, scores = keypoints_of_heatmaps(maps, found.frame.in_input(boxes))
    if rule == "torchvision":
        scores = logits
    points = np.concatenate([found.frame.points_back(positions), scores[..., None]], axis=-1)
    return points.astype(np.float32)
