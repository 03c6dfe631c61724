"""Test-time augmentation: detect in several orientations of an image and let the results vote.

    results = tta.detect(model, [image])
    evaluate(model, dataset, detect=tta.turned(functools.partial(detect_crops, model)))

Each orientation costs one detection. `merge` also combines the results of several models.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..config_rules.values import check_fraction
from ..types import Array, Detections
from .detector import detect_crops
from .merging import masks_of, merge
from .molding import InferenceModel, check_images

# (flip left-right, flip up-down, then transpose): the image as it is, its three flips and, from
# the fifth on, those rotated by 90 degrees.
ORIENTATIONS = tuple(
    (horizontal, vertical, transposed)
    for transposed in (False, True)
    for vertical in (False, True)
    for horizontal in (False, True)
)


def detect(
    model: InferenceModel, images: Sequence[Array], orientations: int = 8, min_votes: float = 0.5
) -> list[Detections]:
    """Like `MaskRCNN.detect`, but using several orientations of each image.

    With NMS_ACROSS_CLASSES, orientations that disagree on an object's class vote on that, too.

    Args:
        model: a `MaskRCNN` in inference mode.
        images: list of arrays [H, W, C].
        orientations, min_votes: see `turned`.

    Returns:
        one result per image, as `MaskRCNN.detect` returns it, see `merge` for the scores.

    Raises:
        ValueError, TypeError: see `MaskRCNN.detect` and `turned`.

    Example:
        >>> from mrcnn.inference import tta
        >>> [result] = tta.detect(model, [image], orientations=4)  # doctest: +SKIP
    """
    images = check_images(images, model.config)
    detect_images = functools.partial(detect_crops, model)
    across = model.config.NMS_ACROSS_CLASSES
    found = turned(detect_images, orientations, min_votes, across)(images)
    return [{**each, "masks": each["masks"].dense()} for each in found]


def turned(
    detect: Callable[[list[Array]], Iterable[Mapping[str, Any]]],
    orientations: int = 8,
    min_votes: float = 0.5,
    across_classes: bool = False,
) -> Callable[[Sequence[Array]], list[Detections]]:
    """Wrap a detector so that it uses several orientations of each image.

    Args:
        detect: function from a list of images [H, W, C] to a list of results, such as
            `model.detect`.
        orientations: number of orientations, 1 to 8: 1 is the image as it is, 4 adds its flips, and
            8 adds rotations by 90 degrees.
        min_votes, across_classes: see `merge`.

    Returns:
        function like `detect`; the masks of its results are `InstanceMasks`.

    Raises:
        ValueError: `orientations` or `min_votes` is out of range.
    """
    if orientations not in range(1, 9):
        raise ValueError(f"orientations is {orientations!r}: it must be an integer from 1 to 8.")
    check_fraction("min_votes", min_votes)
    chosen = ORIENTATIONS[:orientations]

    def detect_augmented(images: Sequence[Array]) -> list[Detections]:
        results = [[_back(r, o) for r in detect([_reorient(i, o) for i in images])] for o in chosen]
        return [
            merge(of_image, min_votes, across_classes=across_classes)
            for of_image in zip(*results, strict=True)
        ]

    return detect_augmented


def _reorient(image: Array, orientation: tuple[bool, bool, bool]) -> Array:
    horizontal, vertical, transposed = orientation
    image = image[:, ::-1] if horizontal else image
    image = image[::-1] if vertical else image
    image = image.swapaxes(0, 1) if transposed else image
    return np.array(image, order="C", subok=True)  # a masked array keeps its mask


def _back(found: Mapping[str, Any], orientation: tuple[bool, bool, bool]) -> dict[str, Any]:
    """Map a result from a reoriented image back to the image; boxes enclose the masks."""
    horizontal, vertical, transposed = orientation
    masks = masks_of(found)
    masks = masks.transpose() if transposed else masks
    masks = masks.flip(0) if vertical else masks
    masks = masks.flip(1) if horizontal else masks
    return {**found, "rois": masks.boxes, "masks": masks}
