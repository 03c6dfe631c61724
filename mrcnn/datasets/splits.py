"""Split a dataset into parts, such as training and validation."""

import copy
import numbers
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..text import some
from ..types import Array, ImageInfo
from .prepared import prepared_ids

if TYPE_CHECKING:
    from .dataset import Dataset

# Any `Dataset` class: the parts have the same class as the whole.
_D = TypeVar("_D", bound="Dataset")


def subset(dataset: _D, image_ids: Iterable[int]) -> _D:
    """Return a dataset with some images of another one.

    It is a copy of `dataset` with only the chosen `image_ids`. An image keeps its id, so that a
    subclass's own lists and caches still fit. All classes are kept, and the dicts of images and
    classes are shared.

    Args:
        dataset: a `Dataset`.
        image_ids: some of its `image_ids`.

    Returns:
        a prepared dataset of the same class, its images in the order of `dataset`.

    Raises:
        TypeError: ids that are not whole numbers.
        ValueError: no ids, duplicate ids, or ids that are out of range.
    """
    chosen, known = list(image_ids), set(prepared_ids(dataset).tolist())
    if not chosen:
        raise ValueError("image_ids is empty: a subset must have at least one image.")
    for i in chosen:
        if isinstance(i, (bool, np.bool_)) or not isinstance(i, numbers.Integral):
            raise TypeError(f"image_ids has {i!r}: ids must be whole numbers.")
        if i not in known:
            raise ValueError(f"image_ids has {i}: the dataset's images are {some(sorted(known))}.")
    if len(set(chosen)) < len(chosen):
        twice = next(i for i in chosen if chosen.count(i) > 1)
        raise ValueError(f"image_ids has {twice} more than once.")
    part = copy.copy(dataset)
    part.image_info = list(dataset.image_info)
    part.class_info = list(dataset.class_info)
    part.left_out = dataset.left_out | (known - {int(i) for i in chosen})
    part.prepare()
    return part


def random_subset(ids: Array, limit: int | None, seed: int = 0) -> Array:
    """Return the ids, or a random subset of at most `limit` that is the same each time.

    Args:
        ids: int array [N] of images or instances.
        limit: maximum size of the subset, or None for all.
        seed: seed of the random choice.

    Returns:
        the ids as they are if there are at most `limit`, else int [limit], ascending.
    """
    if limit is None or len(ids) <= limit:
        return ids
    return np.sort(np.random.default_rng(seed).choice(ids, limit, replace=False))


def split(dataset: _D, fraction: float = 0.2, seed: int | np.random.Generator = 0) -> tuple[_D, _D]:
    """Split a dataset at random into training and validation.

    If images are related, such as crops of one slide, use `split_by_group`. The tiles that
    `Dataset.tiles` makes of an image stay together.

    Args:
        dataset: a `Dataset`.
        fraction: fraction of the images that go to validation, above 0 and below 1.
        seed: the same number gives the same split, in whatever order the images were added.

    Returns:
        train, validation: prepared datasets, see `subset`. Each has at least one image.

    Raises:
        TypeError: `fraction` is not a number.
        ValueError: `fraction` is out of range, or the dataset has fewer than two images.
    """
    from .tiles import Tiles  # a dataset, whose module imports this one

    _check_fraction(fraction)
    if isinstance(dataset, Tiles):
        return dataset.split(fraction, seed)
    ids = _sorted_ids(dataset)
    if len(ids) < 2:
        raise ValueError(f"the dataset has {len(ids)} images: a split needs at least two.")
    count = int(np.clip(round(len(ids) * fraction), 1, len(ids) - 1))
    return _parts(dataset, np.random.default_rng(seed).permutation(ids)[:count])


def split_by_group(
    dataset: _D,
    group_of: Callable[[ImageInfo], Hashable] | str,
    fraction: float = 0.2,
    seed: int | np.random.Generator = 0,
) -> tuple[_D, _D]:
    """Split a dataset into training and validation, with related images on the same side.

    Args:
        dataset: a `Dataset`.
        group_of: function that takes an image's entry in `image_info` and returns its group; or the
            key that holds the group in that entry, such as "slide".
        fraction: fraction of the images that go to validation, above 0 and below 1. Whole groups,
            taken in random order, approximate it.
        seed: see `split`.

    Returns:
        train, validation: prepared datasets, see `subset`. Each has at least one group.

    Raises:
        TypeError: `fraction` is not a number, or a group is not hashable.
        ValueError: an image has no group, `fraction` is out of range, or there are fewer than two
            groups.
    """
    _check_fraction(fraction)
    groups: dict[Hashable, list[int]] = {}
    for i in _sorted_ids(dataset):
        groups.setdefault(_group(dataset, i, group_of), []).append(i)
    if len(groups) < 2:
        raise ValueError(
            f"the dataset has {len(groups)} groups ({', '.join(map(repr, groups))}): a split by "
            "group needs at least two."
        )
    in_order = list(groups.values())
    shuffled = [in_order[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    wanted = dataset.num_images * fraction
    chosen: list[list[int]] = []
    count = 0
    for group in shuffled:
        if abs(count + len(group) - wanted) < abs(count - wanted):
            chosen.append(group)
            count += len(group)
    if not chosen:
        chosen = [min(shuffled, key=len)]
    if len(chosen) == len(shuffled):
        chosen.remove(min(chosen, key=len))
    return _parts(dataset, [i for group in chosen for i in group])


def _group(
    dataset: "Dataset", image_id: int, group_of: Callable[[ImageInfo], Hashable] | str
) -> Hashable:
    info = dataset.image_info[image_id]
    where = f"image {image_id} ({info['path']})"
    if callable(group_of):
        group = group_of(info)
    elif group_of in info:
        group = info[group_of]
    else:
        raise ValueError(
            f"group_of is {group_of!r}, but {where} has only the keys {', '.join(info)}."
        )
    try:
        hash(group)
    except TypeError as error:
        raise TypeError(
            f"{where}: its group {group!r} is not hashable: use a string or a number."
        ) from error
    # In tables, missing values are NaN, which is not equal to itself.
    if group is None or group != group:
        raise ValueError(f"{where} has no group: group_of gives {group!r}.")
    return group


def _check_fraction(fraction: float) -> None:
    if isinstance(fraction, bool) or not isinstance(fraction, numbers.Real):
        raise TypeError(f"fraction is {fraction!r}: it must be a number above 0 and below 1.")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}: it must be above 0 and below 1.")


def _sorted_ids(dataset: "Dataset") -> list[int]:
    """Return the image ids in an order independent of the order in which they were added."""

    def key(image_id: int) -> tuple[str, str, str]:
        info = dataset.image_info[image_id]
        return info["source"], str(info["id"]), str(info["path"])

    return sorted(prepared_ids(dataset).tolist(), key=key)


def _parts(dataset: _D, validation_ids: Iterable[int]) -> tuple[_D, _D]:
    """Return the subsets without and with `validation_ids`, each in the dataset's order."""
    chosen = {int(i) for i in validation_ids}
    train_ids = [i for i in dataset.image_ids.tolist() if i not in chosen]
    return subset(dataset, train_ids), subset(dataset, sorted(chosen))
