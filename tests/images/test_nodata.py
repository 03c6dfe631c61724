import logging

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.config import Config
from mrcnn.images.nodata import equal_to, find, set_to_mean
from mrcnn.images.pixels import as_channels, for_network

RNG = np.random.default_rng(3)
VALUES = RNG.integers(200, 3001, (64, 96, 4))
HOLES = RNG.random((64, 96)) < 0.6
VALUES[0, :2], HOLES[0, :2] = [[200], [3000]], False
WHOLE = as_channels(VALUES.astype(np.uint16), 4)


def with_holes(value, dtype=np.uint16, holes=HOLES):
    image = VALUES.astype(dtype)
    image[holes] = value
    return image


def alone(image, holes=HOLES):
    """The valid pixels [1, N, 4] as an image without holes, scaled."""
    return as_channels(image[~holes][None].astype(np.float64), 4, scaling="percentile")[0]


def assert_scaled_by_valid(pixels, holes=HOLES):
    """Valid pixels have the contrast that they would have alone; the others are their mean."""
    assert pixels.dtype == np.uint8
    valid = pixels[~holes].astype(int)
    assert np.abs(valid - alone(VALUES, holes)).max() <= 1
    assert (valid.min(axis=0) == 0).all() and (valid.max(axis=0) == 255).all()
    means = np.rint(valid.mean(axis=0))
    assert_array_equal(pixels[holes], np.broadcast_to(means, pixels[holes].shape))
    assert ((means > 100) & (means < 155)).all()


@pytest.mark.parametrize(
    ("value", "dtype", "scaling"),
    [
        (65535, np.uint16, "auto"),
        (65535, np.uint16, "percentile"),
        (-9999, np.int16, "auto"),
        (-32768, np.int16, "auto"),
        (-9999, np.int32, "auto"),
        (2**32 - 1, np.uint32, "auto"),
        (-9999, np.float32, "percentile"),
        (np.finfo(np.float32).min, np.float32, "percentile"),
        (np.finfo(np.float32).min, np.float64, "percentile"),
        (-3.40282e38, np.float32, "percentile"),
        (np.nan, np.float32, "percentile"),
    ],
)
def test_values_that_mean_no_data(value, dtype, scaling, caplog):
    assert_scaled_by_valid(as_channels(with_holes(value, dtype), 4, "a.tif", scaling))
    [record] = caplog.records
    assert record.levelno == logging.WARNING and record.message.startswith("a.tif")
    assert "taken for no data: left out of the scaling and set to the mean." in record.message
    if not np.isnan(value):
        assert f"are {dtype(value)}, the others 200 to 3000." in record.message
        assert f"set IMAGE_NODATA = {dtype(value)}; to keep them, IMAGE_NODATA = None." in (
            record.message
        )


@pytest.mark.parametrize("scaling", ["auto", "percentile"])
@pytest.mark.parametrize(
    ("value", "dtype"), [(0, np.uint16), (65535, np.uint16), (2999, np.int16), (-7, np.int32)]
)
def test_the_setting(value, dtype, scaling, caplog):
    image = with_holes(value, dtype)
    holes = (image == value) if value else HOLES[..., None].repeat(4, axis=2)
    pixels = as_channels(image, 4, scaling=scaling, nodata=value)
    for index in range(4):
        valid = pixels[..., index][~holes[..., index]]
        assert (valid.min(), valid.max()) == (0, 255)
        assert set(pixels[..., index][holes[..., index]]) == {np.rint(valid.mean())}
    assert not caplog.records


def test_masked_arrays():
    mask = HOLES[..., None].repeat(4, axis=2)
    for dtype in (np.uint16, np.int32, np.float32):
        image = np.ma.masked_array(with_holes(7, dtype), mask)
        assert_scaled_by_valid(as_channels(image, 4, scaling="percentile"))
    deep = np.ma.masked_array(with_holes(7), mask)
    assert_scaled_by_valid(as_channels(deep, 4))
    fixed = as_channels(deep, 4, scaling=(200, 3000))
    wanted = np.rint((VALUES - 200) / 2800 * 255)
    assert_array_equal(fixed[~HOLES], wanted[~HOLES])
    assert_array_equal(np.unique(fixed[HOLES][:, 0]), np.rint(wanted[~HOLES][:, 0].mean()))
    nothing = np.ma.masked_array(deep.data, np.zeros_like(mask))
    assert_array_equal(as_channels(nothing, 4), as_channels(deep.data, 4))


def test_a_mask_of_one_channel():
    image = np.ma.masked_array(VALUES.astype(np.uint16))
    image[HOLES, 2] = np.ma.masked
    pixels = as_channels(image, 4)
    assert_array_equal(pixels[..., [0, 1, 3]], WHOLE[..., [0, 1, 3]])
    assert len(np.unique(pixels[HOLES, 2])) == 1


