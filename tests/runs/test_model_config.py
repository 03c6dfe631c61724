"""The configuration of a model that is made from a weights file."""

import dataclasses

import keras
import pytest
from tiny import TinyConfig, backbone

from mrcnn.config import Config
from mrcnn.presets import SmallNetwork
from mrcnn.runs.model_config import config_for
from mrcnn.runs.settings import stored
from mrcnn.weights.card import Card


class Cells(SmallNetwork, Config):
    """What a training run may have set."""

    NAME = "cells"
    NUM_CLASSES = 3
    IMAGES_PER_GPU = 4
    GPU_COUNT = 2
    HOST_COUNT = 2
    OPTIMIZER = keras.optimizers.Lion
    LOSS_WEIGHTS = {**Config.LOSS_WEIGHTS, "own_loss": 2.0}
    EMA = 0.99
    MIXED_PRECISION = "bfloat16"
    XLA = True
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = 256
    TRAIN_SCALE_JITTER = (0.1, 2.0)
    DETECTION_MIN_CONFIDENCE = 0.6
    AUGMENTATION = keras.layers.RandomFlip  # of the class, not of Config
    FOLDER = "images"


CARD = Card(config=stored(Cells()))


def test_for_detection_nothing_of_the_training_run_is_needed():
    config = config_for("best.h5", CARD, "inference")
    config.validate()
    assert (config.NAME, config.NUM_CLASSES, config.RPN_CHANNELS) == ("cells", 3, 128)
    assert (config.BATCH_SIZE, config.HOST_COUNT, config.OPTIMIZER) == (1, 1, "sgd")
    assert (config.EMA, config.MIXED_PRECISION, config.XLA) == (None, None, False)
    assert (config.IMAGE_RESIZE_MODE, config.IMAGE_MIN_DIM) == ("pad64", 256)
    assert config.TRAIN_SCALE_JITTER is None and "own_loss" not in config.LOSS_WEIGHTS
    assert (config.DETECTION_MIN_CONFIDENCE, config.FOLDER) == (0.6, "images")
    assert not hasattr(config, "AUGMENTATION")


def test_the_recommended_score_counts():
    card = dataclasses.replace(CARD, min_score=0.8)
    assert config_for("best.h5", card, "inference").DETECTION_MIN_CONFIDENCE == 0.8
    changes = {"DETECTION_MIN_CONFIDENCE": 0.1, "IMAGES_PER_GPU": 3, "EMA": None}
    config = config_for("best.h5", card, "inference", settings=changes)
    assert (config.DETECTION_MIN_CONFIDENCE, config.BATCH_SIZE) == (0.1, 3)


def test_training_goes_on_with_the_settings_of_the_run():
    with pytest.raises(ValueError, match=r"OPTIMIZER is <keras.*Lion>, which Config does not have"):
        config_for("best.h5", CARD, "training")
    config = config_for("best.h5", CARD, "training", settings={"OPTIMIZER": "adamw"})
    assert (config.BATCH_SIZE, config.IMAGE_RESIZE_MODE, config.EMA) == (8, "crop", 0.99)


def test_a_backbone_of_its_own_needs_the_class():
    card = Card(config=stored(TinyConfig()))
    with pytest.raises(ValueError, match=r"best.h5: BACKBONE is <tiny.backbone>.*pass config="):
        config_for("best.h5", card, "inference")
    assert config_for("best.h5", card, "inference", TinyConfig).BACKBONE is backbone
    changes = {"BACKBONE": backbone, "COMPUTE_BACKBONE_SHAPE": TinyConfig.COMPUTE_BACKBONE_SHAPE}
    config = config_for("best.h5", card, "inference", settings=changes)
    assert config.BACKBONE is backbone and config.POOL_SIZE == 3


def test_a_given_configuration_is_used_and_kept():
    own = Cells()
    made = config_for("best.h5", Card(), "inference", own, {"NUM_CLASSES": 5})
    assert type(made) is Cells and made.IMAGE_META_SIZE == 17
    assert (made.IMAGE_RESIZE_MODE, made.BATCH_SIZE) == ("pad64", 8)
    assert (own.NUM_CLASSES, own.IMAGE_RESIZE_MODE) == (3, "crop")
    assert config_for("best.h5", Card(), "training", Cells).IMAGE_RESIZE_MODE == "crop"
    with pytest.raises(TypeError, match=r"config is 'run\.yaml': it must be a Config, or a class"):
        config_for("best.h5", Card(), "inference", "run.yaml")


def test_a_file_without_a_configuration(tmp_path):
    with pytest.raises(ValueError, match=r"old.h5 was written before 3\.1: give --config") as error:
        config_for(tmp_path / "old.h5", Card(), "inference")
    assert "config.json" not in str(error.value)
    (tmp_path / "config.json").write_text("{}")
    for path in (tmp_path / "old.h5", tmp_path / "weights" / "best.h5"):
        with pytest.raises(ValueError, match=r"Its run's settings are in .*config\.json\.$"):
            config_for(path, Card(), "inference")


def test_settings_can_stand_for_the_missing_configuration():
    config = config_for("old.h5", Card(), "inference", settings={"NUM_CLASSES": 4})
    config.validate()
    assert (config.NAME, config.NUM_CLASSES, config.BATCH_SIZE) == ("old", 4, 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("LEARNIN_RATE", "LEARNIN_RATE is not a setting of Config: did you mean LEARNING_RATE?"),
        ("min_scores", "min_scores is not a setting of Config"),
        ("validate", "validate is not a setting of Config"),
        ("BATCH_SIZE", "BATCH_SIZE follows from other settings: set IMAGES_PER_GPU or GPU_COUNT"),
        ("IMAGE_SHAPE", "IMAGE_SHAPE follows from other settings: set IMAGE_MIN_DIM"),
    ],
)
def test_unknown_settings(name, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        config_for("best.h5", CARD, "inference", settings={name: 1})


def test_a_setting_that_the_class_computes():
    class Computed(TinyConfig):
        @property
        def POOL_SIZE(self):
            return 7

    with pytest.raises(ValueError, match="POOL_SIZE is computed by Computed: it cannot be set"):
        config_for("best.h5", Card(), "training", Computed, {"POOL_SIZE": 5})
