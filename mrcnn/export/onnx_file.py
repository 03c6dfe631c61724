"""ONNX files, by tf2onnx."""

import logging
from pathlib import Path
from typing import Any

import keras

from ..ops.onnx_nodes import described
from ..ops.target import exporting

# The first opset with RoiAlign's half pixels is 16.
OPSET = 18

_AXES = ("batch", "height", "width")


def write(model: keras.Model, path: Path) -> None:
    """Write an .onnx file.

    Args:
        model: from `build_exported`.
        path: of the file.
    """
    import onnx

    onnx.save(converted(model), path)


def converted(model: keras.Model) -> Any:
    """The `onnx.ModelProto` of a model from `build_exported`."""
    import tensorflow as tf
    import tf2onnx

    # It warns of each stand-in, whose shape it does not need.
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    signature = [tf.TensorSpec(model.input_shape, "float32", name="image")]
    with exporting("onnx"):
        function = tf.function(lambda image: model(image, training=False), signature)
        made, _ = tf2onnx.convert.from_function(
            function, signature, opset=OPSET, custom_op_handlers={"PyFunc": (_put_in_place, [])}
        )
    _name_axes(made.graph, model)
    return made


def _put_in_place(graph: Any, node: Any, name: str, args: Any) -> None:
    """Replace a stand-in by its node, as a custom handler of tf2onnx."""
    kind, attributes = described(node.inputs[0].get_tensor_value(as_list=False).item())
    inputs = node.input[1:]
    same = {
        "name": node.name,
        "outputs": node.output,
        "shapes": node.output_shapes,
        "dtypes": node.output_dtypes,
    }
    graph.remove_node(node.name)
    graph.make_node(kind, inputs, attributes, **same)


def _name_axes(graph: Any, model: keras.Model) -> None:
    """Name the open axes; the shapes of the outputs are those of the Keras model."""
    shapes = {"image": model.input_shape}
    shapes |= {name: tensor.shape for name, tensor in model.output.items()}
    for value in (*graph.input, *graph.output):
        dims = value.type.tensor_type.shape.dim
        del dims[:]
        for axis, side in enumerate(shapes[value.name]):
            if side is None:
                dims.add().dim_param = _AXES[axis] if value.name == "image" else "batch"
            else:
                dims.add().dim_value = side
