"""What the network is told about an image, as one vector of 12 + NUM_CLASSES numbers."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..types import Array, Tensor

# Name, first and last column, dtype.
_FIELDS: tuple[tuple[str, int, int | None, type[np.generic]], ...] = (
    ("image_id", 0, 1, np.int32),
    ("original_image_shape", 1, 4, np.int32),
    ("image_shape", 4, 7, np.int32),
    ("window", 7, 11, np.int32),
    ("scale", 11, 12, np.float32),
    ("active_class_ids", 12, None, np.int32),
)


def compose_image_meta(
    image_id: int,
    original_image_shape: Sequence[int] | Array,
    image_shape: Sequence[int] | Array,
    window: Sequence[int] | Array,
    scale: float,
    active_class_ids: Sequence[int] | Array,
) -> Array:
    """Pack an image's attributes into one vector.

    Args:
        image_id: index of the image in its dataset.
        original_image_shape: (H, W, C) before resizing.
        image_shape: (H, W, C) after resizing and padding.
        window: (y1, x1, y2, x2) pixels of the resized image that are not padding.
        scale: resize factor.
        active_class_ids: [NUM_CLASSES] of 0 and 1, the classes of the image's source.

    Returns:
        [12 + NUM_CLASSES] float64 in the order of the arguments.
    """
    return np.concatenate(
        [[image_id], original_image_shape, image_shape, window, [scale], active_class_ids]
    ).astype(np.float64)


def with_image_shape(meta: Array, image_shape: Sequence[int]) -> Array:
    """The meta vector of an image in a larger input.

    Args:
        meta: [12 + NUM_CLASSES], see `compose_image_meta`; not changed.
        image_shape: (H, W, C) of the larger input.
    """
    larger = np.array(meta)
    [(start, end)] = [field[1:3] for field in _FIELDS if field[0] == "image_shape"]
    larger[start:end] = image_shape
    return larger


def parse_image_meta(meta: npt.ArrayLike) -> dict[str, Array]:
    """Unpack a batch of meta vectors; the inverse of `compose_image_meta`.

    Args:
        meta: [batch, 12 + NUM_CLASSES].

    Returns:
        image_id [batch], original_image_shape [batch, 3], image_shape [batch, 3], window [batch, 4]
        pixels, active_class_ids [batch, NUM_CLASSES], all int32, and scale [batch] float32.
    """
    dtypes = {name: dtype for name, _, _, dtype in _FIELDS}
    parts = parse_image_meta_graph(np.asarray(meta))
    return {name: part.astype(dtypes[name]) for name, part in parts.items()}


def parse_image_meta_graph(meta: Tensor) -> dict[str, Tensor]:
    """Unpack a batch of meta vectors inside a graph.

    Args:
        meta: tensor [batch, 12 + NUM_CLASSES].

    Returns:
        As `parse_image_meta`, but in the dtype of `meta`.
    """
    parts = {name: meta[:, start:end] for name, start, end, _ in _FIELDS}
    for scalar in ("image_id", "scale"):
        parts[scalar] = parts[scalar][:, 0]
    return parts
