import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageOps

from mrcnn.images import reading, tiff
from mrcnn.images.reading import image_size, read_image, read_labels

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
RGB = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (6, 9, 4), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (6, 9), dtype=np.uint16)
CUBE = RNG.integers(0, 65536, (5, 6, 9), dtype=np.uint16)
LAST = np.moveaxis(CUBE, 0, -1)


@pytest.fixture
def save(tmp_path):
    """Function: array or Pillow image, suffix and options of its writer -> path."""

    def _save(image, suffix=".png", **options):
        path = tmp_path / f"image{suffix}"
        if suffix == ".npy":
            np.save(path, image, **options)
        elif suffix == ".tif" and isinstance(image, np.ndarray):
            tifffile.imwrite(path, image, **options)
        else:
            image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
            image.save(path, **options)
        return path

    return _save


def assert_image(path, wanted, **options):
    image = read_image(path, **options)
    assert_array_equal(image, wanted)
    assert image.dtype == wanted.dtype and image.dtype.isnative
    assert image.flags.writeable and image.flags.c_contiguous
    assert image_size(path) == wanted.shape[:2]


def chunk(name, data=b""):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(size, colour_type, rows, bits=16, more=b""):
    """A PNG of rows that are already filtered."""
    head = struct.pack(">IIBBBBB", size[1], size[0], bits, colour_type, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), more, chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def deep_png(pixels):
    """A PNG of uint16 [H, W, C] with the filters none, sub and up in turn."""
    height, width, channels = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    step, written = 2 * channels, b""
    for index, row in enumerate(rows):
        kind = index % 3
        shifted = np.concatenate([np.zeros(step, np.uint8), row[:-step]])
        before = [np.zeros_like(row), shifted, rows[index - 1]][kind]
        written += bytes([kind]) + (row - before).tobytes()
    return png((height, width), {2: 4, 3: 2, 4: 6}[channels], written)


# Any kind


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".npy"])
@pytest.mark.parametrize("image", [GRAY, RGB], ids=["gray", "rgb"])
def test_bytes(save, suffix, image):
    assert_image(save(image, suffix), image)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_16_bits(save, suffix):
    assert_image(save(DEEP, suffix), DEEP)


def test_gray_of_16_bits_that_pillow_holds_in_32(tmp_path):
    path = tmp_path / "deep.pgm"
    path.write_bytes(b"P5 9 6 65535 " + DEEP.astype(">u2").tobytes())
    assert_image(path, DEEP)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, ">u2", "<f8"])
def test_other_numbers(save, dtype):
    image = DEEP.astype(dtype)
    for path in (save(image, ".tif"), save(image, ".npy")):
        assert_image(path, image.astype(image.dtype.newbyteorder("=")))


def test_jpeg(save):
    smooth = np.stack([np.add.outer(np.arange(40), np.arange(50))] * 3, axis=2).astype(np.uint8)
    path = save(smooth, ".jpg", quality=95)
    assert_allclose(read_image(path).astype(int), smooth, atol=4)
    assert image_size(path) == (40, 50)


def test_the_name_does_not_decide(save, tmp_path):
    path = save(RGB, ".png")
    renamed = path.rename(tmp_path / "image.jpg")
    assert_image(str(renamed), RGB)


def test_colours_that_are_not_rgb(save):
    palette = Image.fromarray(GRAY % 4, "P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 255, 0, 1])
    colours = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [255, 0, 1]], np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_image(save(palette), colours[GRAY % 4])
        assert_image(save(palette, ".gif"), colours[GRAY % 4])
        path = save(palette, transparency=bytes([0, 9, 128, 255]))
        assert_image(path, colours[GRAY % 4])
    alpha = np.array([[0], [9], [128], [255]], np.uint8)
    assert_image(path, np.concatenate([colours, alpha], axis=1)[GRAY % 4], alpha=True)
    for suffix in (".png", ".tif"):
        assert_image(save(Image.fromarray(GRAY > 99), suffix), np.uint8(GRAY > 99) * 255)
    cmyk = Image.fromarray(RGBA, "CMYK")
    assert_image(save(cmyk, ".tif"), np.array(cmyk.convert("RGB")))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_alpha_is_dropped_or_kept(save, suffix):
    path = save(Image.fromarray(RGBA), suffix)
    assert_image(path, RGBA[..., :3])
    assert_image(path, RGBA, alpha=True)
    gray_alpha = np.ascontiguousarray(RGBA[..., :2])
    path = save(Image.fromarray(gray_alpha, "LA"), suffix)
    assert_image(path, RGBA[..., 0])
    assert_image(path, gray_alpha, alpha=True)