def test_bytes_change_only_where_told(caplog):
    image = np.full((4, 4, 3), 40, np.uint8)
    image[0] = 255
    image[1] = 0
    assert as_channels(image, 3) is not None
    assert_array_equal(as_channels(image, 3), image)
    for nodata, row, mean in ((255, 0, 27), (0, 1, 112)):  # means of 40, 40, 0 and of 40, 40, 255
        pixels = as_channels(image, 3, nodata=nodata)
        wanted = image.copy()
        wanted[row] = mean
        assert_array_equal(pixels, wanted)
    masked = np.ma.masked_equal(image, 255)
    wanted = image.copy()
    wanted[0] = 27
    assert_array_equal(as_channels(masked, 3), wanted)
    assert masked.data[0, 0, 0] == 255  # the caller's array is unchanged
    assert not caplog.records


def test_a_colour_that_has_the_value_in_some_channels():
    image = np.full((2, 2, 3), 90, np.uint8)
    image[0, 0], image[0, 1] = (255, 0, 0), (0, 0, 0)
    pixels = as_channels(image, 3, nodata=0)
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, 1].tolist() == [145, 60, 60]


def test_gray_images_and_booleans():
    gray = np.ma.masked_array(with_holes(7)[..., 0], HOLES)
    pixels = as_channels(gray, 3)
    assert pixels.shape == (64, 96, 3)
    assert_array_equal(pixels, as_channels(gray[..., None], 1).repeat(3, axis=2))
    truth = np.ma.masked_array([[True, False, True, True]], [[False, False, False, True]])
    assert as_channels(truth, 1).ravel().tolist() == [255, 0, 255, 170]
    rgb = np.full((2, 2, 3), 0.5, np.float32)
    rgb[0, 0], rgb[1, 1] = np.nan, 0
    assert as_channels(rgb, 1).ravel().tolist() == [85, 128, 128, 0]
    rgba = np.ma.masked_array(np.full((2, 2, 4), 9, np.uint8), False)
    rgba[0, 0] = np.ma.masked
    assert_array_equal(as_channels(rgba, 3), np.full((2, 2, 3), 9))


def test_floats_in_0_to_1():
    image = np.array([[0, 0.5, 1, np.nan, -9999]], np.float32)
    assert as_channels(image, 1).ravel().tolist() == [0, 128, 255, 128, 128]


def test_values_that_stay_as_they_are_get_the_mean_in_their_type():
    image = np.ma.masked_array(np.array([[9.0, 200.5, -5]]), [[0, 0, 1]])
    assert as_channels(image, 1).ravel().tolist() == [9, 200.5, 104.75]
    image = np.ma.masked_array(np.array([[9, 200, -5]], np.int32), [[0, 0, 1]])
    assert as_channels(image, 1).ravel().tolist() == [9, 200, 104]
    assert as_channels(image, 1).dtype == np.int32


# What is only remarked on, and what is not


def test_zeros_are_remarked_on_but_kept(caplog):
    image = with_holes(0)
    pixels = as_channels(image, 4, "a.tif")
    assert_array_equal(pixels, as_channels(image, 4, nodata=None))
    assert (pixels[HOLES] == 0).all()
    [record] = caplog.records
    assert "of its values are 0, the others 200 to 3000. If they mean no data, set " in (
        record.message
    )
    assert "IMAGE_NODATA = 0, which" in record.message


def test_a_few_extreme_values_are_remarked_on_but_kept(caplog):
    few = np.zeros_like(HOLES)
    few[:3] = True
    assert (as_channels(with_holes(65535, holes=few), 4)[few] == 255).all()
    assert "4.69% of its values are 65535" in caplog.records[0].message
    assert "If they mean no data, set IMAGE_NODATA = 65535" in caplog.records[0].message


@pytest.mark.parametrize(("count", "said"), [(60, 1), (10, 0)])
def test_outliers_that_the_percentiles_leave_out_are_not_remarked_on(count, said, caplog):
    image = RNG.integers(200, 3001, (100, 100)).astype(np.uint16)
    image[0, :count] = 65535
    pixels = as_channels(image, 1)
    assert len(caplog.records) == said
    assert (pixels[1:].max() < 20) == bool(said)  # all else is dark


def test_the_full_range_is_kept(caplog):
    image = with_holes(65535)
    assert (as_channels(image, 4, scaling="full")[HOLES] == 255).all()
    assert "If they mean no data" in caplog.records[0].message


