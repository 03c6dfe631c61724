"""RoIAlign, RoIPool and RoIWarp: the features of RoIs, each from one level of a pyramid.

No gradient reaches the boxes. On TensorFlow, the forward pass of inference interpolates with a
native kernel.
"""

import numbers
from collections.abc import Sequence

from keras import ops

from ..types import Tensor
from . import kernels, target
from .roi_grids import align_axis, pool_axis, warp_axis
from .roi_native import NATIVE_CHUNK, native_bins
from .roi_points import CHUNK, Operator, Places, add_gradient, corners, reduce_points, steps_of

AGGREGATIONS = ("avg", "max")


def roi_align(
    levels: Sequence[Tensor],
    boxes: Tensor,
    level_of_box: Tensor,
    size: tuple[int, int],
    sampling_ratio: int = 0,
    aggregation: str = "avg",
    aligned: bool = True,
    training: bool = False,
) -> Tensor:
    """RoIAlign (Mask R-CNN, section 3).

    Each bin is the average or maximum of bilinear samples at evenly spaced points. With "avg",
    the values are torchvision's and Detectron2's.

    Args:
        levels: list of float tensors [B, H_l, W_l, C].
        boxes: float tensor [B, R, 4] in cells of their level: pixels of the image divided by the
            stride of the level.
        level_of_box: int tensor [B, R], index into `levels`.
        size: (height, width) of the result, in bins.
        sampling_ratio: points per bin along each axis; 0 for as many as the bin has cells along it,
            rounded up.
        aggregation: "avg" or "max". A point more than one cell outside the map counts as 0.
        aligned: whether a cell's centre lies half a cell from its edge (Detectron2); otherwise,
            boxes are not shifted and are at least one cell long (torchvision's default).
        training: whether a gradient is needed, in which case the native kernel is not used.

    Returns:
        Float32 tensor [B, R, height, width, C].

    Raises:
        ValueError: `sampling_ratio` is not a whole number of at least 0, or the `aggregation` is
            unknown.

    Example:
        >>> from mrcnn import ops
        >>> level = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
        >>> boxes = np.array([[[0, 0, 4, 4]]], "float32")
        >>> np.array(ops.roi_align([level], boxes, np.zeros((1, 1), int), (2, 2)))[0, 0, ..., 0]
        array([[ 2.5,  4.5],
               [10.5, 12.5]], dtype=float32)
    """
    _check(sampling_ratio, aggregation)
    if aggregation == "avg" and kernels.available("roi_align"):
        return kernels.roi_align(levels, boxes, level_of_box, size, sampling_ratio, aligned)
    rows, columns = (align_axis(bins, sampling_ratio, aligned) for bins in size)
    operator = Operator(rows, columns, size, aggregation == "max", points=sampling_ratio)
    return _pool(operator, levels, boxes, level_of_box, training)


def roi_warp(
    levels: Sequence[Tensor],
    boxes: Tensor,
    level_of_box: Tensor,
    size: tuple[int, int],
    sampling_ratio: int = 0,
    aggregation: str = "avg",
    aligned: bool = True,
    training: bool = False,
) -> Tensor:
    """RoIWarp (MNC, section 3.2; Mask R-CNN, section 4.1): RoIAlign of a RoI rounded to cells.

    The RoI is rounded as in RoIPool; its bins and their points are not. Thus it differs from
    RoIAlign only in the alignment.

    Args:
        levels, boxes, level_of_box, size, sampling_ratio, aggregation, aligned, training: see
            `roi_align`.

    Returns:
        Float32 tensor [B, R, height, width, C].

    Raises:
        ValueError: see `roi_align`.
    """
    _check(sampling_ratio, aggregation)
    rows, columns = (warp_axis(bins, sampling_ratio, aligned) for bins in size)
    operator = Operator(rows, columns, size, aggregation == "max", points=sampling_ratio)
    return _pool(operator, levels, boxes, level_of_box, training)


