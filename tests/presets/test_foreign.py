import pytest

from mrcnn import presets
from mrcnn.config import Config
from mrcnn.presets.foreign import ForeignModel


def test_the_rate_follows_the_images():
    class Cells(presets.torchvision_maskrcnn_resnet50_fpn, Config):
        NAME = "cells"
        IMAGES_PER_GPU = 2

    assert pytest.approx(0.02 * 2 / 16) == Cells().LEARNING_RATE
    assert Cells().STEPS_PER_EPOCH == 8000


def test_before_config():
    with pytest.raises(TypeError, match="would hide its settings"):

        class Wrong(Config, ForeignModel):
            NAME = "wrong"


@pytest.mark.parametrize(
    "name", [name for name in presets.__all__ if name.startswith(("torchvision", "detectron2"))]
)
def test_all_presets_are_valid(name):
    config = type(name, (getattr(presets, name), Config), {"NAME": name.lower()})()
    config.validate()
    assert config.BATCH_SIZE == 1
