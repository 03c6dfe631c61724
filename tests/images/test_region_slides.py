import importlib
import sys
import types

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.images import open_regions
from mrcnn.images.pixel_size import PixelSize
from mrcnn.images.preview import preview
from mrcnn.images.region_slides import SlideSource, is_slide
from mrcnn.images.region_tiff import TiffSource

FULL = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)


class FakeSlide:
    """Like OpenSlide: places are in pixels of level 0, and what is not scanned is transparent."""

    level_dimensions = ((128, 96), (32, 24))
    level_downsamples = (1.0, 4.0)
    properties = {
        "openslide.mpp-x": "0.5",
        "openslide.mpp-y": "0.25",
        "openslide.background-color": "0A0B0C",
        "tiffslide.mpp-x": 0.5,
        "tiffslide.mpp-y": 0.25,
        "tiffslide.background-color": None,
    }

    def __init__(self, path):
        if "bad" in str(path):
            raise ValueError("it is strange")
        self.is_open = True

    def read_region(self, location, level, size):
        (x, y), (width, height), step = location, size, round(self.level_downsamples[level])
        pixels = np.dstack([FULL, np.where(np.arange(128) < 100, 255, 0) * np.ones((96, 1))])
        pixels = pixels.astype(np.uint8)[::step, ::step]
        return Image.fromarray(pixels[y // step :, x // step :][:height, :width])

    def close(self):
        self.is_open = False


class OpaqueSlide(FakeSlide):
    """Like TiffSlide."""

    def read_region(self, location, level, size):
        return super().read_region(location, level, size).convert("RGB")


@pytest.fixture
def install(monkeypatch):
    """Function: set which readers of slides are there, by module and class."""

    def _install(**readers):
        for module, name in (("tiffslide", "TiffSlide"), ("openslide", "OpenSlide")):
            fake = types.ModuleType(module)
            setattr(fake, name, readers.get(module))
            monkeypatch.setitem(sys.modules, module, fake if module in readers else None)

    return _install


@pytest.mark.parametrize("module", ["openslide", "tiffslide"])
def test_a_slide(tmp_path, install, module):
    install(**{module: FakeSlide if module == "openslide" else OpaqueSlide})
    path = tmp_path / "a.mrxs"
    path.touch()
    wanted = FULL.copy()
    if module == "openslide":
        wanted[:, 100:] = (10, 11, 12)
    with open_regions(path) as image:
        assert (image.shape, image.dtype) == ((96, 128, 3), np.uint8)
        assert image.pixel_size == PixelSize(0.25, 0.5, "µm")
        assert image.channel_names == []
        assert_array_equal(image[:], wanted)
        assert_array_equal(image[9:40, 80:120:3], wanted[9:40, 80:120:3])
        (small,) = image.levels()
        assert_array_equal(small[3:20, 5:], wanted[::4, ::4][3:20, 5:])
        assert_array_equal(preview(image, 40), wanted[::4, ::4])
        slide = image._source._slide
    assert not slide.is_open
    with open_regions(path, "green") as image:
        assert_array_equal(image[9:40, 80:], wanted[9:40, 80:, 1])
    with pytest.raises(ValueError, match="has one plane, 0, and no plane 2"):
        open_regions(path, plane=2)


def test_the_second_reader_opens_what_the_first_cannot(tmp_path, install):
    class Picky(FakeSlide):
        def __init__(self, path):
            raise RuntimeError("no TIFF")

    install(tiffslide=Picky, openslide=FakeSlide)
    (tmp_path / "a.mrxs").touch()
    with open_regions(tmp_path / "a.mrxs") as image:
        assert isinstance(image._source, SlideSource)
    (tmp_path / "bad.vsi").touch()
    with pytest.raises(ValueError) as caught:
        open_regions(tmp_path / "bad.vsi")
    assert str(caught.value) == (
        f"{tmp_path / 'bad.vsi'} cannot be read by tiffslide: no TIFF or openslide: it is strange. "
        "QuPath and bioformats2raw convert slides of other kinds to OME-TIFF or OME-Zarr."
    )
    with pytest.raises(FileNotFoundError, match=r"no such file: .*none\.svs"):
        open_regions(tmp_path / "none.svs")


def test_no_reader(tmp_path, install):
    install()
    (tmp_path / "a.mrxs").touch()
    with pytest.raises(ImportError) as caught:
        open_regions(tmp_path / "a.mrxs")
    assert str(caught.value) == (
        f"{tmp_path / 'a.mrxs'}: to read whole slides needs the package tiffslide (or openslide): "
        'pip install "mask-rcnn[slides]"'
    )
    # An SVS is a TIFF; a VSI is one of a thumbnail.
    for suffix in (".svs", ".vsi"):
        tifffile.imwrite(tmp_path / f"a{suffix}", FULL, tile=(16, 16), photometric="rgb")
    with open_regions(tmp_path / "a.svs") as image:
        assert isinstance(image._source, TiffSource)
        assert_array_equal(image[5:30, 7:90], FULL[5:30, 7:90])
    with pytest.raises(ImportError, match=r"a\.vsi: to read whole slides needs"):
        open_regions(tmp_path / "a.vsi")


def test_names():
    assert is_slide("x/A.SVS") and is_slide("b.ndpi") and not is_slide("c.tif")


@pytest.mark.parametrize("module", ["tiffslide", "openslide"])
def test_the_real_reader(tmp_path, install, module):
    reader = pytest.importorskip(module)
    install(**{module: getattr(reader, {"tiffslide": "TiffSlide"}.get(module, "OpenSlide"))})
    importlib.invalidate_caches()
    path = tmp_path / "a.svs"
    full = np.tile(FULL, (4, 4, 1))
    text = "Aperio Image Library\r\n512x384 [0,0 512x384] (64x64) RGB|AppMag = 20|MPP = 0.5"
    options = {"tile": (64, 64), "photometric": "rgb", "metadata": None, "compression": "zlib"}
    with tifffile.TiffWriter(path) as writer:
        writer.write(full, description=text, **options)
        writer.write(full[::16, ::16].copy(), photometric="rgb", metadata=None)
        writer.write(np.ascontiguousarray(full[::4, ::4]), description=text, **options)
    with open_regions(path) as image:
        assert isinstance(image._source, SlideSource)
        assert image.pixel_size == PixelSize(0.5, 0.5, "µm")
        assert_array_equal(image[9:300, 80:400], full[9:300, 80:400])
        assert_array_equal(preview(image, 128), full[::4, ::4])
