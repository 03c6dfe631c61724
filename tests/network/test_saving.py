import json
import multiprocessing
import zipfile

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import InMemory, Staged, TinyConfig, shapes, spread

from mrcnn import __version__, presets
from mrcnn.config import Config
from mrcnn.inference.detector import Detector
from mrcnn.inference.molding import mold_inputs, network_inputs
from mrcnn.legacy.generator import data_generator
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import graph, saving
from mrcnn.network.backbones import KerasBackbone
from mrcnn.network.graph_model import GraphModel
from mrcnn.network.sharing import share
from mrcnn.training import optimization
from mrcnn.weights.card import Card

pytestmark = pytest.mark.network

IMAGE = shapes(1)[0][0]
# Sizes that keep archives at a few hundred kilobytes.
SMALL = {
    "RPN_CHANNELS": 16,
    "MASK_HEAD_CHANNELS": 8,
    "BOX_HEAD_CHANNELS": 8,
    "KEYPOINT_HEAD_CHANNELS": 8,
    "KEYPOINT_HEAD_LAYERS": 2,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 32,
}
ONE_MAP = {"BACKBONE": Staged(), "TOP_DOWN_PYRAMID_SIZE": 256}
CASES = {
    "reference": {},
    "box only": {"HEADS": ("box",)},
    "keypoints": {"HEADS": ("box", "mask", "keypoint"), "KEYPOINT_POOL_SIZE": 4},
    "c4": {**ONE_MAP, "NECK": "c4", "MASK_SHAPE": [6, 6], "MASK_LOSS": "softmax"},
    "c5": {**ONE_MAP, "NECK": "c5", "ROI_POOLER": "roi_pool", "DETECTION_NMS": "soft_linear"},
    "dc5": {**ONE_MAP, "NECK": "dc5", "ROI_POOLER": "roi_warp", "RPN_LOSS": "faster_rcnn"},
    "roi_align": {"ROI_POOLER": "roi_align", "SAMPLING_RATIO": 2, "BOX_COORDINATES": "continuous"},
    "mlp": {"MASK_HEAD": "mlp2", "MASK_SHAPE": [5, 7], "MASK_CLASS_AGNOSTIC": True},
    "bfloat16": {"MIXED_PRECISION": "bfloat16"},
    "norms": {"TRAIN_BN": True, "FPN_NORM": True, "BOX_HEAD_NORM": None, "RPN_LOGITS": 1},
    "scores": {"DETECTION_MIN_CONFIDENCE": {1: 0.2, 2: 0.1}, "CLASS_WEIGHTS": {1: 2.0}},
    "sizes": {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 128, "MEAN_PIXEL": [1.5, 2, 3]},
}
PRESETS = [
    "torchvision_maskrcnn_resnet50_fpn_v2",
    "torchvision_keypointrcnn_resnet50_fpn",
    "detectron2_mask_rcnn_R_50_C4",
    "detectron2_mask_rcnn_R_50_DC5",
    "detectron2_keypoint_rcnn_R_50_FPN",
    "PaperFPN",
    "PaperC4",
    "FasterRCNN",
]


def config_of(**settings):
    return TinyConfig.from_dict({**SMALL, **settings})


