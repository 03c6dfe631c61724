"""The inference graph on the weights of a training graph, to detect while it trains."""

import keras

from . import graph


def share(training_model, config):
    """An inference graph whose layers with weights are those of a training graph.

    There is no second copy of the weights: what a training step changes, the next detection sees.
    While it is made, and only then, weights of its size exist once more.

    Args:
        training_model: `GraphModel` in training mode.
        config: the `Config` to detect with. Sizes of images and all that concerns proposals and
            detections may differ from the training's, the layers may not.

    Returns:
        `GraphModel` in inference mode, see `graph.build_inference`.

    Raises:
        ValueError: a layer with weights is not in the training graph, by name and shapes.
    """
    prototype = graph.build("inference", config)
    trained = {layer.name: layer for layer in training_model.layers}
    for operation in prototype.operations:
        # Through the node of its first call an operation would keep the layers before it alive, and
        # so the prototype's weights.
        operation._inbound_nodes.clear()
        operation._outbound_nodes.clear()

    def pick(operation):
        return _counterpart(operation, trained) if _shapes(operation) else operation

    model = keras.models.clone_model(prototype, clone_function=pick)
    model.jit_compile = training_model.jit_compile
    for name in ("names", "stem", "is_bgr"):
        setattr(model, name, getattr(prototype, name))
    return model


def _counterpart(layer, trained):
    """The training graph's layer in the place of one with weights."""
    found = trained.get(layer.name)
    if _shapes(found) != _shapes(layer):
        is_there = f"has weights of {_shapes(found)} there" if found else "is not there"
        raise ValueError(
            f"the layer {layer.name!r} of the inference graph, with weights of {_shapes(layer)}, "
            f"cannot share those of the training graph: it {is_there}. Both are to be built with "
            "the same settings, and a BACKBONE of your own must name its layers."
        )
    return found


def _shapes(operation):
    """Shapes of its weights; operations that are no layers have none."""
    return [tuple(weight.shape) for weight in getattr(operation, "weights", [])]
