"""Split masks of several objects into connected pieces, and warn early of such masks."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import scipy.ndimage

from ..config_rules.values import is_integer
from ..datasets.pieces import is_several, piece_areas
from ..instances.masks import InstanceMasks
from ..types import Array, PathLike

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How many of a dataset's files are examined when it is loaded, spread evenly over all of them.
_SAMPLED = 16


def split_masks(masks: InstanceMasks, min_area: int = 1) -> tuple[InstanceMasks, Array]:
    """The 8-connected pieces of masks.

    Args:
        masks: `InstanceMasks` of N instances.
        min_area: pixels; smaller pieces are left out.

    Returns:
        pieces: `InstanceMasks` of M pieces, those of the first mask first.
        parents: int [M], index of the mask that each piece comes from.

    Example:
        >>> from mrcnn.formats.components import split_masks
        >>> from mrcnn.instances.masks import InstanceMasks
        >>> mask = np.array([[1, 0, 0, 1], [0, 1, 0, 1]], bool)
        >>> pieces, parents = split_masks(InstanceMasks([mask], [(5, 7)], (20, 20)))
        >>> pieces.boxes.tolist(), parents
        ([[5, 7, 7, 9], [5, 10, 7, 11]], array([0, 0]))
    """
    crops, corners, parents = [], [], []
    for i, (crop, box) in enumerate(zip(masks.crops, masks.boxes.tolist(), strict=True)):
        labels, _ = scipy.ndimage.label(crop, np.ones((3, 3)))
        for number, place in enumerate(scipy.ndimage.find_objects(labels), 1):
            piece = labels[place] == number
            if np.count_nonzero(piece) >= min_area:
                crops.append(piece)
                corners.append((box[0] + place[0].start, box[1] + place[1].start))
                parents.append(i)
    return InstanceMasks(crops, corners, masks.shape[:2]), np.array(parents, np.int64)


def check_min_area(min_area: Any) -> None:
    """Check the option `min_area` of a reader.

    Raises:
        ValueError: it is not a whole number of at least 1.
    """
    if not is_integer(min_area) or min_area < 1:
        raise ValueError(
            f"min_area is {min_area!r}: it must be a whole number of pixels, at least 1."
        )


def sampled(items: Sequence[T]) -> list[T]:
    """At most 16 of the items, spread evenly over all of them."""
    count = min(len(items), _SAMPLED)
    return [items[i] for i in np.linspace(0, len(items) - 1, count).astype(int).tolist()]


def sign_of_one_number(
    paths: Sequence[str], read: Callable[[str], tuple[Array, Array]], what: str, where: PathLike
) -> str:
    """Why label images look like binary masks: all those sampled hold the same single number.

    Logs a warning if any of them has several connected pieces.

    Args:
        paths: of the label images.
        read: function of a path that returns the numbers [N] in a label image, and the image
            itself, integers [H, W] from 0 to N.
        what: what to call the files, such as "label images".
        where: the dataset's folder, for the warning.

    Returns:
        The reason, such as "all label images hold the single number 255"; "" if they do not.
    """
    only, several, read_files = None, 0, 0
    for path in sampled(paths):
        try:
            numbers, labels = read(path)
        except (OSError, ValueError):
            continue  # raised when its instances are loaded
        if not len(numbers):
            continue
        if len(numbers) > 1 or only not in (None, int(numbers[0])):
            return ""
        only, read_files = int(numbers[0]), read_files + 1
        several += is_several(piece_areas(labels > 0))
    if only is None:
        return ""
    sign = f"all {what} hold the single number {only}"
    if several:
        _warn(where, sign, several, read_files)
    return sign


def sign_of_one_mask(crops: Iterable[Array], where: PathLike) -> str:
    """Why mask files may hold several objects each: images have one per class, some in pieces.

    Logs a warning if any of them has several connected pieces.

    Args:
        crops: bool [h, w] of each mask that was read.
        where: the dataset's folder, for the warning.

    Returns:
        The reason; "" if no mask has several pieces.
    """
    found = [is_several(piece_areas(crop)) for crop in crops]
    if not any(found):
        return ""
    sign = "no image has more than one mask file of a class"
    _warn(where, sign, sum(found), len(found))
    return sign


def _warn(where: PathLike, sign: str, several: int, files: int) -> None:
    logger.warning(
        "%s: %s, and %d of %d examined have several connected pieces: they look like binary "
        "masks, in which all objects of an image are one instance. Set split_components=True to "
        "make each connected piece an instance, or False if the masks are right.",
        where,
        sign,
        several,
        files,
    )
