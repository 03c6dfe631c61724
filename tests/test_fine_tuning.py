"""Training that starts from torchvision's weights."""

import logging

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import InMemory, shapes
from weights.foreign.models import manifest, seeded

from mrcnn.model import MaskRCNN
from mrcnn.weights.keras_h5 import weighted_layers

pytestmark = pytest.mark.slow

SETTINGS = {
    "NUM_CLASSES": 3,
    "IMAGE_MIN_DIM": 64,
    "IMAGE_MAX_DIM": 64,
    "TRAIN_ROIS_PER_IMAGE": 16,
    "POST_NMS_ROIS_TRAINING": 40,
    "POST_NMS_ROIS_INFERENCE": 20,
    "DETECTION_MAX_INSTANCES": 10,
    "STEPS_PER_EPOCH": 2,
    "VALIDATION_STEPS": 1,
    "MAX_GT_INSTANCES": 5,
}
CLASS_LAYERS = {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"}


def arrays_of(model):
    layers = weighted_layers(model.keras_model)
    return {name: [np.array(each) for each in variables] for name, variables in layers.items()}


@pytest.mark.parametrize("version", ["", "_v2"])
def test_other_classes(version, tmp_path, caplog):
    name = f"torchvision_maskrcnn_resnet50_fpn{version}"
    listed = manifest(name)
    tensors = seeded(listed)
    np.savez(tmp_path / "weights.npz", **tensors)
    caplog.set_level(logging.WARNING, logger="mrcnn")
    model = MaskRCNN.from_pretrained(tmp_path / "weights.npz", "training", tmp_path, **SETTINGS)
    [said] = [line for line in caplog.messages if "mismatched, unchanged" in line]
    assert all(layer in said for layer in CLASS_LAYERS)
    before = arrays_of(model)
    train, val = InMemory(shapes(3)), InMemory(shapes(1, seed=9))
    model.train(train, val, model.config.LEARNING_RATE, epochs=1, layers="3+", verbose=0)
    after = arrays_of(model)
    same = {
        layer for layer, arrays in before.items() if all(map(np.array_equal, arrays, after[layer]))
    }
    frozen = {layer for layer in before if layer.startswith(("conv1", "bn_conv1", "res2", "bn2"))}
    norms = {layer for layer in before if len(before[layer]) == 4}
    assert same == frozen | (set() if version else norms)
    for layer in norms:  # statistics are frozen in any case
        assert_array_equal(after[layer][2:], before[layer][2:])
    assert all(np.isfinite(each).all() for arrays in after.values() for each in arrays)

    saved = model.find_last()
    again = MaskRCNN.load(saved, "training", tmp_path)
    loaded = MaskRCNN.load(saved)
    assert name == loaded.config.NAME and loaded.config.BOX_COORDINATES == "continuous"
    for layer, arrays in arrays_of(loaded).items():
        for found, wanted in zip(arrays, after[layer], strict=True):
            assert_array_equal(found, wanted, err_msg=layer)
    image = shapes(1, seed=5)[0][0]
    first, second = (
        each.detect([image])[0]
        for each in (loaded, MaskRCNN.load(saved, DETECTION_MIN_CONFIDENCE=0.05))
    )
    for key in ("rois", "class_ids", "scores", "masks"):
        assert_array_equal(first[key], second[key])

    again.train(train, val, again.config.LEARNING_RATE, epochs=2, layers="heads", verbose=0)
    assert again.epoch == 2

    loaded.export_weights(tmp_path / "tuned.npz", "torchvision")
    with np.load(tmp_path / "tuned.npz") as exported:
        assert set(exported.files) == {
            key for key in tensors if version or not key.endswith("num_batches_tracked")
        } | {key for key in exported.files if key.endswith("num_batches_tracked")}
        key = "backbone.body.layer1.0.conv2.weight"
        assert_array_equal(exported[key], tensors[key])
        assert exported["roi_heads.box_predictor.cls_score.weight"].shape == (3, 1024)
        assert exported["rpn.head.cls_logits.weight"].shape == (3, 256, 1, 1)
