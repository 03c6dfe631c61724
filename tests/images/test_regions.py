import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from big_images import ramp, write_tiles
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.images import open_regions, read_image, reading
from mrcnn.images.pixel_size import PixelSize
from mrcnn.images.region_tiff import TiffSource
from mrcnn.images.regions import Regions

RNG = np.random.default_rng(0)
CELLS = RNG.integers(0, 60000, (40, 60, 3), dtype=np.uint16)
COLOURS = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.mark.parametrize("dtype", ["u1", ">u2", "?", "f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, dtype, order):
    np.save(tmp_path / "a.npy", np.array(CELLS > 9 if dtype == "?" else CELLS, dtype, order=order))
    wanted = read_image(tmp_path / "a.npy")
    with open_regions(tmp_path / "a.npy") as image:
        assert (image.shape, image.dtype) == (wanted.shape, wanted.dtype)
        for key in (..., (slice(3, 20), slice(50, 5, -7)), (slice(None), slice(None), 1), (0, 0)):
            found = image[key]
            assert found.dtype == wanted.dtype
            assert_array_equal(found, wanted[key])
    with open_regions(tmp_path / "a.npy", 2) as image:
        assert_array_equal(image[3:, 4:], wanted[3:, 4:, 2])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp"])
def test_files_that_are_read_as_a_whole(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOURS).save(path, exif=exif)
    wanted = read_image(path)
    with open_regions(path) as image:
        assert image.shape == wanted.shape
        assert_array_equal(image[3:20, -30:-2], wanted[3:20, -30:-2])
    with open_regions(path, "blue") as image:
        assert_array_equal(image[3:20:2, :], wanted[3:20:2, :, 2])
    with pytest.raises(ValueError) as caught:
        open_regions(path, max_pixels=2399)
    height, width = wanted.shape[:2]
    assert str(caught.value) == (
        f"{path} has {height} x {width} pixels and cannot be read in parts: {suffix[1:].upper()} "
        "has no parts. Save it as a tiled TIFF or OME-Zarr, or raise max_pixels if you trust the "
        "file and have the memory."
    )


def test_pixels_are_not_decoded_before_the_check(tmp_path, monkeypatch):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    monkeypatch.setattr(reading, "_read_with_pillow", None)
    with pytest.raises(ValueError, match="cannot be read in parts"):
        open_regions(tmp_path / "a.png", max_pixels=9)


@settings(max_examples=60)
@given(data=st.data(), shape=st.sampled_from([(40, 60), (40, 60, 3)]))
def test_any_index(tmp_path_factory, data, shape):
    path = tmp_path_factory.mktemp("regions") / "a.tif"
    values = CELLS if len(shape) == 3 else CELLS[..., 0]
    photometric = "rgb" if len(shape) == 3 else "minisblack"
    tifffile.imwrite(path, values, tile=(16, 16), photometric=photometric)
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=False))
    with open_regions(path) as image:
        found = image[key]
    assert_array_equal(found, values[key])
    assert found.dtype == values.dtype and np.shape(found) == values[key].shape
    if found.ndim:
        assert found.flags.writeable and found.flags.c_contiguous


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".png"])
def test_what_is_returned_belongs_to_the_caller(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, COLOURS, compression="zlib", photometric="rgb")
    elif suffix == ".npy":
        np.save(path, COLOURS)
    else:
        Image.fromarray(COLOURS).save(path)
    with open_regions(path) as image:
        first = image[:]
        first[...] = 0
        assert_array_equal(image[:], COLOURS)
        kept = image[:5]
    assert_array_equal(kept, COLOURS[:5])


@pytest.mark.parametrize(
    "options", [{}, {"tile": (16, 16), "compression": "zlib"}, {"compression": "zlib"}]
)
def test_many_threads(tmp_path, options):
    path = write_tiles(tmp_path / "tiles.tif", (200, 300), ramp, 16, compression="zlib")
    if "tile" not in options:
        tifffile.imwrite(path, ramp(slice(0, 200), slice(0, 300)), rowsperstrip=3, **options)
    wanted = ramp(slice(0, 200), slice(0, 300))

    def is_right(seed):
        y, x = np.random.default_rng(seed).integers(0, (150, 250))
        return np.array_equal(image[y : y + 40, x : x + 40], wanted[y : y + 40, x : x + 40])

    with open_regions(path) as image, ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, range(100)))


