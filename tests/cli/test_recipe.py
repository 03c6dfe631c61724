"""What changes in a configuration for a dataset."""

import numpy as np
import pytest
from tiny import InMemory, shapes

from mrcnn.anchors import anchor_coverage
from mrcnn.cli.facts import Facts, facts_of
from mrcnn.cli.recipe import Recipe
from mrcnn.config import Config


def config(**settings):
    return Config.from_dict({"NAME": "cells", "NUM_CLASSES": 3, **settings})


def facts(**values):
    own = {"count": 10, "image_ids": [0], "objects": [2], "sides": np.array([20.0])}
    return Facts(**{**own, **values})


def test_the_configuration_is_copied():
    base = config()
    recipe = Recipe(base)
    assert recipe.change(NUM_CLASSES=5, POOL_SIZE=7)
    assert (base.NUM_CLASSES, base.IMAGE_META_SIZE) == (3, 15)
    assert (recipe.config.NUM_CLASSES, recipe.config.IMAGE_META_SIZE) == (5, 17)
    assert recipe.settings == {"NUM_CLASSES": 5}


def test_what_the_user_gives_stays():
    recipe = Recipe(config(), ["POOL_SIZE"])
    assert not recipe.change(POOL_SIZE=3)
    assert (recipe.config.POOL_SIZE, recipe.settings) == (7, {})


def test_content_that_fits_changes_nothing():
    recipe = Recipe(config(CLASS_WEIGHTS={0: 0.5, 2: 3.0}))
    recipe.fit_content(facts(channels=3), 3)
    assert (recipe.settings, recipe.reasons) == ({}, [])


def test_other_classes():
    recipe = Recipe(
        config(CLASS_WEIGHTS={0: 0.5, 2: 3.0}, DETECTION_MIN_CONFIDENCE={1: 0.5, 2: 0.9})
    )
    recipe.fit_content(facts(), 2)
    assert recipe.settings == {
        "CLASS_WEIGHTS": {0: 0.5},
        "DETECTION_MIN_CONFIDENCE": 0.7,
        "NUM_CLASSES": 2,
    }
    recipe.config.validate()


def test_boxes_and_channels():
    recipe = Recipe(config(MEAN_PIXEL=(10, 20, 60)))
    recipe.fit_content(facts(has_masks=False, channels=5), 3)
    assert recipe.settings == {
        "HEADS": ("box",),
        "IMAGE_CHANNEL_COUNT": 5,
        "MEAN_PIXEL": (30.0,) * 5,
    }
    assert len(recipe.reasons) == 2
    recipe.config.validate()
    recipe = Recipe(config(PIXEL_STD=(50, 60, 70)))
    recipe.fit_content(facts(channels=4), 3)
    assert recipe.settings["PIXEL_STD"] == 60
    recipe.config.validate()


def test_keypoints():
    recipe = Recipe(config(HEADS=("box", "mask", "keypoint")))
    recipe.fit_content(facts(keypoints=5), 3)
    assert (recipe.settings, recipe.reasons) == ({"NUM_KEYPOINTS": 5}, [])
    recipe = Recipe(config())
    recipe.fit_content(facts(keypoints=5), 3)
    assert recipe.settings == {}
    assert "--set HEADS=box,mask,keypoint adds them" in recipe.reasons[0]


DATASET = InMemory(shapes(2))  # objects of about 17 pixels
SMALL = (4, 8, 16, 32, 64)  # anchors that fit them


def sized(known_size, given=(), **settings):
    recipe = Recipe(config(**settings), given)
    recipe.fit_size(facts_of(DATASET), known_size, DATASET)
    return recipe


CROP = {
    "IMAGE_RESIZE_MODE": "crop",
    "IMAGE_MIN_DIM": 128,
    "IMAGE_MAX_DIM": 128,
    "RPN_ANCHOR_SCALES": SMALL,
}


@pytest.mark.parametrize("known_size", [None, 17, 30])
def test_objects_of_the_size_that_the_model_knows(known_size):
    # Images of 64 pixels are enlarged to 128, the objects to about 34.
    assert sized(known_size, **CROP).settings == {}


def test_smaller_objects_are_enlarged():
    recipe = sized(100, **CROP)
    scale = recipe.settings.pop("IMAGE_MIN_SCALE")
    assert 5 < scale < 7
    assert "times as small" in recipe.reasons[0]
    assert f"enlarged {scale:g} times" in recipe.reasons[0]
    coverage = anchor_coverage(DATASET, recipe.config)
    assert np.median(np.sqrt(coverage.sizes.prod(axis=1))) == pytest.approx(100, rel=0.05)
    assert sized(1000, **CROP).settings["IMAGE_MIN_SCALE"] == 8


def test_larger_objects_are_reduced():
    recipe = sized(8, **CROP, IMAGE_MIN_SCALE=2)
    assert recipe.settings == {"IMAGE_RESIZE_MODE": "square", "IMAGE_MIN_SCALE": 0}
    assert recipe.config.IMAGE_SHAPE.tolist() == [128, 128, 3]
    assert "times as large" in recipe.reasons[0]


