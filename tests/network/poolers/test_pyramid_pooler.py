"""Poolers over a pyramid against Detectron2's, and in a network."""

import keras
import numpy as np
import pytest
import run_poolers
from on_backend import arrays_on
from shared_data import foreign_values
from tiny import TinyConfig, shapes, spread

from mrcnn.geometry.boxes import norm_boxes
from mrcnn.images.frame import Frame
from mrcnn.images.normalising import mold_image
from mrcnn.inference.detector import Detector
from mrcnn.network import graph
from mrcnn.network.poolers import ROIAlign, ROIPool

pytestmark = pytest.mark.network

POOLERS = {
    "ROIAlign_sr0": (ROIAlign, {"aligned": False}),
    "ROIAlign_sr2": (ROIAlign, {"aligned": False, "sampling_ratio": 2}),
    "ROIAlignV2_sr0": (ROIAlign, {}),
    "ROIAlignV2_sr2": (ROIAlign, {"sampling_ratio": 2}),
    "ROIPool_sr0": (ROIPool, {}),
}


def meta_of(height, width):
    meta = np.zeros((1, 13), "float32")
    meta[:, 4:7] = (height, width, 3)
    return meta


@pytest.mark.parametrize("name", POOLERS)
def test_detectron2(name):
    values = foreign_values("detectron2_ops")
    pyramid = [values[f"pooler.p{level}"][None] for level in range(2, 6)]
    size = 4 * pyramid[0].shape[1], 4 * pyramid[0].shape[2]
    boxes = norm_boxes(values["pooler.boxes"][:, [1, 0, 3, 2]], size)[None]
    kind, options = POOLERS[name]
    layer = kind((7, 7), level_rule="detectron2", **options)
    ours = np.asarray(layer([boxes, meta_of(*size), *pyramid]))[0]
    np.testing.assert_allclose(ours, values[f"pooler.{name}"], atol=1e-5)


def test_one_map_takes_all_rois():
    level = np.full((1, 8, 8, 3), 5, "float32")
    boxes = np.array([[[0, 0, 1, 1], [0.2, 0.2, 0.3, 0.3]]], "float32")
    ours = np.asarray(ROIAlign((2, 2))([boxes, meta_of(128, 128), level]))
    np.testing.assert_allclose(ours, np.full((1, 2, 2, 2, 3), 5.0), rtol=1e-6)


def test_an_unknown_level_rule():
    with pytest.raises(
        ValueError, match="level_rule is 'floor': it must be 'round', 'torchvision' o"
    ):
        ROIPool((7, 7), level_rule="floor")


def config_of(**settings):
    return type("Changed", (TinyConfig,), settings)()


def detections(config, path):
    model = graph.build("inference", config)
    if path.exists():
        model.load_weights(path)
    else:
        spread(model)
        model.save_weights(path)
    [(image, _, _)] = shapes(1)
    resized, frame = Frame.of(image, config)
    meta = frame.meta(0, np.ones(3)).astype(np.float32)
    anchors = Detector(model, config).get_anchors(frame.input_shape)
    inputs = [mold_image(resized, config)[None], meta[None], anchors[None]]
    return [np.asarray(value) for value in model(inputs, training=False)]


@pytest.mark.parametrize("pooler", ["roi_align", "roi_pool", "roi_warp"])
def test_a_network_detects_the_same_after_loading(pooler, tmp_path):
    path = tmp_path / "tiny.weights.h5"
    found = detections(config_of(ROI_POOLER=pooler), path)
    again = detections(config_of(ROI_POOLER=pooler), path)
    other = detections(config_of(ROI_POOLER="crop_and_resize"), path)
    for ours, expected in zip(again, found, strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert np.abs(found[1] - other[1]).max() > 1e-4  # the class scores


def test_the_old_name_is_crop_and_resize(tmp_path):
    path = tmp_path / "tiny.weights.h5"
    found = [detections(config_of(ROI_POOLER=name), path) for name in ("align", "crop_and_resize")]
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_the_same_on_jax(tmp_path):
    """Features and gradients of a pyramid; `test_choices.py` has whole networks."""
    ours = arrays_on("jax", "run_poolers.py", tmp_path, quickly=False)
    tensorflow = run_poolers.computed()
    assert ours.keys() == tensorflow.keys()
    for name, value in tensorflow.items():
        assert np.abs(value).max() > 0.1, name
        # A compiler may round the last bit of a position; a cell is a cell.
        tolerance = 0 if name.startswith("roi_pool") else 1e-4
        np.testing.assert_allclose(ours[name], value, atol=tolerance, err_msg=name)


def test_half_precision_maps_and_float32_results():
    level = keras.ops.cast(np.random.default_rng(0).normal(size=(1, 8, 8, 3)), "bfloat16")
    boxes = np.array([[[0.1, 0.1, 0.9, 0.8]]], "float32")
    found = ROIAlign((2, 2))([boxes, meta_of(128, 128), level])
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    exact = ROIAlign((2, 2))([boxes, meta_of(128, 128), keras.ops.cast(level, "float32")])
    np.testing.assert_allclose(found, exact, atol=1e-6)
