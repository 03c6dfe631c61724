import keras
import numpy as np
import pytest
from seeded_weights import manifest
from tiny import TinyConfig

from mrcnn.network.backbones.resnet import (
    RESNET50,
    RESNET152,
    Form,
    ResNet,
    identity_block,
    resnet_graph,
    resnet_stage,
    resnet_stem,
)
from mrcnn.network.layers import BatchNorm

from .foreign import assert_features, needs_foreign

pytestmark = pytest.mark.network


@pytest.mark.parametrize("architecture", ["resnet50", "resnet101"])
def test_layers_are_those_of_the_weight_files(architecture):
    image = keras.Input((64, 64, 3))
    features = resnet_graph(image, architecture, stage5=True)
    model = keras.Model(image, features)
    expected = {
        layer: [shape for _, shape in weights]
        for layer, weights in manifest(architecture).items()
        if layer.startswith(("conv1", "res", "bn"))
    }
    ours = {x.name: [tuple(w.shape) for w in x.weights] for x in model.layers if x.weights}
    assert ours == expected
    assert [tuple(x.shape[1:]) for x in features] == [
        (16, 16, 64),
        (16, 16, 256),
        (8, 8, 512),
        (4, 4, 1024),
        (2, 2, 2048),
    ]


def test_resnet152_has_more_blocks_and_unique_names():
    image = keras.Input((64, 64, 3))
    model = keras.Model(image, RESNET152.build(image, TinyConfig()))
    outs = [layer.name for layer in model.layers if layer.name.endswith("_out")]
    counts = [sum(name.startswith(f"res{stage}") for name in outs) for stage in (2, 3, 4, 5)]
    assert counts == [3, 8, 36, 3]
    assert {"res3h_out", "res4z_out", "res4aa_out", "res4aj_out"} <= set(outs)
    # As published, without the classifier and with biases beside the BatchNorm.
    convs = [layer for layer in model.layers if hasattr(layer, "kernel")]
    size = sum(weight.numpy().size for weight in model.trainable_weights)
    assert size - sum(layer.bias.shape[0] for layer in convs) == 60_192_808 - 2048 * 1000 - 1000


@pytest.mark.parametrize(
    ("stride_in", "a", "b"), [("1x1", (2, 2), (1, 1)), ("3x3", (1, 1), (2, 2))]
)
def test_where_the_stride_is(stride_in, a, b):
    image = keras.Input((64, 64, 3))
    config = type("Changed", (TinyConfig,), {"RESNET_STRIDE_IN": stride_in})()
    features = RESNET50.build(image, config)
    model = keras.Model(image, features)
    for stage in (3, 4, 5):
        assert model.get_layer(f"res{stage}a_branch2a").strides == a
        assert model.get_layer(f"res{stage}a_branch2b").strides == b
        assert model.get_layer(f"res{stage}a_branch1").strides == (2, 2)
    assert [each.shape[1] for each in features] == [16, 16, 8, 4, 2]
    other = ResNet("resnet50", Form("1x1")).build(image, config)
    assert keras.Model(image, other).get_layer("res3a_branch2a").strides == (2, 2)


@needs_foreign
def test_the_other_form_computes_what_torchvision_does():
    assert_features(RESNET50, "torchvision_maskrcnn_resnet50_fpn", RESNET_STRIDE_IN="3x3")


@needs_foreign
def test_the_stride_in_the_1x1_as_in_detectron2():
    assert_features(RESNET50, "detectron2_keypoint_rcnn_R_50_FPN_3x", RESNET_POOL_PADDING="both")


@pytest.mark.parametrize(
    ("own", "settings", "expected"),
    [
        (None, {}, Form()),
        (None, {"RESNET_STRIDE_IN": "3x3"}, Form("3x3", pad_both=True)),
        (None, {"RESNET_POOL_PADDING": "both"}, Form("1x1", pad_both=True)),
        (None, {"RESNET_STRIDE_IN": "3x3", "RESNET_POOL_PADDING": "end"}, Form("3x3")),
        (
            Form("1x1", groups=2, pad_both=True),
            {"RESNET_STRIDE_IN": "3x3", "BATCH_NORM_EPSILON": 0},
            Form("1x1", groups=2, pad_both=True, epsilon=0.0),
        ),
        (
            Form("3x3", pad_both=True),
            {"RESNET_POOL_PADDING": "end", "NORM_REPLACES_BIAS": True},
            Form("3x3", use_bias=False),
        ),
    ],
)
def test_the_form_that_settings_choose(own, settings, expected):
    assert ResNet("resnet50", own).form_of(TinyConfig.from_dict(settings)) == expected


@pytest.mark.parametrize("pad_both", [False, True])
def test_where_the_first_pooling_is_padded(pad_both):
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, resnet_stem(image, False, Form(pad_both=pad_both)))
    before = keras.Model(image, next(x.output for x in model.layers if "activation" in x.name))
    given = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("float32")
    cells = np.asarray(before(given))  # [1, 4, 4, 64]
    margin = (1, 0) if pad_both else (0, 1)
    padded = np.pad(cells, [(0, 0), margin, margin, (0, 0)])
    expected = [[padded[0, y : y + 3, x : x + 3].max(axis=(0, 1)) for x in (0, 2)] for y in (0, 2)]
    np.testing.assert_array_equal(np.asarray(model(given))[0], expected)


def test_norms_that_replace_the_biases():
    image, form = keras.Input((32, 32, 3)), Form("3x3", epsilon=0.25, use_bias=False)
    model = keras.Model(
        image, resnet_stage(resnet_stem(image, False, form), 2, (4, 5, 6), 1, False, (1, 1), form)
    )
    convs = {layer.name: layer for layer in model.layers if hasattr(layer, "kernel")}
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    assert len(convs) == len(norms) == 1 + 4 + 3
    assert not any(layer.use_bias for layer in convs.values())
    assert {layer.epsilon for layer in norms} == {0.25}
    # Blocks of the reference may leave out the biases by themselves.
    x = keras.Input((4, 4, 6))
    block = keras.Model(x, identity_block(x, 3, (4, 5, 6), 2, "b", use_bias=False))
    assert not any(layer.use_bias for layer in block.layers if hasattr(layer, "kernel"))


def test_stage_5_may_be_left_out():
    assert resnet_graph(keras.Input((64, 64, 3)), "resnet50")[4] is None


def test_unknown_architecture():
    with pytest.raises(
        ValueError, match="architecture is 'vgg': it must be resnet50 or resnet101 or resnet152"
    ):
        resnet_graph(keras.Input((64, 64, 3)), "vgg")


@pytest.mark.parametrize(
    ("train_bn", "model_trains", "statistics_move"),
    [(False, True, False), (None, True, True), (None, False, False), (True, False, True)],
)
def test_batch_norm_keeps_the_mode_it_was_built_with(train_bn, model_trains, statistics_move):
    x = keras.Input((3,))
    layer = BatchNorm()
    model = keras.Model(x, layer(x, training=train_bn))
    before = layer.moving_mean.numpy()
    model(np.full((4, 3), 5.0, "float32"), training=model_trains)
    assert (layer.moving_mean.numpy() != before).all() == statistics_move
