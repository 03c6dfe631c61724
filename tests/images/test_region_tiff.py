import sys

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.images import open_regions, read_channel, read_image, region_tiff
from mrcnn.images.region_maps import MappedPages
from mrcnn.images.region_source import ArraySource
from mrcnn.images.region_tiff import TiffSource
from mrcnn.images.region_tiles import TiledPages

RNG = np.random.default_rng(0)
ORIENTATION, NODATA = 274, 42113
# What tifffile decodes without other packages.
PACKINGS = (
    {},
    {"rowsperstrip": 7},
    {"tile": (16, 32)},
    {"tile": (32, 16), "compression": "zlib"},
    {"compression": "zlib", "rowsperstrip": 5, "predictor": True},
    {"compression": "lzma"},
)


def equal(found, wanted):
    """Assert that arrays are equal, with their masks and dtypes."""
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    assert_array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(wanted))
    assert_array_equal(np.ma.filled(found, 0), np.ma.filled(wanted, 0))


@st.composite
def images(draw, kind):
    """An array, and the options with which tifffile writes it, in any of many layouts."""
    height, width = draw(st.integers(1, 50)), draw(st.integers(1, 50))
    dtype = draw(st.sampled_from(["u1", "u2", "i2", "f4", "?"]))
    if kind in ("rgb", "alpha"):
        dtype = draw(st.sampled_from(["u1", "u2"]))
    shape = {
        "rgb": (height, width, 3),
        "alpha": (height, width, 4),
        "planes": (4, height, width),
        "pages": (5, height, width),
        "last": (height, width, 3),
    }.get(kind, (height, width))
    options = {
        "rgb": {"photometric": "rgb"},
        "alpha": {"photometric": "rgb", "extrasamples": ["unassalpha"]},
        "planes": {
            "photometric": "rgb",
            "planarconfig": "separate",
            "extrasamples": ["unspecified"],
        },
        "white": {"photometric": "miniswhite"},
    }.get(kind, {"photometric": "minisblack"})
    if kind == "gray" and dtype == "u1" and draw(st.booleans()):
        colours = np.random.default_rng(1).integers(0, 65536, (3, 256), dtype=np.uint16)
        options = {"photometric": "palette", "colormap": colours}
    packing = dict(draw(st.sampled_from(PACKINGS)))
    if dtype in ("f4", "?"):
        packing.pop("predictor", None)
    tags = []
    if draw(st.booleans()):
        tags.append((ORIENTATION, "H", 1, draw(st.integers(1, 8)), True))
    if draw(st.booleans()):
        tags.append((NODATA, "s", 0, str(draw(st.integers(0, 3))), True))
    options |= packing | {"extratags": tags, "byteorder": draw(st.sampled_from("<>"))}
    options["bigtiff"] = draw(st.booleans())
    if draw(st.booleans()):
        options["metadata"] = None
    values = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 4, shape)
    return values.astype(dtype), options


def window(draw, size):
    """A slice of an axis, often with a step."""
    return draw(st.slices(size)) if draw(st.booleans()) else slice(None)


@pytest.mark.parametrize("kind", ["gray", "rgb", "alpha", "planes", "pages", "last", "white"])
@settings(max_examples=10)
@given(data=st.data())
def test_regions_are_slices_of_the_image(tmp_path_factory, kind, data):
    path = tmp_path_factory.mktemp("tiff") / "image.tif"
    values, options = data.draw(images(kind))
    tifffile.imwrite(path, values, **options)
    wanted = read_image(path)
    with open_regions(path) as regions:
        assert type(regions._source) is TiffSource
        assert (regions.shape, regions.dtype, regions.ndim) == (
            wanted.shape,
            wanted.dtype,
            wanted.ndim,
        )
        equal(regions[:], wanted)
        for _ in range(3):
            key = tuple(window(data.draw, size) for size in wanted.shape)
            equal(regions[key], wanted[key])
    last = wanted.shape[2] - 1 if wanted.ndim == 3 else 0
    with open_regions(path, channel=last) as regions:
        assert regions.shape == wanted.shape[:2]
        equal(regions[:], read_channel(path, last))
        equal(regions[2:20, -15:], read_channel(path, last)[2:20, -15:])


def test_which_arrays_are_mapped(tmp_path):
    path, cells = tmp_path / "a.tif", RNG.integers(0, 255, (3, 40, 60), dtype=np.uint8)

    def stored():
        with open_regions(path) as image:
            assert_array_equal(image[3:9, 5:50], np.moveaxis(cells, 0, -1)[3:9, 5:50])
            return type(image._source._array)

    tifffile.imwrite(path, cells, photometric="minisblack")
    assert stored() is MappedPages
    tifffile.imwrite(path, cells, photometric="minisblack", tile=(16, 16))
    assert stored() is TiledPages
    with tifffile.TiffWriter(path) as writer:  # with gaps between the pages
        for i in range(3):
            writer.write(cells[i], contiguous=False, metadata=None, description=str(i))
    assert stored() is MappedPages


