import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.legacy.tensors import batch_pack_graph, batch_slice, trim_zeros_graph


@pytest.mark.parametrize("as_tensor", [keras.ops.convert_to_tensor, np.asarray])
def test_trim_zeros_graph(as_tensor):
    # A row is padding if it is all zeros, wherever it is; signs must not cancel.
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0, 0], [-1, 1, 0, 0], [0, 0, 0, 0]], np.float32)
    kept, is_box = trim_zeros_graph(as_tensor(boxes), name="trim")
    assert_array_equal(kept, boxes[[0, 2]])
    assert_array_equal(is_box, [True, False, True, False])


def test_trim_zeros_graph_of_only_padding():
    kept, is_box = trim_zeros_graph(np.zeros((2, 4), np.float32))
    assert tuple(kept.shape) == (0, 4)
    assert_array_equal(is_box, [False, False])


def test_batch_pack_graph():
    x = keras.ops.reshape(keras.ops.arange(18), (3, 3, 2))
    packed = batch_pack_graph(x, [2, 0, 1], 3)
    assert_array_equal(packed, [[0, 1], [2, 3], [12, 13]])
    assert_array_equal(batch_pack_graph(x, [1, 1, 3], 2), [[0, 1], [6, 7]])


def test_batch_slice_of_one_output():
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    y = np.array([10, 20, 30], np.float32)
    result = batch_slice([x, y], lambda x, y: keras.ops.sum(x) * y, 3)
    assert_array_equal(result, [10, 100, 270])
    assert_array_equal(batch_slice(x, lambda x: x + 1, 2), x[:2] + 1)


def test_batch_slice_of_several_outputs():
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    sums, doubled = batch_slice([x], lambda x: (keras.ops.sum(x), x * 2), 3, names=["a", "b"])
    assert_array_equal(sums, [1, 5, 9])
    assert_array_equal(doubled, x * 2)
    # A list of one output becomes that output, as in matterport's Mask_RCNN.
    assert_array_equal(batch_slice([x], lambda x: [x * 2], 3), x * 2)
