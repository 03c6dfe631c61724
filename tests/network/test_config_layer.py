import inspect
import pickle
import pkgutil

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import TinyConfig

import mrcnn
from mrcnn.config import Config
from mrcnn.inference.introspection import _Step
from mrcnn.legacy.signatures import DetectionTargetLayer
from mrcnn.network.backbones.grouped import GroupedConv2D
from mrcnn.network.backbones.small_resnet import ImageNormalization
from mrcnn.network.config_layer import ConfigLayer, plain_settings
from mrcnn.network.detections import DetectionLayer
from mrcnn.network.exported import Results
from mrcnn.network.heads.box import BoxTargets, _bbox_loss
from mrcnn.network.heads.head import OfInstances
from mrcnn.network.heads.keypoint import Doubled
from mrcnn.network.heads.keypoint_targets import KeypointTargets
from mrcnn.network.heads.mask_losses import mrcnn_mask_logits_loss_graph
from mrcnn.network.heads.mask_targets import MaskTargets
from mrcnn.network.inputs import NormBoxes
from mrcnn.network.layers import BatchNorm, Conv2D, Conv2DTranspose
from mrcnn.network.losses import LossLayer
from mrcnn.network.poolers import PyramidROIAlign, ROIAlign, ROIPool, ROIWarp
from mrcnn.network.proposals import AnchorLayer, ProposalLayer
from mrcnn.network.raw_image import RawImage
from mrcnn.network.sampling import RoiSampler

pytestmark = pytest.mark.network


class OwnConfig(TinyConfig):
    """Settings that change what each layer computes, of a subclass with one more."""

    ROI_SAMPLING = "torchvision"
    RPN_BBOX_STD_DEV = np.array([0.5, 0.5, 0.4, 0.4])
    BBOX_STD_DEV = (0.3, 0.3, 0.6, 0.6)
    BOX_LOSS_BETA = 0.25
    BOX_COORDINATES = "continuous"
    DETECTION_MIN_CONFIDENCE = {1: 0.1, 2: 0.2}
    RPN_ANCHOR_RATIOS = [0.7, 1.4]
    MASK_TARGETS = "detectron2"
    USE_MINI_MASK = False
    MY_SETTING = "mine"


def numbers(*shape):
    return np.random.default_rng(len(shape)).uniform(0, 1, shape).astype("float32")


def boxes(count):
    """Normalised boxes [2, count, 4] that differ from those of another count."""
    corners = np.random.default_rng(count).uniform(0.0, 0.5, (2, count, 2))
    return np.concatenate([corners, corners + 0.4], axis=-1).astype("float32")


CONFIG = OwnConfig()
META = np.concatenate([np.zeros((2, 4)), [[64, 64, 3]] * 2, np.zeros((2, 8))], axis=1)
META = np.concatenate([META[:, :7], [[0, 0, 64, 64, 1, 1, 1, 1]] * 2], axis=1).astype("float32")
PYRAMID = [numbers(2, side, side, 3) for side in (16, 8, 4, 2)]
ROIS = [boxes(5), META, *PYRAMID]
IDS, WHICH = np.array([[1, 2, 0, 0, 0]] * 2), np.array([[1, 0, 0, 0, 0]] * 2)
PROPOSALS = [numbers(2, 30, 2), numbers(2, 30, 4), boxes(30)]
TRUTH = [np.array([[1, 2, -1]] * 2), boxes(3)]
FEATURES = numbers(2, 5, 4, 4, 6)
FOUND = np.concatenate([boxes(5), IDS[..., None], numbers(2, 5, 1)], axis=2).astype("float32")

