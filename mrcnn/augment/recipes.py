"""Augmentations to start from: for microscopy, for photographs, and Simple Copy-Paste.

Each is a list of steps that can be changed freely:

    augmentation = augment.microscopy()
    augmentation.append(keras.layers.RandomErasing(0.2))

The area beyond the border of a moved image is black. Mirroring the image there would look better,
but would show instances twice, with only one of the two in the masks.

With 200 instances and TensorFlow on one core, each of the first two takes about 35 ms for a 512 x
512 image and 80 to 100 ms for a 1024 x 1024 one; JAX and PyTorch take about 0.3 s to zoom the
larger. imgaug's augmenters take a third of that or less with any backend, but imgaug must be
installed.
"""

from typing import Any

from .copy_paste import CopyPaste
from .flips import Flips
from .photometric import Light, Noise


def microscopy(value_range: tuple[float, float] = (0, 255)) -> list[Any]:
    """Augment images without an up or down, such as cells, nuclei or particles.

    Images may have any number of channels. They take all eight orientations, are up to a fifth
    larger or smaller, vary in brightness and contrast, and may be blurred or noisy. Nothing is
    inverted and no colour changes: mixed datasets of fluorescence and bright field need the
    difference.

    Args:
        value_range: (lowest, highest) pixel value; (0, 65535) for uint16 images that use the full
            range.

    Returns:
        list of steps to pass as `augmentation`.

    Example:
        >>> from mrcnn import augment
        >>> augmentation = augment.microscopy()  # doctest: +SKIP
        >>> model.train(
        ...     train_dataset, val_dataset, 0.001, 10, "all", augmentation=augmentation
        ... )  # doctest: +SKIP
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


def photographs(value_range: tuple[float, float] = (0, 255)) -> list[Any]:
    """Augment RGB photographs of the everyday world.

    Images are mirrored, are up to a fifth larger or smaller, and vary in brightness, contrast and
    saturation. They are not rotated: what is upright in the world stays upright.

    Args:
        value_range: (lowest, highest) pixel value.

    Returns:
        list of steps to pass as `augmentation`.

    Example:
        >>> from mrcnn import augment
        >>> augmentation = augment.photographs()  # doctest: +SKIP
        >>> model.train(
        ...     train_dataset, val_dataset, 0.001, 10, "all", augmentation=augmentation
        ... )  # doctest: +SKIP
    """
    from keras import layers

    colours = layers.RandomColorJitter(
        value_range,
        brightness_factor=0.1,
        contrast_factor=0.2,
        saturation_factor=(0.4, 0.6),  # 0.5 leaves the saturation unchanged
    )
    zoom = layers.RandomZoom((-0.2, 0.2), fill_mode="constant")
    return [Flips(0.5), layers.Pipeline([colours, zoom])]


def simple_copy_paste() -> list[Any]:
    """Augment as Simple Copy-Paste does (Ghiasi et al. 2021): mirror, and paste instances.

    The paper's third ingredient, large-scale jitter of both images, belongs to the configuration:
    `TRAIN_SCALE_JITTER = (0.1, 2.0)`. Both suit long training runs.

    Returns:
        list of steps to pass as `augmentation`.

    Example:
        >>> from mrcnn import augment
        >>> augment.simple_copy_paste()
        [Flips(0.5, 0.0, 0.0), CopyPaste(1.0, 0.5, 0.0)]
    """
    return [Flips(0.5), CopyPaste()]
