import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from mrcnn.images.pixels import as_channels


def row(*values, dtype=np.float32):
    """An image of one row and one channel."""
    return np.array(values, dtype).reshape(1, -1, 1)


def scaled(image, scaling="auto"):
    """The values of an image of one channel."""
    pixels = as_channels(image, 1, scaling=scaling)
    assert pixels.dtype == np.uint8 and pixels.shape == (*image.shape[:2], 1)
    return pixels.ravel().tolist()


def refusal(error, image, **options):
    with pytest.raises(error) as caught:
        as_channels(image, 1, "photo.png", **options)
    return str(caught.value)


def test_as_channels_makes_rgb():
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    rgb = gray[..., None].repeat(3, axis=2)
    rgba = np.concatenate([rgb, np.full((3, 4, 1), 255, np.uint8)], axis=2)
    for image in (gray, gray[..., None], rgb, rgba):
        assert_array_equal(as_channels(image, 3), rgb)
    for image in (gray, gray[..., None], rgb):
        assert_array_equal(as_channels(image, 1), gray[..., None])
    assert_array_equal(as_channels(rgba, 4), rgba)
    for dtype in (np.int8, np.int32, np.int64, np.float16, np.float32, np.float64):
        assert as_channels(rgb.astype(dtype), 3).dtype == dtype


@pytest.mark.parametrize(
    ("image", "channels", "error", "message"),
    [
        (None, 3, TypeError, r"^photo\.png is None: was its file read"),
        ("a/b.png", 3, TypeError, r"^photo\.png is the path .a/b\.png.: it must be an array"),
        (np.array([[None]]), 3, TypeError, r"^photo\.png is an array of object: it must"),
        (np.ones((4, 4), np.complex64), 3, TypeError, "array of complex64"),
        (np.array([[9, np.nan, np.inf]]), 3, ValueError, "2 values that are NaN or infinite"),
        (np.zeros((2, 4, 4, 3), np.uint8), 3, ValueError, r"shape \(2, 4, 4, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), 3, ValueError, r"shape \(0, 4, 3\)"),
        (np.zeros(4, np.uint8), 3, ValueError, r"shape \(4,\)"),
        (np.zeros((4, 4, 2), np.uint8), 3, ValueError, "2 channels, .*IMAGE_CHANNEL_COUNT is 3"),
        (np.zeros((8, 8, 3), np.uint8), 4, ValueError, "is 4: 4 would be accepted.$"),
        (np.eye(3, dtype=np.uint8)[None], 1, ValueError, r"is 1: 1 \(gray\) or 3 equal ones would"),
        (np.zeros((5, 8, 9), np.uint8), 5, ValueError, r"9 channels.*use `np.moveaxis\(image, 0, "),
    ],
)
def test_as_channels_refuses(image, channels, error, message):
    with pytest.raises(error, match=message):
        as_channels(image, channels, name="photo.png")


# Scaling


@pytest.mark.parametrize("scaling", ["auto", "percentile", "full", (0, 4095)])
def test_bytes_and_booleans_do_not_depend_on_the_scaling(scaling):
    image = np.array([[1, 2], [3, 200]], np.uint8)
    assert_array_equal(as_channels(image, 1, scaling=scaling)[..., 0], image)
    assert scaled(np.array([[True, False]]), scaling) == [255, 0]


def test_auto():
    assert scaled(row(0, 0.25, 0.5, 1)) == [0, 64, 128, 255]
    # 1% and 99.8% of the way from the first to the last: 10 and 998 of 0..1000.
    ramp = np.arange(1001)[None]
    wanted = np.rint((np.clip(np.arange(1001), 10, 998) - 10) / 988 * 255).tolist()
    for dtype in (np.uint16, np.int16, np.int32, np.uint32, np.int64):
        assert scaled(ramp.astype(dtype)) == wanted
    # A dark 16-bit image is not an 8-bit image.
    assert scaled(row(0, 200, dtype=np.uint16)) == [0, 255]
    for image in (row(0, 2, 255), row(0, 0), row(0, 255, dtype=np.int32), row(1, dtype=np.int8)):
        assert_array_equal(as_channels(image, 1), image)
        assert as_channels(image, 1).dtype == image.dtype


@pytest.mark.parametrize(
    ("image", "start"),
    [
        (row(-0.5, 0.5), "photo.png is an array of float32 with values -0.5 to 0.5: "),
        (row(0, 256), "photo.png is an array of float32 with values 0.0 to 256.0: "),
        (row(-1, 300, dtype=np.int16), "photo.png is an array of int16 with values -1 to 300: "),
        (row(-1, dtype=np.int8), "photo.png is an array of int8 with values -1 to -1: "),
    ],
)
def test_auto_refuses_ambiguous_values(image, start):
    assert refusal(ValueError, image) == start + (
        "the network is trained on pixel values from 0 to 255. Set IMAGE_SCALING to (low, high), "
        "the values that should become 0 and 255, or to 'percentile', which finds them in each "
        "image."
    )


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int16, np.int64, np.float16, np.float64])
def test_percentile(dtype):
    channel = np.arange(101)
    image = np.stack([channel, channel[::-1], np.full(101, 7)], axis=1)[None].astype(dtype)
    pixels = as_channels(image, 3, scaling="percentile")
    # The 99.8th percentile is 99.8, between two values.
    wanted = np.rint((np.clip(channel, 1, 99.8) - 1) / 98.8 * 255)
    assert_array_equal(pixels[0].T, [wanted, wanted[::-1], np.zeros(101)])
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_percentiles_that_are_equal(dtype):
    # Two bright pixels of 3000 lie above the percentile, yet they are all there is to see.
    image = np.full((1, 3000), 3, dtype)
    image[0, 5], image[0, 6] = 1003, 503
    pixels = as_channels(image, 1, scaling="percentile")[0, :, 0]
    assert (pixels[5], pixels[6], pixels.sum()) == (255, 128, 383)