# A layer, and what it is called with.
CASES = {
    "RoiSampler": (RoiSampler(CONFIG, seed=3), [boxes(40), *TRUTH]),
    "in order": (RoiSampler(CONFIG, shuffle=False), [boxes(40), *TRUTH]),
    "DetectionLayer": (
        DetectionLayer(CONFIG),
        [boxes(5), numbers(2, 5, 3), numbers(2, 5, 3, 4), META],
    ),
    "ProposalLayer": (ProposalLayer(7, 0.6, CONFIG, pre_nms_limit=20), PROPOSALS),
    "AnchorLayer": (AnchorLayer(CONFIG), [numbers(2, 64, 64, 3), *PYRAMID, PYRAMID[3]]),
    "BoxTargets": (BoxTargets(CONFIG, 2), [boxes(5), IDS, WHICH, boxes(3)]),
    "MaskTargets": (
        MaskTargets(CONFIG, 2),
        [boxes(5), IDS, WHICH, boxes(3), numbers(2, 64, 64, 3)],
    ),
    "LossLayer": (
        LossLayer(_bbox_loss, CONFIG),
        [numbers(2, 5, 4), IDS, numbers(2, 5, 3, 4), boxes(5)],
    ),
    "of logits": (
        LossLayer(mrcnn_mask_logits_loss_graph, name="mrcnn_mask_loss"),
        [numbers(2, 5, 4, 4), IDS, numbers(2, 5, 4, 4, 3)],
    ),
    "KeypointTargets": (
        KeypointTargets(16, margin=0.0),
        [boxes(5), IDS, 64 * numbers(2, 5, 4, 3), np.array([[64, 64, 3]] * 2)],
    ),
    "OfInstances": (OfInstances(axis=2), [numbers(2, 8, 8, 3), WHICH]),
    "NormBoxes": (NormBoxes(margin=0.0), [40 * boxes(3), numbers(2, 64, 48, 3)]),
    "Doubled": (Doubled(), FEATURES),
    "ImageNormalization": (ImageNormalization(), numbers(2, 9, 7, 3)),
    "RawImage": (RawImage(CONFIG), 255 * numbers(2, 64, 48, 3)),
    "Results": (
        Results(CONFIG),
        [{"mrcnn_detection": FOUND, "mrcnn_mask": numbers(2, 5, 4, 4, 3)}, numbers(2, 64, 48, 3)],
    ),
    "PyramidROIAlign": (PyramidROIAlign((3, 2)), ROIS),
    "ROIAlign": (
        ROIAlign((3, 2), 2, "max", aligned=False, level_rule="torchvision", margin=0.0),
        ROIS,
    ),
    "ROIPool": (ROIPool((3, 2), level_rule="detectron2"), ROIS),
    "ROIWarp": (ROIWarp((2, 2), sampling_ratio=1), ROIS),
    "Conv2D": (Conv2D(4, (4, 4), activation="relu"), FEATURES),
    "Conv2DTranspose": (Conv2DTranspose(4, 2, strides=2), FEATURES),
    "BatchNorm": (BatchNorm(epsilon=0.3), FEATURES),
    "GroupedConv2D": (GroupedConv2D(4, 3, groups=2), FEATURES[:, 0]),
    "DetectionTargetLayer": (
        DetectionTargetLayer(CONFIG, shuffle=False, seed=2),
        [boxes(40), *TRUTH, numbers(2, 64, 64, 3)],
    ),
    "_Step": (_Step(ProposalLayer(7, 0.6, CONFIG, 20), "refined_anchors"), PROPOSALS),
}
# Bases that nobody creates.
BASES = {"ConfigLayer", "PyramidPooler", "_OverRois"}


def of_package():
    """All classes of layers in the package, models excepted."""
    for module in pkgutil.walk_packages(mrcnn.__path__, "mrcnn."):
        if module.name.startswith(("mrcnn.network", "mrcnn.legacy.s", "mrcnn.inference.intro")):
            for _, kind in inspect.getmembers(pkgutil.resolve_name(module.name), inspect.isclass):
                if kind.__module__ == module.name and issubclass(kind, keras.layers.Layer):
                    yield kind


def test_every_layer_is_tested_and_registered():
    found = {kind.__name__ for kind in of_package() if not issubclass(kind, keras.Model)}
    assert found - BASES == {type(layer).__name__ for layer, _ in CASES.values()}
    for layer, _ in CASES.values():
        name = keras.saving.get_registered_name(type(layer))
        assert name == f"mrcnn>{type(layer).__name__}"
        assert keras.saving.get_registered_object(name) is type(layer)


