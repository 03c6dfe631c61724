"""Models made from weights of torchvision and Detectron2."""

import copy
import logging
import shutil

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from weights.foreign.models import MANIFESTS, PREDICTOR, manifest, narrow, resnet, shapes_only

from mrcnn import presets
from mrcnn.config import Config
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import graph
from mrcnn.presets import pretrained
from mrcnn.presets.comparing import preset_of
from mrcnn.weights import start_weights, weighted_layers, zoo
from mrcnn.weights.catalogue import find
from mrcnn.weights.foreign import ForeignWeights
from mrcnn.weights.foreign.kind import Kind

pytestmark = pytest.mark.network

SMALL = {"IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file of `narrow`."""
    file = tmp_path_factory.mktemp("weights") / "narrow.npz"
    np.savez(file, **narrow())
    return file


@pytest.fixture(scope="module")
def model(path, tmp_path_factory):
    return MaskRCNN.from_pretrained(path, model_dir=tmp_path_factory.mktemp("logs"), **SMALL)


def test_the_configuration(model):
    config = model.config
    assert type(config) is Config  # can be pickled
    assert (config.NAME, config.NUM_CLASSES) == ("torchvision_maskrcnn_resnet50_fpn", 3)
    assert (config.TOP_DOWN_PYRAMID_SIZE, config.FPN_CLASSIF_FC_LAYERS_SIZE) == (16, 32)
    assert (config.IMAGE_MIN_DIM, config.BATCH_SIZE, config.BATCH_NORM_EPSILON) == (64, 1, 1e-5)
    assert model.class_names is None  # not COCO's
    assert model.card.provenance == {"weights": "narrow.npz"}


def test_the_weights(model):
    tensors = narrow()
    logits, bias = model.keras_model.get_layer("mrcnn_class_logits").get_weights()
    assert_array_equal(logits, tensors[f"{PREDICTOR}.cls_score.weight"].T)
    assert_array_equal(bias, tensors[f"{PREDICTOR}.cls_score.bias"])
    source = ForeignWeights(tensors)
    for name, variables in weighted_layers(model.keras_model).items():
        for variable, array in zip(variables, source.arrays(name), strict=True):
            assert_array_equal(variable.numpy(), array, err_msg=name)


def test_export_gives_the_file_back(model, tmp_path, caplog):
    model.export_weights(tmp_path / "back.npz", "torchvision")
    assert "computes differently" not in caplog.text
    with np.load(tmp_path / "back.npz") as back:
        current = ForeignWeights(narrow())
        assert {part.name for parts in current.table.values() for part in parts} <= set(back.files)
        name = "rpn.head.cls_logits.weight"
        assert_array_equal(back[name], narrow()[name])
    with pytest.raises(ValueError, match="project is 'detectron2': it must be 'torchvision'"):
        model.export_weights(tmp_path / "back.pth", "detectron2")


def test_other_classes(path, tmp_path, caplog):
    caplog.set_level(logging.WARNING, logger="mrcnn")
    model = MaskRCNN.from_pretrained(path, "training", tmp_path, NUM_CLASSES=5, **SMALL)
    assert model.config.PRE_NMS_LIMIT_TRAINING == 2000
    assert model.keras_model.get_layer("mrcnn_class_logits").weights[0].shape == (32, 5)
    lines = [line for line in caplog.messages if "mismatched, unchanged" in line]
    assert len(lines) == 1
    for layer in ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"):
        assert layer in lines[0]


def test_start_weights(path, tmp_path, caplog):
    class Cells(Config):
        NAME = "cells"
        NUM_CLASSES = 2
        BACKBONE = "resnet50"
        IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
        TOP_DOWN_PYRAMID_SIZE = RPN_CHANNELS = MASK_HEAD_CHANNELS = 16
        FPN_CLASSIF_FC_LAYERS_SIZE = 32

    caplog.set_level(logging.WARNING, logger="mrcnn")
    model = MaskRCNN("training", Cells(), tmp_path)
    report = start_weights.load(model, path)
    assert set(report.mismatched) == {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"}
    assert any("have no bias in the file" in note for note in report.notes)
    assert not model.keras_model.get_layer("res2a_branch2a").weights[1].numpy().any()
    differences = [line for line in caplog.messages if "computes differently" in line]
    assert len(differences) == 1
    assert not any("of its backbone are not in" in line for line in caplog.messages)
    for name in ("BATCH_NORM_EPSILON is 0.001 (there 1e-05)", "RESNET_STRIDE_IN is '1x1'"):
        assert name in differences[0]


def test_files_that_do_not_fit(tmp_path):
    def saved(tensors):
        np.savez(tmp_path / "x.npz", **tensors)
        return tmp_path / "x.npz"

    short = narrow(width=1)
    del short["roi_heads.box_head.fc7.bias"]
    with pytest.raises(ValueError, match=r"x.npz: a model of torchvision .* lacks 1 .*fc7.bias"):
        MaskRCNN.from_pretrained(saved(short))
    more = narrow(1, **{"roi_heads.extra.weight": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match=r"1 tensors belong to none .*roi_heads.extra.weight"):
        MaskRCNN.from_pretrained(saved(more))
    with pytest.raises(ValueError, match="holds a backbone alone"):
        MaskRCNN.from_pretrained(saved(resnet()))
    with pytest.raises(ValueError, match="IMAGE_MIN_DIMS is not a setting"):
        MaskRCNN.from_pretrained(saved(narrow(1)), IMAGE_MIN_DIMS=3)
    fifth = {
        f"roi_heads.mask_head.mask_fcn5.{part}": np.zeros(shape, np.float32)
        for part, shape in (("weight", (16, 16, 3, 3)), ("bias", 16))
    }
    with pytest.raises(ValueError, match="1 layers that the model lacks: mrcnn_mask_conv5"):
        MaskRCNN.from_pretrained(saved(narrow(**fifth)), **SMALL)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth"):
        MaskRCNN.from_pretrained("nowhere.pth")


def test_published_names(path, tmp_path, monkeypatch):
    entry = zoo.Entry("https://example.org/x-1.pth", None, "BSD", epsilon=0.0)
    monkeypatch.setitem(zoo.ZOO, "torchvision:x", entry)
    monkeypatch.setattr(zoo, "published_weights", lambda name: path)
    start = pretrained.start_of("torchvision:x")
    config = start.config("inference", {})
    assert config.BATCH_NORM_EPSILON == 0
    assert start.card(config).licence == "BSD"
    assert start.card(config).provenance == {"weights": "torchvision:x"}
    assert start.config("inference", {"BATCH_NORM_EPSILON": 1e-4}).BATCH_NORM_EPSILON == 1e-4


def test_a_published_file_by_its_path(path, tmp_path, monkeypatch):
    entry = zoo.Entry("https://example.org/x-1a2b.npz", None, "BSD", epsilon=0.0)
    monkeypatch.setitem(zoo.ZOO, "torchvision:x", entry)
    shutil.copy(path, tmp_path / "x-1a2b.npz")
    start = pretrained.start_of(tmp_path / "x-1a2b.npz")
    assert (start.name, start.config("inference", {}).BATCH_NORM_EPSILON) == ("torchvision:x", 0)


def test_our_own_files(tmp_path, monkeypatch):
    calls = []
    load = classmethod(lambda cls, path, *args, **changes: calls.append((path, args, changes)))
    monkeypatch.setattr(MaskRCNN, "load", load)
    MaskRCNN.from_pretrained("nuclei", "training", tmp_path, NUM_CLASSES=3)
    assert calls == [(find("nuclei"), ("training", tmp_path), {"NUM_CLASSES": 3})]


def of_detectron2(backbone="resnet50", *heads):
    return Kind("detectron2", "fpn", {"HEADS": ("box", *heads), "BACKBONE": backbone})


def test_a_network_that_cannot_be_built():
    with pytest.raises(ValueError, match=r"x.pkl: a model .* cannot be built: BACKBONE is"):
        pretrained.config_for("x.pkl", of_detectron2("resnext101_16x8d"), "inference", {})


def test_a_resnext_with_keypoints():
    kind = of_detectron2("resnext101_32x8d", "keypoint")
    config = pretrained.config_for("x", kind, "training", {})
    assert config.NAME == "detectron2_keypoint_rcnn_X_101_32x8d_FPN"
    assert (config.POST_NMS_ROIS_TRAINING, config.RESNET_STRIDE_IN) == (1500, "3x3")


@pytest.mark.parametrize(
    ("mode", "settings", "expected"),
    [
        ("training", {}, (800, 1333, [640, 672, 704, 736, 768, 800])),
        ("inference", {}, (800, 1333, None)),
        ("training", {"IMAGE_MIN_DIM": 400}, (400, 1333, None)),
        ("training", {"IMAGE_MIN_DIM": 400, "TRAIN_MIN_DIMS": [300]}, (400, 1333, [300])),
        ("inference", {"IMAGE_RESIZE_MODE": "none"}, (800, 1333, None)),
        ("inference", {"IMAGE_RESIZE_MODE": "pad64"}, (832, 1333, None)),
        ("inference", {"IMAGE_RESIZE_MODE": "square"}, (800, 1344, None)),
        ("training", {"IMAGE_RESIZE_MODE": "square", "IMAGE_MAX_DIM": 1024}, (800, 1024, None)),
        ("training", {"IMAGE_RESIZE_MODE": "crop"}, (832, 1333, None)),
    ],
)
def test_sizes_of_images(mode, settings, expected):
    config = pretrained.config_for("x", of_detectron2(), mode, settings)
    config.validate()
    dims = config.TRAIN_MIN_DIMS
    found = config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM, None if dims is None else list(dims)
    assert found == expected


def test_export_with_an_epsilon_of_0(model, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(pretrained, "write", lambda tensors, path: None)
    config = copy.copy(model.config)
    config.BATCH_NORM_EPSILON = 0.0
    pretrained.export(model.keras_model, config, tmp_path / "back.pth")
    assert "BATCH_NORM_EPSILON is 0.0 (there 1e-05). Call torchvision" in caplog.text
    assert "overwrite_eps(model, 0.0)" in caplog.text


def test_a_preset_with_other_heads():
    faster = {"HEADS": ("box",), "BACKBONE": "resnet101"}
    c4 = pretrained.config_for("x", Kind("detectron2", "c4", faster), "inference", {})
    assert (c4.HEADS, c4.BACKBONE, c4.NECK, c4.PRE_NMS_LIMIT) == (("box",), "resnet101", "c4", 6000)
    assert c4.NAME == "detectron2_faster_rcnn_R_101_C4"


@pytest.mark.slow
@pytest.mark.parametrize("name", MANIFESTS)
def test_every_layer_of_the_network_gets_its_weights(name):
    source = ForeignWeights(shapes_only(manifest(name)))
    config = pretrained.config_for("x", source.kind, "inference", SMALL)
    preset = getattr(presets, name.removesuffix("_3x"))
    assert preset_of(source.kind) is preset
    layers = weighted_layers(graph.build("inference", config))
    assert set(layers) == set(source.layer_names)
    for layer, variables in layers.items():
        assert [tuple(v.shape) for v in variables] == source.shapes(layer), layer


def test_what_a_file_says(tmp_path):
    np.savez(tmp_path / "x.npz", **narrow(1))
    card = pretrained.card_of(tmp_path / "x.npz")
    assert (card.config["NUM_CLASSES"], card.config["NAME"]) == (
        *(3, "torchvision_maskrcnn_resnet50_fpn"),
    )
    assert (card.min_score, card.class_names) == (0.5, None)
    assert pretrained.card_of("nuclei").class_names == ["BG", "nucleus"]


def test_load_takes_files_of_other_projects(monkeypatch):
    calls = []
    monkeypatch.setattr(
        MaskRCNN, "from_pretrained", lambda *args, **changes: calls.append((args, changes))
    )
    MaskRCNN.load("model_final.pkl", "training", "runs", NUM_CLASSES=3)
    assert calls == [(("model_final.pkl", "training", "runs"), {"NUM_CLASSES": 3})]