def test_full():
    assert scaled(row(0, 257, 32896, 65535, dtype=np.uint16), "full") == [0, 1, 128, 255]
    assert scaled(row(0, 2**31, 2**32 - 1, dtype=np.uint32), "full") == [0, 128, 255]
    assert scaled(row(0, 0.5, 1), "full") == [0, 128, 255]
    for image in (row(0, 5, dtype=np.int16), row(0, 2), row(-1, 1)):
        message = refusal(TypeError, image, scaling="full")
        assert f"{image.dtype} with values {image.min()} to {image.max()}, and IMAGE_SC" in message


def test_low_and_high():
    camera = row(0, 16, 2048, 4095, 65535, dtype=np.uint16)
    assert scaled(camera, (0, 4095)) == [0, 1, 128, 255, 255]
    tomography = row(-1000, -160, 40, 240, 3000, dtype=np.int16)
    for dtype in (np.int16, np.int64, np.float32):
        assert scaled(tomography.astype(dtype), [-160, 240]) == [0, 0, 128, 255, 255]
    assert scaled(row(0, 100, 200, dtype=np.int64), np.array([100.0, 200.0])) == [0, 0, 255]


@pytest.mark.parametrize("scaling", ["minmax", (255, 0), (0, 1, 2), 255, None, (0, np.inf)])
def test_unknown_scalings(scaling):
    message = refusal(ValueError, row(1), scaling=scaling)
    assert message.startswith(f"scaling is {scaling!r}: it must be 'auto', 'percentile', 'full', o")


@given(
    hnp.arrays(
        np.uint16,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=30),
        elements=st.one_of(st.integers(0, 65535), st.integers(100, 104)),
    )
)
def test_percentiles_of_16_bits_are_those_of_numpy(image):
    wanted = as_channels(image.astype(np.float64), 1, scaling="percentile")
    # Half-way values may round to either side.
    assert np.abs(as_channels(image, 1).astype(int) - wanted).max() <= 1
    assert (as_channels(image, 1) != wanted).mean() < 0.01 or image.size < 100


@given(
    hnp.arrays(
        st.sampled_from([np.int8, np.uint16, np.int64, np.float16, np.float32]),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=6),
    ).filter(lambda image: np.isfinite(image).all())
)
def test_percentile_keeps_the_order(image):
    pixels = as_channels(image, image.shape[2], scaling="percentile")
    for values, shades in zip(image.T, pixels.T, strict=True):
        order = np.argsort(values, axis=None)
        assert (np.diff(shades.ravel()[order].astype(int)) >= 0).all()
        assert shades.max() == (255 if values.max() > values.min() else 0)
        assert shades.min() == 0
