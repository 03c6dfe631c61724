"""Features and RoIs for testing heads without a network."""

import numpy as np
from keras import ops

from mrcnn.network.heads import Matched


class Linear:
    """`Features` that depend only on the RoIs.

    Attributes:
        asked: (size, name) of each pooler requested.
    """

    is_shared = False

    def __init__(self):
        self.asked = []

    def pooler(self, size, name):
        self.asked.append((size, name))
        weights = np.random.default_rng(0).normal(size=(4, size * size * 16)).astype(np.float32)
        return lambda rois: ops.reshape(
            ops.matmul(rois, weights), (*rois.shape[:2], size, size, 16)
        )


def matched_of(rois, class_ids, instances, positives, **truth):
    """`Matched` from arrays, with all classes active."""
    return Matched(
        rois=np.asarray(rois, np.float32),
        class_ids=np.array(class_ids),
        instances=np.array(instances),
        positives=positives,
        truth=truth,
        active_class_ids=np.ones((len(class_ids), 3), np.float32),
    )
