"""The network as a Keras model, which trains on losses that its own graph computes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, Self

import keras
from keras import ops

from .. import weights
from ..config_rules.parts import unknown_losses
from ..ops import outside_graphs, replica_count
from ..types import PathLike, Tensor
from ..weights.card import Card
from . import saving
from .keras2_model import Keras2Model
from .saving import Recipe


@keras.saving.register_keras_serializable(package="mrcnn")
class GraphModel(Keras2Model):
    """A functional model whose losses, named in `loss_names`, are among its outputs.

    `fit` minimises their sum, weighted by `loss_weights`, plus an L2 penalty, and reports each by
    name. Weights are read and written in the file format of matterport's Mask_RCNN (the reference).

    Attributes:
        names: names of the outputs, in order; by default the operations' names.
        loss_names: names of the outputs that are losses; each ends in "_loss".
        stem: name of the layer that sees the pixels.
        is_bgr: whether it sees them as BGR.
        backbone: the symbolic tensors image [B, H, W, C] and C2 to C5 [B, h, w, c]; None if
            `network.graph` did not build the model.
        card: what `save_weights` writes into the file about the model, or None.
        loaded_from: name of the weights file that was loaded last, or None.
        recipe: how `network.graph` built the model; None if it did not.
    """

    stem: str = "conv1"
    is_bgr: bool = False
    backbone: tuple[Tensor, ...] | None = None
    card: Card | None = None
    loaded_from: str | None = None
    recipe: Recipe | None = None
    loss_weights: Mapping[str, float] | None = None
    weight_decay: float = 0.0
    weight_decay_on: str = "mean"
    loss_means: Sequence[keras.metrics.Mean] = ()

    def set_loss(
        self, loss_weights: Mapping[str, float], weight_decay: float, weight_decay_on: str = "mean"
    ) -> None:
        """Set what `fit` minimises; call this before `compile`.

        Args:
            loss_weights: factors by loss name; 1 for missing names.
            weight_decay: factor of the L2 penalty.
            weight_decay_on: "mean" or "sum", as WEIGHT_DECAY_ON.

        Raises:
            ValueError: a name is not one of the model's losses.
        """
        if unknown := unknown_losses(loss_weights, self.loss_names):
            raise ValueError(
                f"LOSS_WEIGHTS names {unknown}: the model's losses are "
                f"{', '.join(self.loss_names)}. A loss is an output whose name ends in '_loss'."
            )
        self.loss_weights = dict(loss_weights)
        self.weight_decay = weight_decay
        self.weight_decay_on = weight_decay_on
        if not self.loss_means:
            self.loss_means = [keras.metrics.Mean(name=name) for name in self.loss_names]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return getattr(self, "_names", None) or tuple(self.output_names)

    @names.setter
    def names(self, names: Iterable[str]) -> None:
        self._names = tuple(names)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Names of the outputs that are losses."""
        return tuple(name for name in self.names if name.endswith("_loss"))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The weighted sum of the graph's losses and the L2 penalty, a scalar."""
        losses = self.named_losses(y_pred)
        for mean in self.loss_means:
            mean.update_state(losses[mean.name])
        return losses["loss"]

    def named_losses(self, outputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """The losses of a batch; in a replica, its shares of them, which add up to the whole.

        Args:
            outputs: the graph's outputs.

        Returns:
            dict of name to scalar: the `loss_names`, and "loss", their weighted sum plus the L2
            penalty.
        """
        by_name = outputs_by_name(self, outputs)
        losses = {name: by_name[name] for name in self.loss_names}
        factors: Any = self.loss_weights  # not None after `set_loss`
        weighted = [value * factors.get(name, 1.0) for name, value in losses.items()]
        return {"loss": sum(weighted) + self.l2_penalty() / replica_count(), **losses}

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """The means that `compute_loss` updates."""
        return self.get_metrics_result()

    def l2_penalty(self) -> Tensor | float:
        """L2 penalty of the trainable weights except BatchNorm's scale and shift.

        With `weight_decay_on` "mean", each weight's penalty is divided by its size. This makes the
        decay very weak, but the reference does the same (model.py:2180 there), and its learning
        rates depend on it. With "sum", the gradient of the penalty is `weight_decay` times the
        weight.
        """
        of_sum = self.weight_decay_on == "sum"
        # The losses are float32, whatever the weights' dtype.
        penalties = [
            ops.cast(ops.sum(ops.square(weight)), "float32")
            * (self.weight_decay / (2 if of_sum else math.prod(weight.shape)))
            for weight in self.trainable_weights
            if weight.name not in ("gamma", "beta")
        ]
        return sum(penalties) if penalties else 0.0

    def fit(
        self, x: Any = None, y: Any = None, *, validation_data: Any = None, **kwargs: Any
    ) -> keras.callbacks.History:
        """Keras's `fit`; see `Keras2Model` for the arguments.

        Raises:
            ValueError: the model was built for several TensorFlow replicas.
        """
        self._refuse_replicas("fit()")
        return super().fit(x, y, validation_data=validation_data, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Keras's `evaluate`; see `Keras2Model` for the arguments.

        Raises:
            ValueError: the model was built for several TensorFlow replicas.
        """
        self._refuse_replicas("evaluate()")
        return super().evaluate(x, y, **kwargs)

    def _refuse_replicas(self, call: str) -> None:
        """Refuse several replicas: Keras would take their shares of the losses for means."""
        strategy = getattr(self, "distribute_strategy", None)
        if strategy and strategy.num_replicas_in_sync > 1:
            raise ValueError(
                f"Keras's {call} cannot use {strategy.num_replicas_in_sync} devices: use "
                "MaskRCNN.train(), or set GPU_COUNT to 1."
            )

    def add_loss(self, loss: Any) -> NoReturn:
        """Not supported: losses are outputs of the graph.

        Raises:
            NotImplementedError: always; the message says what to do instead.
        """
        raise NotImplementedError(
            f"the model minimises its outputs {', '.join(self.loss_names)}, weighted by "
            "LOSS_WEIGHTS, plus the L2 penalty: leave out add_loss(), and a compile() copied from "
            "matterport's Mask_RCNN. To add a loss of your own, make it an output in build() whose "
            "name ends in '_loss'."
        )

    def get_config(self) -> dict[str, Any]:
        """How the model was built, see `saving.described`.

        Of a model that `network.graph` did not build, it is Keras's description of all layers.
        """
        if self.recipe is None:
            return super().get_config()
        return {"name": self.name, "mask_rcnn": saving.described(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """The model that `get_config` described, with random weights; see `saving.rebuilt`.

        Args:
            config: from `get_config`.
            custom_objects: as in Keras.
        """
        entries = config.get("mask_rcnn")
        if entries is None:
            return super().from_config(config, custom_objects=custom_objects)
        return saving.rebuilt(entries)

    @outside_graphs
    def save(self, filepath: PathLike, overwrite: bool = True, zipped: Any = None) -> None:
        """Write the whole model into a Keras archive, see `saving.save`.

        `keras.saving.load_model` reads it, once `mrcnn.model` has been imported, and so does
        `saving.load_model`.

        Args:
            filepath: file to write, which ends in ".keras".
            overwrite: whether an existing file may be replaced.
            zipped: as in Keras; a folder instead of a file, False, is not supported.

        Raises:
            ValueError, FileExistsError, OSError: see `saving.save`.
        """
        if zipped is False:
            raise ValueError("zipped is False: the model can only be saved in one file.")
        saving.save(self, filepath, overwrite)

    @outside_graphs
    def save_weights(self, filepath: PathLike, overwrite: bool = True, **kwargs: Any) -> None:
        """Write the weights and the `card` in the reference's layout; see `weights.save`."""
        weights.save(self, filepath, overwrite=overwrite)

    @outside_graphs
    def load_weights(
        self, filepath: PathLike, skip_mismatch: bool = False, **kwargs: Any
    ) -> weights.LoadReport:
        """Read weights by layer name; see `weights.load`."""
        return weights.load(self, filepath, skip_mismatch=skip_mismatch)


def outputs_by_name(model: keras.Model, outputs: Sequence[Any]) -> dict[str, Any]:
    """The outputs of a model as a dict by name.

    Args:
        model: `GraphModel`, or any functional model built from one.
        outputs: list of tensors or arrays in the model's order.
    """
    names = getattr(model, "names", None) or model.output_names
    return dict(zip(names, outputs, strict=True))
