"""Which tiles are chosen."""

import types

import pytest

from mrcnn.config import Config
from mrcnn.inference.auto_tile import auto_tile, overlap_of
from mrcnn.inference.scaled import ScaledDetector
from mrcnn.inference.tiles import check_tiles


def detector(factor=1.0, input_scale=None, **settings):
    made = object.__new__(ScaledDetector)
    made.detector = types.SimpleNamespace(config=Config.from_dict({"NUM_CLASSES": 2, **settings}))
    made.config, made.factor, made.input_scale = made.detector.config, factor, input_scale
    return made


ANY_SIZE = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 512}
SHORT_SIDE = {"IMAGE_RESIZE_MODE": "short_side", "IMAGE_MIN_DIM": 800, "IMAGE_MAX_DIM": 1333}
SHORT_SIDE = {
    "IMAGE_RESIZE_MODE": "short_side",
    "IMAGE_MIN_DIM": 800,
    "IMAGE_MAX_DIM": 1333,
    "IMAGE_SIDE_MULTIPLE": 32,
}
NUCLEI = {**ANY_SIZE, "IMAGE_MIN_SCALE": 2.0}


@pytest.mark.parametrize(
    ("made", "shape", "expected"),
    [
        # A network that takes any size.
        (detector(**ANY_SIZE), (3072, 3072), None),
        (detector(**ANY_SIZE), (100, 3073), (1024, 128)),
        (detector(IMAGE_RESIZE_MODE="none"), (3136, 3136), (1024, 128)),
        # It sees images twice as large.
        (detector(**NUCLEI), (1536, 1000, 3), None),
        (detector(**NUCLEI), (1537, 1000, 3), (512, 64)),
        (detector(factor=0.5, **NUCLEI), (3072, 1000), None),
        (detector(factor=0.5, **NUCLEI), (3073, 1000), (1024, 128)),
        # One that shrinks images to 1024 pixels has learnt shrunken objects.
        (detector(), (4096, 3000), None),
        (detector(), (4097, 3000), (1024, 128)),
        (detector(IMAGE_MAX_DIM=512, IMAGE_MIN_DIM=512), (3000, 3000), (512, 64)),
        (detector(IMAGE_MAX_DIM=2048), (9000, 9000), (2048, 256)),
        # As torchvision's: tiles of 800 pixels keep their size.
        (detector(**SHORT_SIDE), (5332, 3000), None),
        (detector(**SHORT_SIDE), (5333, 3000), (800, 100)),
        # One whose short side counts.
        (detector(**SHORT_SIDE), (3200, 5000), None),
        (detector(**SHORT_SIDE), (3201, 5000), (800, 100)),
        (detector(**SHORT_SIDE), (5300, 5300), (800, 100)),
        # At a scale of the user's choice, nothing is shrunk further.
        (detector(input_scale=1.0), (1024, 1024), None),
        (detector(input_scale=1.0), (1025, 1024), (1024, 128)),
        (detector(input_scale=0.5), (2048, 2048), None),
        (detector(input_scale=0.5), (2052, 2048), (2048, 256)),
        (detector(factor=2.0), (600, 600), (512, 64)),
    ],
)
def test_images_that_the_network_cannot_take_whole_are_cut(made, shape, expected):
    assert auto_tile(made, shape) == expected


def test_crowded_objects_take_smaller_tiles():
    crowded = detector(**ANY_SIZE, DETECTION_MAX_INSTANCES=200)
    # 400 objects of 40 x 40 pixels cover 800 x 800, and half of them half of it.
    assert auto_tile(crowded, (5000, 5000), object_size=40) == (800, 100)
    assert auto_tile(crowded, (5000, 5000), object_size=60) == (1024, 128)
    # Smaller tiles would be enlarged.
    assert auto_tile(crowded, (5000, 5000), object_size=10) == (512, 64)
    doubled = detector(**NUCLEI, DETECTION_MAX_INSTANCES=200)
    assert auto_tile(doubled, (5000, 5000), object_size=40) == (400, 50)


def test_the_overlap_holds_two_objects():
    made = detector(**NUCLEI)
    # 80 pixels of the input are 40 of the image.
    assert overlap_of(made, 512, object_size=80) == 80
    assert overlap_of(made, 512, object_size=20) == 64
    assert overlap_of(made, 512, object_size=800) == 255
    assert auto_tile(made, (9000, 9000), object_size=80) == (512, 80)


@pytest.mark.parametrize("size", [None, 0.5, 3, 17, 80, 500, 5000])
@pytest.mark.parametrize("settings", [{}, ANY_SIZE, {"IMAGE_MIN_SCALE": 8.0}])
def test_the_choice_is_possible(settings, size):
    check_tiles(*auto_tile(detector(**settings), (30000, 400), size))
