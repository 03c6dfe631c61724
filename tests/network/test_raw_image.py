"""The first layer of an exported graph, against molding by numpy."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.inference.molding import meta_of, mold_input
from mrcnn.network.raw_image import RawImage

pytestmark = pytest.mark.network


def config_of(**settings):
    sides = {"IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64}
    return Config.from_dict({"NUM_CLASSES": 3, **sides, **settings})


def padded(image, shape, window):
    whole = np.full(shape, -1e9, np.float32)
    y1, x1, y2, x2 = window
    whole[y1:y2, x1:x2] = image
    return whole


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"PIXEL_STD": [50.0, 60.0, 70.0], "MEAN_PIXEL": [1.0, 2.0, 3.0]},
        {"IMAGE_RESIZE_MODE": "short_side", "IMAGE_SIDE_MULTIPLE": 32, "IMAGE_MAX_DIM": 128},
    ],
)
@pytest.mark.parametrize("shape", [(64, 64, 3), (40, 64, 3), (64, 24, 3)])
def test_it_molds_as_numpy_does(settings, shape):
    config = config_of(**settings)
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    if settings.get("IMAGE_RESIZE_MODE"):
        config.IMAGE_MIN_DIM = min(shape[:2])  # so that nothing is resized
    molded, frame = mold_input(image, config)
    raw = padded(image, molded.shape, frame.window)
    ours, meta = (np.asarray(x) for x in RawImage(config)(np.stack([raw, raw])))
    np.testing.assert_allclose(ours[1], molded, atol=2e-5)
    wanted = meta_of(frame, config)
    wanted[1:4] = frame.input_shape  # the graph does not know the image's own size
    np.testing.assert_array_equal(meta[1], wanted)


def test_each_image_has_its_window():
    first, second = np.zeros((64, 64, 3), np.float32), np.zeros((64, 64, 3), np.float32)
    second[:, :20] = -1e9
    second[50:] = -1e9
    _, meta = RawImage(config_of())(np.stack([first, second, np.full_like(first, -1e9)]))
    windows = np.asarray(meta)[:, 7:11].tolist()
    assert windows[:2] == [[0, 0, 64, 64], [0, 20, 50, 64]]
    assert windows[2] == [0, 0, 0, 0]  # nothing but padding