def test_the_first_frame_of_an_animation(save):
    more = [Image.fromarray(GRAY // 2)]
    assert_image(save(Image.fromarray(GRAY), save_all=True, append_images=more), GRAY)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_png_of_16_bit_colours(tmp_path, channels):
    path, pixels = tmp_path / "deep.png", np.ascontiguousarray(LAST[..., :channels])
    path.write_bytes(deep_png(pixels))
    assert_image(path, pixels, alpha=True)
    assert_image(path, {2: pixels[..., 0], 3: pixels, 4: pixels[..., :3]}[channels])


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_orientation(save, orientation, suffix):
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x0112] = orientation
    wanted = np.array(ImageOps.exif_transpose(Image.open(save(image, exif=exif))))
    options = {"exif": exif}
    if suffix == ".tif":
        image, options = RGB, {"extratags": [(274, "H", 1, orientation, True)]}
    assert_image(save(image, suffix, **options), wanted)


def test_a_photo_taken_with_the_camera_on_its_side(save):
    # 6: the first row of the file is the right side of the scene.
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :16], stored[:8, 16:], stored[8:, :16] = 250, 150, 50
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(stored, ".jpg", exif=exif, quality=100)
    image = read_image(path).astype(int)
    assert image_size(path) == image.shape[:2] == (32, 16)
    for corner, value in (((0, 15), 250), ((31, 15), 150), ((0, 0), 50), ((31, 0), 0)):
        assert_allclose(image[corner], value, atol=2)


def test_damaged_exif_data_do_not_spoil_the_pixels(save):
    path = save(RGB, exif=b"Exif\0\0no tags at all")
    assert_image(path, RGB)


# TIFF


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"photometric": "minisblack", "planarconfig": "separate"},
        {"imagej": True, "metadata": {"axes": "CYX"}},
        {"ome": True, "metadata": {"axes": "CYX"}},
        {"compression": "zlib", "bigtiff": True},
    ],
    ids=str,
)
def test_channels_first(save, options):
    assert_image(save(CUBE, ".tif", **{"photometric": "minisblack", **options}), LAST)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"planarconfig": "contig"},
        {"planarconfig": "contig", "compression": "zlib"},
    ],
    ids=str,
)
def test_channels_last(save, options):
    path = save(np.ascontiguousarray(LAST), ".tif", photometric="minisblack", **options)
    assert_image(path, LAST)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((5, 64, 80), (64, 80)),
        ((64, 80, 5), (64, 80)),
        ((64, 64, 200), (64, 64)),
        ((200, 64, 64), (64, 64)),
        ((7, 7, 7), (7, 7)),
    ],
)
def test_channels_of_unnamed_axes(save, shape, wanted):
    path = save(np.zeros(shape, np.uint8), ".tif", photometric="minisblack")
    assert image_size(path) == wanted == read_image(path).shape[:2]


def test_a_fourth_band_that_is_not_alpha(save):
    path = save(RGBA, ".tif", photometric="rgb", extrasamples=[0])
    assert_image(path, RGBA)
    assert_image(save(RGBA, ".tif", photometric="rgb"), RGBA[..., :3])  # written as alpha


def test_white_is_zero(save):
    for image in (GRAY, DEEP):
        path = save(image, ".tif", photometric="miniswhite")
        assert_image(path, np.iinfo(image.dtype).max - image)
        assert_array_equal(read_labels(path), image)
    assert_image(save(GRAY > 99, ".tif"), np.uint8(GRAY > 99) * 255)
    fax = Image.fromarray(GRAY > 99)
    assert_image(save(fax, ".tif", tiffinfo={262: 0}), np.array(fax).astype(np.uint8) * 255)


