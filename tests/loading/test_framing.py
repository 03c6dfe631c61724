"""The size and place of training images."""

import random
from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import InMemory, TinyConfig, shapes

from mrcnn.images.frame import Frame
from mrcnn.images.jitter import jitter_image
from mrcnn.instances import InstanceBoxes
from mrcnn.loading.framing import frame_image
from mrcnn.loading.samples import load_image_gt
from mrcnn.loading.source import SampleSource


def config_of(**settings):
    return TinyConfig.from_dict({"IMAGE_MIN_DIM": 128, "IMAGE_MAX_DIM": 128, **settings})


def framed(image, config, seed, training=True):
    return frame_image(image, config, np.random.default_rng(seed), training)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(1, 255, (100, 80, 3), np.uint8)


@pytest.mark.parametrize("mode", ["square", "crop", "pad64", "none"])
@pytest.mark.parametrize("training", [True, False])
def test_without_settings_training_sees_what_detection_sees(image, mode, training):
    config = config_of(IMAGE_RESIZE_MODE=mode, IMAGE_MIN_DIM=64)
    ours, frame = framed(image, config, 4, training)
    place = int(np.random.default_rng(4).integers(2**32))
    wanted, wanted_frame = Frame.of(image, config, rng=random.Random(place))
    assert_array_equal(ours, wanted)
    assert frame == wanted_frame


def test_short_side_is_padded_after_augmentation(image):
    config = config_of(IMAGE_RESIZE_MODE="short_side", IMAGE_MIN_DIM=50, IMAGE_MAX_DIM=100)
    ours, frame = framed(image, config, 0)  # 100 x 80
    assert ours.shape == (62, 50, 3) and frame.window == (0, 0, 62, 50)
    config.TRAIN_MIN_DIMS = [60]
    ours, frame = framed(image, config, 0)
    assert ours.shape == (75, 60, 3) and frame.scale == 0.75


def test_validation_is_not_scaled_at_random(image):
    plain, frame = framed(image, config_of(), 0, training=False)
    for settings in ({"TRAIN_MIN_DIMS": [64, 96]}, {"TRAIN_SCALE_JITTER": (0.1, 2.0)}):
        for seed in range(5):
            ours, placed = framed(image, config_of(**settings), seed, training=False)
            assert_array_equal(ours, plain)
            assert placed == frame


def test_the_shorter_side_is_drawn_from_the_list(image):
    config = config_of(TRAIN_MIN_DIMS=[40, 64, 80, 120])
    sides = Counter()
    for seed in range(200):
        ours, frame = framed(image, config, seed)
        y1, x1, y2, x2 = frame.window
        assert ours.shape == (128, 128, 3)
        assert (ours[y1:y2, x1:x2] > 0).all() and np.count_nonzero(ours) == 3 * (y2 - y1) * (
            x2 - x1
        )
        assert abs((y1 + y2) - 128) <= 1 and abs((x1 + x2) - 128) <= 1  # centred
        assert frame.scale == pytest.approx((x2 - x1) / 80, rel=0.01)
        sides[y2 - y1, x2 - x1] += 1
    # 120 is limited by IMAGE_MAX_DIM: 128 rows of the longer side leave 102 columns.
    assert set(sides) == {(50, 40), (80, 64), (100, 80), (128, 102)}
    assert min(sides.values()) > 25


def test_a_crop_of_an_image_in_several_sizes(image):
    config = config_of(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=64, TRAIN_MIN_DIMS=[64, 160])
    scales = {framed(image, config, seed)[1].scale for seed in range(20)}
    assert scales == {0.8, 2.0}
    assert all(framed(image, config, seed)[0].shape == (64, 64, 3) for seed in range(20))


@pytest.mark.parametrize("mode", ["square", "crop"])
def test_jitter_draws_the_scale_uniformly(image, mode):
    config = config_of(IMAGE_RESIZE_MODE=mode, TRAIN_SCALE_JITTER=(0.25, 1.5))
    frames = [framed(image, config, seed)[1] for seed in range(300)]
    factors = np.array([frame.scale * 100 / 128 for frame in frames])
    assert 0.25 <= factors.min() < 0.3 and 1.45 < factors.max() <= 1.5
    assert abs(factors.mean() - 0.875) < 0.06  # 2.9 standard deviations
    assert {frame.input_shape for frame in frames} == {(128, 128, 3)}


def test_jitter_places_instances_where_the_image_is(image):
    config = config_of(TRAIN_SCALE_JITTER=(0.1, 2.0))
    image[20:60, 30:70] = 0
    boxes = InstanceBoxes([[20, 30, 60, 70]], image.shape)
    for seed in range(50):
        ours, frame = framed(image, config, seed)
        y1, x1, y2, x2 = frame.window
        dark = np.zeros((128, 128), bool)
        dark[y1:y2, x1:x2] = (ours[y1:y2, x1:x2] == 0).all(axis=2)
        masks = frame.place(boxes.filled())
        # The border of the dark square is a mixture; its inside is not.
        assert not (dark & ~masks.dense()[..., 0]).any()
        if masks.areas[0] > 100:
            assert dark.sum() > 0.6 * masks.areas[0]


def test_jitter_follows_the_generator(image):
    config = config_of(TRAIN_SCALE_JITTER=(0.1, 2.0))
    ours, frame = framed(image, config, 7)
    rng = np.random.default_rng(7)
    rng.integers(2**32)  # a crop's position, as without jitter
    jittered, window, *_ = jitter_image(image, 128, rng.uniform(0.1, 2.0), rng)
    assert_array_equal(ours, jittered)
    assert frame.window == window


@pytest.mark.parametrize(
    "settings", [{"TRAIN_MIN_DIMS": [16, 32]}, {"TRAIN_SCALE_JITTER": (0.2, 0.9)}]
)
def test_only_augmented_training_images_are_scaled_at_random(settings):
    config = TinyConfig.from_dict(settings)
    data = InMemory(shapes(4))
    for info in data.image_info[::2]:
        info["source"] = "plain"
    data.add_class("plain", 1, "grey")
    data.class_info.pop(1)
    data.prepare()
    source = SampleSource(data, config, shuffle=False, no_augmentation_sources=["plain"], seed=0)
    scales = [source.sample(number)["image_meta"][11] for number in range(12)]
    assert scales[::2] == [1] * 6 and max(scales[1::2]) < 1
    validation = SampleSource(data, config, shuffle=False, seed=0, training=False)
    assert [validation.sample(number)["image_meta"][11] for number in range(12)] == [1] * 12
    # The reference's function loads images as detection does.
    assert load_image_gt(data, config, 1)[1][11] == 1
