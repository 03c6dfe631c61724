"""Comparisons of boxes that are filled with instances."""

import numpy as np

from mrcnn.evaluation import Comparison
from mrcnn.instances.pasting import extract_bboxes

SIZE = (24, 30)


def dense(boxes, size=SIZE):
    masks = np.zeros((*size, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return masks


def compare(truth, found, size=SIZE, **options):
    """`Comparison` of [(box, class id)] and [(box, class id, score)]."""
    masks = dense([row[0] for row in found], size)
    result = {
        "rois": extract_bboxes(masks),
        "class_ids": [row[1] for row in found],
        "scores": [row[2] for row in found],
        "masks": masks,
    }
    truth_masks = dense([row[0] for row in truth], size)
    return Comparison(truth_masks, [row[1] for row in truth], result, **options)
