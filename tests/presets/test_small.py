import pytest

from mrcnn.anchors.pyramid import compute_backbone_shapes
from mrcnn.config import Config
from mrcnn.network import graph
from mrcnn.presets import SmallNetwork

pytestmark = pytest.mark.network


def test_a_config_before_the_preset_would_hide_its_settings():
    class Cells(SmallNetwork, Config):
        NAME = "cells"

    class MoreCells(Cells):
        BACKBONE = "resnet50"  # overrides the preset

    assert Cells.RPN_CHANNELS == 128 and MoreCells.BACKBONE == "resnet50"

    class Mixin:
        BACKBONE = "resnet50"

    class Mixed(Mixin, SmallNetwork, Config):
        NAME = "mixed"

    assert Mixed.BACKBONE == "resnet50"
    with pytest.raises(TypeError, match=r"Write class Wrong\(SmallNetwork, Mixin, Config\)"):

        class Wrong(Mixin, Config, SmallNetwork):
            NAME = "wrong"


def test_a_narrow_network():
    class Small(SmallNetwork, Config):
        NAME = "small"
        NUM_CLASSES = 2

    config = Small()
    config.validate()
    count = graph.build("inference", config).count_params()
    assert 8.9e6 < count < 9.1e6
    shapes = compute_backbone_shapes(config, config.IMAGE_SHAPE)
    assert shapes[0].tolist() == [side // 4 for side in config.IMAGE_SHAPE[:2]]
