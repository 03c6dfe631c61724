"""The COCO network at full size; it takes a minute, so `make test-slow` runs it."""

import numpy as np
import pytest
from seeded_weights import make_weights, manifest, write_h5

from mrcnn.config import Config
from mrcnn.mask_rcnn import MaskRCNN


class CocoConfig(Config):
    NAME = "coco"
    NUM_CLASSES = 81
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0


@pytest.mark.slow
def test_resnet101_at_1024_with_and_without_xla(tmp_path):
    write_h5(make_weights(manifest("resnet101"), seed=0), tmp_path / "seed0.h5")
    smooth = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    image = smooth.repeat(32, axis=0).repeat(32, axis=1)
    results = []
    for xla in (False, True):
        config = CocoConfig()
        config.XLA = xla
        model = MaskRCNN("inference", config, str(tmp_path))
        report = model.load_weights(tmp_path / "seed0.h5")
        assert len(report.loaded) == 233 and not report.missing and not report.left_over
        results += model.detect([image])
    native, compiled = results
    assert native["masks"].shape == (640, 960, len(native["scores"]))
    assert len(native["scores"]) > 50
    assert native["masks"].any(axis=(0, 1)).mean() > 0.9
    # Proposals with similar scores may swap places.
    distance = np.abs(native["rois"][:, None] - compiled["rois"][None]).max(axis=-1)
    distance[native["class_ids"][:, None] != compiled["class_ids"][None]] = 1000
    assert (distance.min(axis=1) <= 1).mean() > 0.95
