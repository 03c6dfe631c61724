"""Keras's optimizer and its learning-rate schedule, built from a `Config`.

A schedule counts the batches since the optimizer was created, even when one update accumulates the
gradients of several batches.
"""

import contextlib
import math
from typing import Any, Self

import keras
from keras import ops
from keras.optimizers import schedules

from ..config import Config
from ..network.graph_model import GraphModel
from ..types import Tensor
from .distribution import OneDevice


def build_optimizer(
    config: Config,
    learning_rate: float,
    momentum: float,
    total_epochs: int | None = None,
    first_epoch: int = 0,
) -> keras.optimizers.Optimizer:
    """The optimizer for one call of `fit`.

    To resume an optimizer whose variables were saved, build it with its original arguments: its
    batch count is one of the variables.

    Args:
        config: for OPTIMIZER, GRADIENT_CLIP_NORM, GRADIENT_ACCUMULATION, EMA and the
            schedule settings.
        learning_rate: initial rate of the schedule.
        momentum: momentum of SGD; beta_1 of Adam and AdamW.
        total_epochs: number of the last epoch, for LR_SCHEDULE "cosine".
        first_epoch: epochs of the run done before the optimizer's first batch.

    Returns:
        The optimizer. Its `learning_rate` can be set if the rate is constant and has no warm-up.

    Raises:
        ValueError: the schedule needs `total_epochs`.
        TypeError: OPTIMIZER is a function that does not return an optimizer.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.training.optimization import build_optimizer
        >>> optimizer = build_optimizer(Config(), learning_rate=0.5, momentum=0.9)
        >>> float(optimizer.learning_rate), optimizer.momentum, optimizer.global_clipnorm
        (0.5, 0.9, 5.0)
    """
    options: dict[str, Any] = {"global_clipnorm": config.GRADIENT_CLIP_NORM}
    if config.GRADIENT_ACCUMULATION > 1:
        options["gradient_accumulation_steps"] = config.GRADIENT_ACCUMULATION
    if config.EMA is not None:
        options |= {"use_ema": True, "ema_momentum": config.EMA}
    rate = learning_rate_of(config, learning_rate, total_epochs, first_epoch)
    if config.OPTIMIZER == "sgd":
        return keras.optimizers.SGD(rate, momentum=momentum, **options)
    if config.OPTIMIZER == "adam":
        return keras.optimizers.Adam(rate, beta_1=momentum, **options)
    if config.OPTIMIZER == "adamw":
        return AdamW(rate, beta_1=momentum, weight_decay=config.WEIGHT_DECAY, **options)
    create: Any = config.OPTIMIZER
    optimizer = create(rate, **options)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise TypeError(
            f"OPTIMIZER returned {optimizer!r}: it must return a keras.optimizers.Optimizer."
        )
    return optimizer


def l2_factor(config: Config) -> float:
    """The L2 penalty factor that `config` sets; 0 if the optimizer decays the weights itself."""
    return 0.0 if config.OPTIMIZER == "adamw" else config.WEIGHT_DECAY


def learning_rate_of(
    config: Config, learning_rate: float, total_epochs: int | None = None, first_epoch: int = 0
) -> float | schedules.LearningRateSchedule:
    """The learning rate, constant or as a schedule over batches.

    Args:
        config: for STEPS_PER_EPOCH, LR_SCHEDULE, LR_STEPS, LR_FACTOR, LR_WARMUP_STEPS.
        learning_rate, total_epochs, first_epoch: see `build_optimizer`.

    Returns:
        float if the rate never changes, else a `LearningRateSchedule` over the batches since
        `first_epoch`.

    Raises:
        ValueError: the schedule needs `total_epochs`.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.training.optimization import learning_rate_of
        >>> config = Config()
        >>> config.LR_SCHEDULE, config.LR_STEPS, config.LR_FACTOR = "step", [10, 20], 0.5
        >>> learning_rate_of(config, 0.5, first_epoch=20)
        0.125
    """
    rate, batches = float(learning_rate), math.ceil(config.STEPS_PER_EPOCH)
    if config.LR_SCHEDULE == "step":
        ahead = [epoch for epoch in config.LR_STEPS if epoch > first_epoch]
        rate *= config.LR_FACTOR ** (len(config.LR_STEPS) - len(ahead))
        if ahead:
            # Keras changes the value after a boundary, not on it.
            rate = schedules.PiecewiseConstantDecay(
                [(epoch - first_epoch) * batches - 1 for epoch in ahead],
                [rate * config.LR_FACTOR**falls for falls in range(len(ahead) + 1)],
            )
    elif config.LR_SCHEDULE == "cosine":
        if total_epochs is None:
            raise ValueError(
                "LR_SCHEDULE is 'cosine': it needs the number of the last epoch. train() supplies "
                "it; pass it to compile() as epochs=."
            )
        rate = schedules.CosineDecay(rate, max(1, total_epochs - first_epoch) * batches)
    return WarmUp(rate, config.LR_WARMUP_STEPS) if config.LR_WARMUP_STEPS else rate


