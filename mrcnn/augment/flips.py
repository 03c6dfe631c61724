"""Flips and transposition of images: exact, as no pixel is interpolated."""

from typing import TypeVar

import numpy as np

from ..instances import InstanceBoxes, InstanceMasks, Instances
from ..types import Array

_AnyInstances = TypeVar("_AnyInstances", InstanceMasks, InstanceBoxes, Instances)


class Flips:
    """Randomly flip an image and its masks.

    With all three probabilities at 0.5, a square image takes each of its eight orientations equally
    often.

    Args:
        horizontal: probability of a left-right flip.
        vertical: probability of an up-down flip.
        transpose: probability of swapping rows and columns. Only square images are transposed,
            because the size must not change.

    Example:
        >>> from mrcnn.augment import Flips
        >>> from mrcnn.instances import InstanceMasks
        >>> image = np.array([[[1], [2], [3]]])  # [1, 3, 1]
        >>> masks = InstanceMasks.from_dense(image == 1)
        >>> image, masks = Flips(horizontal=1)(image, masks, np.random.default_rng(0))
        >>> image[..., 0], masks.boxes
        (array([[3, 2, 1]]), array([[0, 2, 1, 3]], dtype=int32))
    """

    takes_instance_masks: bool = True

    def __init__(
        self, horizontal: float = 0.5, vertical: float = 0.0, transpose: float = 0.0
    ) -> None:
        self.horizontal = horizontal
        self.vertical = vertical
        self.transpose = transpose

    def __repr__(self) -> str:
        return f"Flips({self.horizontal}, {self.vertical}, {self.transpose})"

    def __call__(
        self, image: Array, masks: _AnyInstances, rng: np.random.Generator
    ) -> tuple[Array, _AnyInstances]:
        """Flip the image [H, W, C] and its `InstanceMasks` alike."""
        if rng.random() < self.horizontal:
            image, masks = image[:, ::-1], masks.flip(1)
        if rng.random() < self.vertical:
            image, masks = image[::-1], masks.flip(0)
        # Drawn for every image, so that later draws do not depend on its size.
        if rng.random() < self.transpose and masks.height == masks.width:
            image, masks = image.swapaxes(0, 1), masks.transpose()
        return image, masks
