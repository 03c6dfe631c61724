"""The mean and the deviation of pixels."""

from types import SimpleNamespace

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.images import normalising

MEAN = SimpleNamespace(MEAN_PIXEL=np.array([123.7, 116.8, 103.9]))


def test_mold_image_subtracts_the_mean_and_back(small, small_config):
    pixels = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, axis=2)
    molded = normalising.mold_image(pixels, MEAN)
    assert molded.dtype == np.float32
    assert_allclose(molded[200, 0], [76.3, 83.2, 96.1], atol=1e-5)
    assert_array_equal(normalising.unmold_image(molded, MEAN), pixels)
    assert_array_equal(normalising.unmold_image(molded[None] * 9, MEAN)[0, [0, -1], 0, 0], [0, 255])

    molded = normalising.mold_image(small["img1.resized_u8"], small_config).astype(np.float64)
    stats = molded.mean(), molded.std(), molded.min(), molded.max(), np.abs(molded).sum()
    assert_allclose(stats, small["img1.molded_stats"], rtol=1e-6)


def test_deviation_by_hand():
    config = SimpleNamespace(MEAN_PIXEL=(100, 120, 140), PIXEL_STD=(50, 60, 70))
    image = np.array([[[150, 120, 0]]], np.uint8)
    molded = normalising.mold_image(image, config)
    assert molded.dtype == np.float32
    assert_array_equal(molded, [[[1, 0, -2]]])
    assert_array_equal(normalising.unmold_image(molded, config), image)


def test_padding_is_0_after_normalisation_only_with_short_side():
    image = np.full((4, 6, 1), 10.0)
    settings = {"MEAN_PIXEL": 4, "PIXEL_STD": 2, "IMAGE_RESIZE_MODE": "short_side"}
    molded = normalising.mold_resized(image, (0, 0, 3, 5), SimpleNamespace(**settings))
    assert_array_equal(molded[:3, :5], np.full((3, 5, 1), 3))
    assert not molded[3:].any() and not molded[:, 5:].any()
    settings["IMAGE_RESIZE_MODE"] = "pad64"
    assert (normalising.mold_resized(image, (0, 0, 3, 5), SimpleNamespace(**settings)) == 3).all()
