"""A detector that finds what is there."""

import weakref

import numpy as np

from mrcnn.instances.pasting import extract_bboxes


class Truthful:
    """Detects what the samples have, in the order in which they are asked for."""

    def __init__(self, samples):
        self.samples = {image.tobytes(): (masks, ids) for image, masks, ids in samples}
        self.batches = []
        self.kept = []

    def __call__(self, images):
        self.batches.append(len(images))
        results = []
        for image in images:
            masks, ids = self.samples[image.tobytes()]
            masks = masks.copy()
            self.kept.append(weakref.ref(masks))
            row = {"rois": extract_bboxes(masks), "class_ids": ids, "masks": masks}
            results.append({**row, "scores": np.full(len(ids), 0.9)})
        return results
