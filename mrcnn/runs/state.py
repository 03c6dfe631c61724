"""The state of a training run: one file from which it resumes as if it had never stopped."""

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any, Self

import h5py
import keras
import numpy as np

from ..files.hdf5 import new_hdf5
from ..types import Array, PathLike
from .stages import Stage

FILE_NAME = "state.h5"


@dataclasses.dataclass
class Progress:
    """How far a run has got, apart from its variables.

    Attributes:
        epoch: number of finished epochs.
        step: number of finished batches of the next epoch.
        stage: the stage whose optimizer the file holds.
        seed: seed of the image order and of augmentation.
        monitor: name of the value that decides which epoch is best, or None.
        fallback: name of the value that takes over in an epoch where `monitor` is not a number and
            never was, such as the AP of images without instances; or None.
        best, best_epoch: the best value, and its epoch counted from 1; None before the first.
        waited: number of epochs since the best one, or since the start of the stage, in which
            `monitor` was a number but no better.
        stopped_early: whether EARLY_STOPPING ended the run.
        checkpoints: epochs, counted from 1, whose numbered checkpoints the run has written.
        history: for each epoch, a dict of `epoch`, counted from 1, and the epoch's values.
        described: what the run was started with, see `resume.describe`.
        callbacks: counters of Keras's own callbacks among those that the user passed.
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
    checkpoints: list[int] = dataclasses.field(default_factory=list)
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    described: dict[str, Any] = dataclasses.field(default_factory=dict)
    callbacks: dict[str, Any] = dataclasses.field(default_factory=dict)

    def watch(self, monitor: str | None, fallback: str | None = None) -> None:
        """Choose the value that decides which epoch is best; a change discards the best so far.

        Args:
            monitor, fallback: see the class.
        """
        if self.monitor is None or self.monitor not in (monitor, fallback):
            self.monitor, self.best, self.best_epoch, self.waited = monitor, None, None, 0
        self.fallback = fallback

    def end_epoch(self, logs: Mapping[str, Any]) -> None:
        """Record the end of an epoch with the values `logs`, by name."""
        self.epoch, self.step = self.epoch + 1, 0
        numbers = {name: _number(value) for name, value in logs.items()}
        values = {name: value for name, value in numbers.items() if value is not None}
        self.history = [past for past in self.history if past["epoch"] < self.epoch]
        self.history.append({"epoch": self.epoch, **values})
        value = math.nan if self.monitor is None else values.get(self.monitor, math.nan)
        if not math.isfinite(value) and self.best is None and self.fallback in values:
            self.monitor, value = self.fallback, values[self.fallback]
        if self.monitor is None or not math.isfinite(value):
            return
        self.waited += 1
        if self.best is None or is_better(self.monitor, value, self.best):
            self.best, self.best_epoch, self.waited = value, self.epoch, 0

    def rewind_to(self, epoch: int) -> None:
        """Drop what came after an epoch, to resume training from its weights."""
        self.history = [past for past in self.history if past["epoch"] <= epoch]
        self.checkpoints = [past for past in self.checkpoints if past <= epoch]
        if self.best_epoch not in self.checkpoints:
            self.best = self.best_epoch = None

    def to_json(self) -> str:
        """The progress as JSON text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The progress from the `text` that `to_json` returned."""
        fields = json.loads(text)
        return cls(**{**fields, "stage": Stage(**fields["stage"])})


def _number(value: Any) -> float | None:
    """`value` as a float, or None if it is not a number, such as text that a callback logged."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def is_better(monitor: str, value: float, best: float) -> bool:
    """Whether a `value` of `monitor` is better than the `best`: lower if a loss, else higher."""
    return value < best if "loss" in monitor else value > best


def position(progress: Progress) -> str:
    """Where a run with this `progress` stands, in words."""
    if progress.step:
        return f"batch {progress.step} of epoch {progress.epoch + 1}"
    return f"epoch {progress.epoch}"


