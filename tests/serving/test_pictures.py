"""Pictures of images that browsers cannot show."""

import io

import numpy as np
import pytest
from PIL import Image

from mrcnn.config import Config
from mrcnn.serving.pictures import picture


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_8_bits_stay_as_they_are():
    pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    png, factor = picture(pixels, Config())
    assert (opened(png) == pixels).all() and factor == 1


def test_a_large_image_becomes_smaller():
    png, factor = picture(np.zeros((10, 9000), np.uint8), Config())
    assert opened(png).shape == (4, 3000, 3) and factor == pytest.approx(1 / 3)


def test_a_model_of_other_channels():
    config = Config.from_dict({"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": [0.0]})
    assert opened(picture(np.full((8, 8), 200, np.uint8), config)[0]).shape == (8, 8, 3)
    with pytest.raises(ValueError, match="a has 2 channels"):
        picture(np.zeros((8, 8, 2), np.uint8), Config(), "a")
