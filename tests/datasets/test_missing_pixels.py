import logging

import numpy as np
import pytest
import tifffile
from tiny import InMemory, TinyConfig

from mrcnn.datasets import Dataset
from mrcnn.datasets.check import check
from mrcnn.datasets.reading import read_sample
from mrcnn.inference.over_dataset import over_dataset

RNG = np.random.default_rng(0)
VALUES = RNG.integers(200, 3001, (64, 96, 3))
HOLES = RNG.random((64, 96)) < 0.6
KIND = "values that mean, or may mean, no data"


class Percentiles(TinyConfig):
    IMAGE_SCALING = "percentile"


def in_memory(image):
    masks = np.zeros((64, 96, 1), bool)
    masks[10:20, 10:20] = True
    return InMemory([(image, masks, np.array([1], np.int32))])


def with_holes(value, dtype):
    image = VALUES.astype(dtype)
    image[HOLES] = value
    return image


MARKED = {
    "65535": with_holes(65535, np.uint16),
    "-9999": with_holes(-9999, np.int16),
    "NaN": with_holes(np.nan, np.float32),
}
MASKED = np.ma.masked_array(with_holes(7, np.uint16), HOLES[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("image", [*MARKED.values(), MASKED], ids=[*MARKED, "masked"])
def test_training_and_detection_leave_them_out(image):
    config, dataset = Percentiles(), in_memory(image)
    pixels, _ = read_sample(dataset, config, 0)
    unread = []
    list(over_dataset(lambda images: [{}], dataset, [0], config=config, unread=unread))
    assert unread == []
    valid = pixels[~HOLES]
    assert pixels.dtype == np.uint8 and (valid.min(), valid.max()) == (0, 255)
    assert (pixels[HOLES] == np.rint(valid.mean(axis=0))).all()


@pytest.mark.parametrize("config", [None, Percentiles()])
@pytest.mark.parametrize("image", MARKED.values(), ids=MARKED)
def test_a_check_reports_them(image, config, caplog):
    report = check(in_memory(image), config=config)
    assert report.ok
    assert KIND in str(report) and "taken for no data" in str(report)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_check_says_nothing_of_masks_and_settings():
    assert KIND not in str(check(in_memory(MASKED)))
    config = Percentiles()
    config.IMAGE_NODATA = 65535
    report = check(in_memory(MARKED["65535"]), config=config)
    assert report.ok and KIND not in str(report)


def test_a_check_refuses_infinite_values_and_all_nan_images():
    for value in (np.inf, np.nan):
        report = check(in_memory(np.full((64, 96, 3), value, np.float32)))
        assert not report.ok and "NaN or infinite" in str(report)


def test_the_no_data_tag_reaches_the_network(tmp_path):
    tags = [(42113, "s", 0, "7", True)]
    for count in (1, 3):
        stored = np.ascontiguousarray(MASKED.data[..., :count].squeeze())
        tifffile.imwrite(tmp_path / f"{count}.tif", stored, extratags=tags)
        dataset = Dataset()
        dataset.add_class("fields", 1, "field")
        dataset.add_image("fields", 1, tmp_path / f"{count}.tif")
        dataset.prepare()
        image = dataset.load_image(0)
        assert isinstance(image, np.ma.MaskedArray) and image.shape == (64, 96, 3)
        pixels, _ = read_sample(dataset, TinyConfig(), 0)
        assert (pixels[~HOLES].min(), pixels[~HOLES].max()) == (0, 255)
        assert (pixels[HOLES] == np.rint(pixels[~HOLES].mean(axis=0))).all()
