"""Numbers that are rounded, and settings that follow from others or from the shape."""

import functools
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.config import Config
from mrcnn.config_rules.derived import whole
from mrcnn.config_rules.network_rules import problems
from mrcnn.training.callbacks.validation import validation_config


class Valid(Config):
    NAME = "valid"
    NUM_CLASSES = 1 + 1


def config_of(**settings):
    return type("Changed", (Valid,), settings)()


def assigned(**settings):
    config = Valid()
    for name, value in settings.items():
        setattr(config, name, value)
    return config


@pytest.mark.parametrize("make", [config_of, assigned])
@pytest.mark.parametrize("name", ["STEPS_PER_EPOCH", "VALIDATION_STEPS"])
@pytest.mark.parametrize(
    ("value", "steps"),
    [
        (1000 / 3, 334),
        (0.2, 1),
        (12.0, 12),
        (np.float32(2.5), 3),
        (Fraction(9, 2), 5),
        (np.array(6.5), 7),
        (7, 7),
    ],
)
def test_steps_are_rounded_up(make, name, value, steps):
    config = make(**{name: value})
    assert getattr(config, name) == steps and isinstance(getattr(config, name), int)
    assert problems(config) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRAIN_ROIS_PER_IMAGE", 2.5),
        ("STEPS_PER_EPOCH", float("nan")),
        ("STEPS_PER_EPOCH", float("inf")),
        ("STEPS_PER_EPOCH", -0.5),
        ("STEPS_PER_EPOCH", "100"),
        ("VALIDATION_STEPS", -1),
        ("VALIDATION_STEPS", float("nan")),
        ("VALIDATION_STEPS", True),
    ],
)
def test_other_numbers_are_refused(name, value):
    [line] = problems(config_of(**{name: value}))
    assert line.startswith(f"{name} is ") and "whole number" in line


def test_other_settings_stay_as_they_are():
    assert whole("LEARNING_RATE", 2.0) == 2.0 and isinstance(whole("LEARNING_RATE", 2.0), float)
    assert config_of(VALIDATION_STEPS=None).VALIDATION_STEPS is None


# IMAGE_SHAPE


@pytest.mark.parametrize("make", [config_of, assigned])
@pytest.mark.parametrize("shape", [[256, 256, 8], (256, 256, 8), np.array([256, 256, 8])])
def test_a_shape_set_by_hand(make, shape):
    config = make(IMAGE_SHAPE=shape, MEAN_PIXEL=np.zeros(8))
    assert (config.IMAGE_CHANNEL_COUNT, config.IMAGE_MAX_DIM) == (8, 256)
    assert_array_equal(config.IMAGE_SHAPE, [256, 256, 8])
    assert problems(config) == []
    config.IMAGES_PER_GPU = 1  # recomputes what is derived
    assert_array_equal(config.IMAGE_SHAPE, [256, 256, 8])
    again = Config.from_dict(config.to_dict())
    assert_array_equal(again.IMAGE_SHAPE, [256, 256, 8])
    assert again.IMAGE_CHANNEL_COUNT == 8


def test_a_shape_set_in_the_constructor():
    class InInit(Valid):
        MEAN_PIXEL = np.zeros(8)
        IMAGE_MAX_DIM = 512

        def __init__(self):
            super().__init__()
            self.IMAGE_SHAPE = np.array([self.IMAGE_MAX_DIM, self.IMAGE_MAX_DIM, 8])

    assert InInit().IMAGE_CHANNEL_COUNT == 8 and problems(InInit()) == []


def test_a_class_that_states_the_shape_and_its_sources():
    # The reference computed the shape anew, whatever the class said.
    config = config_of(IMAGE_SHAPE=[1024, 1024, 3], IMAGE_MAX_DIM=512, IMAGE_CHANNEL_COUNT=1)
    assert_array_equal(config.IMAGE_SHAPE, [512, 512, 1])


def test_a_dict_that_states_the_shape_and_its_sources():
    settings = config_of(IMAGE_CHANNEL_COUNT=1).to_dict()
    changed = Config.from_dict({**settings, "IMAGE_MAX_DIM": 512})
    assert changed.IMAGE_MAX_DIM == 512
    assert_array_equal(changed.IMAGE_SHAPE, [512, 512, 1])
    crop = Config.from_dict({"IMAGE_SHAPE": [256, 256, 3], "IMAGE_RESIZE_MODE": "crop"})
    assert (crop.IMAGE_MIN_DIM, crop.IMAGE_MAX_DIM) == (256, 1024)
    assert Config.from_dict({**settings, "BATCH_SIZE": 7}).BATCH_SIZE == 7


def test_other_modes():
    crop = config_of(IMAGE_RESIZE_MODE="crop", IMAGE_SHAPE=[256, 256, 3])
    assert (crop.IMAGE_MIN_DIM, crop.IMAGE_MAX_DIM) == (256, 1024) and problems(crop) == []
    pad = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 0, "MEAN_PIXEL": 100.0}
    for config in (config_of(IMAGE_SHAPE=[256, 256, 8], **pad), assigned(**pad)):
        config.IMAGE_SHAPE = [256, 256, 8]
        assert (config.IMAGE_MAX_DIM, config.IMAGE_CHANNEL_COUNT) == (1024, 8)
        assert problems(config) == []


@pytest.mark.parametrize("shape", [[256, 512, 3], [256, 256], 256, None, "256", [256.5] * 3])
def test_impossible_shapes(shape):
    [line] = problems(assigned(IMAGE_SHAPE=shape))
    assert line.startswith(f"IMAGE_SHAPE is {shape!r}: ")


# Properties in place of settings


class Computed(Valid):
    images = 90

    @property
    def BATCH_SIZE(self):
        return 3

    @property
    def STEPS_PER_EPOCH(self):
        return self.images / self.BATCH_SIZE / 4

    @functools.cached_property
    def IMAGE_META_SIZE(self):
        return 12 + self.NUM_CLASSES

    @property
    def IMAGE_SHAPE(self):
        return np.array([self.IMAGE_MAX_DIM, self.IMAGE_MAX_DIM, 3])


def test_properties_in_place_of_settings():
    config = Computed()
    assert (config.BATCH_SIZE, config.STEPS_PER_EPOCH, config.IMAGE_META_SIZE) == (3, 7.5, 14)
    config.IMAGES_PER_GPU = 5
    config.IMAGE_MAX_DIM = 512
    assert config.BATCH_SIZE == 3
    assert_array_equal(config.IMAGE_SHAPE, [512, 512, 3])
    assert problems(config) == []
    assert Computed.from_dict(config.to_dict()).IMAGE_MAX_DIM == 512
    assert validation_config(config).BATCH_SIZE == 3


def test_a_property_with_a_setter_is_set():
    class Stored(Valid):
        @property
        def BATCH_SIZE(self):
            return self._size

        @BATCH_SIZE.setter
        def BATCH_SIZE(self, size):
            self._size = 10 * size

    assert Stored().BATCH_SIZE == 20
