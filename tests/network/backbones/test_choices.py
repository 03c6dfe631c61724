"""Each named backbone: what trains at each stage; training, saving, loading and detection."""

import re

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import InMemory, TinyConfig, eager_training, shapes

from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import backbones
from mrcnn.network.backbones.levels import layers_behind
from mrcnn.runs import history

pytestmark = pytest.mark.network


def config_of(backbone, **settings):
    settings = {"BACKBONE": backbone, "COMPUTE_BACKBONE_SHAPE": None, **settings}
    return type("Changed", (TinyConfig,), settings)()


@pytest.mark.parametrize(
    ("backbone", "settings"),
    [
        ("resnet50", {"RESNET_STRIDE_IN": "3x3"}),
        ("resnext50_32x4d", {}),
        ("mobilenet_v3_large", {}),
    ],
)
def test_a_stage_is_what_only_its_level_and_later_ones_need(backbone, settings):
    config = config_of(backbone, **settings)
    image = keras.Input((64, 64, 3))
    _, *features = backbones.build(config, image)
    names = [x.name for x in keras.Model(image, features).layers if x.weights]
    trainable = backbones.of_config(config).trainable
    assert list(trainable) == ["3+", "4+", "5+"]
    for stage, regex in trainable.items():
        chosen = [name for name in names if re.fullmatch(regex, name)]
        assert sorted(chosen) == sorted(layers_behind(image, features, int(stage[0])))
        assert 0 < len(chosen) < len(names)


def test_the_stages_of_vgg_are_its_own_blocks():
    image = keras.Input((64, 64, 3))
    *_, c5 = backbones.build(config_of("vgg16"), image)
    names = [x.name for x in keras.Model(image, c5).layers if x.weights]
    trainable = backbones.of_config(config_of("vgg16")).trainable
    for stage, count in {"3+": 9, "4+": 6, "5+": 3}.items():
        chosen = [name for name in names if re.fullmatch(trainable[stage], name)]
        assert chosen == names[-count:] and chosen[0] == f"block{stage[0]}_conv1"


@pytest.mark.parametrize(
    ("backbone", "stage", "frozen", "trained"),
    [
        ("vgg16", "4+", "block3_conv3", "block4_conv1"),
        ("mobilenet_v3_large", "5+", "expanded_conv_11_project", "expanded_conv_12_expand"),
        ("resnext50_32x4d", "5+", "res4f_branch2b", "res5a_branch2b"),
    ],
)
def test_it_trains_saves_and_detects(tmp_path, backbone, stage, frozen, trained):
    # Batch statistics keep the signal from vanishing while the weights are random.
    data, config = InMemory(shapes(2)), config_of(backbone, STEPS_PER_EPOCH=1, TRAIN_BN=None)
    keras.utils.set_random_seed(0)
    with eager_training():
        model = MaskRCNN("training", config, str(tmp_path))
        layers = {name: model.keras_model.get_layer(name) for name in (frozen, trained)}
        before = {name: layer.kernel.numpy() for name, layer in layers.items()}
        model.train(data, None, 0.01, 1, stage, verbose=0)
    moved = {name: (layer.kernel.numpy() != before[name]).any() for name, layer in layers.items()}
    assert moved == {frozen: False, trained: True}
    assert np.isfinite(history.read(model.log_dir)[0]["loss"])
    detector = MaskRCNN("inference", config, str(tmp_path))
    report = detector.load_weights(detector.find_last(), by_name=True)
    assert {frozen, trained} <= set(report.loaded) and not report.missing
    assert_array_equal(detector.keras_model.get_layer(trained).kernel, layers[trained].kernel)
    [result] = detector.detect([data.load_image(0)])
    assert list(result) == ["rois", "class_ids", "scores", "masks", "truncated"]
    assert result["masks"].shape == (64, 64, len(result["rois"]))
