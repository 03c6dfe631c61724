"""A detector that returns the ground truth."""

import weakref

import numpy as np

from mrcnn.instances.pasting import extract_bboxes


class Truthful:
    """Detects exactly the instances of the samples, whatever the order of the images."""

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
