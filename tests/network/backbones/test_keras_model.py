"""Any Keras model as a backbone."""

import keras
import numpy as np
import pytest
from keras import layers
from numpy.testing import assert_allclose, assert_array_equal
from tiny import InMemory, TinyConfig, eager_training, shapes

from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import graph
from mrcnn.network.backbones import KerasBackbone
from mrcnn.network.backbones.keras_model import PIXELS, with_pixels
from mrcnn.network.layers import BatchNorm
from mrcnn.training import trainable

pytestmark = pytest.mark.network

LEVELS = ("first", "third", "fourth", "fifth")


def net(include_top=True, weights=None, input_shape=(None, None, 3)):
    """A model with a head, BatchNormalization and layers that Keras names."""
    assert not include_top or weights is None
    image = x = keras.Input(input_shape)
    for name, width, stride in (
        ("first", 8, 4),
        (None, 8, 1),
        ("third", 12, 2),
        ("fourth", 12, 2),
        ("fifth", 16, 2),
    ):
        x = layers.Conv2D(width, 3, stride, padding="same", name=name)(x)
        x = layers.BatchNormalization(name=name and f"{name}_bn")(x)
        x = layers.ReLU()(x)
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)), name="net")


def config_of(backbone, **settings):
    settings = {"BACKBONE": backbone, "COMPUTE_BACKBONE_SHAPE": None, **settings}
    return type("Changed", (TinyConfig,), settings)()


def built(backbone, channels=3, **settings):
    """A model that outputs the features."""
    settings |= {"IMAGE_CHANNEL_COUNT": channels}
    image = keras.Input((64, 64, channels))
    return keras.Model(image, backbone.build(image, config_of(backbone, **settings)))


def test_it_computes_what_the_model_does():
    model = net()
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.uniform(0.1, 0.3, weight.shape))
    ours = built(KerasBackbone(model, LEVELS))
    pixels = rng.normal(size=(2, 64, 64, 3)).astype(np.float32)
    outputs = [model.get_layer(name).output for name in LEVELS]
    expected = keras.Model(model.inputs, outputs).predict(pixels, verbose=0)
    c1, *found = ours.predict(pixels, verbose=0)
    for got, want in zip(found, expected, strict=True):
        assert_allclose(got, want, rtol=1e-5)
    assert_array_equal(c1, found[0])
    # The model itself is not changed, and shares nothing with the network.
    ours.get_layer("first").kernel.assign(np.zeros((3, 3, 3, 8)))
    assert model.get_layer("first").kernel.numpy().any()


def test_names_do_not_depend_on_what_was_made_before():
    for _ in range(2):
        layers.Conv2D(3, 1), layers.BatchNormalization()
        names = [layer.name for layer in built(KerasBackbone(net, LEVELS)).layers if layer.weights]
        assert names == [
            "first",
            "first_bn",
            "backbone_conv2d_0",
            "backbone_batch_normalization_0",
            "third",
            "third_bn",
            "fourth",
            "fourth_bn",
            "fifth",
        ]


@pytest.mark.parametrize("train_bn", [False, None, True])
def test_its_batch_norm_follows_the_configuration(train_bn):
    model = built(KerasBackbone(net, LEVELS), TRAIN_BN=train_bn)
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    assert len(norms) == 4 and all(norm.pinned_training is train_bn for norm in norms)


@pytest.mark.parametrize("channels", [1, 5])
def test_its_stem_is_spread_over_other_channels(channels):
    model = net()
    backbone = KerasBackbone(model, LEVELS)
    ours = built(backbone, channels, MEAN_PIXEL=114.8)
    kernel = model.get_layer("first").kernel.numpy()
    for channel in range(channels):
        found = ours.get_layer("first").kernel.numpy()[:, :, channel]
        assert_allclose(found, kernel.sum(axis=2) / channels, rtol=1e-5)
    assert backbone.stem == "first"


def test_pixels_that_models_expect():
    raw = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3)).astype(np.float32)
    config = config_of(KerasBackbone(net, LEVELS))
    image = raw - np.float32(config.MEAN_PIXEL)
    utils = keras.applications.imagenet_utils
    for pixels in PIXELS:
        got = np.array(with_pixels(image, pixels, config))
        if pixels == "caffe":
            # Its channels are reversed for all backbones of that order.
            assert KerasBackbone(net, LEVELS, pixels).pixel_order == "BGR"
            assert_allclose(got[..., ::-1], utils.preprocess_input(raw.copy()), atol=0.05)
            continue
        want = raw if pixels == "raw" else utils.preprocess_input(raw.copy(), mode=pixels)
        assert_allclose(got, want, atol=1e-3 if pixels == "raw" else 1e-4)
        assert KerasBackbone(net, LEVELS, pixels).pixel_order == "RGB"


