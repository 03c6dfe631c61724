"""COCO's run-length codes, for the part of the image that holds an instance.

A code goes down the columns of the image; its runs alternate between outside and inside, starting
outside. pycocotools encodes and decodes whole images; here only the instance's box is ever dense.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask

from ..types import Array


def read_counts(text: str | bytes) -> Array:
    """Run lengths of a compressed code.

    A number is written in characters of five bits each, lowest bits first; a sixth bit (32) says
    that it continues. From the fourth on, a number is stored as its difference from the one two
    before.

    Args:
        text: the "counts" of a code.

    Returns:
        [R] int64.

    Raises:
        ValueError: `text` is not such a code.

    Example:
        >>> from mrcnn.instances.rle import encode, read_counts
        >>> code = encode(np.ones((2, 2), bool), corner=(1, 1), shape=(4, 4))
        >>> read_counts(code["counts"])  # down the columns: 5 pixels outside, 2 inside, ...
        array([5, 2, 2, 2, 5])
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    bits = np.frombuffer(data, np.uint8).astype(np.int64) - 48
    if not len(bits) or bits.min() < 0 or bits.max() > 63 or bits[-1] & 32:
        raise ValueError("the counts are not a COCO run-length code")
    ends = np.flatnonzero((bits & 32) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 7:
        raise ValueError("the counts have a number of more than 32 bits")
    place = np.arange(len(bits)) - np.repeat(starts, lengths)
    counts = np.add.reduceat((bits & 31) << (5 * place), starts)
    counts -= np.where(bits[ends] & 16, 1 << (5 * lengths), 0)
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    return counts


def crop_of(counts: npt.ArrayLike, height: int) -> tuple[Array, tuple[int, int]]:
    """The mask that a code describes, cropped to the box around it.

    Args:
        counts: [R] run lengths, none negative.
        height: height of the image in pixels.

    Returns:
        bool array [h, w] and the (y, x) of its first pixel in the image.

    Example:
        >>> from mrcnn.instances.rle import crop_of
        >>> crop_of([5, 2, 2, 2, 5], height=4)
        (array([[ True,  True],
                [ True,  True]]), (1, 1))
    """
    ends = np.cumsum(counts, dtype=np.int64)
    count = len(ends) // 2
    first, last = ends[: 2 * count : 2], ends[1::2] - 1  # of each run, counted down the columns
    seen = last >= first
    first, last = first[seen], last[seen]
    if not len(first):
        return np.zeros((0, 0), bool), (0, 0)
    (x1, first), (x2, last) = np.divmod(first, height), np.divmod(last, height)
    # A run that continues in the next column has pixels in the last row and in the first.
    whole = (x1 != x2).any()
    y, end = (0, height) if whole else (int(first.min()), int(last.max()) + 1)
    x, h, w = int(x1[0]), end - y, int(x2[-1] - x1[0]) + 1
    changes = np.stack([(x1 - x) * h + first - y, (x2 - x) * h + last - y + 1], axis=1).ravel()
    lengths = np.diff(changes, prepend=0, append=h * w)
    inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return np.ascontiguousarray(inside.reshape(w, h).T), (y, x)


def encode(
    crop: Array, corner: Sequence[int] | Array, shape: Sequence[int] | Array
) -> dict[str, Any]:
    """The compressed code of an instance.

    Args:
        crop: bool array [h, w], inside the image.
        corner: (y, x) of its first pixel in the image.
        shape: (height, width) of the image.

    Returns:
        `size`, [height, width], and `counts`, a str.

    Example:
        >>> from mrcnn.instances.rle import encode
        >>> encode(np.ones((2, 1), bool), corner=(1, 1), shape=(4, 4))
        {'size': [4, 4], 'counts': '529'}
    """
    (y, x), (height, width) = corner, (int(side) for side in shape)
    # A row of outside pixels below the crop ends every run in its column.
    column = crop.shape[0] + 1
    inside = np.zeros(crop.shape[1] * column + 1, np.int8)
    inside[1:].reshape(-1, column)[:, :-1] = crop.T
    changes = np.flatnonzero(np.diff(inside))  # first pixel of each run, and first after it
    changes = (x + changes // column) * height + y + changes % column
    # If the crop is as tall as the image, a run may continue from one column into the next.
    apart = np.diff(changes[1:-1].reshape(-1, 2), axis=1).ravel() > 0
    keep = np.ones(len(changes), bool)
    keep[1:-1] = np.repeat(apart, 2)
    counts = np.diff(changes[keep], prepend=0, append=height * width)
    if counts[-1] == 0:
        counts = counts[:-1]
    code = {"size": [height, width], "counts": counts.tolist()}
    code = mask.frPyObjects(code, height, width)
    return {"size": [height, width], "counts": code["counts"].decode("ascii")}
