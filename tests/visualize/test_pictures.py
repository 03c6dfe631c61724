"""Images of every kind become pictures that can be seen, in every figure."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mrcnn import visualize
from mrcnn.anchors.pyramid import pyramid_anchors
from mrcnn.augment import Flips
from mrcnn.config import Config
from mrcnn.images.normalising import mold_image
from mrcnn.visualize.pictures import as_rgb, is_dark

from .scenes import NAMES, Boxes, SmallConfig

DARK, GRAY, BRIGHT = 300, 2000, 4000  # of a 12-bit camera


def camera(channels=None):
    """uint16 [64, 64] or [64, 64, channels]: a dark field with a grey and a bright square."""
    image = np.full((64, 64), DARK, np.uint16)
    image[5:25, 5:25] = GRAY
    image[35:60, 30:60] = BRIGHT
    return image if channels is None else np.repeat(image[..., None], channels, axis=2)


def bytes_of(image, full=255):
    return np.rint(image / BRIGHT * full).astype(np.uint8)


def with_missing(image):
    image = image.astype(np.float32) / BRIGHT
    image[:5] = np.nan
    return image


# Kinds that every figure shows; `as_rgb` alone is tested with the others.
KINDS = {
    "16 bits": camera(3),
    "16 bits, gray": camera(),
    "16 bits, two channels": camera(2),
    "16 bits, five channels": camera(5),
    "8 bits, dark": bytes_of(camera(3), 40),
    "floats to 1": camera(3) / BRIGHT,
    "floats to 255, one channel": camera(1) / BRIGHT * 255,
    "floats with NaN": with_missing(camera(3)),
    "molded": mold_image(bytes_of(camera(3)), Config()),
    "boolean, gray": camera() > GRAY,
}
MORE_KINDS = {
    "16 bits, four channels": camera(4),
    "32 bits": camera(3).astype(np.int32) * 10,
    "big-endian": camera(3).astype(">u2"),
    "signed": camera(3).astype(np.int16) - 2000,
    "8 bits": bytes_of(camera(3)),
    "8 bits, two channels": bytes_of(camera(2)),
    "8 bits, five channels, dark": bytes_of(camera(5), 10),
    "floats to 0.04, gray": (camera() / BRIGHT * 0.04).astype(np.float16),
    "floats to 4000": camera(3).astype(np.float32),
    "floats to 1.02 after a cubic filter": camera(3) / BRIGHT * 1.04 - 0.02,
    "floats around 0": (camera(3) - 2000.0) / 1500,
    "molded, dark": mold_image(bytes_of(camera(3), 40), Config()),
    "infinite": np.where(camera(3) == GRAY, np.inf, camera(3) / BRIGHT),
    "boolean": camera(3) > GRAY,
}


class Camera(Boxes):
    """All images of the dataset are the one given."""

    def __init__(self, image):
        super().__init__()
        self.image = image

    def load_image(self, image_id):
        return self.image


class CameraConfig(SmallConfig):
    """IMAGE_SCALING that accepts any values."""

    IMAGE_SCALING = "percentile"

    def __init__(self, image):
        self.IMAGE_CHANNEL_COUNT = image.shape[2] if image.ndim == 3 else 1
        self.MEAN_PIXEL = [100] * self.IMAGE_CHANNEL_COUNT
        super().__init__()


def batch_of(image, config):
    pixels = as_rgb(image)  # what the network gets has values in 0..255
    pixels = np.repeat(pixels[..., :1], config.IMAGE_CHANNEL_COUNT, axis=2)
    meta = np.zeros((1, 12 + config.NUM_CLASSES))
    meta[0, 1:4] = meta[0, 4:7] = (64, 64, config.IMAGE_CHANNEL_COUNT)
    meta[0, 7:12] = (0, 0, 64, 64, 1)
    return {
        "input_image": np.float32(pixels[None]) - 100,
        "input_image_meta": meta,
        "input_gt_class_ids": np.array([[1]]),
        "input_gt_boxes": np.array([[[40, 40, 50, 50]]]),
        "input_rpn_match": np.zeros((1, len(pyramid_anchors(config, (64, 64))), 1)),
    }


def figure_calls(image):
    """For each figure that shows an image: its arguments."""
    boxes, ids, scores = np.array([[8, 8, 20, 20]]), np.array([1]), np.array([0.5])
    masks = np.zeros((64, 64, 1), bool)
    masks[8:20, 8:20] = True
    truth = {"rois": boxes, "class_ids": ids, "masks": masks}
    found = {**truth, "scores": scores}
    config = CameraConfig(image)
    both = (image, boxes, ids, masks, boxes, ids, scores, masks, NAMES)
    return {
        "compare": (image, truth, found, NAMES),
        "display_augmented": (Camera(image), config, Flips(), [0], 1, 2),
        "display_batch": (batch_of(image, config), config, NAMES),
        "display_differences": both,
        "display_images": ([image],),
        "display_instances": (image, boxes, masks, ids, NAMES, scores),
        "display_sample": (Camera(image), 0),
        "display_top_masks": (image, masks, ids, NAMES, 1),
        "draw_boxes": (image, boxes),
        "draw_predictions": ([(image, truth, found)], NAMES),
        "draw_rois": (image, boxes, boxes, np.ones((1, 28, 28)), ids, NAMES),
    }


FIGURES = sorted(figure_calls(camera()))


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_shows_every_kind_of_image(name, kind):
    options = {"display_images": {"cmap": "gray"}, "display_sample": {"show_mask": False}}
    drawn = getattr(visualize, name)(*figure_calls(KINDS[kind])[name], **options.get(name, {}))
    figure = drawn.figure if isinstance(drawn, plt.Axes) else drawn
    artist = next(ax for ax in figure.axes if ax.images).images[0]
    shown = artist.to_rgba(artist.get_array(), bytes=True)[..., :3].astype(float)
    check_camera(shown[:: len(shown) // 64, :: len(shown) // 64])


@pytest.mark.parametrize("kind", MORE_KINDS)
def test_more_kinds_of_images(kind):
    check_camera(as_rgb(MORE_KINDS[kind]).astype(float))


def check_camera(shown):
    """Check that the bright square is bright and the dark field dark."""
    corner, between, bright = (shown[y, y].max() for y in (62, 27, 55))
    assert bright > 200 and bright - corner > 100
    assert corner == between
    assert 0.1 < (shown.max(axis=2) > 60).mean() < 0.5


@pytest.mark.parametrize("name", ["display_sample", "display_augmented"])
def test_figures_of_datasets_as_the_network_sees_them(name):
    image = camera(2)
    arguments = {"display_sample": (0, CameraConfig(image))}
    arguments["display_augmented"] = (CameraConfig(image), None, [0], 1, 1)
    figure = getattr(visualize, name)(Camera(image), *arguments[name])
    shown = figure.axes[0].images[0].get_array()
    assert shown.shape == (128, 128, 3) and shown[110, 110].tolist() == [255, 255, 0]


class TestPixels:
    @pytest.mark.parametrize(
        ("image", "expected"),
        [
            (np.full((2, 2), 7, np.uint8), [7, 7, 7]),
            (np.full((2, 2, 2), 9, np.uint8), [9, 9, 0]),
            (np.full((2, 2, 6), 9, np.uint8), [9, 9, 9]),
            (np.full((2, 2, 3), 0.2, np.float32), [51, 51, 51]),
            (np.full((3, 4, 1), 0.2), [51, 51, 51]),
            (np.full((3, 4, 4), 300.0), [255, 255, 255]),
            (np.ones((3, 4), bool), [255, 255, 255]),
            (np.array([[[-3.0], [500.0]]]), [0, 0, 0]),  # "auto" has no range for it
            (np.array([[np.nan, np.inf]]), [0, 0, 0]),
        ],
    )
    def test_values(self, image, expected):
        picture = as_rgb(image)
        assert picture.shape == (*image.shape[:2], 3) and picture.dtype == np.uint8
        assert picture[0, 0].tolist() == expected

    def test_8_bit_images_that_are_not_dark_stay_as_they_are(self):
        image = np.random.default_rng(0).integers(0, 150, (40, 50, 3), np.uint8)
        assert np.array_equal(as_rgb(image), image)
        assert as_rgb(image) is not image and not np.shares_memory(as_rgb(image), image)

    def test_dark_images_keep_their_hue(self):
        image = np.zeros((10, 10, 3), np.uint8)
        image[:5] = 40, 20, 0
        assert is_dark(image)
        assert as_rgb(image)[0, 0].tolist() == [255, 128, 0]
        assert not is_dark(as_rgb(image)) and not is_dark(image * 0 + 5)

    def test_a_picture_is_not_scaled_twice(self):
        for image in {**KINDS, **MORE_KINDS}.values():
            picture = as_rgb(image)
            assert np.array_equal(as_rgb(picture), picture)

    def test_a_few_bright_pixels_do_not_hide_the_rest(self):
        image = camera(3)
        image[0, 0] = 65535
        assert as_rgb(image)[45, 45].tolist() == [255] * 3
        figure = visualize.display_images([image[..., 0]], cmap="gray")
        (artist,) = figure.axes[0].images
        assert artist.to_rgba(artist.get_array(), bytes=True)[45, 45, 0] == 255

    @pytest.mark.parametrize("shape", [(4,), (0, 3, 3), (2, 3, 4, 3), (2, 3, 0)])
    def test_other_shapes(self, shape):
        with pytest.raises(ValueError, match=r"^x has shape \(.*must be \[H, W\] or \[H, W, chann"):
            as_rgb(np.zeros(shape), "x")

    def test_text(self):
        with pytest.raises(TypeError, match="x is an array of <U1"):
            as_rgb(np.full((2, 2), "a"), "x")


class TestMissingPixels:
    """Pixels without data do not affect the contrast."""

    def test_not_a_number(self):
        shown = as_rgb(with_missing(camera(3)))
        assert shown[45, 45].tolist() == [255] * 3 and shown[62, 62].tolist() == [19] * 3

    @pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int32])
    def test_masked(self, dtype):
        image = np.ma.MaskedArray(camera(3).astype(dtype), mask=False)
        image[:32] = 30000
        image[:32] = np.ma.masked
        shown = as_rgb(image)
        assert shown[45, 45].tolist() == [255] * 3 and shown[62, 62].tolist() == [0] * 3
