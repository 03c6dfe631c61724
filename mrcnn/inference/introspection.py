"""Inspection of a network: tensors by name, and their values for an image."""

import collections
from collections.abc import Sequence
from typing import Any, Self

import keras
from keras import ops

from ..network.proposals import ProposalLayer
from ..ops import outside_graphs
from ..types import Array, Tensor
from .molding import InferenceModel, mold_inputs, network_inputs

# Steps of a proposal layer that `ancestor` finds.
STEPS = (
    "pre_nms_anchors",
    "refined_anchors",
    "refined_anchors_clipped",
    "rpn_non_max_suppression",
    "proposals",
)


@keras.saving.register_keras_serializable(package="mrcnn")
class _Step(keras.layers.Layer):
    """One step of a proposal layer, as a separate layer."""

    def __init__(self, layer: ProposalLayer, step: str, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.proposals = layer
        self.step = step

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        layer = keras.saving.serialize_keras_object(self.proposals)
        return {**super().get_config(), "layer": layer, "step": self.step}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer that `get_config` described."""
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return super().from_config({**config, "layer": layer})

    def call(self, inputs: Any) -> Tensor:
        """Compute the tensor of the step."""
        return self.proposals.steps(inputs)[self.step]

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """[B, K, 4], or [proposal_count] for indices; K is known only at run time."""
        if self.step == "rpn_non_max_suppression":
            return keras.KerasTensor((self.proposals.proposal_count,), "int32")
        return keras.KerasTensor((inputs[0].shape[0], None, 4), "float32")


def ancestor(tensor: Tensor, name: str) -> Tensor | None:
    """See `MaskRCNN.ancestor`."""
    # "ROI/rpn_non_max_suppression/NonMaxSuppressionV3:0" names a step; the kernel is ignored.
    layer_name, step = [*name.split(":")[0].split("/"), ""][:2]
    seen: set[int] = set()
    pending = [tensor]
    while pending:
        current = pending.pop()
        history = getattr(current, "_keras_history", None)
        if history is None or id(current) in seen:
            continue
        seen.add(id(current))
        operation = history.operation
        node = operation._inbound_nodes[history.node_index]
        if operation.name == layer_name:
            return _step(operation, step, node.input_tensors) if step else current
        pending.extend(node.input_tensors)
    return None


def _step(layer: Any, step: str, inputs: Sequence[Tensor]) -> Tensor | None:
    if isinstance(layer, ProposalLayer) and step in STEPS:
        return _Step(layer, step)(list(inputs))
    return None


def unwrap(layer: keras.layers.Layer) -> keras.layers.Layer:
    """The layer inside a wrapper such as `TimeDistributed`, or the layer itself."""
    return unwrap(layer.layer) if isinstance(layer, keras.layers.Wrapper) else layer


def layers_with_weights(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers of a model that have weights, including those of nested models."""
    layers: list[keras.layers.Layer] = []
    for layer in model.layers:
        layer = unwrap(layer)
        if hasattr(layer, "layers"):
            layers += layers_with_weights(layer)
        elif layer.weights:
            layers.append(layer)
    return layers


def run_graph(
    model: InferenceModel,
    images: Any,
    outputs: Sequence[tuple[str, Tensor]],
    image_metas: Array | None = None,
) -> collections.OrderedDict[str, Array]:
    """See `MaskRCNN.run_graph`; `model` is a `MaskRCNN`."""
    missing = [name for name, tensor in outputs if tensor is None]
    if missing:
        raise ValueError(f"the outputs {missing} are None: ancestor() found no such tensor.")
    if image_metas is None:
        images, image_metas, _ = mold_inputs(images, model.config)
    by_name = dict(outputs)
    values = _compute(model, by_name, network_inputs(model, images, image_metas))
    return collections.OrderedDict((name, ops.convert_to_numpy(values[name])) for name in by_name)


@outside_graphs
def _compute(model: InferenceModel, outputs: dict[str, Tensor], inputs: Sequence[Array]) -> Any:
    graph = keras.Model(model.keras_model.inputs, outputs)
    # Not compiled: compiling takes longer than one run, and TensorFlow warns if it happens often.
    return graph(inputs, training=False)
