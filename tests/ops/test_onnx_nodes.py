"""Operators as ONNX nodes, run by ONNX Runtime, against the same operators of this package."""

import numpy as np
import pytest

from mrcnn import ops
from mrcnn.export.onnx_file import OPSET, _put_in_place
from mrcnn.ops import onnx_nodes
from mrcnn.ops.target import exporting

pytestmark = pytest.mark.network

RNG = np.random.default_rng(0)


def on_onnx(function, *arrays):
    """What a function of tensors returns when it is converted to ONNX."""
    import onnxruntime
    import tensorflow as tf
    import tf2onnx

    signature = [
        tf.TensorSpec((None, *array.shape[1:]), array.dtype, name=f"x{index}")
        for index, array in enumerate(arrays)
    ]
    with exporting("onnx"):
        made, _ = tf2onnx.convert.from_function(
            tf.function(function, signature),
            signature,
            opset=OPSET,
            custom_op_handlers={"PyFunc": (_put_in_place, [])},
        )
    assert not {node.op_type for node in made.graph.node} & {"Loop", "Scan", "If"}
    session = onnxruntime.InferenceSession(made.SerializeToString())
    return session.run(None, {f"x{index}": array for index, array in enumerate(arrays)})


def boxes_of(*shape):
    corners = np.sort(RNG.random((*shape, 2, 2)), axis=-2)
    return corners.reshape(*shape, 4).astype(np.float32)


@pytest.mark.parametrize("size", [(7, 7), (3, 5), (1, 1), (1, 4)])
def test_crops(size):
    images = RNG.random((2, 9, 13, 4)).astype(np.float32)
    boxes, which = boxes_of(11), RNG.integers(0, 2, 11).astype(np.int32)
    boxes[0], boxes[1] = [0, 0, 1, 1], [0.5, 0.25, 0.5, 0.25]
    [found] = on_onnx(lambda i, b, w: ops.crop_and_resize(i, b, w, size), images, boxes, which)
    wanted = ops.crop_and_resize(images, boxes, which, size)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


@pytest.mark.parametrize(("ratio", "aligned"), [(2, True), (2, False), (0, True), (0, False)])
def test_roi_align(ratio, aligned):
    levels = [RNG.random((2, side, side, 3)).astype(np.float32) for side in (16, 8)]
    boxes, level = 8 * boxes_of(2, 9), RNG.integers(0, 2, (2, 9)).astype(np.int32)

    def pooled(first, second, boxes, level):
        return ops.roi_align([first, second], boxes, level, (4, 4), ratio, "avg", aligned)

    [found] = on_onnx(pooled, *levels, boxes, level)
    np.testing.assert_allclose(found, pooled(*levels, boxes, level), atol=2e-6)


@pytest.mark.parametrize("by_group", [False, True])
@pytest.mark.parametrize("count", [5, 60])
def test_non_max_suppression(by_group, count):
    boxes, scores = boxes_of(2, 40), RNG.random((2, 40)).astype(np.float32)
    valid = RNG.random((2, 40)) > 0.2
    groups = RNG.integers(0, 3, (2, 40)).astype(np.int32)
    boxes[0, 3] = boxes[0, 2, [0, 1, 0, 1]]  # without area

    def kept(boxes, scores, valid, groups):
        by = (groups, 3) if by_group else ()
        return ops.non_max_suppression(boxes, scores, count, 0.3, valid, *by)

    found = on_onnx(kept, boxes, scores, valid, groups)
    for ours, theirs in zip(found, kept(boxes, scores, valid, groups), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_stand_in_says_what_it_stands_for_and_cannot_run():
    import tensorflow as tf

    @tf.function
    def relu():
        return onnx_nodes.node("Relu", [tf.zeros(2)], "float32", {"alpha": 0.5})

    operations = relu.get_concrete_function().graph.get_operations()
    [stand_in] = [operation for operation in operations if operation.type == "PyFunc"]
    description = tf.get_static_value(stand_in.inputs[0]).item()
    assert onnx_nodes.described(description) == ("Relu", {"alpha": 0.5})
    with pytest.raises(tf.errors.OpError, match="traced to be converted to ONNX"):
        relu()
