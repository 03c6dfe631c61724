"""Augmentations to begin with: one for microscopy and one for photographs.

Each is a list of steps, to be changed at will:

    augmentation = augment.microscopy()
    augmentation.append(keras.layers.RandomErasing(0.2))

What lies beyond the border of a moved image is black. Mirroring the image there would look better,
and show instances twice of which one is missing from the masks.

With 200 instances and TensorFlow on one core either takes about 35 ms for an image of 512 x 512 and
80 to 100 ms for one of 1024 x 1024; to zoom the larger, JAX and PyTorch take about 0.3 s. imgaug's
augmenters take a third of that or less, with any backend, and need its installation.
"""

from .flips import Flips
from .photometric import Light, Noise


def microscopy(value_range=(0, 255)):
    """For images without an up or down: cells, nuclei, particles; any number of channels.

    All eight orientations, up to a fifth larger or smaller, with more or less light and contrast,
    out of focus or noisy. Nothing is inverted and no colour is changed: mixed sets of fluorescence
    and bright field need the difference.

    Args:
        value_range: (lowest, highest) value of a pixel, (0, 65535) for uint16 that uses them all.

    Returns:
        list of steps, to pass as `augmentation`.
    """
    from keras import layers

    zoom = layers.RandomZoom((-0.2, 0.2), fill_mode="constant")
    blur = layers.RandomGaussianBlur(
        (0.3, 0.3), kernel_size=5, sigma=(0.5, 1.0), value_range=value_range
    )
    return [
        Flips(0.5, 0.5, transpose=0.5),
        Light(0.3, 0.3, value_range),
        layers.Pipeline([zoom, blur]),
        Noise(0.2, 0.5, value_range),
    ]


def photographs(value_range=(0, 255)):
    """For photographs of the everyday world, RGB.

    Mirrored, up to a fifth larger or smaller, with another brightness, contrast and strength of
    colours. Not turned: what is upright in the world stays so.

    Args:
        value_range: (lowest, highest) value of a pixel.

    Returns:
        list of steps, to pass as `augmentation`.
    """
    from keras import layers

    colours = layers.RandomColorJitter(
        value_range,
        brightness_factor=0.1,
        contrast_factor=0.2,
        saturation_factor=(0.4, 0.6),  # 0.5 is the image's own
    )
    zoom = layers.RandomZoom((-0.2, 0.2), fill_mode="constant")
    return [Flips(0.5), layers.Pipeline([colours, zoom])]
