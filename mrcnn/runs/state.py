"""The state of a training run: one file from which it goes on as if it had never stopped."""

import dataclasses
import json
import math
import os

import h5py
import keras
import numpy as np

from ..files.whole import replacing
from .stages import Stage

FILE_NAME = "state.h5"


@dataclasses.dataclass
class Progress:
    """How far a run has come, apart from its variables.

    Attributes:
        epoch: epochs that are done.
        step: batches of the next one that are done.
        stage: the `Stage` whose optimizer the file holds.
        seed: of the order of the images and of augmentation.
        monitor: name of the value that tells the best epoch, or None.
        fallback: name of another one that does from an epoch on in which `monitor` is no number,
            and never was, such as the AP of images without instances; or None.
        best, best_epoch: the best value, and its epoch counted from 1; None before the first.
        waited: epochs with a value of `monitor` that is a number, but no better one, since the best
            one or since the stage began.
        stopped_early: whether EARLY_STOPPING ended the run.
        checkpoints: epochs, counted from 1, whose numbered checkpoints the run has written.
        history: a dict of `epoch`, counted from 1, and the values of each epoch.
        described: what the run was begun with, see `resume.describe`.
        callbacks: counters of Keras's own callbacks among the user's.
    """

    epoch: int
    step: int
    stage: Stage
    seed: int
    monitor: str | None = None
    fallback: str | None = None
    best: float | None = None
    best_epoch: int | None = None
    waited: int = 0
    stopped_early: bool = False
    checkpoints: list = dataclasses.field(default_factory=list)
    history: list = dataclasses.field(default_factory=list)
    described: dict = dataclasses.field(default_factory=dict)
    callbacks: dict = dataclasses.field(default_factory=dict)

    def watch(self, monitor, fallback=None):
        """Choose the value that tells the best epoch; with another one the best is forgotten.

        Args:
            monitor, fallback: see the class.
        """
        if self.monitor is None or self.monitor not in (monitor, fallback):
            self.monitor, self.best, self.best_epoch, self.waited = monitor, None, None, 0
        self.fallback = fallback

    def end_epoch(self, logs):
        """Note an epoch that has ended with the values `logs`, a dict by name."""
        self.epoch, self.step = self.epoch + 1, 0
        values = {name: _number(value) for name, value in logs.items()}
        values = {name: value for name, value in values.items() if value is not None}
        self.history = [past for past in self.history if past["epoch"] < self.epoch]
        self.history.append({"epoch": self.epoch, **values})
        value = values.get(self.monitor, math.nan)
        if not math.isfinite(value) and self.best is None and self.fallback in values:
            self.monitor, value = self.fallback, values[self.fallback]
        if not math.isfinite(value):
            return
        self.waited += 1
        if self.best is None or is_better(self.monitor, value, self.best):
            self.best, self.best_epoch, self.waited = value, self.epoch, 0

    def back_to(self, epoch):
        """What is left of it when training goes on from the weights after an epoch."""
        self.history = [past for past in self.history if past["epoch"] <= epoch]
        self.checkpoints = [past for past in self.checkpoints if past <= epoch]
        if self.best_epoch not in self.checkpoints:
            self.best = self.best_epoch = None

    def to_json(self):
        """All of it as a text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text):
        """The progress that `to_json` wrote as `text`."""
        fields = json.loads(text)
        return cls(**{**fields, "stage": Stage(**fields["stage"])})


def _number(value):
    """A float, or None for what is none, such as a text that a callback has added to the logs."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def is_better(monitor, value, best):
    """Whether a value of `monitor` is better than the best: losses fall, all others rise."""
    return value < best if "loss" in monitor else value > best


def position(progress):
    """Where a run of this `progress` is, in words."""
    if progress.step:
        return f"batch {progress.step} of epoch {progress.epoch + 1}"
    return f"epoch {progress.epoch}"