def test_what_trains_is_found_in_the_graph():
    config = config_of(KerasBackbone(net, LEVELS))
    model = graph.build("training", config, seed=0)
    heads = trainable.set_trainable(model, trainable.regex_of("heads", config, model))
    assert not {"first", "third", "fourth", "fifth"} & set(heads)
    for stage, own in {
        "5+": ["fourth_bn", "fifth"],
        "4+": ["third_bn", "fourth", "fourth_bn", "fifth"],
    }.items():
        regex = trainable.regex_of(stage, config, model)
        assert trainable.set_trainable(model, regex) == [*own, *heads]


def test_it_trains_saves_and_detects(tmp_path):
    data, config = InMemory(shapes(4)), config_of(KerasBackbone(net(), LEVELS, pixels="torch"))
    with eager_training():
        model = MaskRCNN("training", config, str(tmp_path))
        before = model.keras_model.get_layer("fifth").kernel.numpy()
        model.train(data, None, 0.01, 1, "5+", verbose=0)
    trained = model.keras_model.get_layer("fifth").kernel.numpy()
    assert not np.array_equal(before, trained)
    detector = MaskRCNN("inference", config, str(tmp_path))
    report = detector.load_weights(detector.find_last(), by_name=True)
    assert {"first", "backbone_conv2d_0", "fifth"} <= set(report.loaded) and not report.missing
    assert_array_equal(detector.keras_model.get_layer("fifth").kernel, trained)
    [result] = detector.detect([data.load_image(0)])
    assert result["rois"].shape[1] == 4


def test_a_model_of_keras_applications():
    names = ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out")
    backbone = KerasBackbone(keras.applications.ResNet50, names)
    model = built(backbone)
    assert [each.shape[1:] for each in model.outputs] == [
        (16, 16, 256),
        (16, 16, 256),
        (8, 8, 512),
        (4, 4, 1024),
        (2, 2, 2048),
    ]
    assert backbone.stem == "conv1_conv"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("resnet50", LEVELS), TypeError, "model is 'resnet50': it must be a Keras model, or a"),
        ((net, LEVELS[:3]), ValueError, "layers is .*: it must name four layers"),
        ((net, "fifth"), ValueError, "layers is 'fifth': it must name four layers"),
        ((net, None), ValueError, "layers is None: it must name four layers"),
        ((net, LEVELS, "bgr"), ValueError, "pixels is 'bgr': it must be one of 'caffe', 'raw'"),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        KerasBackbone(*arguments)


@pytest.mark.parametrize("train_bn", [False, None])
def test_blocks_of_layers_inside_the_model(train_bn):
    """As in `keras.applications`' ConvNeXts."""
    image = x = keras.Input((32, 32, 3))
    for level in range(2, 6):
        stride = 4 if level == 2 else 2
        conv = layers.Conv2D(8, 3, stride, padding="same", name=f"conv{level}")
        x = keras.Sequential([conv, layers.BatchNormalization()], name=f"block{level}")(x)
    model = keras.Model(image, x)
    backbone = KerasBackbone(model, [f"block{level}" for level in range(2, 6)])
    for channels in (3, 1):
        ours = built(backbone, channels, TRAIN_BN=train_bn)
        assert backbone.stem == "block2"
        kernel = model.get_layer("block2").layers[0].kernel.numpy()
        found = ours.get_layer("block2").layers[0].kernel.numpy()
        assert_allclose(found.sum(axis=2), kernel.sum(axis=2), atol=1e-6)
    norms = [ours.get_layer(f"block{level}").layers[1] for level in range(2, 6)]
    assert [norm.name for norm in norms] == [
        f"backbone_batch_normalization_{number}" for number in range(4)
    ]
    assert all(norm.pinned_training is train_bn for norm in norms)
    config = config_of(backbone)
    network = graph.build("training", config)
    chosen = trainable.set_trainable(network, trainable.regex_of("5+", config, network))
    assert {"conv5", "backbone_batch_normalization_3"} < set(chosen) and "conv4" not in chosen


def test_layers_that_the_model_does_not_have():
    with pytest.raises(ValueError, match="layers has 'sixth': the model net has no such layer; it"):
        KerasBackbone(net(), (*LEVELS[:3], "sixth"))
