"""Which tiles are chosen."""

import types

import pytest

from mrcnn.config import Config
from mrcnn.inference.auto_tile import auto_tile
from mrcnn.inference.tiles import check_tiles


def config(**settings):
    return Config.from_dict(settings)


PADDED = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 512}


@pytest.mark.parametrize(
    ("settings", "shape", "expected"),
    [
        ({}, (1024, 2048), None),  # reduced to half its size
        ({}, (1024, 2049), (1024, 128)),
        ({"IMAGE_MIN_SCALE": 2.0}, (600, 1024), None),
        ({"IMAGE_MIN_SCALE": 2.0}, (600, 1025), (512, 64)),
        ({"IMAGE_MAX_DIM": 512, "IMAGE_MIN_DIM": 512}, (3000, 3000), (512, 64)),
        ({"IMAGE_MAX_DIM": 2048}, (9000, 9000), (1024, 128)),
        (PADDED, (2048, 2048), None),
        (PADDED, (100, 2049), (1024, 128)),
        ({**PADDED, "IMAGE_MIN_SCALE": 2.0}, (1024, 1024), None),
        ({**PADDED, "IMAGE_MIN_SCALE": 2.0}, (1025, 1024), (512, 64)),
        ({"IMAGE_RESIZE_MODE": "none"}, (2112, 2112), (1024, 128)),
    ],
)
def test_images_that_the_network_cannot_take_whole_are_cut(settings, shape, expected):
    assert auto_tile(config(**settings), shape) == expected
    assert auto_tile(types.SimpleNamespace(config=config(**settings)), (*shape, 3)) == expected


def test_object_size():
    crowded = config(**PADDED, DETECTION_MAX_INSTANCES=200)
    # 400 objects of 40 x 40 pixels cover 800 x 800, and half of them half of it.
    assert auto_tile(crowded, (5000, 5000), object_size=40) == (800, 100)
    assert auto_tile(crowded, (5000, 5000), object_size=60) == (1024, 128)
    # The overlap is twice the object, within limits.
    assert auto_tile(crowded, (5000, 5000), object_size=90) == (1024, 180)
    assert auto_tile(crowded, (5000, 5000), object_size=300) == (1024, 256)
    # Smaller tiles would be enlarged.
    assert auto_tile(crowded, (5000, 5000), object_size=10) == (512, 64)
    doubled = config(**PADDED, DETECTION_MAX_INSTANCES=200, IMAGE_MIN_SCALE=2.0)
    assert auto_tile(doubled, (5000, 5000), object_size=40) == (400, 50)


def test_scale():
    assert auto_tile(config(**PADDED), (4000, 4000), scale=0.5) is None
    assert auto_tile(config(**PADDED), (5000, 5000), scale=0.5) == (2048, 256)
    assert auto_tile(config(**PADDED), (1100, 1100), scale=2) == (512, 64)
    assert auto_tile(config(), (2000, 2000), scale=0.5) is None
    assert auto_tile(config(), (2000, 2000), scale=2) == (512, 64)


@pytest.mark.parametrize("size", [None, 0.5, 3, 17, 80, 500, 5000])
@pytest.mark.parametrize("settings", [{}, PADDED, {"IMAGE_MIN_SCALE": 8.0}])
def test_the_choice_is_possible(settings, size):
    tile, overlap = auto_tile(config(**settings), (30000, 400), size)
    check_tiles(tile, overlap)
