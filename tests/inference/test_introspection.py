import collections

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import TinyConfig, shapes, spread

from mrcnn.geometry.boxes import norm_boxes
from mrcnn.inference import introspection
from mrcnn.model import MaskRCNN

pytestmark = pytest.mark.network

ANCHORS, ROIS, DETECTIONS, CLASSES = 1023, 12, 6, 3

# Layers that the notebooks of matterport's Mask_RCNN (the reference) use by name, with shapes.
NOTEBOOK_LAYERS = {
    "input_image": (None, 64, 64, 3),
    "input_image_meta": (None, 12 + CLASSES),
    "input_anchors": (None, None, 4),
    "rpn_class": (None, None, 2),
    "rpn_bbox": (None, None, 4),
    "ROI": (None, ROIS, 4),
    "roi_align_classifier": (None, ROIS, 3, 3, 16),
    "mrcnn_class": (None, ROIS, CLASSES),
    "mrcnn_bbox": (None, ROIS, CLASSES, 4),
    "mrcnn_detection": (None, DETECTIONS, 6),
    "roi_align_mask": (None, DETECTIONS, 4, 4, 16),
    "mrcnn_mask": (None, DETECTIONS, 8, 8, CLASSES),
    "fpn_p2": (None, 16, 16, 16),
    "fpn_p6": (None, 1, 1, 16),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    model = MaskRCNN("inference", TinyConfig(), str(tmp_path_factory.mktemp("logs")))
    spread(model.keras_model)
    return model


@pytest.fixture(scope="module")
def images():
    return [image for image, _, _ in shapes(3, (60, 50), seed=2)]


def output(model, name):
    return model.keras_model.get_layer(name).output


def input_arrays(model, images):
    molded, metas, _ = model.mold_inputs(images)
    anchors = model.get_anchors(molded[0].shape)
    return molded, metas.astype(np.float32), np.stack([anchors] * len(images))


@pytest.mark.parametrize("name", NOTEBOOK_LAYERS)
def test_layers_of_the_notebooks(name, model):
    shape, wanted = output(model, name).shape, NOTEBOOK_LAYERS[name]
    # Keras may or may not know the number of anchors; either is fine.
    assert len(shape) == len(wanted)
    assert all(
        side in (want, ANCHORS if want is None else want)
        for side, want in zip(shape, wanted, strict=True)
    )


# ancestor


def test_ancestors_by_layer_name(model):
    mask = output(model, "mrcnn_mask")
    for name in ("mrcnn_detection", "ROI", "fpn_p2", "rpn_class", "conv1", "input_image"):
        assert model.ancestor(mask, name) is output(model, name), name
    assert model.ancestor(mask, "ROI:0") is output(model, "ROI")
    assert model.ancestor(mask, "mrcnn_mask") is mask


def test_no_such_ancestor(model):
    roi = output(model, "ROI")
    for name in ("nonsense", "mrcnn_mask", "ROI/nonsense:0", "conv1/refined_anchors:0", ""):
        assert model.ancestor(roi, name) is None, name
    # Neither an array nor a tensor of another graph has the ancestor.
    assert model.ancestor(np.zeros(3), "ROI") is None
    assert model.ancestor(keras.Input((3,)), "ROI") is None


def test_what_nms_kept(model, images):
    """As in a cell of the reference's notebooks, with its kernel names."""
    roi = output(model, "ROI")
    for name in ("rpn_non_max_suppression:0", "rpn_non_max_suppression/NonMaxSuppressionV3:0"):
        values = model.run_graph(
            images[:1],
            [
                ("kept", model.ancestor(roi, f"ROI/{name}")),
                ("refined_anchors_clipped", model.ancestor(roi, "ROI/refined_anchors_clipped:0")),
                ("proposals", roi),
            ],
        )
        kept, proposals = values["kept"], values["proposals"][0]
        count = (proposals != 0).any(axis=1).sum()
        assert kept.shape == (12,) and count > 3
        assert_allclose(values["refined_anchors_clipped"][0, kept[:count]], proposals[:count])


def test_steps_of_the_proposal_layer(model, images):
    mask = output(model, "mrcnn_mask")
    steps = ["pre_nms_anchors", "refined_anchors", "refined_anchors_clipped", "proposals"]
    tensors = [(step, model.ancestor(mask, f"ROI/{step}:0")) for step in steps]
    names = ("rpn_class", "rpn_bbox", "ROI", "input_anchors")
    values = model.run_graph(images[:1], tensors + [(name, output(model, name)) for name in names])
    assert list(values) == [*steps, *names]
    probs, deltas, anchors = (
        values[name][0].astype(np.float64) for name in ("rpn_class", "rpn_bbox", "input_anchors")
    )
    best = np.argsort(-probs[:, 1], kind="stable")[: model.config.PRE_NMS_LIMIT]
    anchors, deltas = anchors[best], deltas[best] * [0.1, 0.1, 0.2, 0.2]
    assert values["pre_nms_anchors"].shape == (1, 500, 4)
    assert_allclose(values["pre_nms_anchors"][0], anchors, atol=1e-6)
    size = anchors[:, 2:] - anchors[:, :2]
    centre = anchors[:, :2] + size / 2 + deltas[:, :2] * size
    half = size * np.exp(deltas[:, 2:]) / 2
    refined = np.concatenate([centre - half, centre + half], axis=1)
    assert_allclose(values["refined_anchors"][0], refined, rtol=1e-4, atol=1e-4)
    clipped = np.clip(refined, 0, 1)
    assert_allclose(values["refined_anchors_clipped"][0], clipped, atol=1e-4)
    assert not np.allclose(refined, clipped)
    # The last step is the layer's output: a subset of the clipped boxes, starting with the best.
    assert_array_equal(values["proposals"], values["ROI"])
    kept = values["ROI"][0]
    assert_allclose(kept[0], clipped[0], atol=1e-4)
    distance = np.abs(kept[kept.any(axis=1), None] - clipped).max(axis=2).min(axis=1)
    assert distance.max() < 1e-4


def test_steps_are_float32_in_half_precision(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = MaskRCNN("inference", TinyConfig(), str(tmp_path))
        assert output(model, "fpn_p2").dtype == "float16"
        step = model.ancestor(output(model, "ROI"), "ROI/refined_anchors:0")
    finally:
        keras.config.set_dtype_policy("float32")
    assert step.dtype == "float32"


# run_graph


def test_run_graph_gives_the_model_s_own_values(model, images):
    outputs = [(f"own {index}", tensor) for index, tensor in enumerate(model.keras_model.outputs)]
    values = model.run_graph(images, outputs)
    assert isinstance(values, collections.OrderedDict)
    assert list(values) == [name for name, _ in outputs]
    wanted = model.keras_model.predict_on_batch(list(input_arrays(model, images)))
    assert len(wanted) == 7
    for array, want in zip(values.values(), wanted, strict=True):
        assert isinstance(array, np.ndarray)
        assert_allclose(array, want, rtol=1e-5, atol=1e-5)


def test_run_graph_gives_its_inputs(model, images):
    molded, metas, anchors = input_arrays(model, images[:2])
    names = ("input_image", "input_image_meta", "input_anchors")
    values = model.run_graph(images[:2], [(name, output(model, name)) for name in names])
    for array, want in zip(values.values(), (molded, metas, anchors), strict=True):
        assert_array_equal(array, want)
    assert_allclose(anchors[0], norm_boxes(model.anchors, (64, 64)), atol=1e-6)


def test_run_graph_with_molded_images(model, images):
    molded, metas, _ = model.mold_inputs(images)
    outputs = [("mrcnn_class", output(model, "mrcnn_class"))]
    [of_molded] = model.run_graph(molded, outputs, image_metas=metas).values()
    [of_images] = model.run_graph(images, outputs).values()
    assert of_molded.shape == (3, ROIS, CLASSES)
    assert_array_equal(of_molded, of_images)


def test_run_graph_shows_an_activation(model, images):
    """As the notebooks do, with tensors that are not outputs."""
    [activation] = model.run_graph(
        images[:1], [("res3a", model.ancestor(output(model, "ROI"), "res3a"))]
    ).values()
    kernel, bias = model.keras_model.get_layer("res3a").get_weights()
    assert activation.shape == (1, 8, 8, kernel.shape[-1])
    [before] = model.run_graph(
        images[:1], [("in", model.keras_model.get_layer("res3a").input)]
    ).values()
    # The second cell of the second row: a 3 x 3 convolution of stride 2, no padding at the top.
    patch = before[0, 2:5, 2:5]
    assert_allclose(activation[0, 1, 1], np.einsum("yxc,yxco->o", patch, kernel) + bias, atol=1e-4)


def test_nothing_is_compiled_for_one_look(model, images, monkeypatch):
    monkeypatch.setattr(keras.Model, "make_predict_function", None)
    assert model.run_graph(images[:1], [("roi", output(model, "ROI"))])["roi"].any()


def test_run_graph_names_what_is_missing(model, images):
    outputs = [("a", output(model, "ROI")), ("b", None), ("c", None)]
    with pytest.raises(ValueError) as caught:
        model.run_graph(images, outputs)
    assert str(caught.value) == (
        "the outputs ['b', 'c'] are None: ancestor() found no such tensor."
    )


# Layers


def test_layers_with_weights(model):
    names = [layer.name for layer in model.get_trainable_layers()]
    assert len(set(names)) == len(names)
    backbone = ["conv1", "bn_conv1", "res2a", "bn2a", "res3a", "bn3a", "res4a", "bn4a"]
    assert names[:10] == [*backbone, "res5a", "bn5a"]
    # The layers of the nested RPN, not the RPN itself.
    assert {"rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"} < set(names)
    assert not {"rpn_model", "ROI", "mrcnn_detection", "input_image"} & set(names)
    pyramid = [f"fpn_c{n}p{n}" for n in (5, 4, 3, 2)] + [f"fpn_p{n}" for n in (2, 3, 4, 5)]
    heads = [f"mrcnn_class_{kind}{n}" for n in (1, 2) for kind in ("conv", "bn")]
    heads += [f"mrcnn_mask_{kind}{n}" for n in range(1, 5) for kind in ("conv", "bn")]
    heads += ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask_deconv", "mrcnn_mask"]
    rpn = ["rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"]
    assert set(names[10:]) == {*pyramid, *heads, *rpn}
    count = sum(len(layer.weights) for layer in model.get_trainable_layers())
    assert count == len(model.keras_model.weights)


def test_the_layer_in_a_wrapper(model):
    dense = keras.layers.Dense(2, name="inside")
    assert model.find_trainable_layer(dense) is dense
    assert model.find_trainable_layer(keras.layers.TimeDistributed(dense)) is dense
    twice = keras.layers.TimeDistributed(keras.layers.TimeDistributed(dense))
    assert model.find_trainable_layer(twice) is dense

    inputs = keras.Input((3, 4))
    outputs = keras.layers.TimeDistributed(dense)(inputs)
    nested = keras.Model(inputs, keras.layers.Dropout(0.5)(outputs))
    assert introspection.layers_with_weights(nested) == [dense]
