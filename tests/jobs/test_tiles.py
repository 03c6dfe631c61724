"""Which images are detected in tiles, and how large the tiles are."""

import pytest

from mrcnn.config import Config
from mrcnn.inference.scaled import ScaledDetector
from mrcnn.jobs.job import DetectJob
from mrcnn.jobs.tiles import tiles_of


class Anything:
    """A model of which only the settings matter."""

    def __init__(self, **settings):
        self.config = Config.from_dict({"NUM_CLASSES": 2, **settings})


def detector(mode, factor=1.0, input_scale=None, **settings):
    made = object.__new__(ScaledDetector)
    made.config = Anything(IMAGE_RESIZE_MODE=mode, **settings).config
    made.factor, made.input_scale = factor, input_scale
    return made


def tiles(shape, made, object_size=None, **values):
    return tiles_of(DetectJob(model="m", out="o", **values), shape, made, object_size)


NUCLEI = {"IMAGE_MIN_DIM": 512, "IMAGE_MIN_SCALE": 2.0}


@pytest.mark.parametrize(
    ("made", "shape", "expected"),
    [
        # A network that takes any size, and sees images twice as large.
        (detector("pad64", **NUCLEI), (1536, 1000), None),
        (detector("pad64", **NUCLEI), (1537, 1000), (512, 64)),
        (detector("pad64", factor=0.5, **NUCLEI), (3072, 1000), None),
        (detector("pad64", factor=0.5, **NUCLEI), (3073, 1000), (1024, 128)),
        # One that shrinks images to 1024 pixels has learnt shrunken objects.
        (detector("square"), (4096, 3000), None),
        (detector("square"), (4097, 3000), (1024, 128)),
        # At a scale of the user's choice, nothing is shrunk further.
        (detector("square", input_scale=1.0), (1024, 1024), None),
        (detector("square", input_scale=1.0), (1025, 1024), (1024, 128)),
        (detector("square", input_scale=0.5), (2048, 2048), None),
        (detector("square", input_scale=0.5), (2052, 2048), (2048, 256)),
        (detector("square", factor=2.0), (600, 600), (512, 64)),
    ],
)
def test_auto(made, shape, expected):
    assert tiles(shape, made) == expected


def test_tiles_of_a_given_size():
    made = detector("pad64", **NUCLEI)
    assert tiles((400, 600), made, tile=512) == (512, 64)
    assert tiles((400, 600), made, tile=512, overlap=100) == (512, 100)
    assert tiles((400, 512), made, tile=512) is None
    assert tiles((9000, 9000), made, tile=None) is None


def test_the_overlap_holds_two_objects():
    made = detector("pad64", **NUCLEI)
    # 80 pixels of the input are 40 of the image.
    assert tiles((9000, 9000), made, object_size=80, tile=512) == (512, 80)
    assert tiles((9000, 9000), made, object_size=800, tile=512) == (512, 255)