def test_like_an_array(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, CELLS)
    with open_regions(path) as image:
        assert isinstance(image, Regions) and len(image) == 40
        assert_array_equal(np.asarray(image), CELLS)
        assert np.asarray(image, np.float32).dtype == np.float32
        assert repr(image) == f"<Regions of {path}: (40, 60, 3), uint16>"
        assert image[5:5].shape == (0, 60, 3) and image[:, 9:2, 0].shape == (40, 0)
        assert image[5:5].dtype == np.uint16
        with pytest.raises(IndexError, match="index 40 is out of bounds for axis 0 of size 40"):
            image[40]


def test_channels(tmp_path, caplog):
    path, stains = tmp_path / "a.tif", np.moveaxis(CELLS, -1, 0)
    metadata = {"axes": "CYX", "Labels": ["DAPI", "actin", "ER"]}
    tifffile.imwrite(path, stains, imagej=True, metadata=metadata)
    with open_regions(path) as image:
        assert image.channel_names == ["DAPI", "actin", "ER"]
        assert_array_equal(image[3:], CELLS[3:])
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "has 3 channels, 0 (DAPI), 1 (actin), 2 (ER)" in record.message
    caplog.clear()
    with open_regions(path, "ACTIN") as image:
        assert (image.shape, image.channel_names) == ((40, 60), ["actin"])
        assert_array_equal(image[3:9, 4:], CELLS[3:9, 4:, 1])
    assert not caplog.records
    with pytest.raises(ValueError, match=r"no single channel 'red': its channels are 0 \(DAPI\)"):
        open_regions(path, "red")
    tifffile.imwrite(path, CELLS[..., 0])
    with open_regions(path, 0) as image:
        assert_array_equal(image[:], CELLS[..., 0])
    with pytest.raises(ValueError, match="no single channel 1: its channels are 0"):
        open_regions(path, 1)


def test_the_file_is_closed_if_its_channel_is_not_there(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, COLOURS, tile=(16, 16), photometric="rgb")
    closed = []
    monkeypatch.setattr(TiffSource, "close", lambda self: closed.append(self))
    with pytest.raises(ValueError, match="no single channel"):
        open_regions(path, "ultraviolet")
    assert len(closed) == 1


def test_pixel_size(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, CELLS[..., 0], imagej=True, resolution=(2, 4), metadata={"unit": "um"})
    with open_regions(path) as image:
        assert image.pixel_size == PixelSize(0.25, 0.5, "µm")


def test_closed_and_removed(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, CELLS)
    with open_regions(path) as image:
        assert not image.closed
    assert image.closed
    for read in (lambda: image[:5], image.levels, lambda: np.asarray(image)):
        with pytest.raises(ValueError, match=r"a\.npy is closed: read it inside the `with`"):
            read()
    image.close()
    with open_regions(path) as image:
        os.remove(path)
        with pytest.raises(FileNotFoundError, match=r"no such file: .*a\.npy"):
            image[:5]


@pytest.mark.parametrize("content", [b"", b"II*\0", b"\x93NUMPY\x01\0", b"<html>"])
def test_not_an_image(tmp_path, content):
    path = tmp_path / "image.png"
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"image\.png cannot be read as an image: .+"):
        open_regions(path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        open_regions(tmp_path / "missing.tif")


_READ_ALL = """
import resource, sys
from mrcnn.images import open_regions
from mrcnn.images.preview import preview
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = 0
with open_regions(sys.argv[1]) as image:
    for y in range(0, image.shape[0], 896):
        for x in range(0, image.shape[1], 896):
            total += int(image[y : y + 1024, x : x + 1024].sum())
    small = preview(image)
print(total, *small.shape, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "compressionargs": {"level": 1}}])
def test_memory_does_not_follow_the_image(tmp_path, options):
    side = 20_000
    path = write_tiles(tmp_path / "large.tif", (side, side), ramp, **options)
    command = [sys.executable, "-c", _READ_ALL, str(path)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    total, height, width, kilobytes = map(int, found.split())
    starts = np.arange(0, side, 896)
    times = np.zeros(side, np.int64)  # in how many windows a row is
    for start in starts:
        times[start : start + 1024] += 1
    wanted = 0
    for y in range(0, side, 1000):
        block = ramp(slice(y, y + 1000), slice(0, side)).astype(np.int64)
        wanted += int(times[y : y + 1000] @ block @ times)
    assert total == wanted
    assert (height, width) == (2000, 2000)
    assert kilobytes < 300 * 1024
