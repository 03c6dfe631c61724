"""The stages of a run, one after another: compile, restore or initialise, and fit."""

from typing import TYPE_CHECKING, Any

import keras

from ..runs import state
from ..runs.stages import Stage
from . import feeding, optimization, trainable
from .callbacks import order
from .callbacks.state import publish
from .distribution import Replicas
from .model import TrainableModel
from .replica_fit import ReplicaTrainer

if TYPE_CHECKING:
    from .trainer import Run


def train(run: "Run", first: int, is_resumed: bool, keeps_optimizer: bool) -> None:
    """Train the stages of a run.

    Args:
        run: see `trainer.Run`.
        first: index of the stage to start with.
        is_resumed: whether the run has a saved state to resume from.
        keeps_optimizer: whether the first stage's optimizer is resumed too.
    """
    model, progress = run.model, run.progress
    history = keras.callbacks.History()
    for past in progress.history:
        for name, value in past.items():
            if name != "epoch":
                history.history.setdefault(name, []).append(value)
    _restore(run, ["model"], from_file=is_resumed)
    if is_resumed and run.distribution.is_chief:
        publish(run.folder.checkpoint_path, progress, run.config.KEEP_CHECKPOINTS)
    for index, stage in enumerate(run.stages[first:], first):
        if index > first and optimization.averages(model.keras_model):
            # `fit` leaves the averages in the model; the next stage needs the trained weights.
            _restore(run, ["model"])
        regex = trainable.regex_of(stage.layers, run.config, model.keras_model)
        model.set_trainable(regex, verbose=run.verbose)
        # A subclass may override `compile` with only the two arguments of matterport's Mask_RCNN.
        has_schedule = run.config.LR_SCHEDULE != "constant"
        schedule = {"epochs": stage.end, "first_epoch": stage.begin} if has_schedule else {}
        model.compile(stage.learning_rate, run.config.LEARNING_MOMENTUM, **schedule)
        _build_optimizer(model)
        if index == first and keeps_optimizer:
            _restore(run, ["optimizer"])
        else:
            progress.waited = 0
        progress.stage = stage
        chosen = order.callbacks(run, is_last_stage=stage is run.stages[-1])
        if index == first and not is_resumed and run.distribution.is_chief:
            state.save(run.state_path, model.keras_model, progress)
        keep = run.config.KEEP_CHECKPOINTS
        kept = f"; the last {keep} and the best are kept" if keep else ""
        run.log(
            f"\nEpochs {progress.epoch + 1} to {stage.end}, learning rate {stage.learning_rate}\n"
            f"Weights of each epoch are saved in {run.folder.path}{kept}\n"
        )
        _fit(run, stage, [*chosen, history])
        if model.keras_model.stop_training:
            break
    if progress.best_epoch:
        run.log(
            f"\nBest {progress.monitor}: {progress.best:.4f} after epoch {progress.best_epoch}."
        )


def _build_optimizer(model: TrainableModel) -> None:
    optimizer, config = model.keras_model.optimizer, model.config
    try:
        with model.distribution.scope():
            optimizer.build(model.keras_model.trainable_variables)
    except RuntimeError as error:
        # TensorFlow's "Mixing different tf.distribute.Strategy objects".
        if not model.distribution.strategy:
            raise
        raise ValueError(
            f"GPU_COUNT is {config.GPU_COUNT}, but the optimizer that {type(model).__name__}."
            f"compile() creates cannot train on several devices ({error}). Create it, and nothing "
            "else, inside `with self.distribution.scope():`, or set OPTIMIZER to a function that "
            "creates it."
        ) from error


def _fit(run: "Run", stage: Stage, callbacks: list[keras.callbacks.Callback]) -> None:
    """Train the epochs of a stage; a partly done epoch has its own `fit`, with fewer batches."""
    model, progress, sequence = run.model.keras_model, run.progress, run.train_batches
    replicas = None
    if isinstance(run.distribution, Replicas):
        replicas = ReplicaTrainer(model, run.distribution, run.config.BATCH_SIZE)
    while progress.epoch < stage.end:
        sequence.skipped = progress.step
        last = progress.epoch + 1 if progress.step else stage.end
        options: dict[str, Any] = {
            "initial_epoch": progress.epoch,
            "epochs": last,
            "callbacks": callbacks,
            "verbose": int(bool(run.verbose) and run.distribution.is_chief),
        }
        if replicas:
            replicas.fit(sequence, validation_data=run.val_batches, **options)
        else:
            model.fit(
                feeding.feed(sequence, model),
                shuffle=False,  # the sequence shuffles, by its seed
                validation_data=feeding.feed(run.val_batches, model),
                **options,
            )
        if model.stop_training:
            return
        if progress.epoch < stage.end and optimization.averages(model):
            # `fit` leaves the averages in the model; the next one needs the trained weights.
            _restore(run, ["model", "optimizer"])


def _restore(run: "Run", kinds: list[str], from_file: bool = True) -> None:
    """Restore variables from the state file.

    With several hosts, all take the chief's values; without a file, its current ones.
    """
    model, distribution = run.model.keras_model, run.distribution
    if distribution.hosts == 1:
        if from_file:
            state.restore(run.state_path, model, kinds)
        return
    for kind in kinds:
        reads = from_file and distribution.is_chief
        values = state.read(run.state_path, model, kind) if reads else None
        distribution.broadcast_variables(state.variables(model)[kind], values)