def test_several_files_of_one_image(tmp_path):
    cells = RNG.integers(0, 255, (2, 40, 60), dtype=np.uint8)
    for compression in (None, "zlib"):
        names = [f"{compression}{i}.ome.tif" for i in range(2)]
        blocks = "".join(
            f'<TiffData FirstC="{i}" IFD="0"><UUID FileName="{name}">urn:uuid:{i}</UUID></TiffData>'
            for i, name in enumerate(names)
        )
        for i, name in enumerate(names):
            xml = (
                f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
                f'UUID="urn:uuid:{i}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
                'DimensionOrder="XYCZT" Type="uint8" SizeX="60" SizeY="40" SizeC="2" SizeZ="1" '
                'SizeT="1"><Channel ID="Channel:0:0" Name="DAPI" SamplesPerPixel="1"/><Channel '
                f'ID="Channel:0:1" Name="actin" SamplesPerPixel="1"/>{blocks}</Pixels></Image>'
                "</OME>"
            )
            tifffile.imwrite(
                tmp_path / name,
                cells[i],
                description=xml,
                metadata=None,
                compression=compression,
                rowsperstrip=16,
            )
        with open_regions(tmp_path / names[0]) as image:
            assert image.shape == (40, 60, 2)
            assert image.channel_names == ["DAPI", "actin"]
            assert_array_equal(image[10:35, 7:31], np.moveaxis(cells, 0, -1)[10:35, 7:31])
        with open_regions(tmp_path / names[0], "actin") as image:
            assert image.channel_names == ["actin"]
            assert_array_equal(image[10:35, 7:31], cells[1, 10:35, 7:31])


@pytest.mark.parametrize("value", [0, 1, 200])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_channel_of_which_pixels_have_no_data(tmp_path, dtype, value):
    path, cells = tmp_path / "a.tif", RNG.integers(0, 2, (3, 40, 60)).astype(dtype)
    tags = [(NODATA, "s", 0, str(value), True)]
    options = {"photometric": "rgb", "planarconfig": "separate", "extratags": tags}
    tifffile.imwrite(path, cells, **options)
    with open_regions(path, channel=1) as image:
        equal(image[:], read_channel(path, 1))


def test_mapped_strips_in_another_order(tmp_path):
    path, cells = tmp_path / "a.tif", RNG.integers(0, 255, (4, 40, 60), dtype=np.uint8)
    with tifffile.TiffWriter(path) as writer:
        for i in range(4):
            writer.write(
                cells[i], contiguous=False, metadata=None, rowsperstrip=20, description="-"
            )
    with tifffile.TiffFile(path, mode="r+") as file:
        offsets = file.pages[2].tags["StripOffsets"]
        offsets.overwrite(offsets.value[::-1])
    cells[2] = np.roll(cells[2], 20, 0)
    with open_regions(path) as image:
        assert_array_equal(image[10:30, 5:], np.moveaxis(cells, 0, -1)[10:30, 5:])


def test_strips_are_decoded_once_for_windows_side_by_side(tmp_path, monkeypatch):
    path, cells = tmp_path / "a.tif", RNG.integers(0, 255, (40, 60), dtype=np.uint8)
    tifffile.imwrite(path, cells, compression="zlib", rowsperstrip=4)
    seen = count_decoded(monkeypatch)
    with open_regions(path) as image:
        for x in range(0, 60, 10):
            assert_array_equal(image[10:18, x : x + 10], cells[10:18, x : x + 10])
    assert seen == [(0, 2), (0, 3), (0, 4)]


def count_decoded(monkeypatch):
    """List that grows by the page and number of each tile that is decoded."""
    seen, decoded = [], TiledPages._decoded

    def counting(self, page, index):
        seen.append((page.index, index))
        return decoded(self, page, index)

    monkeypatch.setattr(TiledPages, "_decoded", counting)
    return seen


def test_only_what_is_needed_is_decoded(tmp_path, monkeypatch):
    path = tmp_path / "stack.tif"
    cells = RNG.integers(0, 255, (2, 3, 64, 64), dtype=np.uint16)
    options = {"tile": (16, 16), "compression": "zlib", "metadata": {"axes": "ZCYX"}}
    tifffile.imwrite(path, cells, ome=True, photometric="minisblack", **options)
    seen = count_decoded(monkeypatch)
    with open_regions(path, channel=1, plane=1) as image:
        assert seen == []
        image[20:30, 16:48]
        assert sorted(seen) == [(4, 5), (4, 6)]
        seen.clear()
        image[0, 0]
        assert seen == [(4, 0)]
    with open_regions(path, projection="max") as image:
        seen.clear()
        image[63, 63]
        assert sorted(seen) == [(page, 15) for page in range(6)]
        seen.clear()
        image[0:3, 0:3, 2]
        assert sorted(seen) == [(2, 0), (5, 0)]


