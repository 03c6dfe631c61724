"""The pooler interface: custom layer classes in ROI_POOLER."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose, assert_array_equal
from tiny import TinyConfig, shapes, spread

from mrcnn.images.frame import Frame
from mrcnn.images.normalising import mold_image
from mrcnn.inference.detector import Detector
from mrcnn.network import graph

pytestmark = pytest.mark.network


class Pooler(keras.layers.Layer):
    """Records each instance in `made`."""

    made = []

    def __init__(self, pool_shape, name):
        super().__init__(name=name)
        self.pool_shape = pool_shape
        self.made.append(self)

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:2], *self.pool_shape, input_shape[2][-1])


class Zeros(Pooler):
    def call(self, inputs):
        rois, _, p2, *_ = inputs
        batch, count = ops.shape(rois)[0], rois.shape[1]
        return ops.zeros((batch, count, *self.pool_shape, p2.shape[-1]))


class MeanOfP2(Pooler):
    def call(self, inputs):
        rois, _, p2, *_ = inputs
        mean = ops.mean(p2, axis=(1, 2))[:, None, None, None]
        return mean * ops.ones((1, rois.shape[1], *self.pool_shape, 1))


def config_of(pooler, **settings):
    return type("Changed", (TinyConfig,), {"ROI_POOLER": pooler, **settings})()


@pytest.fixture
def made(monkeypatch):
    """The poolers that the test creates."""
    monkeypatch.setattr(Pooler, "made", [])
    return Pooler.made


def inference(pooler, *tensors):
    """A network's outputs for an image, by name; its weights make them differ from RoI to RoI."""
    config = config_of(pooler)
    keras.utils.set_random_seed(0)
    model = graph.build("inference", config)
    spread(model)
    [(image, _, _)] = shapes(1)
    resized, frame = Frame.of(image, config)
    meta = frame.meta(0, np.ones(3)).astype(np.float32)
    anchors = Detector(model, config).get_anchors(frame.input_shape)
    inputs = [mold_image(resized, config)[None], meta[None], anchors[None]]
    more = [model.get_layer(name).output for name in tensors]
    outputs = keras.Model(model.inputs, [model.outputs, more])(inputs, training=False)
    found = dict(zip(model.names, map(np.array, outputs[0]), strict=True))
    found.update(zip(tensors, map(np.array, outputs[1]), strict=True))
    return found


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_each_head_has_its_own_pooler(mode, made):
    model = graph.build(mode, config_of(MeanOfP2))
    assert [(each.name, each.pool_shape) for each in made] == [
        ("roi_align_classifier", (3, 3)),
        ("roi_align_mask", (4, 4)),
    ]
    assert [model.get_layer(each.name) for each in made] == made
    inputs = made[0].input
    assert [tuple(tensor.shape) for tensor in inputs] == [
        (None, 12, 4),
        (None, 15),
        *[(None, side, side, 16) for side in (16, 8, 4, 2)],
    ]


def test_the_mask_head_sees_detections():
    model = graph.build("inference", config_of(Zeros))
    rois = model.get_layer("roi_align_mask").input[0]
    assert tuple(rois.shape) == (None, 6, 4)


def test_a_network_without_masks_has_one(made):
    graph.build("inference", config_of(Zeros, HEADS=("box",)))
    assert [each.name for each in made] == ["roi_align_classifier"]


def test_both_heads_use_what_their_poolers_return():
    found = inference(MeanOfP2, "fpn_p2", "roi_align_classifier", "roi_align_mask")
    mean = found["fpn_p2"].mean(axis=(1, 2))[0]
    assert np.abs(mean).max() > 0.1
    for name, shape in (
        ("roi_align_classifier", (1, 12, 3, 3, 16)),
        ("roi_align_mask", (1, 6, 4, 4, 16)),
    ):
        assert_allclose(found[name], np.broadcast_to(mean, shape), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("pooler", "differ"), [("align", True), (Zeros, False)])
def test_without_features_all_rois_are_alike(pooler, differ):
    found = inference(pooler)
    rois = found["ROI"][0]
    assert len(np.unique(rois[rois.any(axis=1)], axis=0)) > 3
    for name in ("mrcnn_class", "mrcnn_bbox", "mrcnn_mask"):
        rows = found[name][0]
        assert (np.abs(rows - rows[:1]).max() > 1e-3) == differ, name
    if not differ:
        # No bias is trained: all classes are equally likely, and so are mask and background.
        assert_allclose(found["mrcnn_class"], 1 / 3, rtol=1e-6)
        assert_array_equal(found["mrcnn_bbox"], 0)
        assert_allclose(found["mrcnn_mask"], 0.5, rtol=1e-6)
