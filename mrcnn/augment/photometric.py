"""Changes in brightness, contrast and noise that suit dim and bright images alike.

Their strength is relative to the image's contrast, the standard deviation of its values: a shift
that is slight in a photograph would blacken a fluorescence image with values up to 40. All channels
change alike, so a grey image stays grey.
"""

from typing import Any, TypeVar

import numpy as np

from ..types import Array

_Masks = TypeVar("_Masks")


class Light:
    """Randomly change the contrast, around the mean, and the brightness.

    Args:
        contrast: 0.3 draws a factor between 1 / 1.3 and 1.3.
        brightness: maximum shift in either direction, in standard deviations of the image.
        value_range: (lowest, highest) pixel value.

    Example:
        >>> from mrcnn.augment import Light
        >>> image = np.repeat([[[10.0], [20.0]]], 8, axis=1)
        >>> changed, _ = Light(contrast=1.0, brightness=0.0)(image, None, np.random.default_rng(0))
        >>> round(changed.mean()), np.array_equal(changed, image)
        (15, False)
    """

    takes_instance_masks: bool = True

    def __init__(
        self,
        contrast: float = 0.3,
        brightness: float = 0.3,
        value_range: tuple[float, float] = (0, 255),
    ) -> None:
        self.contrast = contrast
        self.brightness = brightness
        self.value_range = value_range

    def __repr__(self) -> str:
        return f"Light({self.contrast}, {self.brightness}, {self.value_range})"

    def __call__(
        self, image: Array, masks: _Masks, rng: np.random.Generator
    ) -> tuple[Array, _Masks]:
        """Return the image [H, W, C] with changed contrast and brightness, and the same masks."""
        factor = (1 + self.contrast) ** rng.uniform(-1, 1)
        shift = rng.uniform(-self.brightness, self.brightness)
        mean, deviation = _mean_and_deviation(image)
        offset = mean * (1 - factor) + shift * deviation
        if image.dtype == np.uint8:
            table = np.arange(256, dtype=np.float32) * factor + offset
            return _as_pixels(table, image.dtype, self.value_range)[image], masks
        changed = image * np.float32(factor) + np.float32(offset)
        return _as_pixels(changed, image.dtype, self.value_range), masks


class Noise:
    """Randomly add Gaussian noise.

    Args:
        most: maximum standard deviation of the noise, as a fraction of the image's; each image
            draws a value up to it.
        probability: probability that an image gets noise.
        value_range: (lowest, highest) pixel value.

    Example:
        >>> from mrcnn.augment import Noise
        >>> image = np.full((4, 4, 3), 9, np.uint8)  # without contrast, there is no noise
        >>> noisy, _ = Noise(most=0.2, probability=1.0)(image, None, np.random.default_rng(0))
        >>> np.array_equal(noisy, image)
        True
    """

    takes_instance_masks: bool = True

    def __init__(
        self,
        most: float = 0.3,
        probability: float = 0.5,
        value_range: tuple[float, float] = (0, 255),
    ) -> None:
        self.most = most
        self.probability = probability
        self.value_range = value_range

    def __repr__(self) -> str:
        return f"Noise({self.most}, {self.probability}, {self.value_range})"

    def __call__(
        self, image: Array, masks: _Masks, rng: np.random.Generator
    ) -> tuple[Array, _Masks]:
        """Return the image [H, W, C] with noise, and its masks unchanged."""
        if rng.random() >= self.probability:
            return image, masks
        deviation = rng.uniform(0, self.most) * _mean_and_deviation(image)[1]
        noise = rng.standard_normal((*image.shape[:2], 1), np.float32) * np.float32(deviation)
        return _as_pixels(image + noise, image.dtype, self.value_range), masks


def _mean_and_deviation(image: Array) -> tuple[float, float]:
    some = image[::4, ::4].astype(np.float64)  # every sixteenth pixel is enough
    return some.mean(), some.std()


def _as_pixels(values: Array, dtype: np.dtype[Any], value_range: tuple[float, float]) -> Array:
    if dtype.kind in "ui":
        values = np.rint(values)
    return np.clip(values, *value_range).astype(dtype)
