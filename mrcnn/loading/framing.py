"""How a training image is brought to the network's input size."""

import random

import numpy as np

from ..config import Config
from ..config_rules.coordinates import box_margin
from ..images.frame import Frame
from ..images.jitter import jitter_image
from ..types import Array


def frame_image(
    image: Array, config: Config, rng: np.random.Generator, training: bool
) -> tuple[Array, Frame]:
    """An image at the network's input size, and its frame.

    With IMAGE_RESIZE_MODE "short_side" it is not padded yet, because augmentation would move the
    padding.

    Args:
        image: [H, W, C].
        config: a `Config`.
        rng: source of the crop's position and, in training, of the scale.
        training: whether TRAIN_MIN_DIMS and TRAIN_SCALE_JITTER apply; False resizes as detection
            does.

    Returns:
        The image [h, w, C] and its `Frame`.
    """
    places = random.Random(int(rng.integers(2**32)))
    if training and config.TRAIN_SCALE_JITTER is not None:
        factor = rng.uniform(*config.TRAIN_SCALE_JITTER)
        side = int(config.IMAGE_SHAPE[0])
        jittered, window, scale, padding, crop = jitter_image(image, side, factor, rng)
        place = (image.shape, jittered.shape, window, scale, padding, crop)
        return jittered, Frame(*place, margin=box_margin(config))
    short_side = None
    if training and config.TRAIN_MIN_DIMS is not None:
        short_side = int(rng.choice(config.TRAIN_MIN_DIMS))
    return Frame.of(image, config, places, short_side, pad=False)
