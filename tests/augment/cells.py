"""An image that shows its own labels, to check that image and masks move alike."""

import numpy as np

from mrcnn.instances.masks import InstanceMasks


def cells(size=64, step=12):
    """Squares 8 pixels wide on a grid, numbered from 1, and an image of their numbers.

    Returns:
        uint8 image [size, size, 3] and `InstanceMasks`.
    """
    labels = np.zeros((size, size), np.int32)
    places = range(4, size - 8, step)
    for number, (y, x) in enumerate(((y, x) for y in places for x in places), start=1):
        labels[y : y + 8, x : x + 8] = number
    image = np.repeat(labels[:, :, None], 3, axis=2).astype(np.uint8)
    return image, InstanceMasks.from_labels(labels, labels.max())


def as_image(masks):
    """The labels [H, W] of masks that do not overlap; zeros if there are none."""
    return masks.labels().max(axis=-1, initial=0)
