"""Nodes of ONNX in a graph of TensorFlow that is traced to be converted to that format.

Each stands in the graph as a `tf.numpy_function` that cannot run; the converter puts the ONNX node
in its place. TensorFlow's own kernels would become loops of many nodes.
"""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from ..types import Tensor

_NAME = "__name__"


def node(kind: str, inputs: Sequence[Tensor], dtype: str, attributes: dict[str, Any]) -> Tensor:
    """One node.

    Args:
        kind: its operator, such as "RoiAlign".
        inputs: its input tensors [...], of any shapes.
        dtype: of its output.
        attributes: its attributes.

    Returns:
        Tensor [...] of unknown shape.
    """
    import tensorflow as tf

    description = tf.constant(json.dumps({_NAME: kind, **attributes}))
    return tf.numpy_function(_cannot_run, [description, *inputs], dtype)


def described(description: bytes) -> tuple[str, dict[str, Any]]:
    """What a stand-in stands for.

    Args:
        description: its first input.

    Returns:
        The operator, and its attributes by name.
    """
    attributes = json.loads(description)
    return attributes.pop(_NAME), attributes


def _cannot_run(*inputs: Any) -> NoReturn:
    raise NotImplementedError("the graph was traced to be converted to ONNX: it cannot run here.")


def roi_align(
    features: Tensor,
    boxes: Tensor,
    images: Tensor,
    size: tuple[int, int],
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """ONNX's RoiAlign, see `ops.roi_align`.

    Args:
        features: float32 tensor [B, H, W, C].
        boxes: float32 tensor [n, 4] in pixels of their map (cells).
        images: int tensor [n], the image of each box.
        size, sampling_ratio, aligned: see `ops.roi_align`.

    Returns:
        float32 tensor [n, height, width, C].
    """
    import tensorflow as tf

    attributes = {
        "coordinate_transformation_mode": "half_pixel" if aligned else "output_half_pixel",
        "mode": "avg",
        "output_height": int(size[0]),
        "output_width": int(size[1]),
        "sampling_ratio": int(sampling_ratio),
        "spatial_scale": 1.0,
    }
    corners = tf.gather(boxes, [1, 0, 3, 2], axis=1)  # ONNX has x first
    inputs = [tf.transpose(features, (0, 3, 1, 2)), corners, tf.cast(images, "int64")]
    pooled = node("RoiAlign", inputs, "float32", attributes)
    pooled = tf.ensure_shape(pooled, (None, features.shape[-1], *size))
    return tf.transpose(pooled, (0, 2, 3, 1))


def crop_and_resize(
    features: Tensor, boxes: Tensor, images: Tensor, size: tuple[int, int]
) -> Tensor:
    """`ops.crop_and_resize` by ONNX's RoiAlign.

    Both sample on a regular grid. The outer samples of a crop lie on the edges of its box; those of
    RoiAlign, with one sample a bin, lie half a bin inside. A box that is half a step larger on each
    side therefore gives the same samples.

    Args:
        features: float32 tensor [B, H, W, C].
        boxes: float32 tensor [n, 4], normalised, inside the image.
        images: int tensor [n], the image of each box.
        size: (height, width) of the crops.

    Returns:
        float32 tensor [n, height, width, C].
    """
    import tensorflow as tf

    last = tf.cast(tf.shape(features)[1:3] - 1, "float32")
    start, stop = boxes[:, :2] * last, boxes[:, 2:] * last  # [n, 2]
    steps = tf.constant([max(side - 1, 1) for side in size], "float32")
    step = (stop - start) / steps
    single = tf.constant([side == 1 for side in size])
    start = tf.where(single, 0.5 * (start + stop), start - 0.5 * step)
    stop = tf.where(single, start, start + step * tf.constant(size, "float32"))
    # The centre of the first pixel is at 0 in crops and, with half pixels, at 0.5 in RoiAlign.
    around = tf.concat([start, stop], axis=1) + 0.5
    return roi_align(features, around, images, size, 1, aligned=True)


def non_max_suppression(
    boxes: Tensor,
    scores: Tensor,
    count: int,
    threshold: float,
    groups: Tensor | None = None,
    group_count: int = 1,
) -> tuple[Tensor, Tensor]:
    """`ops.non_max_suppression` by ONNX's NonMaxSuppression.

    Args:
        boxes: float32 tensor [B, N, 4], pixels or normalised.
        scores: float32 tensor [B, N]; rows with a negative score are never selected.
        count, threshold, groups, group_count: see `ops.non_max_suppression`.

    Returns:
        indices, kept: see `ops.non_max_suppression`.
    """
    import tensorflow as tf

    by_group = scores[:, None]  # [B, G, N]
    if groups is not None:
        of_group = groups[:, None] == tf.range(group_count, dtype=groups.dtype)[None, :, None]
        by_group = tf.where(of_group, by_group, -1.0)
    most, iou, least = (
        tf.constant([count], "int64"),
        tf.constant([float(threshold)]),
        tf.constant([-0.5]),
    )
    selected = node("NonMaxSuppression", [boxes, by_group, most, iou, least], "int64", {})
    selected = tf.ensure_shape(selected, (None, 3))  # rows of (image, group, box)
    places = tf.cast(tf.gather(selected, [0, 2], axis=1), "int32")
    none = tf.minimum(scores, -1.0)
    left = tf.tensor_scatter_nd_update(none, places, tf.gather_nd(scores, places))  # [B, N]
    filled = tf.pad(left, [[0, 0], [0, count]], constant_values=-1.0)  # N may be less than count
    best, indices = tf.math.top_k(filled, count)
    found = best >= 0
    return tf.where(found, indices, 0), tf.reduce_sum(tf.cast(found, "int32"), axis=1)
