"""Comparisons of box-shaped instances, and a dataset without masks."""

import numpy as np
from tiny import InMemory

from mrcnn.evaluation import Comparison
from mrcnn.instances import InstanceBoxes
from mrcnn.instances.pasting import extract_bboxes

SIZE = (24, 30)


def dense(boxes, size=SIZE):
    masks = np.zeros((*size, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return masks


def compare(truth, found, size=SIZE, **options):
    """`Comparison` from [(box, class id)] and [(box, class id, score)]."""
    masks = dense([row[0] for row in found], size)
    result = {
        "rois": extract_bboxes(masks),
        "class_ids": [row[1] for row in found],
        "scores": [row[2] for row in found],
        "masks": masks,
    }
    truth_masks = dense([row[0] for row in truth], size)
    return Comparison(truth_masks, [row[1] for row in truth], result, **options)


class NoMasks(InMemory):
    """A dataset of boxes: in place of masks, a sample has boxes [N, 4] in pixels."""

    def load_mask(self, image_id):
        raise AssertionError("a mask was read")

    load_instances = load_mask

    def load_boxes(self, image_id):
        image, boxes, class_ids = self.samples[image_id]
        return InstanceBoxes(boxes, image.shape), class_ids
