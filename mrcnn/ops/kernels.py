"""TensorFlow's native kernels, and whether they can run here.

XLA, JAX and torch have no such kernels; callers then use an implementation built from gathers.
"""

import functools
from collections.abc import Callable, Sequence

import keras

from ..types import Tensor
from . import onnx_nodes, target

# The kernels with a counterpart in each format, see `target.exporting`.
_HERE = (
    *("crop_and_resize", "sample_lattice"),
    *("non_max_suppression", "non_max_suppression_overlaps"),
)
CONVERTED = {
    "savedmodel": _HERE,
    "onnx": ("crop_and_resize", "roi_align", "non_max_suppression", "non_max_suppression_by_group"),
    "litert": ("non_max_suppression",),
}


def available(kernel: str) -> bool:
    """Whether one of TensorFlow's kernels can run in the graph being traced.

    True on the TensorFlow backend, eagerly or in a `tf.function`, unless that function is
    compiled by XLA, which has no CropAndResize, or the graph is converted to a format that does not
    have the kernel.

    Args:
        kernel: name of a function of this module.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    if kernel not in CONVERTED[target.current() or "savedmodel"]:
        return False
    import tensorflow as tf
    from tensorflow.python.ops import control_flow_util

    return not control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def forward_only(
    native: Callable[..., Tensor], gathered: Callable[..., Tensor]
) -> Callable[..., Tensor]:
    """Give a native kernel the gradient of the implementation built from gathers.

    On a CPU, the gradient of TensorFlow's CropAndResize adds up crops from several threads without
    a lock, and loses some of the contributions of overlapping crops.

    Args:
        native, gathered: functions of tensors that return the same tensor.

    Returns:
        function of tensors.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def function(*inputs):
        def gradient(upstream):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = gathered(*inputs)
            return tape.gradient(outputs, inputs, upstream)

        return native(*inputs), gradient

    return function


def crop_and_resize(
    images: Tensor, boxes: Tensor, image_indices: Tensor, size: tuple[int, int]
) -> Tensor:
    """`tf.image.crop_and_resize`, see `ops.crop_and_resize`."""
    import tensorflow as tf

    if target.current() == "onnx":
        return onnx_nodes.crop_and_resize(images, boxes, image_indices, size)
    return tf.image.crop_and_resize(images, boxes, image_indices, size)


def crop_pyramid(
    levels: Sequence[Tensor], boxes: Tensor, level_of_box: Tensor, size: tuple[int, int]
) -> Tensor:
    """Same as `ops.crop_pyramid`: one `crop_and_resize` per level, crops put back in order."""
    return _of_levels(crop_and_resize, levels, boxes, level_of_box, size)