def flat(outputs):
    return [keras.ops.convert_to_numpy(x) for x in keras.tree.flatten(outputs)]


def by_keras(layer):
    return keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))


def pickled(layer):
    return pickle.loads(pickle.dumps(layer))


@pytest.mark.parametrize("copied", [by_keras, pickled])
@pytest.mark.parametrize("case", CASES)
def test_a_layer_comes_back_equal(case, copied):
    layer, inputs = CASES[case]
    layer = type(layer).from_config(layer.get_config())  # new random numbers, if any
    new = copied(layer)
    assert type(new) is type(layer) and new.get_config() == layer.get_config()
    expected = flat(layer(inputs))
    assert any(np.ptp(x.astype(float)) > 0 or x.shape == () for x in expected)
    if layer.weights:
        new(inputs)
        new.set_weights(layer.get_weights())
    for ours, theirs in zip(expected, flat(new(inputs)), strict=True):
        assert_array_equal(theirs, ours)
    built = copied(layer)  # with its weights, if it has any
    assert built.built and built.get_config() == layer.get_config()
    assert [w.shape for w in built.weights] == [w.shape for w in layer.weights]


def test_the_settings_decide_what_it_computes():
    layer, inputs = CASES["BoxTargets"]
    plain = BoxTargets(TinyConfig(), 2)(inputs)
    assert not np.array_equal(flat(plain)[0], flat(by_keras(layer)(inputs))[0])


def test_settings_come_back_in_a_plain_config():
    config = by_keras(DetectionLayer(CONFIG)).config
    assert type(config) is Config and config.MY_SETTING == "mine"
    assert config.DETECTION_MIN_CONFIDENCE == {1: 0.1, 2: 0.2}
    assert_array_equal(config.RPN_BBOX_STD_DEV, CONFIG.RPN_BBOX_STD_DEV)
    assert config.RPN_ANCHOR_SCALES == CONFIG.RPN_ANCHOR_SCALES
    # Parts of the network: no layer reads them.
    assert config.BACKBONE == "resnet101" and "BACKBONE" not in plain_settings(CONFIG)
    assert by_keras(DetectionLayer()).config is None


def test_a_layer_in_a_model_of_keras(tmp_path):
    rois, given = keras.Input((5, 4)), keras.Input((15,))
    levels = [keras.Input(x.shape[1:]) for x in PYRAMID]
    norm = BatchNorm(name="norm")
    x = norm(ROIAlign((2, 2), 1)([rois, given, *levels]), training=True)
    x = Conv2D(3, 2, name="conv")(x)
    model = keras.Model([rois, given, *levels], x)
    model.save(tmp_path / "x.keras")
    again = keras.saving.load_model(tmp_path / "x.keras")
    assert again.get_layer("norm").pinned_training is True
    assert_array_equal(again(ROIS, training=False), model(ROIS, training=False))


class Duck:
    """What looks like settings."""

    DETECTION_MAX_INSTANCES = 5


def test_what_cannot_be_saved():
    with pytest.raises(TypeError, match=r"^config is a Duck: to be saved with a layer, it must be"):
        DetectionLayer(Duck()).get_config()
    with pytest.raises(ValueError, match="the layer own: to_dict is a method, not a setting"):
        ConfigLayer.from_config({"name": "own", "config": {"to_dict": 1}})
    with pytest.raises(TypeError, match=r"^the function of the layer own is .*lambda.* registered"):
        LossLayer(lambda x: x, name="own").get_config()
    with pytest.raises(ValueError, match="the layer own needs the function os>system, which is"):
        LossLayer.from_config({"name": "own", "function": "os>system"})


def test_a_config_is_pickled():
    again = pickle.loads(pickle.dumps(CONFIG))
    assert type(again) is OwnConfig and again.BACKBONE is CONFIG.BACKBONE
    for name, value in CONFIG.to_dict().items():
        assert_array_equal(getattr(again, name), value)
