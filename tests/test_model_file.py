"""A model is one file: weights that training wrote are loaded without the class behind them."""

import logging
import shutil

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import InMemory, TinyConfig, eager_training, shapes

from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.weights import keras_h5
from mrcnn.weights.card import Card, read_card

pytestmark = pytest.mark.network


class Own(MaskRCNN):
    """A subclass, as projects have them."""


class Cells(TinyConfig):
    NAME = "cells"
    IMAGE_RESIZE_MODE = "crop"
    IMAGES_PER_GPU = STEPS_PER_EPOCH = 1
    EMA = 0.9
    DETECTION_MIN_CONFIDENCE = 0.05
    VALIDATION_EVERY = 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained model and the file with its last weights."""
    model = MaskRCNN("training", Cells(), str(tmp_path_factory.mktemp("logs")))
    with pytest.MonkeyPatch.context() as patch, eager_training():
        patch.setattr("mrcnn.training.callbacks.record.draw", lambda *_, **__: None)
        model.train(InMemory(shapes(4)), None, 0.001, 2, "heads", verbose=0)
    return model, f"{model.log_dir}/weights/last.h5"


def kernel(model):
    return model.keras_model.get_layer("mrcnn_class_conv1").get_weights()[0]


def test_files_of_a_run_have_a_card(trained):
    model, best = trained
    card = read_card(best)
    assert (card.class_names, card.min_score) == (["BG", "red", "blue"], 0.05)
    assert card.config["IMAGE_RESIZE_MODE"] == "crop" and 10 < card.object_size < 30
    assert card.provenance["name"] == "cells" and "started_from" not in card.provenance
    epochs = [read_card(model.run_folder.checkpoint(e)).provenance["epochs"] for e in (1, 2)]
    assert epochs == [1, 2] and model.card.provenance["epochs"] == 2


def test_the_layout_is_still_the_reference_s(trained):
    with h5py.File(trained[1]) as file:
        assert set(file.attrs) == {"layer_names", "backend", "keras_version", "mrcnn_card"}
        assert set(file) == {name.decode() for name in file.attrs["layer_names"]}


def test_a_model_from_a_file_and_a_class(trained, tmp_path):
    model = Own.load(trained[1], model_dir=tmp_path, config=Cells, DETECTION_MAX_INSTANCES=3)
    assert type(model) is Own and model.mode == "inference"
    assert (model.config.IMAGE_RESIZE_MODE, model.config.DETECTION_MAX_INSTANCES) == ("pad64", 3)
    assert model.class_names == ["BG", "red", "blue"]
    assert_array_equal(kernel(model), kernel(trained[0]))
    [result] = model.detect([shapes(1)[0][0]])
    assert len(result["scores"]) <= 3


def test_a_model_from_a_file_alone(trained, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"last.h5: BACKBONE is <tiny.backbone>.* pass config="):
        MaskRCNN.load(trained[1])
    parts = {name: getattr(Cells, name) for name in ("BACKBONE", "COMPUTE_BACKBONE_SHAPE")}
    model = MaskRCNN.load(trained[1], model_dir=tmp_path, **parts)
    assert model.card == read_card(trained[1])
    assert (model.config.BATCH_SIZE, model.config.EMA) == (1, None)
    assert model.config.DETECTION_MIN_CONFIDENCE == 0.05
    assert_array_equal(kernel(model), kernel(trained[0]))
    model.keras_model.save_weights(tmp_path / "copy.h5")
    assert read_card(tmp_path / "copy.h5") == model.card


def test_training_goes_on(trained, tmp_path):
    path = trained[0].run_folder.checkpoint(1)
    model = MaskRCNN.load(path, "training", tmp_path, config=Cells)
    assert (model.mode, model.epoch, model.config.IMAGE_RESIZE_MODE) == ("training", 1, "crop")


def test_weights_of_other_classes_do_not_fit(trained):
    with pytest.raises(ValueError, match="shapes disagree in 3 layers"):
        MaskRCNN.load(trained[1], config=Cells, NUM_CLASSES=5)


def test_wrong_names(trained):
    with pytest.raises(ValueError, match="DETECTION_MAX is not a setting of Cells"):
        MaskRCNN.load(trained[1], config=Cells, DETECTION_MAX=5)
    with pytest.raises(
        FileNotFoundError, match=r"no such weights file: nucleii\. Did you mean nuc"
    ):
        MaskRCNN.load("nucleii")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    return MaskRCNN("inference", TinyConfig(), str(tmp_path_factory.mktemp("logs")))


def test_a_file_written_before_can_be_saved_with_its_configuration(untrained, tmp_path):
    old, new = tmp_path / "old.h5", tmp_path / "new.h5"
    arrays = {
        n: [v.numpy() for v in vs]
        for n, vs in keras_h5.weighted_layers(untrained.keras_model).items()
    }
    keras_h5.save_arrays(arrays, old, "RGB")
    with pytest.raises(ValueError, match=r"old.h5 was written before 3.1: give --config"):
        MaskRCNN.load(old)
    model = MaskRCNN.load(old, model_dir=tmp_path, config=TinyConfig)
    assert model.class_names is None
    model.class_names = ("BG", "a", "b")
    model.keras_model.save_weights(new)
    assert read_card(new).class_names == ["BG", "a", "b"]
    assert read_card(new).config["NUM_CLASSES"] == 3


def test_weights_loaded_for_detection_bring_their_names(trained, untrained):
    untrained.load_weights(trained[1])
    assert untrained.class_names == ["BG", "red", "blue"]
    assert untrained.card.config["NAME"] == "Tiny"  # how this model was built
    untrained.card = Card()
    untrained.load_weights(trained[1], exclude=["mrcnn_mask"])
    assert untrained.class_names is None


def test_a_damaged_card_does_not_keep_weights_from_being_loaded(
    trained, untrained, tmp_path, caplog
):
    path = tmp_path / "damaged.h5"
    shutil.copyfile(trained[1], path)
    with h5py.File(path, "r+") as file:
        file.attrs["mrcnn_card"] = np.bytes_(b"{")
    with caplog.at_level(logging.WARNING):
        untrained.load_weights(path)
    assert "what it says about its model is damaged" in caplog.text
    assert_array_equal(kernel(untrained), kernel(trained[0]))
    with pytest.raises(ValueError, match="is damaged"):
        MaskRCNN.load(path)
    assert MaskRCNN.load(path, model_dir=tmp_path, config=Cells).class_names is None


def test_a_card_that_cannot_be_written_does_not_keep_weights_from_being_saved(
    untrained, tmp_path, caplog
):
    untrained.card = Card(provenance={"model": untrained})
    with caplog.at_level(logging.WARNING):
        untrained.keras_model.save_weights(tmp_path / "plain.h5")
    untrained.card = Card()
    assert "the weights file says nothing about its model" in caplog.text
    assert read_card(tmp_path / "plain.h5") == Card()