@keras.saving.register_keras_serializable(package="mrcnn")
class AdamW(keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` without weight decay of biases and BatchNorm, also once loaded.

    Args:
        learning_rate: float, or a `LearningRateSchedule`.
        options: further arguments of `keras.optimizers.AdamW`.
    """

    def __init__(self, learning_rate: Any = 0.001, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])


@keras.saving.register_keras_serializable(package="mrcnn")
class WarmUp(schedules.LearningRateSchedule):
    """Linear warm-up: in batch n, counted from 1, the rate is n / steps of its full value.

    Args:
        rate: float, or a `LearningRateSchedule`.
        steps: batches until the rate reaches its full value.

    Example:
        >>> from mrcnn.training.optimization import WarmUp
        >>> rate = WarmUp(0.5, steps=4)
        >>> [float(rate(step)) for step in range(5)]
        [0.125, 0.25, 0.375, 0.5, 0.5]
    """

    def __init__(self, rate: float | schedules.LearningRateSchedule, steps: int) -> None:
        self.rate = rate
        self.steps = steps

    def __call__(self, step: Tensor) -> Tensor:
        """The rate, a float32 scalar, after `step` batches."""
        rate = self.rate(step) if callable(self.rate) else self.rate
        share = (ops.cast(step, "float32") + 1.0) / self.steps
        return rate * ops.minimum(share, 1.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments; a schedule is serialised."""
        rate = schedules.serialize(self.rate) if callable(self.rate) else self.rate
        return {"rate": rate, "steps": self.steps}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The inverse of `get_config`."""
        rate = config["rate"]
        return cls(schedules.deserialize(rate) if isinstance(rate, dict) else rate, config["steps"])


def compile_model(
    model: GraphModel,
    config: Config,
    learning_rate: float,
    momentum: float,
    total_epochs: int | None = None,
    first_epoch: int = 0,
    distribution: OneDevice | None = None,
) -> None:
    """Compile with losses and optimizer as configured; gradients are clipped by their global norm.

    Args:
        model: the training graph.
        config: for LOSS_WEIGHTS, WEIGHT_DECAY, WEIGHT_DECAY_ON and what `build_optimizer` reads.
        learning_rate, momentum, total_epochs, first_epoch: see `optimization.build_optimizer`.
        distribution: devices that the model was built for, see `distribution.choose`; None: one.

    Raises:
        TypeError: a subclass's `build` returned another kind of model.
        ValueError: LOSS_WEIGHTS names a loss that the model does not have.
    """
    if not isinstance(model, GraphModel):
        raise TypeError(
            f"the model is a {type(model).__name__}: build() must return a GraphModel, such as "
            "mrcnn.network.graph_model.GraphModel(inputs, outputs)."
        )
    model.set_loss(config.LOSS_WEIGHTS, l2_factor(config), config.WEIGHT_DECAY_ON)
    with distribution.scope() if distribution else contextlib.nullcontext():
        optimizer = build_optimizer(config, learning_rate, momentum, total_epochs, first_epoch)
    model.compile(optimizer=optimizer, jit_compile=jit_compile(config))


def jit_compile(config: Config) -> bool | str:
    """Keras's `jit_compile`: on TensorFlow `config` decides, on other backends Keras does."""
    return bool(config.XLA) if keras.backend.backend() == "tensorflow" else "auto"


def averages(model: keras.Model) -> bool:
    """Whether a compiled `model`'s optimizer keeps averages of the weights."""
    return bool(unscaled(model.optimizer).use_ema)


def unscaled(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer itself, without the wrapper that scales the loss for float16."""
    return getattr(optimizer, "inner_optimizer", optimizer)