def path_in(log_dir):
    """Path of the state of a run in its folder, `log_dir`."""
    return os.path.join(log_dir, FILE_NAME)


def save(path, model, progress):
    """Write the state, whole or not at all.

    It has its own copy of the weights: so one file that is moved into place in one step is all
    that a run needs, at whatever moment it is killed. (And the checkpoints may hold averages.)

    Args:
        path: where to; its folder must exist.
        model: compiled `keras.Model` whose optimizer is built.
        progress: `Progress`.

    Raises:
        OSError: the file cannot be written; the message names it.
    """
    sync(model)
    try:
        with replacing(path) as part, h5py.File(part, "w") as file:
            file["progress"] = progress.to_json()
            for kind, values in variables(model).items():
                group = file.create_group(kind)
                for index, variable in enumerate(values):
                    array = np.asarray(keras.ops.convert_to_numpy(variable))
                    # HDF5 has no bfloat16; float32 holds it exactly.
                    array = array if array.dtype.kind in "biuf" else array.astype(np.float32)
                    group.create_dataset(str(index), data=array).attrs["path"] = variable.path
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}.") from error


def load_progress(path):
    """The `Progress` in the state at `path`.

    Raises:
        ValueError: the file is none, or damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            return Progress.from_json(file["progress"].asstr()[()])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no state of a training run ({error}): remove it, and go on from the last "
            "checkpoint with load_weights(find_last()) and train() without resume."
        ) from error


def restore(path, model, kinds=("model", "optimizer")):
    """Give a model the variables of a state.

    Args:
        path: file that `save` wrote.
        model: `keras.Model`, compiled with its optimizer built unless `kinds` is ("model",).
        kinds: "model" (weights and random state), "optimizer", "metrics" (means of an epoch that
            has begun).

    Raises:
        ValueError: the variables are others than those of the file.
    """
    for kind in kinds:
        for variable, array in zip(variables(model)[kind], read(path, model, kind), strict=True):
            variable.assign(array)


def read(path, model, kind):
    """The arrays of a state, one for each variable of a model.

    Args:
        path, model: see `restore`.
        kind: one of its `kinds`.

    Returns:
        list of arrays.

    Raises:
        ValueError: see `restore`.
    """
    ours = variables(model)[kind]
    with h5py.File(path, "r") as file:
        places = [file[kind][str(index)] for index in range(len(file[kind]))]
        order = _order([place.attrs.get("path") for place in places], ours)
        saved = [places[index][()] for index in order]
    if [tuple(variable.shape) for variable in ours] != [array.shape for array in saved]:
        raise ValueError(
            f"{path} holds {len(saved)} variables of the {kind}, this one has {len(ours)}, or "
            "their shapes differ: the network or the optimizer is another one."
        )
    return saved


def _order(paths, ours):
    """For each of our variables its place in the file.

    By path, because the order follows from the wiring of the network, which may have changed since.
    Variables without a path of their own there, such as those of random generators, whose paths
    differ from process to process, take the places that are left in their order.
    """
    places = {path: index for index, path in enumerate(paths) if paths.count(path) == 1}
    own = [variable.path for variable in ours]
    order = [places.get(path) if own.count(path) == 1 else None for path in own]
    left = iter([index for index in range(len(paths)) if index not in order])
    order = [next(left, None) if index is None else index for index in order]
    if None in order or len(order) != len(paths):
        return range(len(paths))
    return order


def sync(model):
    """On JAX, bring the variables of a `model` up to date, which `fit` keeps apart in training."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()


def variables(model):
    """The variables of a `model`: dict of "model", "optimizer" and "metrics" to lists."""
    optimizer = getattr(model, "optimizer", None)
    return {
        "model": model.variables,  # the states of random generators included
        "optimizer": optimizer.variables if optimizer else [],
        # Keras keeps metrics in a set, whose order differs from process to process.
        "metrics": sorted(model.metrics_variables, key=lambda variable: variable.path),
    }
