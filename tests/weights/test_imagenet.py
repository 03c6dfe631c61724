"""ImageNet weights that follow the backbone; the downloads are faked."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import TinyConfig

import mrcnn.weights.published
from mrcnn import weights
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network.backbones import KerasBackbone, ResNet, build
from mrcnn.network.backbones.resnet import Form
from mrcnn.weights import start_weights
from mrcnn.weights.imagenet import PUBLISHED, resnet_name
from mrcnn.weights.keras_h5 import WeightsFile, save
from mrcnn.weights.published import imagenet_weights

pytestmark = pytest.mark.network


@pytest.fixture(autouse=True)
def fetched(monkeypatch, tmp_path):
    """What is downloaded: list of (url, checksum); `serve` sets the model that a file holds."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    calls = Served()

    def fetch(url, path, verbose=1, checksum=None):
        calls.append((url, checksum))
        save(calls.model, path)

    monkeypatch.setattr(mrcnn.weights.published, "download", fetch)
    return calls


class Served(list):
    model = None


def with_values(model, seed=0):
    """The model with random weights, each tensor different."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        low, high = (0.5, 1.5) if weight.name in ("moving_variance", "gamma") else (-0.05, 0.05)
        weight.assign(rng.uniform(low, high, weight.shape))
    return model


def network(backbone, side=64):
    """Our backbone alone, as `graph.build` makes it."""
    image = keras.Input((side, side, 3))
    settings = {"BACKBONE": backbone, "COMPUTE_BACKBONE_SHAPE": None}
    config = type("Changed", (TinyConfig,), settings)()
    return keras.Model(image, build(config, image)), config


def test_a_resnet_gets_the_layers_of_keras(fetched):
    # A ResNet-50's layers will do for the file: the others only have more blocks.
    fetched.model = theirs = with_values(
        keras.applications.ResNet50(weights=None, include_top=False)
    )
    path = imagenet_weights("resnet101")
    assert (
        path.endswith("mask_rcnn_resnet101_imagenet.h5") and imagenet_weights("resnet101") == path
    )
    assert fetched == [
        (
            "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
            "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "md5:88cf7a10940856eca736dc7b7e228a21",
        )
    ]
    ours, _ = network("resnet50")
    report = weights.load(ours, path)
    assert len(report.loaded) == 106 and not report.missing and not report.left_over
    assert report.notes == ["conv1's input channels reversed: BGR in the file, RGB here"]
    kernel = theirs.get_layer("conv1_conv").kernel.numpy()
    assert_array_equal(ours.get_layer("conv1").kernel, kernel[:, :, ::-1])
    for name, own in {"conv4_block6_2": "4f_branch2b", "conv2_block1_0": "2a_branch1"}.items():
        for a, b in zip(
            theirs.get_layer(f"{name}_conv").weights,
            ours.get_layer(f"res{own}").weights,
            strict=True,
        ):
            assert_array_equal(a, b)
        # The moving variance makes up for the different epsilon.
        x = np.random.default_rng(1).normal(size=(1, 2, 2, 256)).astype(np.float32)
        expected, found = theirs.get_layer(f"{name}_bn")(x), ours.get_layer(f"bn{own}")(x)
        assert theirs.get_layer(f"{name}_bn").epsilon < ours.get_layer(f"bn{own}").epsilon / 50
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_vgg16_is_keras_own_file(fetched):
    fetched.model = theirs = with_values(keras.applications.VGG16(weights=None, include_top=False))
    path = imagenet_weights("vgg16")
    assert fetched == [(PUBLISHED["vgg16"].url, "md5:6d6bbae143d832006294945121d1f1fc")]
    ours, _ = network("vgg16")
    ours.stem = "block1_conv1"
    report = weights.load(ours, path)
    assert len(report.loaded) == 13 and not report.missing and not report.left_over
    assert report.notes == ["block1_conv1's input channels reversed: BGR in the file, RGB here"]
    raw = np.random.default_rng(1).integers(0, 256, (1, 64, 64, 3)).astype(np.float32)
    expected = theirs.predict(keras.applications.vgg16.preprocess_input(raw.copy()), verbose=0)
    found = ours.predict(raw - np.float32([123.68, 116.779, 103.939]), verbose=0)[4]
    assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * expected.max())


def test_mobilenet_is_matched_by_order(fetched, tmp_path):
    theirs = keras.applications.MobileNetV3Large(weights=None, include_top=False)
    fetched.model = with_values(theirs)
    raw = np.random.default_rng(1).integers(0, 256, (1, 64, 64, 3)).astype(np.float32)
    expected = theirs.predict(raw, verbose=0)
    for layer in theirs.layers:
        layer.name = layer.name.replace("expanded_conv", "expanded_conv/").replace(
            "conv_bn", "Conv-BN"
        )
    path = imagenet_weights("mobilenet_v3_large")
    assert path.endswith("mask_rcnn_mobilenet_v3_large_imagenet.h5")
    assert fetched == [
        (PUBLISHED["mobilenet_v3_large"].url, "md5:07fb09a5933dd0c8eaafa16978110389")
    ]
    with WeightsFile(path) as file:
        assert not file.is_bgr()
    ours, config = network("mobilenet_v3_large")
    report = weights.load(ours, path)
    assert not report.missing and not report.left_over and not report.notes
    found = ours.predict(raw - np.float32(config.MEAN_PIXEL), verbose=0)[4]
    assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("architecture", ["mobilenet_v3_large", "resnet152"])
def test_a_file_of_another_network_is_refused(fetched, architecture):
    fetched.model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="conv1")])
    with pytest.raises(
        ValueError, match=f"does not hold Keras's ImageNet weights of {architecture}"
    ):
        imagenet_weights(architecture)


@pytest.mark.parametrize("name", ["resnext50_32x4d", "resnext101_64x4d"])
def test_resnext_has_none(fetched, name):
    with pytest.raises(ValueError) as caught:
        imagenet_weights(name)
    message = str(caught.value)
    assert message.startswith(f"there are no ImageNet weights for the BACKBONE {name}: Keras ")
    assert "resnet50, resnet101, resnet152, vgg16, mobilenet_v3_large" in message
    assert "torchvision has such weights" in message and fetched == []


class Bare(MaskRCNN):
    """Only its configuration."""

    def __init__(self, **settings):
        self.config = type("Changed", (TinyConfig,), settings)()


@pytest.mark.parametrize(
    ("backbone", "wanted"),
    [
        ("resnet50", "resnet50"),
        ("resnet101", "resnet101"),
        ("resnet152", "resnet152"),
        ("resnext101_32x8d", "resnext101_32x8d"),
        ("vgg16", "vgg16"),
        ("mobilenet_v3_large", "mobilenet_v3_large"),
        (TinyConfig.BACKBONE, "resnet50"),
    ],
)
def test_they_follow_the_backbone(monkeypatch, backbone, wanted):
    asked = []
    monkeypatch.setattr("mrcnn.mask_rcnn.imagenet_weights", lambda name: asked.append(name) or "x")
    assert Bare(BACKBONE=backbone).get_imagenet_weights() == "x"
    assert asked == [wanted]


def test_the_other_form_of_a_resnet_is_reported(monkeypatch, caplog):
    monkeypatch.setattr("mrcnn.mask_rcnn.imagenet_weights", lambda name: name)
    settings = {"BACKBONE": "resnet50", "COMPUTE_BACKBONE_SHAPE": None}
    Bare(**settings).get_imagenet_weights()
    assert not caplog.messages
    Bare(**settings, RESNET_STRIDE_IN="3x3").get_imagenet_weights()
    settings["BACKBONE"] = ResNet("resnet50", Form("3x3"))
    Bare(**settings).get_imagenet_weights()
    first, second = caplog.messages
    assert first == second
    assert first.startswith("the BACKBONE has its stride in the 3x3 convolution (RESNET_STRIDE_IN)")
    settings["BACKBONE"] = ResNet("resnet50", Form("1x1"))
    Bare(**settings, RESNET_STRIDE_IN="3x3").get_imagenet_weights()
    assert len(caplog.messages) == 2


def test_starting_from_imagenet_without_weights():
    with pytest.raises(ValueError, match="no ImageNet weights for the BACKBONE resnext50_32x4d"):
        start_weights.load(Bare(BACKBONE="resnext50_32x4d"), "imagenet")
    own = KerasBackbone(keras.applications.ResNet50V2, ("a", "b", "c", "d"))
    message = (
        r"BACKBONE KerasBackbone\(ResNet50V2, .* with a KerasBackbone, from its model's weights"
    )
    with pytest.raises(ValueError, match=message):
        start_weights.load(Bare(BACKBONE=own), "imagenet")


def test_names_of_keras_resnets():
    names = ["conv1_conv", "conv1_bn", "conv5_block3_2_conv", "conv4_block36_0_bn"]
    assert list(map(resnet_name, names)) == ["conv1", "bn_conv1", "res5c_branch2b", "bn4aj_branch1"]
    assert resnet_name("conv6_block1_1_conv") == resnet_name("predictions") == ""
