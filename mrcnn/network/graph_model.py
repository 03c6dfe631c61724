"""The Keras model that the network is: it trains on losses that its graph computes."""

import inspect
import math

import keras
from keras import ops

from .. import weights
from ..ops import replica_count


class GraphModel(keras.Model):
    """A functional model some of whose outputs are its losses, those named in `loss_names`.

    `fit` minimises their sum, weighted by `loss_weights`, plus an L2 penalty, and reports each by
    name. Weights are read and written in the reference's file format.

    Attributes:
        names: of the outputs, in their order; those of the operations unless they were set.
        loss_names: those of them that are losses, which end in "_loss".
        stem: name of the layer that sees the pixels.
        is_bgr: whether it sees them as BGR.
    """

    stem = "conv1"
    is_bgr = False
    loss_weights = None
    weight_decay = 0.0
    loss_means = ()

    def set_loss(self, loss_weights, weight_decay):
        """What `fit` minimises; call it before `compile`.

        Args:
            loss_weights: dict of loss name to factor; 1 where a name is missing.
            weight_decay: factor of the L2 penalty.
        """
        self.loss_weights = dict(loss_weights)
        self.weight_decay = weight_decay
        if not self.loss_means:
            self.loss_means = [keras.metrics.Mean(name=name) for name in self.loss_names]

    @property
    def names(self):
        """Names of the outputs, a tuple."""
        return getattr(self, "_names", None) or tuple(self.output_names)

    @names.setter
    def names(self, names):
        self._names = tuple(names)

    @property
    def loss_names(self):
        """Names of the outputs that are losses, a tuple."""
        return tuple(name for name in self.names if name.endswith("_loss"))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The weighted sum of the graph's losses and the L2 penalty, a scalar."""
        losses = self.losses_of(y_pred)
        for mean in self.loss_means:
            mean.update_state(losses[mean.name])
        return losses["loss"]

    def losses_of(self, outputs):
        """The losses of a batch, or of a replica: its share, so that they add up to the batch's.

        Args:
            outputs: the graph's.

        Returns:
            dict of name to scalar: those of `loss_names`, and "loss", their weighted sum and the L2
            penalty.
        """
        by_name = outputs_by_name(self, outputs)
        losses = {name: by_name[name] for name in self.loss_names}
        weighted = [value * self.loss_weights.get(name, 1.0) for name, value in losses.items()]
        return {"loss": sum(weighted) + self.l2_penalty() / replica_count(), **losses}

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The means that `compute_loss` has updated."""
        return self.get_metrics_result()

    def l2_penalty(self):
        """L2 of the trainable weights, each over its size, BatchNorm's scale and shift left out.

        The division makes the decay very weak; it is the reference's (model.py:2180 there), and
        its learning rates belong to it.
        """
        # The losses are float32, whatever the weights are.
        penalties = [
            ops.cast(ops.sum(ops.square(weight)), "float32")
            * (self.weight_decay / math.prod(weight.shape))
            for weight in self.trainable_weights
            if weight.name not in ("gamma", "beta")
        ]
        return sum(penalties) if penalties else 0.0

    def fit(self, x=None, y=None, **kwargs):
        """Keras's `fit`, which also takes a generator of lists, such as `data_generator` is.

        (Keras itself takes tuples only.)

        Raises:
            ValueError: the model was made for several replicas of TensorFlow.
        """
        self._refuse_replicas("fit()")
        if inspect.isgenerator(x):
            x = ((tuple(inputs), tuple(targets)) for inputs, targets in x)
        return super().fit(x, y, **kwargs)

    def evaluate(self, x=None, y=None, **kwargs):
        """Keras's `evaluate`.

        Raises:
            ValueError: the model was made for several replicas of TensorFlow.
        """
        self._refuse_replicas("evaluate()")
        return super().evaluate(x, y, **kwargs)

    def _refuse_replicas(self, call):
        """The losses are shares of those of the whole batch, which Keras would take for means."""
        strategy = getattr(self, "distribute_strategy", None)
        if strategy and strategy.num_replicas_in_sync > 1:
            raise ValueError(
                f"{call} of Keras cannot use {strategy.num_replicas_in_sync} devices: use "
                "MaskRCNN.train(), or set GPU_COUNT to 1."
            )

    def fit_generator(self, generator, **kwargs):
        """Keras 2's name of `fit` with a generator; the arguments are those of `fit`."""
        return self.fit(generator, **kwargs)

    def save(self, filepath, overwrite=True, **kwargs):
        """Not possible: the configuration is no part of a Keras archive.

        Raises:
            NotImplementedError: always; it says what to do instead.
        """
        raise NotImplementedError(
            f"the model cannot be saved whole to {filepath}: save_weights() writes its weights, "
            "to be loaded into a MaskRCNN of the same configuration, and export() a graph to serve."
        )

    def save_weights(self, filepath, overwrite=True, **kwargs):
        """Write the weights in the reference's layout; see `weights.save`."""
        weights.save(self, filepath, overwrite=overwrite)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Read weights by layer name; see `weights.load`."""
        return weights.load(self, filepath, skip_mismatch=skip_mismatch)


def outputs_by_name(model, outputs):
    """The outputs of a model as a dict by name.

    Args:
        model: `GraphModel`, or any functional model that was made of one.
        outputs: list of tensors or arrays in its order.
    """
    names = getattr(model, "names", None) or model.output_names
    return dict(zip(names, outputs, strict=True))