def test_a_size_that_the_user_gives_stays():
    assert sized(8, ["IMAGE_MIN_SCALE"], **CROP).settings == {}
    recipe = sized(8, ["IMAGE_MAX_DIM"], **CROP | {"IMAGE_MAX_DIM": 192})
    assert recipe.settings["IMAGE_RESIZE_MODE"] == "square"
    assert (recipe.config.IMAGE_MIN_DIM, recipe.config.IMAGE_MAX_DIM) == (192, 192)
    recipe = sized(8, ["RPN_ANCHOR_SCALES"], **CROP | {"RPN_ANCHOR_SCALES": (300,) * 5})
    assert "RPN_ANCHOR_SCALES" not in recipe.settings


def test_anchors():
    square = {"IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64}
    assert sized(None, **square, RPN_ANCHOR_SCALES=SMALL).settings == {}
    recipe = sized(None, **square, RPN_ANCHOR_SCALES=(200, 300, 400, 500, 600))
    (name, scales) = recipe.settings.popitem()
    assert name == "RPN_ANCHOR_SCALES"
    assert min(scales) < 20
    sides = ", ".join(map(str, scales))
    assert recipe.reasons == [f"Anchors of {sides} pixels suit these objects."]
    recipe.config.validate()


def test_no_objects():
    recipe = Recipe(config())
    recipe.fit_size(facts(sides=np.zeros(0)), 30, DATASET)
    assert recipe.settings == {}


def test_many_objects():
    recipe = Recipe(config())
    recipe.fit_counts(facts(objects=[3, 80]))
    assert recipe.settings == {}
    recipe.fit_counts(facts(objects=[3, 700]))
    assert recipe.settings == {
        "MAX_GT_INSTANCES": 700,
        "DETECTION_MAX_INSTANCES": 900,
        "POST_NMS_ROIS_INFERENCE": 1800,
    }
    recipe.config.validate()
    recipe.fit_counts(facts(objects=[4000]))
    assert recipe.config.PRE_NMS_LIMIT == 2 * recipe.config.POST_NMS_ROIS_INFERENCE


@pytest.mark.parametrize(
    ("images", "validation", "epochs", "steps", "val_steps", "every"),
    [
        (8, 2, 10, 20, 1, 1),  # ten images, at least 200 batches
        (61, 13, 12, 31, 7, 1),  # the balloons, each twelve times
        (20_000, 500, 50, 1000, 25, 1),  # long epochs, at most 50,000 batches
        (8, 50, 10, 20, 25, 5),  # as many images for validation as take a quarter of the time
        (8, 0, 10, 20, 0, 0),
    ],
)
def test_schedule(images, validation, epochs, steps, val_steps, every):
    recipe = Recipe(config())
    recipe.fit_schedule(images, validation)
    found = recipe.config
    assert (recipe.epochs, found.STEPS_PER_EPOCH) == (epochs, steps)
    assert (val_steps, every) == (found.VALIDATION_STEPS, found.VALIDATION_EVERY)
    assert "EMA" not in recipe.settings


def test_a_model_that_knows_the_classes_learns_slowly():
    recipe = Recipe(config(LEARNING_RATE=0.0004))
    recipe.be_gentle()
    assert recipe.settings == {"LEARNING_RATE": 0.0001}
    assert recipe.reasons[0].endswith("its learning rate is lowered to 0.0001.")
    recipe = Recipe(config(LEARNING_RATE=0.5), ["LEARNING_RATE"])
    recipe.be_gentle()
    assert (recipe.config.LEARNING_RATE, recipe.reasons) == (0.5, [])


def test_a_short_run_has_a_short_warmup_and_memory():
    recipe = Recipe(config(LR_WARMUP_STEPS=200, EMA=0.998))
    recipe.fit_schedule(8, 2)
    assert recipe.config.LR_WARMUP_STEPS == 20
    assert recipe.config.EMA == 0.965
    recipe = Recipe(config(LR_WARMUP_STEPS=200, EMA=0.998))
    recipe.fit_schedule(2000, 2)
    assert (recipe.config.LR_WARMUP_STEPS, recipe.config.EMA) == (200, 0.998)


def test_a_schedule_that_the_user_gives():
    recipe = Recipe(config(STEPS_PER_EPOCH=5), ["STEPS_PER_EPOCH", "VALIDATION_STEPS"])
    recipe.fit_schedule(8, 2, epochs=3)
    assert recipe.epochs == 3
    assert not {"STEPS_PER_EPOCH", "VALIDATION_STEPS"} & recipe.settings.keys()
    recipe.fit_schedule(8, 2)
    assert recipe.epochs == 40


def test_all_together():
    recipe = Recipe.of(config(IMAGE_MAX_DIM=64, IMAGE_MIN_DIM=64), [], InMemory(shapes(2)), None)
    assert "RPN_ANCHOR_SCALES" in recipe.settings
    assert recipe.is_photographs  # their objects are red and blue