def roi_pool(
    levels: Sequence[Tensor],
    boxes: Tensor,
    level_of_box: Tensor,
    size: tuple[int, int],
    training: bool = False,
) -> Tensor:
    """RoIPool (Fast R-CNN, section 2.1): the maximum of each bin's cells.

    The RoI is rounded to cells, halves away from zero, and includes its last cell. Each bin is
    widened to whole cells. A bin outside the map is 0. The values are torchvision's.

    Args:
        levels, boxes, level_of_box, size, training: see `roi_align`.

    Returns:
        Float32 tensor [B, R, height, width, C].

    Example:
        >>> from mrcnn import ops
        >>> level = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
        >>> boxes = np.array([[[0, 0, 3, 3]]], "float32")
        >>> np.array(ops.roi_pool([level], boxes, np.zeros((1, 1), int), (2, 2)))[0, 0, ..., 0]
        array([[ 5.,  7.],
               [13., 15.]], dtype=float32)
    """
    rows, columns = (pool_axis(bins) for bins in size)
    operator = Operator(rows, columns, size, maximum=True, whole=True)
    return _pool(operator, levels, boxes, level_of_box, training)


def _check(sampling_ratio, aggregation):
    whole = isinstance(sampling_ratio, numbers.Integral) and not isinstance(sampling_ratio, bool)
    if not whole or sampling_ratio < 0:
        raise ValueError(
            f"sampling_ratio is {sampling_ratio!r}: it must be a whole number of points, such as "
            "2, or 0 for as many as a bin has cells."
        )
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation is {aggregation!r}: it must be 'avg' or 'max'.")


def _pool(operator, levels, boxes, level_of_box, training):
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    levels = [ops.cast(level, "float32") for level in levels]
    shape = (ops.shape(boxes)[0], boxes.shape[1], *operator.size, levels[0].shape[-1])
    maps = _Maps(levels)
    image = ops.repeat(ops.arange(shape[0], dtype="int32")[:, None], shape[1], axis=1)
    level = ops.cast(level_of_box, "int32")
    if target.current() in ("onnx", "litert"):
        # At once: a loop over chunks has no counterpart everywhere.
        rows = [ops.reshape(x, (-1, *x.shape[2:])) for x in (boxes, image, level)]
        flat = ops.concatenate([ops.reshape(x, (-1, shape[-1])) for x in levels], axis=0)
        return ops.reshape(_forward(operator, maps, flat, *rows), shape)
    order = None if operator.points else _by_cost(operator, maps, boxes, image, level)
    forward_only = kernels.available("sample_lattice") and not training
    chunks = _Chunks(shape[1], NATIVE_CHUNK if forward_only and operator.points else CHUNK, order)
    boxes, image, level = (chunks.split(rows) for rows in (boxes, image, level))

    def pixels(levels):
        return ops.concatenate([ops.reshape(x, (-1, shape[-1])) for x in levels], axis=0)

    def gathered(*levels):
        places = ops.cast(image, "float32"), ops.cast(level, "float32")
        return _with_gradient(operator, maps)(pixels(levels), boxes, *places)

    def native(*levels):
        return ops.map(
            lambda rows: native_bins(operator, maps.places, levels, *rows), (boxes, image, level)
        )

    def cells(*levels):  # the kernel would interpolate, and be off by a few 1e-5 cells
        flat = pixels(levels)
        return ops.map(lambda rows: _forward(operator, maps, flat, *rows), (boxes, image, level))

    pool = gathered
    if forward_only:
        pool = kernels.forward_only(cells if operator.whole else native, gathered)
    return chunks.join(pool(*levels))


def _forward(operator, maps, flat, boxes, image, level):
    """The bins [n, h, w, C] of n RoIs, from the pixels [P, C] of all maps."""
    places = maps.places(image, level)
    sample = _sampler(operator, flat, places)
    return reduce_points(operator, boxes, places, sample, flat.shape[-1], choose=False)[0]


