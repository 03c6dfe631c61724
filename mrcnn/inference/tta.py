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
from ..geometry.boxes import rounded_like
from ..instances.boxes import InstanceBoxes
from ..instances.keypoint_layout import check_flip_pairs, mirrored
from ..instances.masks import as_instances
from ..types import Array, Detections
from .detector import detect_crops
from .merging import merge
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

    With NMS_ACROSS_CLASSES, orientations that disagree on an object's class vote on that, too. For
    keypoints, KEYPOINT_FLIP_PAIRS says which ones mirroring swaps.

    Args:
        model: a `MaskRCNN` in inference mode.
        images: list of arrays [H, W, C].
        orientations, min_votes: see `turned`.

    Returns:
        one result per image, as `MaskRCNN.detect` returns it; see `merge` for the scores.

    Raises:
        ValueError, TypeError: see `MaskRCNN.detect` and `turned`.

    Example:
        >>> from mrcnn.inference import tta
        >>> [result] = tta.detect(model, [image], orientations=4)  # doctest: +SKIP
    """
    config = model.config
    images = check_images(images, config)
    detect_images = functools.partial(detect_crops, model)
    across, pairs = config.NMS_ACROSS_CLASSES, config.KEYPOINT_FLIP_PAIRS
    results: list[Any] = []
    for found in turned(detect_images, orientations, min_votes, across, pairs)(images):
        dense = {"masks": found["masks"].dense()} if "masks" in found else {}
        results.append({**found, **dense})
    return results


def turned(
    detect: Callable[[list[Array]], Iterable[Mapping[str, Any]]],
    orientations: int = 8,
    min_votes: float = 0.5,
    across_classes: bool = False,
    flip_pairs: Sequence[Sequence[int]] | Array | None = None,
) -> Callable[[Sequence[Array]], list[Detections]]:
    """Wrap a detector so that it uses several orientations of each image.

    Args:
        detect: function from a list of images [H, W, C] to a list of results, such as
            `model.detect`.
        orientations: number of orientations, 1 to 8: 1 is the image as it is, 4 adds its flips, and
            8 adds rotations by 90 degrees.
        min_votes, across_classes: see `merge`.
        flip_pairs: pairs of keypoint indices, left and right, such as the `flip_pairs` of a
            `KeypointLayout`; () if no keypoint has a counterpart on the other side. It is needed
            for results with keypoints.

    Returns:
        function like `detect`; the masks of its results are `InstanceMasks`. It raises ValueError
        for keypoints without `flip_pairs`.

    Raises:
        ValueError: `orientations` or `min_votes` is out of range.
    """
    if orientations not in range(1, 9):
        raise ValueError(f"orientations is {orientations!r}: it must be an integer from 1 to 8.")
    check_fraction("min_votes", min_votes)
    chosen = ORIENTATIONS[:orientations]

    def detect_augmented(images: Sequence[Array]) -> list[Detections]:
        results = []
        for orientation in chosen:
            found = detect([_reorient(image, orientation) for image in images])
            pairs = zip(found, images, strict=True)
            results.append([_back(r, orientation, i.shape, flip_pairs) for r, i in pairs])
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


def _back(
    found: Mapping[str, Any],
    orientation: tuple[bool, bool, bool],
    shape: Sequence[int],
    flip_pairs: Sequence[Sequence[int]] | Array | None,
) -> dict[str, Any]:
    """Map a result from a reoriented image back to the original; boxes enclose the masks.

    Args:
        found: the result.
        orientation: see `ORIENTATIONS`.
        shape: (height, width) of the original; further entries are ignored.
        flip_pairs: see `turned`.
    """
    size = (shape[1], shape[0]) if orientation[2] else shape[:2]
    back = {**found}
    if found.get("masks") is not None:
        masks = _turn_back(as_instances(found["masks"]), orientation)
        back |= {"rois": masks.boxes, "masks": masks}
    else:
        boxes = _turn_back(InstanceBoxes(found["rois"], size), orientation).boxes
        back["rois"] = rounded_like(boxes, found["rois"])
    if found.get("keypoints") is not None:
        back["keypoints"] = _keypoints_back(found["keypoints"], orientation, shape, flip_pairs)
    return back


def _turn_back(shapes: Any, orientation: tuple[bool, bool, bool]) -> Any:
    """Map masks or boxes of the reoriented image back to the original."""
    horizontal, vertical, transposed = orientation
    shapes = shapes.transpose() if transposed else shapes
    shapes = shapes.flip(0) if vertical else shapes
    return shapes.flip(1) if horizontal else shapes


def _keypoints_back(keypoints, orientation, shape, flip_pairs):
    """Map keypoints [N, K, (y, x, score)] of the reoriented image back to the original."""
    horizontal, vertical, transposed = orientation
    points = np.array(keypoints, np.float32)
    if sum(orientation) % 2:  # two reflections are a rotation
        if flip_pairs is None:
            raise ValueError(
                "flip_pairs is None, but the results have keypoints, and a mirrored left hand is a "
                "right hand: pass the flip_pairs of the dataset's keypoint_layout, or set "
                "KEYPOINT_FLIP_PAIRS. () swaps none."
            )
        check_flip_pairs(flip_pairs, points.shape[1])
        points = points[:, mirrored(points.shape[1], flip_pairs)]
    points = points[..., [1, 0, 2]] if transposed else points
    for axis, flipped in enumerate((vertical, horizontal)):
        if flipped:
            points[..., axis] = shape[axis] - points[..., axis]
    return points