def path_in(log_dir: PathLike) -> str:
    """Path of the state file in a run's folder, `log_dir`."""
    return os.path.join(log_dir, FILE_NAME)


def save(path: PathLike, model: keras.Model, progress: Progress) -> None:
    """Write the state, completely or not at all.

    It has its own copy of the weights, so this one file, moved into place in one step, is all that
    a run needs, whenever it is killed. (Besides, the checkpoints may hold averages.) It is made in
    memory: 512 MB for a ResNet-101 trained with SGD.

    Args:
        path: path to write; its folder must exist.
        model: compiled, with its optimizer built.
        progress: how far the run has got.

    Raises:
        OSError: the file cannot be written; the message names it.
    """
    sync(model)
    with new_hdf5(path) as file:
        file["progress"] = progress.to_json()
        for kind, values in variables(model).items():
            group = file.create_group(kind)
            for index, variable in enumerate(values):
                array = np.asarray(keras.ops.convert_to_numpy(variable))
                # HDF5 has no bfloat16; float32 holds it exactly.
                array = array if array.dtype.kind in "biuf" else array.astype(np.float32)
                group.create_dataset(str(index), data=array).attrs["path"] = variable.path


def load_progress(path: PathLike) -> Progress:
    """The `Progress` in the state at `path`.

    Raises:
        ValueError: the file is damaged or not a state.
    """
    try:
        with h5py.File(path, "r") as file:
            return Progress.from_json(file["progress"].asstr()[()])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is not the state of a training run ({error}): remove it, and continue from "
            "the last checkpoint with load_weights(find_last()) and train() without resume."
        ) from error


def restore(
    path: PathLike, model: keras.Model, kinds: Iterable[str] = ("model", "optimizer")
) -> None:
    """Restore a model's variables from a state.

    Args:
        path: a file that `save` wrote.
        model: compiled, with its optimizer built unless `kinds` is ("model",).
        kinds: "model" (weights and random state), "optimizer", "metrics" (running means of an
            unfinished epoch).

    Raises:
        ValueError: the model's variables do not match the file's.
    """
    for kind in kinds:
        for variable, array in zip(variables(model)[kind], read(path, model, kind), strict=True):
            variable.assign(array)


def read(path: PathLike, model: keras.Model, kind: str) -> list[Array]:
    """The arrays of a state, one per variable of a model.

    Args:
        path, model: see `restore`.
        kind: one of its `kinds`.

    Returns:
        In the order of the model's variables.

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
            f"{path} does not fit this {kind}: the file holds {len(saved)} variables where "
            f"{len(ours)} are expected, or their shapes differ. The network or the optimizer has "
            "changed."
        )
    return saved


def _order(paths, ours):
    """For each of the model's variables, its index in the file.

    Variables are matched by path, because their order follows from the network's wiring, which may
    have changed since. Variables without a unique path in the file, such as those of random
    generators, whose paths differ from process to process, take the remaining indices in order.
    """
    places = {path: index for index, path in enumerate(paths) if paths.count(path) == 1}
    own = [variable.path for variable in ours]
    order = [places.get(path) if own.count(path) == 1 else None for path in own]
    left = iter([index for index in range(len(paths)) if index not in order])
    order = [next(left, None) if index is None else index for index in order]
    if None in order or len(order) != len(paths):
        return range(len(paths))
    return order


def sync(model: keras.Model) -> None:
    """On JAX, update the variables of a `model`, which `fit` holds elsewhere during training."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()


def variables(model: keras.Model) -> dict[str, list[Any]]:
    """The variables of a `model`, by "model", "optimizer" and "metrics"."""
    optimizer = getattr(model, "optimizer", None)
    return {
        "model": model.variables,  # including the states of random generators
        "optimizer": optimizer.variables if optimizer else [],
        # Keras keeps metrics in a set, whose order differs from process to process.
        "metrics": sorted(model.metrics_variables, key=lambda variable: variable.path),
    }
