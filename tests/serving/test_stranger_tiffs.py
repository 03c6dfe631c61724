"""TIFFs that refer to other files, or unpack to more than they declare."""

import io
import lzma
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.images.opening import UnusableImageError
from mrcnn.images.reading import read_image
from mrcnn.serving.stranger_tiffs import check_stranger


def tiff(pixels, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def with_strip(compression, strip):
    """A TIFF of 16 x 16 pixels with another content of its only strip."""
    data = bytearray(tiff(np.zeros((16, 16), np.uint8), compression="zlib", metadata=None))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages[0].tags
        for name, value, size in (
            ("StripByteCounts", len(strip), 4),
            ("StripOffsets", len(data), 4),
            ("Compression", compression, 2),
        ):
            at = tags[name].valueoffset
            size = 2 if tags[name].dtype == 3 else size
            data[at : at + size] = value.to_bytes(size, "little")
    return bytes(data) + strip


@pytest.mark.parametrize(
    ("compression", "pack"),
    [
        (8, lambda size: zlib.compress(bytes(size), 9)[:60_000]),
        (32946, lambda size: zlib.compress(bytes(size), 9)[:60_000]),
        (34925, lambda size: lzma.compress(bytes(size))),
    ],
)
def test_a_strip_that_unpacks_to_more(tmp_path, compression, pack):
    path = tmp_path / "bomb.tif"
    bomb = pack(50 * 2**20)
    assert len(bomb) < 65_536
    path.write_bytes(with_strip(compression, bomb))
    tracemalloc.start()
    try:
        with pytest.raises(UnusableImageError, match="unpacks to more pixels than it declares"):
            check_stranger(path)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
@pytest.mark.parametrize(
    "options",
    [{}, {"tile": (32, 32)}, {"rowsperstrip": 7}, {"predictor": True}, {"photometric": "rgb"}],
)
def test_honest_files(tmp_path, compression, options):
    if compression is None and "predictor" in options:
        pytest.skip("no such TIFFs")
    shape = (50, 70, 3) if "photometric" in options else (50, 70)
    pixels = np.random.default_rng(0).integers(0, 9, shape).astype(np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, compression=compression, **options)
    check_stranger(path)
    assert read_image(path).tolist() == pixels.tolist()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_strips_that_are_jpegs(tmp_path, mode):
    path = tmp_path / "a.tif"
    Image.new(mode, (70, 50), 99 if mode == "L" else (9, 99, 199)).save(path, compression="jpeg")
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].compression == 7
    check_stranger(path)
    out = io.BytesIO()
    Image.new("L", (4000, 4000)).save(out, "JPEG")
    path.write_bytes(with_strip(7, out.getvalue()))
    with pytest.raises(UnusableImageError, match="unpacks to more pixels than it declares"):
        check_stranger(path)
    path.write_bytes(with_strip(50002, b"not read here"))  # JPEG XL
    with pytest.raises(OSError, match="not in a format that is read here"):
        check_stranger(path)


def ome(name):
    """An OME-TIFF whose pixels are in another file."""
    text = tifffile.TiffFile(io.BytesIO(tiff(np.zeros((40, 60), np.uint8), ome=True))).ome_metadata
    planes = f'<TiffData IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:x</UUID></TiffData>'
    start, end = text.index("<TiffData"), text.index("</Pixels>")
    return tiff(
        np.zeros((40, 60), np.uint8), description=text[:start] + planes + text[end:], metadata=None
    )


@pytest.mark.parametrize("name", ["{}", "../{}", "&#47;{}", "C:\\{}"])
def test_a_file_that_refers_to_another_one(tmp_path, name):
    secret = tmp_path / "secret.tif"
    secret.write_bytes(tiff(np.full((40, 60), 99, np.uint8)))
    path = tmp_path / "folder" / "a.ome.tif"
    path.parent.mkdir()
    target = {"{}": str(secret), "../{}": "secret.tif", "&#47;{}": str(secret)[1:]}
    path.write_bytes(ome(name.format(target.get(name, "x.tif"))))
    with pytest.raises(UnusableImageError, match="refers to another file: it must hold all"):
        check_stranger(path)


def test_a_file_that_refers_to_itself(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.full((40, 60), 5, np.uint8))
    check_stranger(path)
    path.write_bytes(ome("elsewhere.ome.tif"))  # how it was called before the upload
    check_stranger(path)