@pytest.mark.parametrize("scaling", ["auto", "percentile", "full", (0, 65535)])
def test_nothing_is_said_of_ordinary_images(scaling, caplog):
    dark = RNG.poisson(3, (64, 64)).astype(np.uint16)  # many zeros, as in fluorescence
    saturated = np.minimum(RNG.normal(60000, 9000, (64, 64)), 65535).astype(np.uint16)
    two = np.where(HOLES, 65535, 0).astype(np.uint16)
    constant = np.full((64, 64), 65535, np.uint16)
    for image in (dark, saturated, two, constant, VALUES[..., 0].astype(np.uint16)):
        wanted = as_channels(image, 1, scaling=scaling, nodata=None)
        assert_array_equal(as_channels(image, 1, scaling=scaling), wanted)
    assert not caplog.records


def test_the_setting_none_keeps_all_values(caplog):
    pixels = as_channels(with_holes(65535), 4, nodata=None)
    assert pixels[~HOLES].max() < 20 and not caplog.records


@pytest.mark.parametrize("nodata", ["none", (0, 1), True, "65535"])
def test_impossible_settings(nodata):
    with pytest.raises(ValueError) as caught:
        as_channels(VALUES, 4, nodata=nodata)
    assert str(caught.value).startswith(f"nodata is {nodata!r}: it must be the value that means no")


# No valid pixels


def test_a_channel_and_an_image_without_valid_values(caplog):
    image = np.ma.masked_array(VALUES.astype(np.uint16), False)
    image[..., 1] = np.ma.masked
    pixels = as_channels(image, 4)
    assert (pixels[..., 1] == 0).all()
    assert_array_equal(pixels[..., [0, 2, 3]], WHOLE[..., [0, 2, 3]])
    assert not caplog.records
    image[:] = np.ma.masked
    assert (as_channels(image, 4, "a.tif") == 0).all()
    assert caplog.records[0].message == "a.tif has no valid pixel: all its values mean no data."


def test_infinite_values_and_all_nan_images_are_refused():
    for image in (np.full((3, 3), np.nan), np.array([[1, 2, np.inf]])):
        with pytest.raises(ValueError, match=r"NaN or infinite: all must be finite"):
            as_channels(image, 1)
    image = np.array([[0.0, 1.0, -np.inf]])
    assert as_channels(image, 1, nodata=-np.inf).ravel().tolist() == [0, 255, 128]


# With a configuration


def test_a_remark_is_logged_once_per_configuration(caplog):
    class Bands(Config):
        NAME, IMAGE_CHANNEL_COUNT, MEAN_PIXEL = "bands", 4, 100

    config = Bands()
    for name in ("a.tif", "b.tif"):
        assert_scaled_by_valid(for_network(with_holes(65535), config, name))
    assert [record.message[:5] for record in caplog.records] == ["a.tif"]
    for_network(with_holes(0), config, "c.tif")  # another remark
    for_network(with_holes(65535), Bands(), "d.tif")  # another configuration
    assert [record.message[:5] for record in caplog.records] == ["a.tif", "c.tif", "d.tif"]
    config.IMAGE_NODATA = None
    assert for_network(with_holes(65535), config)[~HOLES].max() < 20
    config.IMAGE_NODATA = 65535
    assert_scaled_by_valid(for_network(with_holes(65535), config))


# The parts


def test_equal_to():
    image = np.array([[[0, 0], [0, 5], [5, 5]]], np.uint16)
    assert equal_to(image, 5).tolist() == [[[False, False], [False, True], [True, True]]]
    assert equal_to(image, 0).tolist() == [[[True, True], [False, False], [False, False]]]
    for impossible in (-5, 5.5, 70000, np.nan, np.inf):
        assert not equal_to(image, impossible).any()
    lowest = np.array([[[np.finfo(np.float32).min]]], np.float32)
    assert equal_to(lowest, -3.4028234663852886e38).all()
    assert equal_to(np.full((1, 1, 1), np.nan), np.nan).all()


def test_find_leaves_the_image_alone():
    image = with_holes(65535)
    before = image.copy()
    filled, missing, _ = find(image, None, 65535, True, "a")
    assert_array_equal(image, before)
    assert filled.max() <= 3000
    assert_array_equal(missing, HOLES[..., None].repeat(4, axis=2))
    assert find(VALUES.astype(np.uint16), None, "auto", True, "a")[1:] == (None, {})


def test_set_to_mean():
    image = np.array([[[1, 9], [4, 9], [0, 0]]], np.uint8)
    missing = np.array([[[0, 1], [0, 1], [1, 1]]], bool)
    assert set_to_mean(image, missing).tolist() == [[[1, 0], [4, 0], [2, 0]]]
