import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.augment import Light, Noise
from mrcnn.instances.masks import InstanceMasks

NONE = InstanceMasks([], [], (64, 64))


class Draws:
    """A random generator with predefined uniform draws, as fractions of the range."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def uniform(self, low, high):
        return low + (high - low) * self.draws.pop(0)


def grey(low, high, dtype):
    """An image with half of its pixels low and half high, in every channel."""
    image = np.full((64, 64, 3), low, dtype)
    image[:, 32:] = high
    return image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_light_is_relative_to_the_images_contrast(dtype):
    image = grey(20, 80, dtype)  # mean 50, deviation 30
    stronger = Light(0.5, 0.2)(image, NONE, Draws(1.0, 0.5))[0]
    assert_array_equal(stronger, grey(5, 95, dtype))
    weaker = Light(1.0, 0.2)(image, NONE, Draws(0.0, 0.5))[0]
    assert_array_equal(weaker, grey(35, 65, dtype))
    brighter, masks = Light(0.5, 0.2)(image, NONE, Draws(0.5, 1.0))
    assert_array_equal(brighter, grey(26, 86, dtype))
    assert brighter.dtype == dtype
    assert masks is NONE


def test_light_stays_within_the_range_of_values():
    image = grey(20, 240, np.uint8)
    assert_array_equal(Light(3.0, 0)(image, NONE, Draws(1.0, 0.5))[0], grey(0, 255, np.uint8))
    image = grey(200, 2400, np.uint16)
    lit = Light(3.0, 0, (100, 4095))(image, NONE, Draws(1.0, 0.5))[0]
    assert_array_equal(lit, grey(100, 4095, np.uint16))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_noise_is_as_strong_as_asked_and_grey(dtype):
    image = grey(60, 160, dtype)  # deviation 50
    rng = np.random.default_rng(0)
    strengths = []
    for _ in range(100):
        noisy = Noise(0.4, 1.0)(image, NONE, rng)[0]
        assert noisy.dtype == dtype
        assert_array_equal(noisy[:, :, 0], noisy[:, :, 2])
        noise = noisy[:, :, 0].astype(float) - image[:, :, 0]
        assert abs(noise.mean()) < 1.5
        strengths.append(noise.std())
    assert max(strengths) < 21
    assert_allclose(np.mean(strengths), 10, atol=2)


def test_noise_is_as_frequent_as_asked():
    image, rng = grey(60, 160, np.uint8), np.random.default_rng(0)
    count = sum(Noise(0.5, 0.25)(image, NONE, rng)[0] is image for _ in range(400))
    assert abs(count - 300) < 4 * np.sqrt(400 * 0.25 * 0.75)


def test_noise_stays_within_the_range_of_values():
    image = grey(0, 200, np.uint8)
    noisy = Noise(1.0, 1.0, (0, 200))(image, NONE, np.random.default_rng(0))[0]
    assert noisy.max() == 200
