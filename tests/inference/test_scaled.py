"""Detection at another scale than the model's own."""

from types import SimpleNamespace

import numpy as np
import pytest
from tiny import TinyConfig, shapes, spread

from mrcnn.geometry.resampling import resize_pixels
from mrcnn.inference.detector import detect_crops
from mrcnn.inference.scaled import ScaledDetector
from mrcnn.mask_rcnn import MaskRCNN

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def square():
    return MaskRCNN("inference", TinyConfig(), "logs")


@pytest.fixture(scope="module")
def padding():
    settings = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": None, "IMAGE_MIN_SCALE": 2.0}
    made = MaskRCNN("inference", TinyConfig.from_dict(settings), "logs")
    spread(made.keras_model)
    return made


def test_results_are_those_of_a_resized_image_at_the_image_s_own_resolution(padding):
    small = shapes(1, (64, 64))[0][0]
    # The settings enlarge 64 pixels to these 128.
    large = resize_pixels(small, (128, 128))
    detect = ScaledDetector(padding)
    assert detect.is_own_scale
    [own], [other] = detect([small]), detect_crops(padding, [small])
    [result] = ScaledDetector(padding, factor=0.5)([large])
    assert len(own["scores"])
    for name in ("rois", "scores", "class_ids"):
        np.testing.assert_array_equal(own[name], other[name])
    np.testing.assert_array_equal(own["masks"].dense(), other["masks"].dense())
    np.testing.assert_array_equal(result["scores"], own["scores"])
    np.testing.assert_allclose(result["rois"] / 2, own["rois"], atol=1)
    assert result["masks"].shape[:2] == (128, 128)
    # Not enlarged from fewer pixels: outlines are not made of blocks.
    dense = result["masks"].dense()
    assert (dense != dense[::2, ::2].repeat(2, axis=0).repeat(2, axis=1)).any()


def test_scales(padding, square):
    assert ScaledDetector(padding).scale_of((64, 64, 3)) == 2
    assert ScaledDetector(padding, factor=0.25).scale_of((64, 64)) == 0.5
    assert ScaledDetector(padding, input_scale=3).scale_of((64, 64)) == 3
    assert ScaledDetector(square, factor=0.5).scale_of((128, 64)) == 0.25


def test_a_square_network_has_a_limit(square):
    image = np.zeros((100, 40, 3), np.uint8)
    molded, _ = ScaledDetector(square, input_scale=0.5).mold(image)
    assert molded.shape == (64, 64, 3)
    with pytest.raises(ValueError) as raised:
        ScaledDetector(square, input_scale=1.0).mold(image)
    assert str(raised.value) == (
        "the image is 100 x 40 pixels, and 100 x 40 at this scale, which exceeds IMAGE_MAX_DIM, "
        "64: detect in tiles of at most 64 pixels."
    )


def test_short_side_at_another_scale():
    settings = {"IMAGE_RESIZE_MODE": "short_side", "IMAGE_MAX_DIM": 100, "PIXEL_STD": 2.0}
    settings |= {"IMAGE_RESAMPLING": "torchvision", "BOX_COORDINATES": "continuous"}
    config = TinyConfig.from_dict(settings)
    detect = ScaledDetector(SimpleNamespace(config=config), factor=0.5)
    image = np.full((128, 160, 3), 200, np.uint8)
    assert detect.scale_of(image.shape) == 0.25  # of the half that IMAGE_MIN_DIM, 64, makes
    molded, frame = detect.mold(image)
    # 32 x 40 pixels, and 64 columns with the padding to a multiple of 32.
    assert molded.shape == (32, 64, 3) and frame.window == (0, 0, 32, 40)
    np.testing.assert_allclose(molded[:, :40], np.full((32, 40, 3), (200 - config.MEAN_PIXEL) / 2))
    assert not molded[:, 40:].any()
    np.testing.assert_allclose(frame.boxes_back([[0, 0, 0.5, 0.5]]), [[0, 0, 64, 128]])
