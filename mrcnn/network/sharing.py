"""An inference graph that shares a training graph's weights, to detect during training."""

from typing import Any

import keras

from ..config import Config
from . import graph
from .graph_model import GraphModel


def share(training_model: GraphModel, config: Config) -> GraphModel:
    """Build an inference graph on the weights of a training graph.

    There is no second copy of the weights: each detection sees what the last training step changed.
    Only while the graph is being built does a second set of weights exist.

    Args:
        training_model: in training mode.
        config: to detect with. Image sizes and all settings of proposals and
            detections may differ from the training graph's; the layers may not.

    Returns:
        A model in inference mode, see `graph.build_inference`.

    Raises:
        ValueError: a layer with weights has no counterpart of the same name and shapes in the
            training graph.
    """
    prototype = graph.build("inference", config)
    trained = {layer.name: layer for layer in training_model.layers}
    for operation in prototype.operations:
        # Through the node of its first call, an operation would keep the preceding layers alive,
        # and with them the prototype's weights.
        operation._inbound_nodes.clear()
        operation._outbound_nodes.clear()

    def pick(operation):
        return _counterpart(operation, trained) if _shapes(operation) else operation

    model = keras.models.clone_model(prototype, clone_function=pick)
    model.jit_compile = training_model.jit_compile
    for name in ("names", "stem", "is_bgr", "recipe"):
        setattr(model, name, getattr(prototype, name))
    return model


def _counterpart(layer, trained):
    """The training graph's layer that takes the place of a layer with weights."""
    found = trained.get(layer.name)
    if _shapes(found) != _shapes(layer):
        difference = f"it has shapes {_shapes(found)} there" if found else "it does not exist there"
        raise ValueError(
            f"the layer {layer.name!r} of the inference graph, with weights of shapes "
            f"{_shapes(layer)}, cannot share the training graph's weights: {difference}. Both "
            "graphs must be built with the same settings, and a custom BACKBONE must name its "
            "layers."
        )
    return found


def _shapes(operation: Any) -> list[tuple[int, ...]]:
    """Shapes of its weights; operations that are not layers have none."""
    return [tuple(weight.shape) for weight in getattr(operation, "weights", [])]
