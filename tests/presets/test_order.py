import pytest

from mrcnn.config import Config
from mrcnn.presets.order import check_order


class Mixin:
    BACKBONE = "resnet50"


class Cells(Config):
    NAME = "cells"


@pytest.mark.parametrize("bases", [(Mixin, Config), (Mixin, Cells), (Mixin,)])
def test_a_mixin_before_config(bases):
    check_order(type("Mine", bases, {}), Mixin)


@pytest.mark.parametrize(
    ("bases", "advice"),
    [
        ((Config, Mixin), r"class Mine\(Mixin, Config\)"),
        ((Cells, Mixin), r"class Mine\(Mixin, Cells\)"),
    ],
)
def test_a_mixin_after_config(bases, advice):
    with pytest.raises(TypeError, match=rf"Config comes before Mixin .* Write {advice}\."):
        check_order(type("Mine", bases, {}), Mixin)
