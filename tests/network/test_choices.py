"""Networks with each kind of neck, pooler, mask head and suppression, also on other backends."""

import numpy as np
import pytest
import run_choices
from on_backend import arrays_on
from tiny import shapes, spread, tiny_config

from mrcnn.inference import tta
from mrcnn.mask_rcnn import MaskRCNN

pytestmark = pytest.mark.network

# TinyConfig's pyramid settings do not go with the other necks.
ONE_MAP = {"BACKBONE": "staged", "TOP_DOWN_PYRAMID_SIZE": 256}
CASES = {
    "softmax": {
        **ONE_MAP,
        "NECK": "c4",
        "ROI_POOLER": "roi_align",
        "MASK_LOSS": "softmax",
        "MASK_SHAPE": [6, 6],
        "NMS_ACROSS_CLASSES": True,
        "DETECTION_NMS": "soft_linear",
    },
    "agnostic": {
        **ONE_MAP,
        "NECK": "dc5",
        "ROI_POOLER": "roi_pool",
        "MASK_HEAD": "mlp3",
        "MASK_CLASS_AGNOSTIC": True,
        "MASK_SHAPE": [12, 8],
        "USE_MINI_MASK": False,
        "RPN_LOSS": "faster_rcnn",
        "WEIGHT_DECAY_ON": "sum",
        "DETECTION_NMS": "soft_gaussian",
        "DETECTION_MIN_CONFIDENCE": {1: 0.3, 2: 0.1},
    },
}


def test_the_same_on_jax(tmp_path):
    ours = arrays_on("jax", "run_choices.py", tmp_path, repr(CASES))
    tensorflow = run_choices.computed(CASES, eagerly=True)
    assert ours.keys() == tensorflow.keys()
    for name, value in tensorflow.items():
        # The change of a weight is relative to the largest; see also test_backends.py.
        tolerance = 5e-3 if name.endswith("change") else 1e-4 * max(1.0, np.abs(value).max())
        np.testing.assert_allclose(ours[name], value, atol=tolerance, err_msg=name)
    for case in CASES:
        assert tensorflow[f"{case}.mrcnn_detection"][..., 5].any()
        assert tensorflow[f"{case}.loss.mrcnn_mask_loss"] > 0


def build(folder, case, seed=None):
    settings = {"DETECTION_MIN_CONFIDENCE": 0.1, **CASES[case]}
    model = MaskRCNN("inference", tiny_config(settings), str(folder))
    if seed is not None:
        spread(model.keras_model)
        for layer in model.keras_model.layers:
            if layer.name in ("mrcnn_mask", "mrcnn_mask_logits") and layer.weights:
                layer.kernel.assign(8 * layer.kernel)  # so that no mask is empty
    return model


@pytest.mark.parametrize(("case", "shape"), [("softmax", (6, 6, 3)), ("agnostic", (12, 8, 1))])
def test_saved_loaded_and_detected(tmp_path, case, shape):
    image = shapes(1)[0][0]
    model = build(tmp_path, case, seed=0)
    model.keras_model.save_weights(tmp_path / "weights.h5")
    again = build(tmp_path, case)
    report = again.load_weights(tmp_path / "weights.h5", by_name=True)
    assert not report.missing and not report.mismatched and not report.left_over
    [expected], [found] = model.detect([image]), again.detect([image])
    assert len(found["scores"]) and found["masks"].any()
    assert found["masks"].shape == (64, 64, len(found["scores"]))
    names = ("rois", "class_ids", "scores", "masks")
    for name in names:
        np.testing.assert_array_equal(found[name], expected[name])
    (of_molded,) = again.detect_molded(*again.mold_inputs([image])[:2])
    (looked,) = tta.detect(again, [image], orientations=1)
    for name in names[:3]:
        np.testing.assert_allclose(of_molded[name], expected[name], atol=1e-6)
    # Merging drops masks without pixels, and encloses the others.
    seen = expected["masks"].any(axis=(0, 1))
    np.testing.assert_allclose(looked["scores"], expected["scores"][seen], atol=1e-6)
    np.testing.assert_array_equal(looked["class_ids"], expected["class_ids"][seen])

    # `unmold_detections` takes the network's masks in the form that the head gives them.
    molded, metas, windows = model.mold_inputs([image])
    outputs = model.keras_model.predict_on_batch(
        [molded, metas, model.get_anchors(molded[0].shape)[None]]
    )
    by_name = dict(zip(model.keras_model.names, outputs, strict=True))
    masks = np.asarray(by_name["mrcnn_mask"][0])
    assert masks.shape[1:] == shape
    boxes, class_ids, _, full = model.unmold_detections(
        np.asarray(by_name["mrcnn_detection"][0]), masks, image.shape, molded[0].shape, windows[0]
    )
    np.testing.assert_array_equal(boxes, expected["rois"])
    np.testing.assert_array_equal(class_ids, expected["class_ids"])
    np.testing.assert_array_equal(full, expected["masks"])


def test_the_load_report_names_heads_with_other_layers(tmp_path):
    """Weights of the default network, loaded for a shared mask and for fully connected layers."""
    path = tmp_path / "default.h5"
    MaskRCNN("inference", tiny_config({}), str(tmp_path)).keras_model.save_weights(path)
    config = tiny_config({"MASK_CLASS_AGNOSTIC": True})
    shared = MaskRCNN("inference", config, str(tmp_path))
    with pytest.raises(ValueError, match=r"mrcnn_mask: kernel \(1, 1, 256, 3\) in the file, \(1"):
        shared.load_weights(path, by_name=True)
    report = shared.load_weights(path, by_name=True, exclude=["mrcnn_mask"])
    assert report.excluded == ["mrcnn_mask"] and not report.missing
    settings = {name: CASES["agnostic"][name] for name in ("MASK_HEAD", "MASK_SHAPE")}
    connected = MaskRCNN("inference", tiny_config(settings), str(tmp_path))
    report = connected.load_weights(path, by_name=True, exclude=["mrcnn_mask"])
    assert not report.unknown_excludes and not report.mismatched
    fully_connected = [*(f"mrcnn_mask_fc{index}" for index in (1, 2, 3)), "mrcnn_mask_logits"]
    assert report.missing == fully_connected
    assert {"mrcnn_mask", "mrcnn_mask_conv1", "mrcnn_mask_deconv"} < set(report.left_over)
