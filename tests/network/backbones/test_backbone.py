"""The backbone interface: a custom backbone is built, trained and loaded."""

import re

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from seeded_weights import write_h5
from tiny import InMemory, TinyConfig, eager_training, shapes

from mrcnn import weights
from mrcnn.model import MaskRCNN
from mrcnn.network import graph
from mrcnn.network.backbones import Backbone, FunctionBackbone
from mrcnn.runs import history
from mrcnn.training import trainable

from .plain import Plain, of

pytestmark = pytest.mark.network


@pytest.fixture(autouse=True, scope="module")
def eagerly():
    with eager_training():
        yield


class PlainConfig(TinyConfig):
    BACKBONE = of(pixel_order="BGR", pixel_std=(58.4, 57.1, 57.4))
    COMPUTE_BACKBONE_SHAPE = None
    RPN_TRAIN_ANCHORS_PER_IMAGE = 512


def config_of(backbone, **settings):
    return type("Changed", (PlainConfig,), {"BACKBONE": backbone, **settings})()


def test_what_a_backbone_must_have():
    class Nothing(Backbone):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing has no build\(\)"):
        Nothing().build(None, None)


@pytest.mark.parametrize("train_bn", [False, None, True])
def test_a_function_is_called_as_in_the_reference(train_bn):
    calls = []

    def function(*args, **kwargs):
        calls.append((args, kwargs))
        return [1, 2, 3, 4, 5]

    backbone = FunctionBackbone(function)
    config = config_of(function, TRAIN_BN=train_bn)
    assert backbone.build("image", config) == [1, 2, 3, 4, 5]
    assert calls == [(("image",), {"stage5": True, "train_bn": train_bn})]
    # Its layers are a ResNet's, plus the small ResNet's small5.
    assert (backbone.stem, backbone.pixel_order, backbone.pixel_std) == ("conv1", "RGB", None)
    assert re.fullmatch(backbone.fresh, "small5_reduce")


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("3+", ["res3a_branch1", "bn3d_branch2c", "bn4f_branch2a", "res5c_branch2c"], ["res2a"]),
        ("4+", ["res4a_branch1", "bn5a_branch1"], ["res3d_branch2c", "bn3a_branch1"]),
        ("5+", ["res5a_branch1", "bn5c_branch2a"], ["res4f_branch2c", "bn4a", "conv1"]),
    ],
)
def test_the_levels_of_a_resnet(name, inside, outside):
    regex = Backbone.trainable[name]
    assert all(re.fullmatch(regex, layer) for layer in inside)
    assert not any(re.fullmatch(regex, layer) for layer in [*outside, "conv1", "bn_conv1"])


# Its attributes decide what trains

BACKBONE = ["entry", "level3", "level4", "level5", "adapter_c5"]


@pytest.fixture(scope="module")
def model():
    return graph.build("training", PlainConfig(), seed=0)


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        ("heads", ["adapter_c5"]),
        ("5+", ["level5", "adapter_c5"]),
        ("4+", ["level4", "level5", "adapter_c5"]),
        ("3+", ["level3", "level4", "level5", "adapter_c5"]),
        ("all", BACKBONE),
    ],
)
def test_layers_that_train(model, layers, chosen):
    names = trainable.set_trainable(model, trainable.regex_of(layers, PlainConfig()))
    every = trainable.set_trainable(model, ".*")
    assert [name for name in names if name in BACKBONE] == chosen
    assert [name for name in names if name not in BACKBONE] == [
        name for name in every if name not in BACKBONE
    ]
    assert {"fpn_c5p5", "rpn_conv_shared", "mrcnn_class_logits", "mrcnn_mask"} <= set(names)


def test_the_regexes_are_those_of_the_backbone():
    found = trainable.layer_regexes(PlainConfig())
    assert list(found) == ["heads", "3+", "4+", "5+", "all"]
    heads = found["heads"]
    assert {name: found[name] for name in Plain.trainable} == {
        name: f"{regex}|{heads}" for name, regex in Plain.trainable.items()
    }
    assert heads.endswith("(adapter.*)")
    without = trainable.layer_regexes(config_of(of(fresh=None, trainable={"2+": "x"})))
    assert without["heads"] == heads.removesuffix("|(adapter.*)")
    assert list(without) == ["heads", "2+", "all"]