def test_tiles_that_the_file_leaves_out(tmp_path):
    path = tmp_path / "sparse.tif"
    tiles = [np.full((16, 16), 9, np.uint8), None, None, np.full((16, 16), 5, np.uint8)]
    tifffile.imwrite(path, iter(tiles), shape=(32, 32), dtype="u1", tile=(16, 16))
    wanted = read_image(path)
    assert set(np.unique(wanted)) == {0, 5, 9}
    with open_regions(path) as image:
        assert_array_equal(image[:], wanted)
        assert_array_equal(image[10:20, 10:20], wanted[10:20, 10:20])


@pytest.mark.parametrize("options", [{}, {"subifds": 2}])
def test_the_smaller_copies_of_a_pyramid(tmp_path, options):
    path, full = tmp_path / "pyramid.tif", RNG.integers(0, 255, (64, 96, 3), dtype=np.uint8)
    with tifffile.TiffWriter(path) as writer:
        tiles = {"tile": (16, 16), "photometric": "rgb"}
        writer.write(full, **tiles, **options)
        for step in (2, 4):
            writer.write(np.ascontiguousarray(full[::step, ::step]), subfiletype=1, **tiles)
    with open_regions(path) as image:
        assert image.shape == full.shape
        half, quarter = image.levels()
        assert_array_equal(half[5:20, 3:40], full[::2, ::2][5:20, 3:40])
        assert_array_equal(quarter[:], full[::4, ::4])
        assert half.levels() == []
    with pytest.raises(ValueError, match="is closed"):
        half[:]
    with open_regions(path, "green") as image:
        assert_array_equal(image.levels()[1][:], full[::4, ::4, 1])


def test_other_compressions_are_read_as_a_whole(tmp_path, monkeypatch):
    path, cells = tmp_path / "lzw.tif", RNG.integers(0, 255, (40, 60), dtype=np.uint8)
    Image.fromarray(cells).save(path, compression="tiff_lzw", tiffinfo={ORIENTATION: 6})

    def undecodable(page):
        raise region_tiff.tiff.UndecodableError("its compression is LZW")

    monkeypatch.setattr(region_tiff, "_check_decodable", undecodable)
    with open_regions(path) as image:
        assert type(image._source) is ArraySource
        assert_array_equal(image[2:9, ::-1], np.rot90(cells, -1)[2:9, ::-1])
    with pytest.raises(ValueError, match="it has one plane, 0, and no plane 1"):
        open_regions(path, plane=1)
    monkeypatch.setattr(region_tiff.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError) as caught:
        open_regions(path, max_pixels=2399)
    assert str(caught.value) == (
        f"{path}: its compression is LZW; to read it needs the package imagecodecs: pip install "
        '"mask-rcnn[huge]"'
    )
    tifffile.imwrite(path, np.stack([cells] * 5), photometric="minisblack")
    with pytest.raises(ImportError, match="needs the package imagecodecs"):
        open_regions(path)
    monkeypatch.setattr(region_tiff.importlib.util, "find_spec", lambda name: name)
    with pytest.raises(OSError, match="its compression is LZW; Pillow reads only one page"):
        open_regions(path)


def test_an_image_in_one_compressed_piece(tmp_path):
    path, cells = tmp_path / "a.tif", RNG.integers(0, 255, (40, 60), dtype=np.uint8)
    tifffile.imwrite(path, cells, compression="zlib", rowsperstrip=40)
    with open_regions(path, max_pixels=2400) as image:
        assert_array_equal(image[3:9, 4:50], cells[3:9, 4:50])
    with pytest.raises(ValueError) as caught:
        open_regions(path, max_pixels=2399)
    assert str(caught.value) == (
        f"{path} has 40 x 60 pixels and cannot be read in parts: it is compressed in one piece. "
        "Save it as a tiled TIFF or OME-Zarr, or raise max_pixels if you trust the file and have "
        "the memory."
    )


@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"compression": "zlib"}])
def test_a_file_that_is_cut_short(tmp_path, options):
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, RNG.integers(0, 255, (40, 60), dtype=np.uint8), **options)
    whole = path.read_bytes()
    path.write_bytes(whole[:-300])
    with (
        pytest.raises(OSError, match=r"cut\.tif cannot be read as an image: .+") as caught,
        open_regions(path) as image,
    ):
        image[30:, 40:]
    if options:
        assert str(caught.value).endswith("it is damaged: it ends before its pixels do")


def test_a_tile_that_is_damaged(tmp_path):
    path = tmp_path / "bad.tif"
    cells = RNG.integers(0, 255, (32, 32), dtype=np.uint8)
    tifffile.imwrite(path, cells, tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path) as file:
        start = file.pages[0].dataoffsets[3]
    content = bytearray(path.read_bytes())
    content[start : start + 9] = b"\xff" * 9
    path.write_bytes(content)
    with open_regions(path) as image:
        assert_array_equal(image[:16, :], cells[:16])
        with pytest.raises(OSError, match=r"bad\.tif cannot be read as an image"):
            image[:]


def test_zarr_is_not_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    path, cells = tmp_path / "a.tif", RNG.integers(0, 255, (40, 60), dtype=np.uint8)
    tifffile.imwrite(path, cells, tile=(16, 16), compression="zlib")
    with open_regions(path) as image:
        assert_array_equal(image[5:30, 2:], cells[5:30, 2:])
