"""Augmentation of an image together with its masks.

`augmentation` may be an imgaug augmenter or any callable `(image, masks) -> (image, masks)`; one
that has a third parameter is handed a numpy random generator, so that a seed makes the run.
"""

import inspect

import numpy as np

# The imgaug augmenters that move pixels and therefore apply to masks too.
MASK_AUGMENTERS = (
    "Sequential",
    "SomeOf",
    "OneOf",
    "Sometimes",
    "Fliplr",
    "Flipud",
    "CropAndPad",
    "Affine",
    "PiecewiseAffine",
)


class Flips:
    """Mirrors image and masks.

    Args:
        horizontal: probability of a left-right flip.
        vertical: probability of an up-down flip.
    """

    def __init__(self, horizontal=0.5, vertical=0.0):
        self.horizontal = horizontal
        self.vertical = vertical

    def __call__(self, image, masks, rng):
        """The image [H, W, C] and masks [H, W, N], both flipped alike."""
        if rng.random() < self.horizontal:
            image, masks = image[:, ::-1], masks[:, ::-1]
        if rng.random() < self.vertical:
            image, masks = image[::-1], masks[::-1]
        return image, masks


def augment(augmentation, image, masks, rng):
    """Apply an augmentation to an image and its masks.

    Args:
        augmentation: see the module.
        image: [H, W, C].
        masks: bool array [H, W, N].
        rng: `numpy.random.Generator`.

    Returns:
        image [H, W, C] and bool masks [H, W, N].

    Raises:
        ValueError: the augmentation changed the size or the number of masks.
    """
    if hasattr(augmentation, "to_deterministic"):
        changed, changed_masks = _imgaug(augmentation, image, masks, rng)
    elif _positional_parameters(augmentation) > 2:
        changed, changed_masks = augmentation(image, masks, rng)
    else:
        changed, changed_masks = augmentation(image, masks)
    if changed.shape != image.shape or changed_masks.shape != masks.shape:
        raise ValueError(
            f"the augmentation turned the image from {image.shape} into {changed.shape} and the "
            f"masks from {masks.shape} into {changed_masks.shape}: both must keep their shape."
        )
    return np.ascontiguousarray(changed), np.ascontiguousarray(changed_masks, dtype=bool)


def check_augmentation(augmentation):
    """See that something can be used as an augmentation; None can.

    Raises:
        TypeError: it cannot.
    """
    if augmentation is not None and not callable(augmentation):
        raise TypeError(
            f"augmentation is {augmentation!r}: it must be an imgaug augmenter or a function "
            "(image, masks) -> (image, masks)."
        )


def _positional_parameters(function):
    parameters = inspect.signature(function).parameters.values()
    return sum(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in parameters
    )


def _imgaug(augmenter, image, masks, rng):
    import imgaug

    # Seeded from ours (a copy: the user's own stays as it is), then fixed, so that image and masks
    # move alike. The order matters: `seed_` passes over what is fixed already.
    augmenter = augmenter.localize_random_state()
    augmenter.seed_(int(rng.integers(2**31 - 1)))
    augmenter = augmenter.to_deterministic()
    changed = augmenter.augment_image(image)
    if not masks.shape[-1]:
        return changed, masks
    hooks = imgaug.HooksImages(
        activator=lambda images, augmenter, parents, default: (
            type(augmenter).__name__ in MASK_AUGMENTERS
        )
    )
    return changed, augmenter.augment_image(masks.astype(np.uint8), hooks=hooks)
