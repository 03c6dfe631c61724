"""Simple Copy-Paste: instances of another image, pasted with their pixels."""

from collections.abc import Callable, Sequence

import numpy as np

from ..config_rules.values import check_fraction
from ..instances import Instances
from ..types import Array

# Draws another image [H, W, C] of the dataset, prepared like the one to paste onto, and its
# instances.
Another = Callable[[np.random.Generator], tuple[Array, Instances]]


class CopyPaste:
    """Paste a random subset of another image's instances (Ghiasi et al. 2021, section 3).

    The other image belongs to the same source of the dataset and has been through the steps before
    this one, so that `[Flips(0.5), CopyPaste()]` flips both images independently. What is pasted
    hides what lies behind it: masks lose the hidden pixels, boxes are those of the remaining masks,
    and visible keypoints become hidden. Crowds are never pasted.

    Args:
        probability: probability that an image gets pasted instances.
        chosen: probability of each instance of the other image to be pasted.
        min_visible: fraction of an instance's pixels that must remain visible; it is dropped if
            less does. With 0, only instances without any visible pixel are dropped.

    Raises:
        ValueError: an argument does not lie in [0, 1].

    Example:
        >>> from mrcnn.augment import CopyPaste, Flips
        >>> augmentation = [Flips(0.5), CopyPaste(probability=0.5)]
        >>> model.train(
        ...     train_dataset, val_dataset, 0.001, 10, "all", augmentation=augmentation
        ... )  # doctest: +SKIP
    """

    takes_another_image: bool = True

    def __init__(
        self, probability: float = 1.0, chosen: float = 0.5, min_visible: float = 0.0
    ) -> None:
        check_fraction("probability", probability)
        check_fraction("chosen", chosen)
        check_fraction("min_visible", min_visible)
        self.probability = probability
        self.chosen = chosen
        self.min_visible = min_visible

    def __repr__(self) -> str:
        return f"CopyPaste({self.probability}, {self.chosen}, {self.min_visible})"

    def __call__(
        self, image: Array, instances: Instances, rng: np.random.Generator, another: Another
    ) -> tuple[Array, Instances]:
        """Paste instances that `another` draws onto an image.

        Args:
            image: [H, W, C].
            instances: those of the image, with masks.
            rng: source of randomness.
            another: function (rng) -> image [h, w, C], `Instances`.

        Returns:
            The image [H, W, C], and its instances, followed by the pasted ones.
        """
        if rng.random() >= self.probability:
            return image, instances
        other_image, others = another(rng)
        wanted = others.visible & (others.class_ids > 0) & (rng.random(len(others)) < self.chosen)
        if not wanted.any():
            return image, instances
        return paste(image, instances, other_image, others[wanted], self.min_visible)


def paste(
    image: Array,
    instances: Instances,
    other_image: Array,
    pasted: Instances,
    min_visible: float = 0.0,
) -> tuple[Array, Instances]:
    """Paste instances of another image in the places that they have there.

    Args:
        image: [H, W, C] to paste onto.
        instances: those of `image`, with masks.
        other_image: [h, w, C]. If its size is another one, the upper left corners coincide.
        pasted: the instances of `other_image` to paste, with masks.
        min_visible: see `CopyPaste`.

    Returns:
        image: [H, W, C] in the dtype of `image`.
        instances: those that are still visible, followed by the pasted ones. Pasted ones that lie
            outside `image` are left out.

    Example:
        >>> from mrcnn.augment.copy_paste import paste
        >>> from mrcnn.instances import InstanceBoxes, Instances
        >>> masks = InstanceBoxes([[0, 0, 2, 4]], (2, 6)).filled()
        >>> below = Instances([1], {"masks": masks})
        >>> above = Instances([2], {"masks": masks.flip(1)})
        >>> black, white = np.zeros((2, 6, 1), np.uint8), np.full((2, 6, 1), 9, np.uint8)
        >>> image, instances = paste(black, below, white, above)
        >>> image[0, :, 0], instances.class_ids, instances.boxes
        (array([0, 0, 9, 9, 9, 9], dtype=uint8), array([1, 2], dtype=int32), array([[0, 0, 2, 2],
               [0, 2, 2, 6]], dtype=int32))
    """
    other_image, pasted = _fitted(other_image, pasted, image.shape)
    cover = np.zeros(image.shape[:2], bool)
    masks = pasted.fields["masks"]
    for crop, (y1, x1, y2, x2) in zip(masks.crops, masks.boxes, strict=True):
        cover[y1:y2, x1:x2] |= crop
    if image.dtype.kind in "ui":
        other_image = np.rint(other_image)
    composed = np.where(cover[..., None], other_image.astype(image.dtype), image)
    before = instances.fields["masks"].areas
    behind = instances.behind(cover)
    left = behind.fields["masks"].areas
    kept = (left > 0) & (left >= min_visible * before)
    return composed, behind[kept].joined(pasted)


def _fitted(
    image: Array, instances: Instances, shape: Sequence[int] | Array
) -> tuple[Array, Instances]:
    """An image [h, w, C] and its instances, cut or padded at the lower right to (H, W, ...)."""
    height, width = shape[:2]
    if image.shape[:2] == (height, width):
        return image, instances
    more = [(0, max(0, height - image.shape[0])), (0, max(0, width - image.shape[1])), (0, 0)]
    moved = instances.resize(1, more, (0, 0, height, width))
    return np.pad(image, more)[:height, :width], moved[moved.visible]