def _sampler(operator, flat, places):
    """The function (y [n, rows], x [n, columns]) -> [n, rows, columns, C], of pixels [P, C]."""

    def sample(y, x):
        read = corners(places, y, x, operator.whole)
        if operator.whole:
            return ops.take(flat, read[0][0], axis=0)
        return sum(ops.take(flat, index, axis=0) * weight for index, weight in read)

    return sample


def _by_cost(operator, maps, boxes, image, level):
    """Order [B, R] of each image's RoIs: a chunk costs as much as its most expensive RoI."""
    places = maps.places(ops.reshape(image, (-1,)), ops.reshape(level, (-1,)))
    cost = steps_of(operator, ops.reshape(boxes, (-1, 4)), places)
    return ops.stop_gradient(ops.argsort(ops.reshape(cost, (-1, boxes.shape[1])), axis=1))


class _Chunks:
    """Rows [B, R, ...] as chunks [K, n, ...] of at most `most` rows in an order, and back.

    The order is an int tensor [B, R], or None for that of the rows.
    """

    def __init__(self, count, most, order):
        self.count, self.order = count, order
        pieces = max(1, -(-count // most))
        self.length = -(-count // pieces)
        self.padding = pieces * self.length - count

    def split(self, rows):
        if self.order is not None:
            index = self.order if len(rows.shape) == 2 else self.order[..., None]
            rows = ops.take_along_axis(rows, index, axis=1)
        rows = ops.pad(rows, [[0, 0], [0, self.padding], *[[0, 0]] * (len(rows.shape) - 2)])
        return ops.reshape(rows, (-1, self.length, *rows.shape[2:]))

    def join(self, chunks):
        tail = tuple(chunks.shape[2:])
        per_image = self.count + self.padding
        if self.order is None:
            rows = ops.reshape(chunks, (-1, per_image, *tail))
            return rows[:, : self.count] if self.padding else rows
        back = ops.cast(ops.argsort(self.order, axis=1), "int32")
        first = ops.arange(ops.shape(back)[0], dtype="int32")[:, None] * per_image
        rows = ops.take(ops.reshape(chunks, (-1, *tail)), back + first, axis=0)
        return ops.reshape(rows, (-1, self.count, *tail))


class _Maps:
    """The sizes of all levels, and where each image's map starts in their pixels."""

    def __init__(self, levels):
        shapes = [ops.shape(level) for level in levels]
        self.heights, self.widths = ([shape[axis] for shape in shapes] for axis in (1, 2))
        self.areas = [h * w for h, w in zip(self.heights, self.widths, strict=True)]
        self.starts = [0]
        for shape, area in zip(shapes, self.areas, strict=True):
            self.starts.append(self.starts[-1] + shape[0] * area)

    def places(self, image, level):
        def of(values, dtype):
            return ops.take(ops.cast(ops.stack(list(values)), dtype), level, axis=0)

        first = of(self.starts[:-1], "int32") + image * of(self.areas, "int32")
        return Places(first, of(self.heights, "float32"), of(self.widths, "float32"))


def _with_gradient(operator, maps):
    """The function (flat [P, C], boxes [K, n, 4], image, level [K, n]) -> [K, n, h, w, C]."""

    def places_of(image, level):
        return maps.places(ops.cast(image, "int32"), ops.cast(level, "int32"))

    # Image and level are floats: an integer argument has no gradient, not even zero.
    @ops.custom_gradient
    def pool(flat, boxes, image, level):
        channels = flat.shape[-1]

        def chunk(rows):
            box, places = rows[0], places_of(*rows[1:])
            return reduce_points(operator, box, places, _sampler(operator, flat, places), channels)

        pooled, chosen = ops.map(chunk, (boxes, image, level))

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream

            def step(index, total):
                places = places_of(image[index], level[index])
                return index + 1, add_gradient(
                    operator, boxes[index], places, chosen[index], upstream[index], total
                )

            start = (ops.zeros((), "int32"), ops.zeros_like(flat))
            count = ops.shape(boxes)[0]
            _, total = ops.while_loop(lambda index, _: index < count, step, start)
            return total, *(ops.zeros_like(x) for x in (boxes, image, level))

        return pooled, gradient

    return pool