def roi_align(
    levels: Sequence[Tensor],
    boxes: Tensor,
    level_of_box: Tensor,
    size: tuple[int, int],
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """`ops.roi_align` with averages, for ONNX: TensorFlow has no such kernel.

    Args:
        levels: list of float tensors [B, H_l, W_l, C].
        boxes: float tensor [B, R, 4] in cells of their level: pixels divided by its stride.
        level_of_box: int tensor [B, R], index into `levels`.
        size: (height, width) of the result, in bins.
        sampling_ratio, aligned: see `ops.roi_align`.

    Returns:
        float32 tensor [B, R, height, width, C].
    """
    pool = functools.partial(onnx_nodes.roi_align, sampling_ratio=sampling_ratio, aligned=aligned)
    return _of_levels(pool, levels, boxes, level_of_box, size)


def _of_levels(crop, levels, boxes, level_of_box, size):
    import tensorflow as tf

    batch, count = tf.shape(boxes)[0], boxes.shape[1]
    boxes, level_of_box = tf.reshape(boxes, (-1, 4)), tf.reshape(level_of_box, (-1,))
    images = tf.repeat(tf.range(batch), count)
    crops, places = [], []
    for index, features in enumerate(levels):
        here = tf.cast(tf.where(level_of_box == index)[:, 0], "int32")
        places.append(here)
        crops.append(crop(features, tf.gather(boxes, here), tf.gather(images, here), size))
    crops = _in_order(tf.concat(crops, axis=0), tf.concat(places, axis=0))
    return tf.reshape(crops, (batch, count, *size, levels[0].shape[-1]))


def _in_order(rows, places):
    """Rows [n, ...], each moved to its place, int32 [n], a permutation of 0 to n - 1."""
    import tensorflow as tf

    order = tf.tensor_scatter_nd_update(places, places[:, None], tf.range(tf.size(places)))
    return tf.gather(rows, order)


def sample_lattice(features: Tensor, images: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Bilinear samples of maps where n sets of rows and columns cross.

    Args:
        features: float tensor [B, H, W, C].
        images: int32 tensor [n], the image of each set.
        y: float tensor [n, rows] in cells, 0 to H - 1.
        x: float tensor [n, columns] in cells, 0 to W - 1.

    Returns:
        float32 tensor [n, rows, columns, C].
    """
    import tensorflow as tf

    rows, columns = y.shape[1], x.shape[1]
    size = tf.cast(tf.maximum(tf.shape(features)[1:3] - 1, 1), "float32")
    y = tf.repeat(y / size[0], columns, axis=1)  # [n, rows * columns]
    x = tf.tile(x / size[1], (1, rows))
    # A crop of one pixel is a sample at the middle of its box.
    places = tf.reshape(tf.stack([y, x, y, x], axis=2), (-1, 4))
    images = tf.repeat(images, rows * columns)
    samples = tf.image.crop_and_resize(features, places, images, (1, 1))
    return tf.reshape(samples, (-1, rows, columns, features.shape[-1]))


def by_level(function: Callable[[int, Tensor], Tensor], level: Tensor, count: int) -> Tensor:
    """Call a function once per level and put its rows back in order.

    Args:
        function: (level, int32 tensor [m] of rows on that level) -> [m, ...].
        level: int32 tensor [n], 0 to `count` - 1.
        count: number of levels.

    Returns:
        tensor [n, ...].
    """
    import tensorflow as tf

    places = [tf.cast(tf.where(level == index)[:, 0], "int32") for index in range(count)]
    rows = tf.concat([function(index, here) for index, here in enumerate(places)], axis=0)
    rows = _in_order(rows, tf.concat(places, axis=0))
    return tf.ensure_shape(rows, (level.shape[0], *rows.shape[1:]))


def non_max_suppression(
    boxes: Tensor, scores: Tensor, count: int, threshold: float
) -> tuple[Tensor, Tensor]:
    """`tf.image.non_max_suppression` for each image, see `ops.non_max_suppression`.

    Rows with a negative score are never selected.
    """
    import tensorflow as tf

    if target.current() == "onnx":
        return onnx_nodes.non_max_suppression(boxes, scores, count, threshold)
    if target.current() == "litert":
        return _padded_suppression(boxes, scores, count, threshold)
    return _each_image(tf.image.non_max_suppression, boxes, scores, count, threshold)


def non_max_suppression_by_group(
    boxes: Tensor, scores: Tensor, count: int, threshold: float, groups: Tensor, group_count: int
) -> tuple[Tensor, Tensor]:
    """`ops.non_max_suppression` with groups, for ONNX.

    Args:
        boxes: float tensor [B, N, 4], pixels or normalised.
        scores: float tensor [B, N]; rows with a negative score are never selected.
        count: the maximum number of boxes kept per image.
        threshold: IoU.
        groups: int tensor [B, N], from 0.
        group_count: number of groups.

    Returns:
        indices: int32 tensor [B, count] into N; entries past `kept` are 0.
        kept: int32 tensor [B], the number of boxes kept.
    """
    return onnx_nodes.non_max_suppression(boxes, scores, count, threshold, groups, group_count)


def non_max_suppression_overlaps(
    overlaps: Tensor, scores: Tensor, count: int, threshold: float
) -> tuple[Tensor, Tensor]:
    """Same as `non_max_suppression`, but from `overlaps`, a float tensor [B, N, N] of IoUs."""
    import tensorflow as tf

    return _each_image(tf.image.non_max_suppression_overlaps, overlaps, scores, count, threshold)


def _each_image(suppress, inputs, scores, count, threshold):
    import tensorflow as tf

    def one_image(image):
        kept = suppress(*image, count, float(threshold), score_threshold=-0.5)
        return tf.pad(kept, [[0, count - tf.size(kept)]]), tf.size(kept)

    indices, kept = tf.map_fn(one_image, (inputs, scores), fn_output_signature=(tf.int32, tf.int32))
    return tf.ensure_shape(indices, (inputs.shape[0], count)), kept


def _padded_suppression(boxes, scores, count, threshold):
    """The form of the kernel that LiteRT has, in a graph with a fixed number of images.

    LiteRT would return a box without area again and again; a box far from all others is as good.
    """
    import tensorflow as tf

    far = tf.reduce_max(boxes) + 1.0 + 2.0 * tf.cast(tf.range(tf.shape(boxes)[1]), "float32")
    has_area = tf.reduce_all(boxes[..., 2:] > boxes[..., :2], axis=-1, keepdims=True)
    boxes = tf.where(has_area, boxes, tf.stack([far, far, far + 1.0, far + 1.0], axis=1))
    images = [
        tf.raw_ops.NonMaxSuppressionV4(
            boxes=boxes[index],
            scores=scores[index],
            max_output_size=count,
            iou_threshold=float(threshold),
            score_threshold=-0.5,
            pad_to_max_output_size=True,
        )
        for index in range(boxes.shape[0])
    ]
    indices, kept = (tf.stack(parts) for parts in zip(*images, strict=True))
    return tf.ensure_shape(indices, (boxes.shape[0], count)), kept


def argmax(values: Tensor, axis: int) -> Tensor:
    """`tf.argmax`. Keras's puts -0 before 0, by operations that no converter knows.

    Args:
        values: float tensor [..., N, ...].
        axis: that of length N.

    Returns:
        int32 tensor [..., ...], without the axis.
    """
    import tensorflow as tf

    return tf.argmax(values, axis, output_type="int32")
