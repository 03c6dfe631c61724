"""Checks of what a user's backbone returns."""

import keras
import numpy as np
import pytest
from keras import layers
from tiny import TinyConfig, backbone, backbone_shapes

from mrcnn.network import backbones, graph
from mrcnn.network.backbones import Backbone
from mrcnn.network.backbones.features import check_sizes, checked_features, name_of

pytestmark = pytest.mark.network

NEEDED = "5 are needed, C1 to C5, of strides 4, 4, 8, 16, 32"
EACH = "{}, each a tensor [batch, height, width, channels]."
SQUARE = {"IMAGE_RESIZE_MODE": "square"}
OPEN = {"IMAGE_RESIZE_MODE": "pad64", "IMAGES_PER_GPU": 1}


def config_of(function, **settings):
    return type("Changed", (TinyConfig,), {"BACKBONE": function, **settings})()


def build(function, **settings):
    """Build the backbone as `graph.build` does."""
    config = config_of(function, **settings)
    side = 64 if config.IMAGE_RESIZE_MODE == "square" else None
    image = keras.Input((side, side, 3))
    _, *features = backbones.build(config, image)
    check_sizes(image, features, config)


def error_of(function, **settings):
    with pytest.raises(ValueError) as caught:
        build(function, **settings)
    return str(caught.value)


def changed(change):
    """A backbone function named `mine` that changes the maps of the tiny one."""

    def mine(image, stage5=True, train_bn=None):
        return change(backbone(image, stage5, train_bn), image)

    return mine


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            lambda maps, _: maps[1:],
            "4 feature maps: {}. It returned a tensor of shape [batch, 16, 16, 8], a tensor of "
            "shape [batch, 8, 8, 12], a tensor of shape [batch, 4, 4, 16], a tensor of shape "
            "[batch, 2, 2, 16].",
        ),
        (lambda maps, _: [], "0 feature maps: {}."),
        (
            lambda maps, _: maps[-1],
            "a tensor of shape [batch, 2, 2, 16] instead of feature maps: {}.",
        ),
        (
            lambda maps, _: dict(zip("abcde", maps, strict=True)),
            "a dict of 'a', 'b', 'c', 'd', 'e' instead of feature maps: {}.",
        ),
        (lambda maps, _: None, "None instead of feature maps: {}."),
        (
            lambda maps, image: keras.Model(image, maps, name="net"),
            "a Keras model ('net') instead of feature maps: {}.",
        ),
        (lambda maps, _: [*maps[:4], None], f"None as C5: {EACH}"),
        (
            lambda maps, _: [*maps[:4], layers.GlobalAveragePooling2D()(maps[4])],
            f"a tensor of shape [batch, 16] as C5: {EACH}",
        ),
        (lambda maps, _: [*maps[:3], "C4", maps[4]], f"str 'C4' as C4: {EACH}"),
    ],
)
def test_what_came_back_is_named(change, what):
    assert error_of(changed(change)) == f"BACKBONE `mine` returned {what}".replace("{}", NEEDED)


def test_the_strides_that_are_needed_follow_from_the_configuration():
    message = error_of(changed(lambda maps, _: maps[1:]), BACKBONE_STRIDES=[8, 16, 32, 64, 128])
    assert message.startswith(
        "BACKBONE `mine` returned 4 feature maps: 5 are needed, C1 to C5, of strides 8, 8, 16, 32, "
        "64."
    )


def test_any_sequence_of_five_will_do_and_c1_is_not_used():
    config = TinyConfig()
    maps = backbone(keras.Input((64, 64, 3)))
    for returned in (maps, tuple(maps), iter(maps), [None, *maps[1:]]):
        assert checked_features(returned, config)[1:] == maps[1:]


@pytest.mark.parametrize(
    ("settings", "side", "found", "wanted"),
    [
        (SQUARE, "64x64", "16x16, 16x16, 8x8, 4x4", "16x16, 8x8, 4x4, 2x2"),
        (OPEN, "256x320", "64x80, 64x80, 32x40, 16x20", "64x80, 32x40, 16x20, 8x10"),
    ],
)
def test_other_strides_are_named(settings, side, found, wanted):
    message = error_of(changed(lambda maps, _: [maps[0], maps[0], *maps[1:4]]), **settings)
    assert message == (
        "BACKBONE `mine` returned C2 to C5 of strides 4, 4, 8, 16: 4, 8, 16, 32 are needed, as in "
        f"BACKBONE_STRIDES. They have {found} cells for an image of {side} pixels, and must "
        f"have {wanted}."
    )


def coarse(image, **_):
    return backbone(layers.MaxPooling2D(2)(image))


def coarse_shapes(image_shape):
    return [[-(-side // stride) for side in image_shape[:2]] for stride in (8, 16, 32, 64, 128)]


@pytest.mark.parametrize("settings", [SQUARE, OPEN])
def test_other_strides_are_accepted_if_they_are_set(settings):
    assert "returned C2 to C5 of strides 8, 16, 32, 64: 4, 8," in error_of(coarse, **settings)
    strides = {"BACKBONE_STRIDES": [8, 16, 32, 64, 128], "COMPUTE_BACKBONE_SHAPE": coarse_shapes}
    build(coarse, **strides, **settings)


@pytest.mark.parametrize(
    ("shapes", "computed"),
    [
        (lambda shape: backbone_shapes(shape)[:4], [[16, 16], [8, 8], [4, 4], [2, 2]]),
        (coarse_shapes, [[8, 8], [4, 4], [2, 2], [1, 1], [1, 1]]),
        (lambda shape: np.full((5, 2), 7), [[7, 7]] * 5),
    ],
)
def test_computed_shapes_that_do_not_match_the_maps(shapes, computed):
    assert error_of(backbone, COMPUTE_BACKBONE_SHAPE=shapes) == (
        f"COMPUTE_BACKBONE_SHAPE returns {computed} for an image of 64x64 pixels: it must return "
        "[[16, 16], [8, 8], [4, 4], [2, 2], [1, 1]], the height and width of P2 to P6, because "
        "BACKBONE `backbone` returned C2 to C5 of 16x16, 8x8, 4x4, 2x2."
    )


def test_names():
    class Own(Backbone):
        pass

    assert name_of(config_of(backbone)) == "backbone"
    assert name_of(config_of(Own())) == "Own"
    assert name_of(config_of("vgg16")) == "vgg16"


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_the_graph_is_built_with_these_checks(mode):
    with pytest.raises(ValueError, match="BACKBONE `coarse` returned C2 to C5 of strides 8, 16"):
        graph.build(mode, config_of(coarse))
    with pytest.raises(ValueError, match="BACKBONE `mine` returned a tensor of shape"):
        graph.build(mode, config_of(changed(lambda maps, _: maps[0])))
