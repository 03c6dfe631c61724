import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image, ImageOps

from mrcnn.images.orientation import is_turned, stored_window, upright

STORED = np.arange(20, dtype=np.uint8).reshape(4, 5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_as_pillow_does(orientation):
    image = Image.fromarray(STORED)
    image.getexif()[0x0112] = orientation
    assert_array_equal(upright(STORED, orientation), np.array(ImageOps.exif_transpose(image)))
    assert (upright(STORED, orientation).shape == (5, 4)) == is_turned(orientation)


@given(data=st.data(), orientation=st.integers(0, 9))
def test_windows(data, orientation):
    whole = upright(STORED, orientation)
    height, width = whole.shape
    y1, x1 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rows = slice(y1, data.draw(st.integers(y1 + 1, height)))
    columns = slice(x1, data.draw(st.integers(x1 + 1, width)))
    place = stored_window(rows, columns, height, width, orientation)
    assert_array_equal(upright(STORED[place], orientation), whole[rows, columns])
