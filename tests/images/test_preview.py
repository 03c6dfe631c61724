import tracemalloc

import numpy as np
import pytest
import tifffile
from big_images import ramp, write_tiles
from numpy.testing import assert_array_equal

from mrcnn.images import open_regions
from mrcnn.images.preview import preview

FULL = ramp(slice(0, 300), slice(0, 500))


@pytest.mark.parametrize(
    "options",
    [{}, {"tile": (32, 32)}, {"compression": "zlib"}, {"tile": (16, 16), "bigtiff": True}],
)
@pytest.mark.parametrize(
    ("side", "step"), [(500, 1), (499, 2), (250, 2), (100, 5), (7, 72), (1, 500)]
)
def test_every_nth_pixel(tmp_path, options, side, step):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FULL, **options)
    found = preview(path, side)
    assert max(found.shape) <= side
    assert_array_equal(found, FULL[::step, ::step])


def test_of_colours_and_masks(tmp_path):
    np.save(tmp_path / "a.npy", np.dstack([FULL, FULL // 2, FULL // 3]))
    with open_regions(tmp_path / "a.npy") as image:
        assert_array_equal(preview(image, 100), image[::5, ::5])
    tags = [(42113, "s", 0, "7", True)]
    tifffile.imwrite(tmp_path / "a.tif", FULL, tile=(16, 16), extratags=tags)
    found = preview(tmp_path / "a.tif", 100)
    assert_array_equal(found.mask, FULL[::5, ::5] == 7)


@pytest.mark.parametrize(
    ("side", "level", "step"),
    [
        (500, 0, 1),
        (499, 1, 1),
        (250, 1, 1),
        (249, 2, 1),
        (125, 2, 1),
        (124, 2, 2),
        (70, 2, 2),
    ],
)
def test_the_nearest_level_of_a_pyramid(tmp_path, side, level, step):
    levels = [np.full((300, 500), 10, np.uint8), np.full((150, 250), 11, np.uint8)]
    levels.append(np.full((75, 125), 12, np.uint8))
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for i, each in enumerate(levels):
            writer.write(each, tile=(16, 16), subfiletype=int(i > 0))
    found = preview(tmp_path / "a.tif", side)
    assert_array_equal(found, levels[level][::step, ::step])


def test_a_larger_level_if_the_next_one_is_much_too_small(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(FULL, tile=(16, 16))
        writer.write(np.full((75, 125), 12, np.uint8), tile=(16, 16), subfiletype=1)
    assert_array_equal(preview(tmp_path / "a.tif", 249), FULL[::3, ::3])
    assert_array_equal(preview(tmp_path / "a.tif", 166), np.full((75, 125), 12))


def test_memory_is_that_of_some_bands(tmp_path):
    path = write_tiles(tmp_path / "a.tif", (3000, 2048), ramp)
    with open_regions(path) as image:
        image._source.band = 256
        tracemalloc.start()
        found = preview(image, 500)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert_array_equal(found, ramp(slice(0, 3000), slice(0, 2048))[::6, ::6])
    # At most four bands are read at the same time, each with a copy.
    assert peak < 4 * 2 * 256 * 2048 + 2**20


def test_mistakes(tmp_path):
    with pytest.raises(ValueError, match="side is 0: it must be at least 1 pixel"):
        preview(tmp_path / "a.tif", 0)
    with pytest.raises(FileNotFoundError):
        preview(tmp_path / "a.tif")
