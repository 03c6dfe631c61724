import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import InMemory, Staged, TinyConfig, eager_training, shapes

from mrcnn.anchors import pyramid_anchors
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import backbones, graph, neck
from mrcnn.runs import history

pytestmark = pytest.mark.network


class OneMapConfig(TinyConfig):
    BACKBONE = Staged()
    COMPUTE_BACKBONE_SHAPE = None
    TOP_DOWN_PYRAMID_SIZE = 256
    STEPS_PER_EPOCH = 1


def config_of(necks, **settings):
    return OneMapConfig.from_dict({"NECK": necks, **settings})


@pytest.mark.parametrize(("kind", "side"), [("c4", 4), ("c5", 2), ("dc5", 4)])
def test_one_map_is_the_backbones(kind, side):
    config = config_of(kind)
    image = keras.Input((64, 64, 3))
    _, *features = backbones.build(config, image)
    maps = neck.build(features, config)
    [only] = maps.anchored
    assert only is maps.pooled[0] is features[2 if kind == "c4" else 3]
    assert only.shape[1:] == (side, side, 16)
    assert (maps.body is None) == (kind != "c4")
    # Three ratios and five scales for each cell.
    assert len(pyramid_anchors(config, (64, 64))) == 15 * side**2


def test_the_body_is_stage_5():
    config = config_of("c4", BACKBONE="resnet50", POOL_SIZE=8, C4_HEAD_STRIDE=2)
    features = keras.Input((3, 8, 8, 1024))
    body = keras.Model(features, neck.stage5_body(config, 1024)(features))
    # The stage of the whole network, with the same weights.
    c4 = keras.Input((8, 8, 1024))
    whole = keras.Model(c4, backbones.resnet.resnet_stage(c4, 5, (512, 512, 2048), 2, False))
    names = [layer.name for layer in whole.layers if layer.weights]
    assert [layer.name for layer in body.layers if layer.weights] == names
    for name in names:
        whole.get_layer(name).set_weights(body.get_layer(name).get_weights())
    given = np.random.default_rng(0).normal(size=(2, 3, 8, 8, 1024)).astype(np.float32)
    expected = np.asarray(whole(given.reshape(6, 8, 8, 1024))).reshape(2, 3, 4, 4, 2048)
    assert_allclose(body(given), expected, rtol=1e-4, atol=1e-5)


def test_dilated_features_are_those_of_stage_5_in_between():
    config = config_of("dc5", BACKBONE="resnet50", TRAIN_BN=False)
    image = keras.Input((64, 96, 3))
    models = {}
    for kind in ("c5", "dc5"):
        config.NECK = kind
        models[kind] = keras.Model(image, backbones.build(config, image)[4])
    models["dc5"].set_weights(models["c5"].get_weights())
    given = np.random.default_rng(0).normal(size=(1, 64, 96, 3)).astype(np.float32)
    dilated, plain = (np.asarray(models[kind](given)) for kind in ("dc5", "c5"))
    assert dilated.shape == (1, 4, 6, 2048)
    assert_allclose(dilated[:, ::2, ::2], plain, rtol=1e-3, atol=1e-4 * np.abs(plain).max())


def test_heads_share_what_stage_5_makes():
    model = graph.build("training", config_of("c4"))
    calls = [node for node in model.get_layer("res5a")._inbound_nodes]
    # Once for the masks and boxes of the training RoIs; the first is the body's own prototype.
    assert len(calls) == 2
    assert model.get_layer("mrcnn_class_logits").kernel.shape == (16, 3)
    assert model.get_layer("mrcnn_mask_deconv").kernel.shape == (2, 2, 256, 16)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("c4", {}),
        ("c4", {"POOL_SIZE": 4, "C4_HEAD_STRIDE": 2, "ROI_POOLER": "roi_align"}),
        ("c4", {"HEADS": ("box",), "RPN_ANCHOR_SCALES": (16, 32)}),
        ("c5", {"MASK_HEAD": "mlp2"}),
        ("dc5", {"ROI_POOLER": "roi_pool"}),
    ],
)
def test_it_trains_saves_and_detects(tmp_path, kind, settings):
    data, config = InMemory(shapes(2)), config_of(kind, **settings)
    keras.utils.set_random_seed(0)
    with eager_training():
        model = MaskRCNN("training", config, str(tmp_path))
        before = {name: _kernel(model, name) for name in ("conv1", "res4a", "res5a")}
        model.train(data, None, 0.01, 1, "heads", verbose=0)
    moved = {name: (_kernel(model, name) != kernel).any() for name, kernel in before.items()}
    assert moved == {"conv1": False, "res4a": False, "res5a": kind == "c4"}
    assert np.isfinite(history.read(model.log_dir)[0]["loss"])
    detector = MaskRCNN("inference", config, str(tmp_path))
    report = detector.load_weights(detector.find_last(), by_name=True)
    assert not report.missing and not report.left_over
    assert_array_equal(_kernel(detector, "res5a"), _kernel(model, "res5a"))
    # Random weights may take everything for background.
    detector.keras_model.get_layer("mrcnn_class_logits").bias.assign([-9, 0, 0])
    [result] = detector.detect([data.load_image(0)])
    assert len(result["rois"])
    if "mask" in config.HEADS:
        assert result["masks"].shape == (64, 64, len(result["rois"]))


def _kernel(model, name):
    return model.keras_model.get_layer(name).kernel.numpy()


def test_a_backbone_without_stage_5_has_heads_of_its_own():
    model = graph.build("inference", config_of("c4", BACKBONE="vgg16"))
    assert model.get_layer("mrcnn_class_conv1").kernel.shape == (3, 3, 512, 32)
    assert "block5_conv3" in [layer.name for layer in model.layers]


def test_a_map_of_another_stride_is_refused():
    class Coarse(Staged):
        def build(self, image, config):
            return super().build(keras.layers.MaxPooling2D(2)(image), config)

    with pytest.raises(ValueError) as failed:
        graph.build("inference", config_of("c4", BACKBONE=Coarse()))
    assert str(failed.value) == (
        "BACKBONE `Coarse` returned C4 of stride 32: 16 is needed, as in BACKBONE_STRIDES. It has "
        "2x2 cells for an image of 64x64 pixels, and must have 4x4."
    )