def test_a_palette_in_a_tiff(save):
    colours = RNG.integers(0, 65536, (3, 256), dtype=np.uint16)
    path = save(GRAY, ".tif", photometric="palette", colormap=colours)
    assert_image(path, (colours // 256).astype(np.uint8).T[GRAY])
    assert_array_equal(read_labels(path), GRAY)


@pytest.mark.parametrize("image", [GRAY, RGB, DEEP], ids=["gray", "rgb", "deep"])
def test_compressions_that_pillow_undoes(save, image):
    path = save(Image.fromarray(image), ".tif", compression="tiff_lzw", tiffinfo={274: 6})
    assert_image(path, np.rot90(image, -1))


def test_compressions_that_nothing_here_undoes(save, monkeypatch):
    def refuse(series):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", refuse)
    # Pillow would read only the first page, and cannot read pixels of five samples.
    for options in ({}, {"planarconfig": "separate"}):
        path = save(CUBE, ".tif", photometric="minisblack", **options)
        with pytest.raises(OSError) as caught:
            read_image(path)
        assert str(caught.value) == (
            f"{path} cannot be read as an image: its compression is NONE; install the package "
            "imagecodecs to read it"
        )


def test_16_bits_that_pillow_would_make_8(save, monkeypatch):
    path = save(np.ascontiguousarray(LAST[..., :3]), ".tif", photometric="rgb")
    monkeypatch.setattr(tiff, "_DECODABLE", ())
    with pytest.raises(OSError, match="its colours are RGB; install the package imagecodecs"):
        read_image(path)


def test_gray_of_4_bits(tmp_path):
    # 2 x 2 pixels of 0, 5, 10 and 15; a tag has number, type, count and value.
    tags = [(256, 2), (257, 2), (258, 4), (259, 1), (262, 1), (273, 110), (277, 1), (279, 2)]
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    entries = b"".join(struct.pack("<HHIHH", number, 3, 1, value, 0) for number, value in tags)
    path = tmp_path / "four.tif"
    path.write_bytes(head + entries + b"\0" * 4 + b"\x05\xaf")
    assert_image(path, np.array([[0, 85], [170, 255]], np.uint8))


@pytest.mark.parametrize("axes", ["ZYX", "TYX", "TCYX"])
def test_stacks_are_refused(save, axes):
    stack = np.zeros((4, 3, 6, 9)[-len(axes) :], np.uint8)
    path = save(stack, ".tif", imagej=True, metadata={"axes": axes})
    for read in (read_image, read_labels, image_size):
        with pytest.raises(ValueError) as caught:
            read(path)
        assert str(caught.value) == (
            f"{path} cannot be used: it holds a stack of {len(stack)} planes (shape {stack.shape}, "
            f"axes {axes}), not one image. Choose a plane, such as plane=0, or combine them, such "
            'as projection="max", with images.open_regions.'
        )


def test_axes_of_one_entry_count_for_nothing(save):
    assert_image(save(GRAY[None, :, :, None], ".tif", photometric="minisblack"), GRAY)


# No data


def no_data(text):
    """The option of `save` that writes GDAL's no-data tag."""
    return {"extratags": [(42113, "s", 0, text, True)]}


@pytest.mark.parametrize(
    ("value", "text", "dtype"),
    [
        (65535, "65535", np.uint16),
        (0, "0", np.uint16),
        (0, "0 ", np.uint8),
        (-9999, "-9999", np.int16),
        (-9999, "-9999.0", np.float32),
        (-9999, "-9999,0", np.float32),
        (np.finfo(np.float32).min, "-3.4028234663852886e+38", np.float32),
    ],
)
def test_pixels_of_the_no_data_tag_are_masked(save, value, text, dtype, caplog):
    holes = GRAY > 120
    stored = RNG.integers(1, 120, (6, 9, 3)).astype(dtype)
    stored[holes] = value
    for image in (stored, stored[..., 0]):
        path = save(image, ".tif", **no_data(text))
        found = read_image(path)
        assert isinstance(found, np.ma.MaskedArray) and found.dtype == dtype
        assert_array_equal(found.data, image)
        assert_array_equal(
            found.mask,
            np.broadcast_to(np.atleast_3d(holes), (6, 9, 3)) if image.ndim == 3 else holes,
        )
        assert found.flags.writeable and found.flags.c_contiguous
    labels = read_labels(path)
    assert not isinstance(labels, np.ma.MaskedArray)
    assert_array_equal(labels, np.where(holes, 0, stored[..., 0]))
    assert not any(record.name == "tifffile" for record in caplog.records)


def test_the_mask_is_turned_with_the_image(save):
    image = GRAY.copy()
    image[0, :3] = 255
    tags = [*no_data("255")["extratags"], (274, "H", 1, 6, True)]
    found = read_image(save(image, ".tif", extratags=tags))
    assert_array_equal(found.mask, np.rot90(image == 255, -1))


def test_no_data_of_colours_planes_and_alpha(save):
    colours = RGB.copy()
    colours[2] = 0
    colours[3, 3] = (0, 7, 0)
    found = read_image(save(colours, ".tif", **no_data("0")))
    assert_array_equal(found.mask[..., 0], (colours == 0).all(axis=2))
    assert not found.mask[3, 3].any()
    bands = CUBE.copy()
    bands[1, 2, 3] = 65535
    found = read_image(save(bands, ".tif", photometric="minisblack", **no_data("65535")))
    assert_array_equal(found.mask, np.moveaxis(bands, 0, -1) == 65535)
    rgba = RGBA.copy()
    rgba[2] = 0
    path = save(rgba, ".tif", photometric="rgb", **no_data("0"))
    assert read_image(path).mask[2].all() and not read_image(path).mask[3].all()
    assert not read_image(path, alpha=True).mask[..., 3].any()
    assert read_image(path, alpha=True).mask[2, :, :3].all()


def test_no_data_of_a_palette_and_of_white_as_zero(save):
    table = RNG.integers(0, 65536, (3, 256), dtype=np.uint16)
    path = save(GRAY, ".tif", photometric="palette", colormap=table, **no_data(str(GRAY[0, 0])))
    assert_array_equal(read_image(path).mask, np.stack([GRAY[0, 0] == GRAY] * 3, axis=2))
    assert_array_equal(read_labels(path), np.where(GRAY[0, 0] == GRAY, 0, GRAY))
    path = save(GRAY, ".tif", photometric="miniswhite", **no_data(str(GRAY[0, 0])))
    assert_array_equal(read_image(path).mask, GRAY[0, 0] == GRAY)


def test_no_data_under_a_compression_that_pillow_undoes(save):
    image = GRAY.copy()
    image[1:3] = 77
    path = save(Image.fromarray(image), ".tif", compression="tiff_lzw", tiffinfo={42113: "77"})
    assert_array_equal(read_image(path).mask, image == 77)


@pytest.mark.parametrize("text", ["", "none", "70000", "1.5", "nan", "-1"])
def test_tags_that_no_pixel_has(save, text):
    for image in (GRAY, DEEP, GRAY > 99):
        found = read_image(save(image, ".tif", **no_data(text)))
        assert type(found) is np.ndarray


# Labels


def test_labels_are_numbers_not_colours(save):
    palette = Image.fromarray(GRAY, "P")
    palette.putpalette(RNG.permutation(768).astype(np.uint8).tolist())
    for image in (GRAY, DEEP, palette, np.stack([GRAY] * 3, axis=2)):
        labels = read_labels(save(image))
        assert_array_equal(labels, DEEP if image is DEEP else GRAY)
        assert labels.dtype == (np.uint16 if image is DEEP else np.uint8)
    for labels in (DEEP, DEEP.astype(np.int32) * 9, DEEP[..., None].astype(np.int64)):
        read = read_labels(save(labels, ".npy"))
        assert_array_equal(read, labels.reshape(6, 9))
        assert read.dtype == labels.dtype
    assert_array_equal(read_labels(save(DEEP, ".tif")), DEEP)


def test_labels_of_two_values(save):
    for path in (save(Image.fromarray(GRAY > 99)), save(GRAY > 99, ".tif")):
        labels = read_labels(path)
        assert_array_equal(labels, GRAY > 99)
        assert labels.dtype == np.uint8


def test_labels_that_are_whole_floats(save):
    for values, dtype in ((DEEP, np.int32), (DEEP.astype(np.int64) << 20, np.int64)):
        labels = read_labels(save(values.astype(np.float64), ".tif"))
        assert_array_equal(labels, values)
        assert labels.dtype == dtype


def test_labels_are_turned_upright(save):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert_array_equal(read_labels(save(DEEP, exif=exif)), np.rot90(DEEP, -1))


@pytest.mark.parametrize(
    ("image", "suffix", "message"),
    [
        (RGB, ".png", "has 3 channels that differ: a label image has one number per pixel"),
        (LAST, ".npy", "has 5 channels that differ"),
        (GRAY, ".jpg", "is a JPEG: its compression changes the numbers of a label image"),
        (GRAY / 2, ".tif", "has values of float64 that are not whole"),
        (GRAY * np.inf, ".npy", "has values of float64 that are not whole"),
        (GRAY * 1e300, ".npy", r"has the value \d\S*e\+30\d: labels must be whole numbers"),
        (GRAY * 1j, ".npy", "has values of complex128 that are not whole"),
    ],
)
def test_not_a_label_image(save, image, suffix, message):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        read_labels(save(image, suffix))


# What is refused


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy"])
def test_the_pixel_limit(save, suffix, monkeypatch):
    path = save(GRAY, suffix)
    assert read_image(path, max_pixels=54).shape == (6, 9)
    assert read_image(path, max_pixels=None).shape == (6, 9)

    def never(*arguments, **options):
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr(reading, "_read_with_pillow", never)
    monkeypatch.setattr(tiff, "read", never)
    for read in (read_image, read_labels):
        with pytest.raises(ValueError) as caught:
            read(path, max_pixels=53)
        assert str(caught.value) == (
            f"{path} has 6 x 9 pixels, which counts as 54: the limit against decompression bombs "
            "is 53. If you trust the file, raise the limit (max_pixels, or MAX_PIXELS of your "
            "Dataset), or lift it with None."
        )


def test_many_channels_count_too(save):
    path = save(LAST, ".npy")
    assert read_image(path, max_pixels=67).shape == (6, 9, 5)
    with pytest.raises(ValueError, match="has 6 x 9 pixels of 5 channels, which counts as 67"):
        read_image(path, max_pixels=66)


def test_a_bomb(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png((50_000, 50_000), 0, b"\0" * 100, bits=8))
    assert image_size(path) == (50_000, 50_000)
    with pytest.raises(ValueError, match="50000 x 50000 pixels, which counts as 2500000000: the"):
        read_image(path)


def test_pillow_limits_nothing_meanwhile_and_all_others_again(save, monkeypatch):
    path = save(RGB)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [threading.Thread(target=read_image, args=(path,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert_image(path, RGB)
    assert Image.MAX_IMAGE_PIXELS == 10
    with pytest.raises(OSError):
        read_image(path.parent)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("read", [read_image, read_labels, image_size])
def test_no_file(read, tmp_path):
    path = tmp_path / "missing.png"
    with pytest.raises(FileNotFoundError) as caught:
        read(path)
    assert str(caught.value) == f"no such file: {path}."


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy"])
@given(data=st.data())
def test_a_truncated_file(tmp_path_factory, suffix, data):
    path = tmp_path_factory.mktemp("cut") / f"image{suffix}"
    image = np.random.default_rng(1).integers(0, 256, (40, 50), dtype=np.uint8)
    if suffix == ".npy":
        np.save(path, image)
    elif suffix == ".tif":
        tifffile.imwrite(path, image)
    else:
        Image.fromarray(image).save(path)
    whole = path.read_bytes()
    # A PNG ends in a checksum and a JPEG in a marker: no pixel needs these last bytes.
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 40))])
    with pytest.raises(OSError, match=r"image\.\w+ cannot be read as an image: .+"):
        read_image(path)


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"<html></html>", b"II*\0", b"\x93NUMPY\x01\0"]
)
def test_not_an_image(tmp_path, content):
    path = tmp_path / "image.png"
    path.write_bytes(content)
    for read in (read_image, read_labels, image_size):
        with pytest.raises(OSError, match=r"image\.png cannot be read as an image: .+"):
            read(path)


def test_arrays_that_are_not_images(save):
    with pytest.raises(ValueError, match=r"has shape \(2, 3, 4, 5\): it must be one image"):
        read_image(save(np.zeros((2, 3, 4, 5)), ".npy"))
    with pytest.raises(OSError, match="cannot be read as an image"):
        read_image(save(np.array([[None]]), ".npy", allow_pickle=True))


@given(
    image=hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.float32]),
        st.tuples(st.integers(9, 12), st.integers(9, 12), st.integers(2, 8)),
        elements=st.integers(0, 255),
    ),
    first=st.booleans(),
)
def test_any_cube(tmp_path_factory, image, first):
    path = tmp_path_factory.mktemp("cube") / "cube.tif"
    stored = np.ascontiguousarray(np.moveaxis(image, -1, 0)) if first else image
    tifffile.imwrite(path, stored, photometric="minisblack")
    assert_array_equal(read_image(path), image)
    assert image_size(path) == image.shape[:2]
