"""Parts of a data set: for training and for validation."""

import copy
import numbers

import numpy as np

from ..text import some


def subset(dataset, image_ids):
    """A data set of some images of another one.

    It is a copy of the object that leaves out the other images: `image_ids` are those chosen, and
    an image keeps its number, so that lists and caches of a subclass's own still fit. The classes
    are all there, and the dicts of images and classes are shared.

    Args:
        dataset: a `Dataset`.
        image_ids: some of its `image_ids`.

    Returns:
        a prepared data set of the same class; its images are in the order of that one.

    Raises:
        TypeError: ids that are not whole numbers.
        ValueError: no ids, one twice, or one that is out of range.
    """
    image_ids, known = list(image_ids), set(dataset.image_ids.tolist())
    if not image_ids:
        raise ValueError("image_ids is empty: a part of a data set has at least one image.")
    for i in image_ids:
        if isinstance(i, (bool, np.bool_)) or not isinstance(i, numbers.Integral):
            raise TypeError(f"image_ids has {i!r}: whole numbers are accepted, as in image_ids.")
        if i not in known:
            raise ValueError(f"image_ids has {i}: the data set's images are {some(sorted(known))}.")
    if len(set(image_ids)) < len(image_ids):
        twice = next(i for i in image_ids if image_ids.count(i) > 1)
        raise ValueError(f"image_ids has {twice} more than once.")
    part = copy.copy(dataset)
    part.image_info = list(dataset.image_info)
    part.class_info = list(dataset.class_info)
    part.left_out = dataset.left_out | (known - {int(i) for i in image_ids})
    part.prepare()
    return part


def random_part(ids, limit, seed=0):
    """Ids of images or instances, or so many of them at random, the same ones each time.

    Args:
        ids: int array [N].
        limit: int, or None for all.
        seed: integer.

    Returns:
        the ids as they are if there are not more than `limit`, else int [limit], ascending.
    """
    if limit is None or len(ids) <= limit:
        return ids
    return np.sort(np.random.default_rng(seed).choice(ids, limit, replace=False))


def split(dataset, fraction=0.2, seed=0):
    """Split a data set at random into training and validation.

    Where images are related, such as crops of one slide, use `split_by_group`.

    Args:
        dataset: a `Dataset`.
        fraction: of the images that go to validation, above 0 and below 1.
        seed: integer or `numpy.random.Generator`. One seed gives one split, in whatever order the
            images were added.

    Returns:
        train, validation: prepared data sets, see `subset`. Each has at least one image.

    Raises:
        TypeError: `fraction` is no number.
        ValueError: `fraction` is out of range, or the data set has fewer than two images.
    """
    _check_fraction(fraction)
    ids = _sorted_ids(dataset)
    if len(ids) < 2:
        raise ValueError(f"the data set has {len(ids)} images: a split takes at least two.")
    count = int(np.clip(round(len(ids) * fraction), 1, len(ids) - 1))
    return _parts(dataset, np.random.default_rng(seed).permutation(ids)[:count])


def split_by_group(dataset, group_of, fraction=0.2, seed=0):
    """Split a data set into training and validation and keep related images on one side.

    Args:
        dataset: a `Dataset`.
        group_of: function of an image's dict in `image_info` that gives its group, anything
            hashable; or the name of the key in that dict that has it, such as "slide".
        fraction: of the images that go to validation, above 0 and below 1. It is kept as far as
            groups taken in a random order allow.
        seed: see `split`.

    Returns:
        train, validation: prepared data sets, see `subset`. Each has at least one group.

    Raises:
        TypeError: `fraction` is no number; a group that is not hashable.
        ValueError: an image without a group; `fraction` is out of range; fewer than two groups.
    """
    _check_fraction(fraction)
    groups = {}
    for i in _sorted_ids(dataset):
        groups.setdefault(_group(dataset, i, group_of), []).append(i)
    if len(groups) < 2:
        raise ValueError(
            f"the data set has {len(groups)} groups ({', '.join(map(repr, groups))}): a split by "
            "group takes at least two."
        )
    groups = list(groups.values())
    groups = [groups[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    wanted = dataset.num_images * fraction
    chosen, count = [], 0
    for group in groups:
        if abs(count + len(group) - wanted) < abs(count - wanted):
            chosen.append(group)
            count += len(group)
    if not chosen:
        chosen = [min(groups, key=len)]
    if len(chosen) == len(groups):
        chosen.remove(min(chosen, key=len))
    return _parts(dataset, [i for group in chosen for i in group])


def _group(dataset, image_id, group_of):
    info = dataset.image_info[image_id]
    where = f"image {image_id} ({info['path']})"
    if callable(group_of):
        group = group_of(info)
    elif group_of in info:
        group = info[group_of]
    else:
        raise ValueError(
            f"{where} has no {group_of!r}, which group_of names: its keys are {', '.join(info)}."
        )
    try:
        hash(group)
    except TypeError as error:
        raise TypeError(
            f"{where}: its group {group!r} is not hashable: a text or number is accepted."
        ) from error
    # Tables have NaN, which is not equal to itself, where a value is missing.
    if group is None or group != group:
        raise ValueError(f"{where} has no group: group_of gives {group!r}.")
    return group


def _check_fraction(fraction):
    if isinstance(fraction, bool) or not isinstance(fraction, numbers.Real):
        raise TypeError(f"fraction is {fraction!r}: a number above 0 and below 1 is accepted.")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}: it must be above 0 and below 1.")


def _sorted_ids(dataset):
    """Ids of the images in an order that does not depend on the one in which they were added."""

    def key(image_id):
        info = dataset.image_info[image_id]
        return info["source"], str(info["id"]), str(info["path"])

    return sorted(dataset.image_ids.tolist(), key=key)


def _parts(dataset, validation_ids):
    """The other images and these, each in the data set's order."""
    chosen = {int(i) for i in validation_ids}
    train_ids = [i for i in dataset.image_ids.tolist() if i not in chosen]
    return subset(dataset, train_ids), subset(dataset, sorted(chosen))
