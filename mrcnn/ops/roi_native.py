"""The bins of RoIs from TensorFlow's native kernel: faster than gathers, for inference.

The kernel bounds the time. For 1000 RoIs of 7 x 7 bins of 2 x 2 points, it takes 30 ms alone, of 40
to 60 ms in all; crop-and-resize, which reads a quarter of the points, takes 15 to 24 ms in all
(`benchmarks/pooling.py`, 256 channels, two cores).
"""

from collections.abc import Callable, Sequence

from keras import ops

from ..types import Tensor
from . import kernels
from .roi_points import Operator, Places, reduce_points

# A position outside every map, where the kernel's value is 0.
_OUTSIDE = -2.0

# RoIs of a fixed number of points at a time; 26 MB of samples of 14 x 14 x 256.
NATIVE_CHUNK = 128


def native_bins(
    operator: Operator,
    places_of: Callable[[Tensor, Tensor], Places],
    levels: Sequence[Tensor],
    boxes: Tensor,
    image: Tensor,
    level: Tensor,
) -> Tensor:
    """The bins of n RoIs.

    Args:
        operator: the RoI operator.
        places_of: function (image [n], level [n]) -> the RoIs' maps.
        levels: list of float tensors [B, H_l, W_l, C].
        boxes: float tensor [n, 4] in pixels of their map (cells).
        image, level: int32 tensors [n].

    Returns:
        float32 tensor [n, height, width, C].
    """

    def one_level(index, here):
        box, images = (ops.take(rows, here, axis=0) for rows in (boxes, image))
        places = places_of(images, ops.full_like(here, index))

        def sample(y, x):
            return kernels.sample_lattice(levels[index], images, y, x)

        if operator.points:
            return _pooled_lattice(operator, box, places, sample)
        return reduce_points(operator, box, places, sample, levels[0].shape[-1], False)[0]

    return kernels.by_level(one_level, level, len(levels))


def _pooled_lattice(operator, boxes, places, sample):
    """Bins of a fixed number of points: all points at once, then pooling of each bin's."""
    y1, x1, y2, x2 = (boxes[:, index] for index in range(4))
    y = _all_points(operator.rows(y1, y2, places.heights), operator.points)
    x = _all_points(operator.columns(x1, x2, places.widths), operator.points)
    samples = sample(y, x)
    if operator.points == 1:
        return samples
    pool = ops.max_pool if operator.maximum else ops.average_pool
    return pool(samples, operator.points, data_format="channels_last")


def _all_points(axis, count):
    """Positions [n, bins * count] of all points, bin by bin."""
    points = [axis.at(ops.convert_to_tensor(i, "int32")) for i in range(count)]
    positions = [ops.where(inside > 0, place, _OUTSIDE) for place, _, inside in points]
    bins = positions[0].shape[1]
    return ops.reshape(ops.stack(positions, axis=2), (-1, bins * count))
