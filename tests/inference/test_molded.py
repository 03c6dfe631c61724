"""Images that were molded before `detect`, as many projects do."""

import logging

import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.images.normalising import mold_image
from mrcnn.inference.molded import with_mean
from mrcnn.inference.molding import check_images, mold_inputs


@pytest.fixture
def image():
    image = np.random.default_rng(1).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    image[0, 0], image[0, 1] = 0, 255
    return image


def eight_bands():
    config = Config()
    config.IMAGE_CHANNEL_COUNT = 8
    config.MEAN_PIXEL = np.arange(8) * 10.3 + 40
    return config


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_molded_image_becomes_what_it_was(image, dtype):
    config = Config()
    pixels = with_mean(mold_image(image, config).astype(dtype), config)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, image)


def test_a_batch_and_a_list_of_molded_images(image):
    config = Config()
    molded = mold_image(image, config)
    for given in (np.expand_dims(molded, 0), [molded], [image, molded]):
        for checked in check_images(given, config):
            np.testing.assert_array_equal(checked, image)


def test_tensors(image):
    config = Config()
    for given in (image, mold_image(image, config)):
        tensors = keras.ops.expand_dims(keras.ops.convert_to_tensor(given), 0)
        np.testing.assert_array_equal(check_images(tensors, config)[0], image)


def test_a_mask_of_pixels_stays(image):
    masked = np.ma.masked_equal(image, 255)
    assert check_images([masked], Config())[0].max() == masked.max() < 255


def test_the_network_sees_the_same_pixels(image):
    config = Config()
    expected = mold_inputs([image], config)[0]
    np.testing.assert_array_equal(mold_inputs([mold_image(image, config)], config)[0], expected)


def test_eight_bands():
    config = eight_bands()
    image = np.random.default_rng(2).integers(0, 256, (4, 4, 8), dtype=np.uint8)
    np.testing.assert_array_equal(with_mean(mold_image(image, config), config), image)


def test_a_molded_image_of_fractions(image):
    config = Config()
    smooth = image * 0.37 + 10
    np.testing.assert_allclose(with_mean(mold_image(smooth, config), config), smooth, atol=1e-4)


@pytest.mark.parametrize("value", [0, 90, 200, 255])
def test_a_molded_image_of_one_grey(value):
    """Even without negative values: the mean's fractions give it away."""
    config = Config()
    image = np.full((3, 3, 3), value, np.uint8)
    np.testing.assert_array_equal(with_mean(mold_image(image, config), config), image)


def test_one_warning_per_configuration(image, caplog):
    config = Config()
    molded = mold_image(image, config)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            check_images([molded, molded], config)
    [record] = caplog.records
    assert "values -123.7 to 151.1" in record.getMessage()
    assert "call model.detect([image])" in record.getMessage()
    check_images([molded], Config())
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    "honest",
    [
        np.linspace(-1024, 3071, 75),  # Hounsfield units
        np.linspace(-1, 1, 75),
        np.random.default_rng(3).normal(size=75),  # standardised
        np.linspace(-200, 100, 75),  # below -MEAN_PIXEL
        np.linspace(-100, 200, 75),  # above 255 - MEAN_PIXEL
    ],
)
def test_other_negative_pixels_are_an_error(honest, caplog):
    image = honest.reshape(5, 5, 3).astype(np.float32)
    with pytest.raises(ValueError, match="Set IMAGE_SCALING to"):
        check_images([image], Config())
    assert not caplog.records


def test_pixels_from_0_to_255_stay_as_they_are(image, caplog):
    config = Config()
    unchanged = [
        image,
        image.astype(np.float32),
        image / 2.0,
        np.full((3, 3, 3), 7.5),
        image[..., 0],
        image.astype(np.int64),
    ]
    for pixels in unchanged:
        assert with_mean(pixels, config) is pixels
    fractions = image / 255
    np.testing.assert_array_equal(check_images([fractions], config)[0], image)
    assert not caplog.records


@pytest.mark.parametrize("scaling", ["percentile", (-200, 300)])
def test_with_a_scaling_floats_of_any_range_are_pixels(image, scaling, caplog):
    config = Config()
    config.IMAGE_SCALING = scaling
    molded = mold_image(image, config)
    assert with_mean(molded, config) is molded
    assert not caplog.records


def test_what_is_not_an_image_is_left_to_the_checks():
    config = Config()
    for wrong in (None, "photo.png", np.zeros((0, 3, 3)), np.full((2, 2, 3), np.nan)):
        assert with_mean(wrong, config) is wrong


def test_images_that_were_divided_by_their_deviation(image):
    config = Config.from_dict({"PIXEL_STD": (58.395, 57.12, 57.375)})
    np.testing.assert_array_equal(with_mean(mold_image(image, config), config), image)
    # Values in 0..1 could be molded pixels of 124 to 182, but are an image.
    bright = (image / 255).astype(np.float32)
    assert with_mean(bright, config) is bright


def test_images_of_different_sizes_are_padded_to_the_largest():
    config = Config.from_dict(
        {
            "IMAGE_RESIZE_MODE": "short_side",
            "IMAGE_MIN_DIM": 64,
            "IMAGE_MAX_DIM": 128,
            "PIXEL_STD": 2.0,
            "BOX_COORDINATES": "continuous",
        }
    )
    images = [np.full((32, 40, 3), 200, np.uint8), np.full((60, 32, 3), 200, np.uint8)]
    molded, metas, windows = mold_inputs(images, config)
    assert molded.shape == (2, 128, 96, 3)
    np.testing.assert_array_equal(windows, [[0, 0, 64, 80], [0, 0, 120, 64]])
    np.testing.assert_array_equal(metas[:, 4:7], [[128, 96, 3]] * 2)
    for pixels, (_, _, bottom, right) in zip(molded, windows, strict=True):
        np.testing.assert_allclose(pixels[bottom - 1, right - 1], (200 - config.MEAN_PIXEL) / 2)
        assert not pixels[bottom:].any() and not pixels[:, right:].any()
    # Each by itself has its own size.
    assert mold_inputs(images[:1], config)[0].shape == (1, 64, 96, 3)
