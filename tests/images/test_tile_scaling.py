"""Tiles are scaled as the whole image would be."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config
from mrcnn.images import tile_scaling
from mrcnn.images.pixels import for_network
from mrcnn.images.tile_scaling import TileScaling


def config(**settings):
    return Config.from_dict({"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": [0.0], **settings})


def gradient(dtype, low, high, shape=(90, 130)):
    rng = np.random.default_rng(0)
    image = np.linspace(low, high, np.prod(shape)).reshape(shape)
    image += rng.uniform(0, (high - low) / 20, shape)
    return np.clip(image, low, high).astype(dtype)


def tiles_of(image, scaling):
    """An image put together from scaled tiles."""
    rows = [
        [scaling(image[y : y + 40, x : x + 50]) for x in range(0, image.shape[1], 50)]
        for y in range(0, image.shape[0], 40)
    ]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


@pytest.mark.parametrize(
    ("dtype", "low", "high", "settings"),
    [
        (np.uint16, 3, 4000, {}),
        (np.uint32, 0, 90000, {}),
        (np.float32, 0, 1, {}),
        (np.float32, -5, 700, {"IMAGE_SCALING": "percentile"}),
        (np.uint16, 0, 60000, {"IMAGE_SCALING": "full"}),
        (np.uint16, 0, 4000, {"IMAGE_SCALING": (0, 4095)}),
        (np.uint8, 0, 255, {}),
        (bool, 0, 1, {}),
    ],
)
def test_tiles_are_as_the_whole_image(dtype, low, high, settings):
    image = gradient(dtype, low, high)
    expected = for_network(image, config(**settings))
    tiles = tiles_of(image, TileScaling(image, config(**settings)))
    np.testing.assert_array_equal(tiles, expected)
    assert tiles.dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_values_that_stay_as_they_are_are_rounded(dtype):
    """A dark tile of floats would otherwise be taken for one with values from 0 to 1."""
    image = gradient(dtype, 0, 255)
    image[:40] = 1
    tiles = tiles_of(image, TileScaling(image, config()))
    assert tiles.dtype == np.uint8
    np.testing.assert_array_equal(tiles[..., 0], np.rint(image).astype(np.uint8))


def test_colours():
    image = np.stack([gradient(np.uint16, 0, high) for high in (100, 9000, 60000)], axis=-1)
    rgb = Config()
    np.testing.assert_array_equal(tiles_of(image, TileScaling(image, rgb)), for_network(image, rgb))
    gray = gradient(np.uint16, 0, 9000)
    scaled = tiles_of(gray, TileScaling(gray, rgb))
    np.testing.assert_array_equal(np.repeat(scaled, 3, axis=2), for_network(gray, rgb))
    with pytest.raises(ValueError, match="scan has 2 channels, but IMAGE_CHANNEL_COUNT is 3"):
        TileScaling(image[..., :2], rgb, "scan")


class Recorder:
    """An image that can only be sliced like `[y1:y2, x1:x2]`, and counts what is read."""

    def __init__(self, shape, value):
        self.shape, self.value, self.read, self.windows = shape, value, 0, set()

    def __getitem__(self, window):
        (y1, y2), (x1, x2) = ((part.start, part.stop) for part in window)
        assert all(part.step is None for part in window) and y1 >= 0 and x1 >= 0
        y2, x2 = min(y2, self.shape[0]), min(x2, self.shape[1])
        self.windows.add((y1, x1, y2, x2))
        self.read += (y2 - y1) * (x2 - x1)
        return self.value(*np.ogrid[y1:y2, x1:x2])


@given(st.tuples(st.integers(1, 30000), st.integers(1, 30000)))
def test_at_most_four_megapixels_are_read_all_over_the_image(shape):
    image = Recorder(shape, lambda y, x: np.zeros((1, 1), np.uint16))
    tile_scaling._sample(image)
    assert image.read <= 1 << 22
    assert image.read >= min(np.prod(shape), 1 << 21)
    windows = np.array(sorted(image.windows))
    for axis, length in enumerate(shape):
        starts, ends = np.unique(windows[:, axis]), np.unique(windows[:, axis + 2])
        unread = np.array([*starts, length]) - np.array([0, *ends])
        assert unread.max() <= length / 2


def test_the_range_of_a_large_image_is_close_to_the_whole():
    image = Recorder((9000, 7000), lambda y, x: (y + 2 * x).astype(np.uint16))
    (found,) = TileScaling(image, config())._ranges
    expected = np.percentile(
        np.add.outer(np.arange(0, 9000, 9), 2 * np.arange(0, 7000, 7)), (1, 99.8)
    )
    np.testing.assert_allclose(found, expected, atol=0.01 * 23000)


NO_DATA = 65535


def with_holes(dtype=np.uint16, hole=NO_DATA):
    """A gradient of which the lower left half is a hole: some tiles have nothing else."""
    image = gradient(dtype, 100, 4000)
    image[20:, :70] = hole
    return image


@pytest.mark.parametrize(
    ("image", "settings"),
    [
        (with_holes(), {}),
        (with_holes(), {"IMAGE_NODATA": NO_DATA}),
        (with_holes(np.float32, np.nan), {"IMAGE_SCALING": "percentile"}),
        (with_holes(np.int32, -9999), {"IMAGE_SCALING": "percentile"}),
        (with_holes(hole=0), {"IMAGE_NODATA": 0}),
        (with_holes(np.uint8, 0), {"IMAGE_NODATA": 0}),
        (with_holes(hole=7), {"IMAGE_NODATA": 7, "IMAGE_SCALING": (0, 5000)}),
    ],
)
def test_what_holds_no_data_is_found_as_in_the_whole_image(image, settings):
    settings = config(**settings)
    expected = for_network(image, settings).astype(int)
    tiles = tiles_of(image, TileScaling(image, settings))
    # A pixel that happens to equal the value is off by one, so that it is not taken for it later.
    assert np.abs(tiles - expected).max() <= 1
    assert len(np.unique(tiles[20:, :70])) == 1
    again = tiles_of(tiles, lambda tile: for_network(tile, settings))
    np.testing.assert_array_equal(again, tiles)


def test_masked_pixels():
    image = np.ma.masked_equal(with_holes(), NO_DATA)
    expected = for_network(image, config())
    tiles = tiles_of(image, TileScaling(image, config()))
    np.testing.assert_array_equal(tiles, expected)
    assert not np.ma.isMA(tiles)


def test_remarks_are_logged_once(caplog):
    settings = config()
    with caplog.at_level(logging.WARNING):
        scaling = TileScaling(with_holes(), settings, "scan")
        tiles_of(with_holes(), scaling)
        TileScaling(with_holes(), settings, "scan")
    (record,) = caplog.records
    assert "scan: 41.9% of its values are 65535" in record.message


def test_a_value_out_of_range_is_refused():
    image = np.array([[0.5, np.inf]])
    with pytest.raises(ValueError, match="scan has 1 values that are NaN or infinite"):
        TileScaling(image, config(), "scan")
    with pytest.raises(ValueError, match=r"values -3\.0 to 0\.5.*IMAGE_SCALING"):
        TileScaling(np.array([[0.5, -3]]), config())