def preset_of(name):
    """A whole network of the presets, on a small image and a small backbone."""
    sizes = {
        **SMALL,
        **{"NAME": "small", "NUM_CLASSES": 3, "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64},
        **{"BACKBONE": Staged(), "PRE_NMS_LIMIT": 100, "POST_NMS_ROIS_INFERENCE": 12},
        **{"DETECTION_MAX_INSTANCES": 6, "DETECTION_MIN_CONFIDENCE": 0.0},
    }
    return type("Own", (getattr(presets, name), Config), sizes)()


def inputs_of(model, config):
    """The network's inputs for an image, in inference mode."""
    molded, metas, _ = mold_inputs([IMAGE], config)
    return network_inputs(Detector(model, config, warn=False), molded, metas)


def computed(model, inputs, training=False):
    return {
        name: np.asarray(keras.ops.convert_to_numpy(value))
        for name, value in zip(model.names, model(inputs, training=training), strict=True)
    }


def assert_same_network(again, model):
    assert type(again) is GraphModel and again is not model and again.name == model.name
    assert again.names == model.names and again.loss_names == model.loss_names
    assert (again.stem, again.is_bgr, again.card) == (model.stem, model.is_bgr, model.card)
    assert [c.shape for c in again.backbone] == [c.shape for c in model.backbone]
    assert [w.path for w in again.weights] == [w.path for w in model.weights]
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    ours = [w.path for w in model.trainable_weights]
    assert [w.path for w in again.trainable_weights] == ours
    policies = [layer.dtype_policy.name for layer in model.layers]
    assert [layer.dtype_policy.name for layer in again.layers] == policies


def assert_round_trip(model, config, path):
    """Save, load, and compare what both compute; returns the loaded one."""
    spread(model)
    model.save(path)
    assert list(path.parent.iterdir()) == [path]
    again = keras.saving.load_model(path)
    assert_same_network(again, model)
    inputs = inputs_of(model, config)
    expected, found = computed(model, inputs), computed(again, inputs)
    for name in expected:
        assert_array_equal(found[name], expected[name], err_msg=name)
    assert np.ptp(expected["mrcnn_class"]) > 0.03 and np.any(expected["ROI"])
    return again


@pytest.mark.parametrize("case", CASES)
def test_every_configuration_round_trips(case, tmp_path):
    config = config_of(**CASES[case])
    again = assert_round_trip(graph.build("inference", config), config, tmp_path / "x.keras")
    restored = again.recipe.config
    assert type(restored) is Config
    for name, value in CASES[case].items():
        if name == "BACKBONE":
            assert type(restored.BACKBONE) is Staged
        else:
            assert_array_equal(getattr(restored, name), value)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_round_trips(name, tmp_path):
    config = preset_of(name)
    config.validate()
    assert_round_trip(graph.build("inference", config), config, tmp_path / "x.keras")
    training = graph.build("training", config, seed=3)
    assert_same_network(keras.models.model_from_json(training.to_json()), training)


@pytest.mark.parametrize(
    "settings",
    [
        {"BACKBONE": "resnext50_32x4d", "NECK": "c4", "C4_HEAD_STRIDE": 2, "HEADS": ("box",)},
        {"BACKBONE": "vgg16"},
        {"BACKBONE": "mobilenet_v3_large", "MIXED_PRECISION": "float16"},
        presets.SmallNetwork.__dict__,
    ],
    ids=["resnext", "vgg16", "mobilenet", "small"],
)
def test_the_layers_of_large_backbones_come_back(settings):
    settings = {name: value for name, value in settings.items() if name.isupper()}
    sizes = {"NAME": "a", "NUM_CLASSES": 2, "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64}
    kind = type("Own", (Config,), {**SMALL, **sizes, **settings})
    model = graph.build("inference", kind())
    assert_same_network(keras.models.model_from_json(model.to_json()), model)


def keras_backbone():
    image = x = keras.Input((None, None, 3))
    for name, strides in zip("abcd", (4, 2, 2, 2), strict=True):
        x = keras.layers.Conv2D(8, 3, strides, padding="same", name=f"own_{name}")(x)
        x = keras.layers.BatchNormalization()(x)
    names = [f"own_{name}" for name in "abcd"]
    return KerasBackbone(keras.Model(image, x), names, pixels="tf")


def test_a_keras_model_as_backbone(tmp_path):
    config = config_of(BACKBONE=keras_backbone())
    again = assert_round_trip(graph.build("inference", config), config, tmp_path / "x.keras")
    assert again.stem == "own_a"


@pytest.fixture(scope="module")
def training():
    """A compiled training graph that has trained a step, a batch, and the settings."""
    config = config_of(OPTIMIZER="adamw", LR_WARMUP_STEPS=4, EMA=0.5, WEIGHT_DECAY_ON="sum")
    config.LOSS_WEIGHTS = {"rpn_class_loss": 2.0, "mrcnn_bbox_loss": 0.5}
    model = graph.build("training", config, seed=1)
    spread(model)
    model.get_layer("conv1").trainable = False
    optimization.compile_model(model, config, 0.01, 0.9)
    model.run_eagerly = True
    batch = next(data_generator(InMemory(shapes(2)), config, batch_size=2))[0]
    model.train_on_batch(batch)
    return model, batch, config


def test_training_goes_on_where_it_was(training, tmp_path):
    model, batch, _ = training
    model.card = Card(class_names=["BG", "red", "blue"], provenance={"epochs": 1})
    path = tmp_path / "x.keras"
    model.save(path)
    again = keras.saving.load_model(path)
    assert_same_network(again, model)
    assert not again.get_layer("conv1").trainable
    assert again.loss_weights == {"rpn_class_loss": 2.0, "mrcnn_bbox_loss": 0.5}
    assert (again.weight_decay, again.weight_decay_on) == (model.weight_decay, "sum")
    assert type(again.optimizer) is optimization.AdamW
    before = [variable.numpy() for variable in model.weights]
    random = model.get_layer("proposal_targets").random.state.numpy()
    assert random[1] > 0
    assert_array_equal(again.get_layer("proposal_targets").random.state, random)
    again.run_eagerly = True
    losses = [each.train_on_batch(batch, return_dict=True) for each in (model, again)]
    assert set(losses[0]) == {"loss", *model.loss_names} and losses[0]["loss"] > 0
    assert losses[0] == losses[1]
    moved = 0
    for ours, theirs, old in zip(model.weights, again.weights, before, strict=True):
        assert_array_equal(ours, theirs, err_msg=ours.path)
        moved += not np.array_equal(ours, old)
    assert moved > 50


def test_losses_of_an_uncompiled_training_graph(tmp_path):
    config = config_of(FREEZE_NORMS=True)
    model = MaskRCNN("training", config, tmp_path / "logs")
    spread(model.keras_model)
    model.set_trainable("mrcnn.*", verbose=0)
    batch = next(data_generator(InMemory(shapes(2)), config, batch_size=2))[0]
    path = tmp_path / "x.keras"
    model.keras_model.save(path)
    again = keras.saving.load_model(path)
    assert not again.compiled and again.card == model.card
    assert_same_network(again, model.keras_model)
    # BatchNorm layers keep their scale and shift.
    assert {weight.name for weight in again.trainable_weights} == {"kernel", "bias"}
    expected, found = (computed(each, batch, True) for each in (model.keras_model, again))
    for name in expected:
        assert_array_equal(found[name], expected[name], err_msg=name)
    assert sum(found[name] > 0 for name in again.loss_names) >= 3


def test_a_graph_on_shared_weights_becomes_one_of_its_own(training, tmp_path):
    config = config_of(**CASES["sizes"])
    shared = share(training[0], config)
    shared.save(tmp_path / "x.keras")
    again = saving.load_model(tmp_path / "x.keras")
    inputs = inputs_of(shared, config)
    expected, found = computed(shared, inputs), computed(again, inputs)
    for name in expected:
        assert_array_equal(found[name], expected[name], err_msg=name)
    assert again.recipe.mode == "inference"


def test_a_clone_computes_the_same():
    config = config_of()
    model = graph.build("inference", config)
    spread(model)
    clone = keras.models.clone_model(model)
    assert not np.array_equal(clone.get_layer("conv1").kernel, model.get_layer("conv1").kernel)
    clone.set_weights(model.get_weights())
    inputs = inputs_of(model, config)
    expected, found = computed(model, inputs), computed(clone, inputs)
    assert_array_equal(found["mrcnn_detection"], expected["mrcnn_detection"])


def test_later_changes_of_the_settings_are_not_saved():
    config = config_of()
    model = graph.build("inference", config)
    config.NUM_CLASSES = 7
    again = keras.models.model_from_json(model.to_json())
    assert again.recipe.config.NUM_CLASSES == 3
    assert again.output_shape[1] == (None, 12, 3)


def test_the_global_policy_is_kept():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = graph.build("inference", config_of())
    finally:
        keras.config.set_dtype_policy("float32")
    again = keras.models.model_from_json(model.to_json())
    assert_same_network(again, model)
    assert again.get_layer("conv1").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def in_child(model, keras_model, inputs):
    """In another process: what a model detects, and what its network computes."""
    return model.detect([IMAGE]), computed(keras_model, inputs)


def test_another_process_gets_a_copy(tmp_path):
    model = MaskRCNN("inference", config_of(IMAGES_PER_GPU=1), tmp_path)
    spread(model.keras_model)
    inputs = inputs_of(model.keras_model, model.config)
    [expected], values = in_child(model, model.keras_model, inputs)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        [found], theirs = pool.apply(in_child, (model, model.keras_model, inputs))
    assert len(found["scores"]) and found.keys() == expected.keys()
    for name in expected:
        assert_array_equal(found[name], expected[name], err_msg=name)
    for name in values:
        assert_array_equal(theirs[name], values[name], err_msg=name)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A saved network, and the path."""
    model = graph.build("inference", config_of(HEADS=("box",)))
    path = tmp_path_factory.mktemp("archive") / "cells.keras"
    model.save(path)
    return model, path


@pytest.mark.parametrize("name", ["x.h5", "x.hdf5", "x", "x.weights.h5", "x.KERAS"])
def test_other_endings_are_refused(archive, name, tmp_path):
    with pytest.raises(ValueError) as caught:
        archive[0].save(tmp_path / name)
    assert str(caught.value) == (
        f"the model cannot be saved as {tmp_path / name}: the file name must end in .keras. "
        "save_weights() writes an .h5 file of the weights, and export() a graph to serve."
    )
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_replaced_only_if_it_may_be(archive, tmp_path):
    path = tmp_path / "x.keras"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match=r"x\.keras already exists; pass overwrite=True"):
        archive[0].save(path, overwrite=False)
    assert path.read_text() == "precious"
    archive[0].save(path)
    assert zipfile.is_zipfile(path) and list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_a_failure(archive, tmp_path, monkeypatch):
    path = tmp_path / "x.keras"
    path.write_text("precious")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(GraphModel, "save_own_variables", full)
    with pytest.raises(OSError, match="No space left on device"):
        archive[0].save(path)
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "precious"
    with pytest.raises(FileNotFoundError):
        archive[0].save(tmp_path / "missing" / "x.keras")


def test_a_function_that_is_not_registered_is_named(tmp_path):
    def own_backbone(image, stage5=True, train_bn=None):
        return TinyConfig.BACKBONE(image, stage5, train_bn)

    model = graph.build("inference", config_of(BACKBONE=own_backbone))
    with pytest.raises(ValueError, match=r"^BACKBONE is the function .*own_backbone, of which a"):
        model.save(tmp_path / "x.keras")
    assert not list(tmp_path.iterdir())


def changed(path, to, change):
    """Copy an archive, with its description changed by a function."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if member == "config.json":
                described = json.loads(data)
                change(described["config"]["mask_rcnn"])
                data = json.dumps(described).encode()
            new.writestr(member, data)
    return to


BAD_ENTRIES = {
    "later": (
        lambda entries: entries.update(mask_rcnn="99.1.0"),
        rf"was written by version 99\.1\.0 of mask-rcnn: this is {__version__}; install",
    ),
    "no version": (lambda entries: entries.update(mask_rcnn=None), "its version is None"),
    "unknown": (
        lambda entries: entries["settings"].update(GRAVITY=9.81),
        "this version has no setting GRAVITY",
    ),
    "missing": (lambda entries: entries.pop("layers"), "it lacks layers"),
    "mode": (lambda entries: entries.update(mode="both"), "its mode is 'both'"),
    "type": (lambda entries: entries.update(settings=[1]), "settings is of type list"),
    "not by name": (lambda entries: entries.update(layers=7), "layers is of type int"),
    "value": (
        lambda entries: entries["settings"].update(ROI_POOLER="elastic"),
        "its settings give no network: .*elastic",
    ),
    "method": (
        lambda entries: entries["settings"].update(to_dict=1),
        "to_dict is a method, not a setting",
    ),
    "order": (lambda entries: entries["layers"].reverse(), "other layers, or in another order"),
    "no flags": (lambda entries: entries["layers"].append(7), "cannot be used: .*int"),
    "fewer": (lambda entries: entries["layers"].pop(), "other layers, or in another order"),
    "object": (
        lambda entries: entries["settings"].update(BACKBONE="<os.system>"),
        "BACKBONE is <os.system>, which Config does not have: import the module that registers",
    ),
    "name": (
        lambda entries: entries["settings"].update(BACKBONE={"registered": "os>system"}),
        "BACKBONE is os>system, which is not registered: import the module that registers it",
    ),
    "policy": (lambda entries: entries.update(dtype_policy="int3"), "give no network: .*int3"),
    "card": (lambda entries: entries.update(card={"class_names": 5}), "its class_names is 5"),
    "losses": (lambda entries: entries.update(losses=[{"my_loss": 1}, 0, "mean"]), "my_loss"),
}


@pytest.mark.parametrize("case", BAD_ENTRIES)
def test_entries_that_cannot_be_used(archive, case, tmp_path):
    change, message = BAD_ENTRIES[case]
    path = changed(archive[1], tmp_path / "x.keras", change)
    with pytest.raises(ValueError, match=message):
        keras.saving.load_model(path)
    with pytest.raises(
        ValueError, match=rf"x\.keras cannot be loaded as a Keras archive: .*{message}"
    ):
        saving.load_model(path)


def test_an_earlier_version_of_the_same_kind_is_read(archive, tmp_path):
    change = {"mask_rcnn": ".".join([*__version__.split(".")[:2], "99"])}
    path = changed(archive[1], tmp_path / "x.keras", lambda entries: entries.update(change))
    assert_same_network(saving.load_model(path), archive[0])


def damage(data, kind):
    """The bytes of an archive, damaged."""
    if kind == "empty":
        return b""
    if kind == "text":
        return b"weights\n" * 100
    if kind == "truncated":
        return data[: len(data) // 2]
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0xFF  # among the weights
    return bytes(flipped)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("empty", "File is not a zip file"),
        ("text", "File is not a zip file"),
        ("truncated", "File is not a zip file"),
        ("flipped", "its part model.weights.h5 is damaged"),
    ],
)
def test_a_damaged_file_is_named(archive, kind, why, tmp_path):
    path = tmp_path / "x.keras"
    path.write_bytes(damage(archive[1].read_bytes(), kind))
    with pytest.raises(ValueError) as caught:
        saving.load_model(path)
    assert str(caught.value) == f"{path} cannot be loaded as a Keras archive: {why}"


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_a_part_is_missing(archive, member, tmp_path):
    path = tmp_path / "x.keras"
    with zipfile.ZipFile(archive[1]) as old, zipfile.ZipFile(path, "w") as new:
        for name in set(old.namelist()) - {member}:
            new.writestr(name, old.read(name))
    with pytest.raises(
        ValueError, match=rf"x\.keras cannot be loaded as a Keras archive: .*{member}"
    ):
        saving.load_model(path)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        saving.load_model(tmp_path / "x.keras")
    with pytest.raises(IsADirectoryError):
        saving.load_model(tmp_path)