def test_it_trains_validates_and_detects(tmp_path):
    data, config = InMemory(shapes(4)), PlainConfig()
    keras.utils.set_random_seed(0)
    model = MaskRCNN("training", config, str(tmp_path))
    assert model.keras_model.stem == "entry"

    def kernels():
        network = model.keras_model
        return {name: np.array(network.get_layer(name).kernel) for name in BACKBONE}

    before = kernels()
    model.train(data, data, 0.01, 1, "4+", verbose=0)
    after = kernels()
    moved = [name for name in BACKBONE if not np.array_equal(before[name], after[name])]
    assert moved == ["level4", "level5", "adapter_c5"]
    [row] = history.read(model.log_dir)
    assert np.isfinite(row["loss"]) and "val_segm_AP" in row

    detector = MaskRCNN("inference", config, str(tmp_path))
    report = detector.load_weights(detector.find_last(), by_name=True)
    assert set(BACKBONE) < set(report.loaded) and not report.missing and not report.notes
    [result] = detector.detect([data.load_image(0)])
    assert list(result) == ["rois", "class_ids", "scores", "masks", "truncated"]


# RGB weights are adapted to its stem


@pytest.fixture
def rgb_file(tmp_path):
    """Path of a file with RGB weights for `entry`, and their kernel and bias."""
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(5, 5, 3, 8)), rng.normal(size=8)
    kernel, bias = kernel.astype(np.float32), bias.astype(np.float32)
    write_h5({"entry": [("entry/kernel:0", kernel), ("entry/bias:0", bias)]}, tmp_path / "rgb.h5")
    return tmp_path / "rgb.h5", kernel, bias


@pytest.mark.parametrize("channels", [1, 5])
def test_its_stem_is_spread_over_other_channels(rgb_file, channels):
    path, kernel, bias = rgb_file
    config = config_of(of(), IMAGE_CHANNEL_COUNT=channels, MEAN_PIXEL=114.8)
    model = graph.build("inference", config)
    report = weights.load(model, path)
    assert report.loaded == ["entry"] and not report.mismatched
    assert len(report.notes) == 1 and f"spread over {channels} channels" in report.notes[0]
    stem = model.get_layer("entry")
    for channel in range(channels):
        assert_allclose(stem.kernel[:, :, channel], kernel.sum(axis=2) / channels, rtol=1e-6)
    assert_array_equal(stem.bias, bias)


REVERSED = "input channels reversed: {} in the file, {} here"
OTHER = {"RGB": "BGR", "BGR": "RGB"}


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_its_stem_gets_the_pixel_order_that_it_sees(rgb_file, tmp_path, order):
    path, kernel, bias = rgb_file
    rgb, bgr = (graph.build("inference", config_of(of(pixel_order=o))) for o in ("RGB", "BGR"))
    model, expected = (rgb, kernel) if order == "RGB" else (bgr, kernel[:, :, ::-1])
    notes = weights.load(model, path).notes
    assert len(notes) == (order == "BGR")
    assert all(note.endswith(REVERSED.format("RGB", "BGR")) for note in notes)
    assert_array_equal(model.get_layer("entry").kernel, expected)
    assert_array_equal(model.get_layer("entry").bias, bias)
    # A saved file records its pixel order: in a model of the same order, nothing changes.
    saved = tmp_path / "own.h5"
    model.save_weights(saved)
    for other, same in ((rgb, order == "RGB"), (bgr, order == "BGR")):
        notes = weights.load(other, saved).notes
        assert notes == [] if same else notes[0].endswith(REVERSED.format(order, OTHER[order]))
        wanted = expected if same else expected[:, :, ::-1]
        assert_array_equal(other.get_layer("entry").kernel, wanted)


def test_a_layer_that_is_not_its_stem_is_not_spread(rgb_file):
    path, _, _ = rgb_file
    config = config_of(of(stem="level3"), IMAGE_CHANNEL_COUNT=5, MEAN_PIXEL=114.8)
    with pytest.raises(ValueError, match="shapes disagree in 1 layers, nothing was loaded"):
        weights.load(graph.build("inference", config), path)
