import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.weights.foreign import layouts
from mrcnn.weights.foreign.layouts import (
    BackgroundAdded,
    BackgroundFirst,
    Cells,
    Dense,
    Kernel,
    RatiosFirst,
    Yx,
)


def values(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_kernels():
    ours = Kernel().ours(values(5, 4, 3, 2))
    assert ours.shape == (3, 2, 4, 5)
    assert ours[1, 0, 2, 3] == values(5, 4, 3, 2)[3, 2, 1, 0]


def test_a_dense_layer_over_cells_is_a_convolution():
    kernel, features = values(5, 4 * 9), values(3, 3, 4)
    ours = Cells(4).ours(kernel)
    flat = features.transpose(2, 0, 1).ravel()  # [C, 3, 3], as PyTorch flattens
    assert ours.shape == (3, 3, 4, 5)
    assert_array_equal(np.einsum("hwc,hwco->o", features, ours), kernel @ flat)
    assert Cells().ours(values(5, 7)).shape == (1, 1, 7, 5)


def test_inputs_that_are_no_square_of_cells():
    with pytest.raises(ValueError, match="takes 40 values: they are no square of cells with 4"):
        Cells(4).ours(values(5, 40))


def test_deltas_in_the_order_y_x():
    assert Yx().ours(values(8)).tolist() == [1, 0, 3, 2, 5, 4, 7, 6]


def test_anchors_by_ratio():
    # Two sizes of three ratios: the size's number times 10 plus the ratio's.
    assert RatiosFirst(3, 1).ours(np.array([0, 1, 2, 10, 11, 12])).tolist() == [0, 10, 1, 11, 2, 12]
    deltas = RatiosFirst(3, 4).ours(np.repeat([0, 1, 2, 10, 11, 12], 4))
    assert deltas.reshape(6, 4)[:, 0].tolist() == [0, 10, 1, 11, 2, 12]


def test_the_background():
    assert BackgroundFirst().ours(np.array([1, 2, 0])).tolist() == [0, 1, 2]
    assert BackgroundAdded(2).ours(np.array([3, 4])).tolist() == [0, 0, 3, 4]


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ((Kernel(),), (5, 4, 3, 2)),
        ((Dense(),), (5, 4)),
        ((Cells(4),), (5, 36)),
        ((Yx(), Dense()), (8, 3)),
        ((RatiosFirst(3, 4), Yx(), Kernel()), (24, 2, 1, 1)),
        ((RatiosFirst(3, 1), Kernel()), (6, 2, 1, 1)),
        ((BackgroundFirst(), Dense()), (5, 4)),
        ((BackgroundAdded(4), Yx()), (8,)),
    ],
)
def test_changes_can_be_undone(changes, shape):
    tensor = values(*shape)
    assert_array_equal(layouts.theirs(changes, layouts.ours(changes, tensor)), tensor)
