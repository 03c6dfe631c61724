"""Which images of a job are detected in tiles."""

import types

import pytest

from mrcnn.config import Config
from mrcnn.inference.scaled import ScaledDetector
from mrcnn.jobs.job import DetectJob
from mrcnn.jobs.tiles import tiles_of

NUCLEI = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 512, "IMAGE_MIN_SCALE": 2.0}


@pytest.fixture(scope="module")
def detector():
    config = Config.from_dict({"NUM_CLASSES": 2, **NUCLEI})
    made = object.__new__(ScaledDetector)
    made.config, made.factor, made.input_scale = config, 1.0, None
    made.detector = types.SimpleNamespace(config=config)
    return made


@pytest.mark.parametrize(
    ("shape", "values", "expected"),
    [
        ((1536, 600), {"tile": "auto"}, None),
        ((1537, 600), {"tile": "auto"}, (512, 64)),
        ((1537, 600), {"tile": "auto", "overlap": 100}, (512, 100)),
        ((1536, 600), {"tile": "auto", "overlap": 100}, None),
        ((400, 600), {"tile": 512}, (512, 64)),
        ((400, 600), {"tile": 512, "overlap": 9}, (512, 9)),
        ((400, 512), {"tile": 512}, None),
        ((9000, 9000), {"tile": None}, None),
    ],
)
def test_tiles_of_an_image(detector, shape, values, expected):
    assert tiles_of(DetectJob(model="m", out="o", **values), shape, detector, None) == expected


def test_the_overlap_holds_two_objects(detector):
    job = DetectJob(model="m", out="o", tile=512)
    assert tiles_of(job, (9000, 9000), detector, object_size=80) == (512, 80)
