"""A training run as the command line plans it: what it says, what it does, and the same in Python.

Everything that can be wrong with a command shows before the network is made.
"""

import argparse
import dataclasses
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import augment
from ..cpu import has_fast_bfloat16
from ..datasets.dataset import Dataset
from ..formats.finding import given_path
from ..text import some
from .agreement import Agreement, for_training
from .data import (
    VAL,
    Data,
    describe,
    describe_classes,
    describe_corrections,
    read_data,
    split,
)
from .facts import facts_of
from .python_lines import Lines, Name
from .recipe import Recipe
from .resuming import Resumed
from .settings import settings_of
from .start import Start

_AUGMENTATIONS: dict[str, Callable[[], Any]] = {
    "microscopy": augment.microscopy,
    "photographs": augment.photographs,
    "flips": lambda: [augment.Flips(0.5)],
    "none": lambda: None,
}
# Networks with more millions of weights need a GPU. The seconds that others take for each image,
# pixel and million of weights: 2.3 for a step of two images of 512 x 512 and 9 million weights.
_SMALL, _SECONDS = 20, 2.3 / 2 / 512**2 / 9
# Folders whose names do not say what they hold.
_GENERAL = ("train", "training", "annotations", "labels", "images", "data", "dataset", "json")
# Names of the values that decide which epoch is best.
_MONITORS = {"val_segm_AP": "mask AP", "val_bbox_AP": "box AP", "val_loss": "validation loss"}


@dataclasses.dataclass
class TrainingPlan:
    """A training run.

    Attributes:
        options: the command line's.
        start: what it starts from.
        data: the dataset.
        train, val: the images; None for no validation.
        agreement: of the dataset's classes with the model's.
        recipe: how to train.
        settings: all that differs from the configuration of `start`, by name.
    """

    options: argparse.Namespace
    start: Start
    data: Data
    train: Dataset
    val: Dataset | None
    agreement: Agreement
    recipe: Recipe
    settings: dict[str, Any]

    @classmethod
    def of(cls, options: argparse.Namespace) -> "TrainingPlan":
        """Plan what the command line asks for.

        Args:
            options: of `mrcnn train`.

        Raises:
            FileNotFoundError, OSError: the dataset or the weights cannot be read.
            ValueError: they, or the settings, cannot be used.
        """
        given = settings_of(options)
        given["NAME"] = given.get("NAME") or options.name or name_of(options.data)
        start = Start.of(options.start, options.logs, given["NAME"])
        data = read_data(options)
        if options.resume:
            start = Resumed.find(start, options.logs, given["NAME"]) or start
        base = start.config(given)
        agreement = for_training(data.class_names, start.class_names)
        if agreement.class_names and not options.class_names:
            data = read_data(options, agreement.class_names)
        train, val = split(data, options)
        if isinstance(start, Resumed):
            recipe = Recipe(base, given, is_photographs=facts_of(train).is_photographs)
        else:
            recipe = Recipe.of(base, given, train, start.card.object_size)
            if agreement.is_same:
                recipe.be_gentle()
            recipe.fit_schedule(train.num_images, val.num_images if val else 0, options.epochs)
            if recipe.config.MIXED_PRECISION == "bfloat16" and not has_fast_bfloat16():
                recipe.change(MIXED_PRECISION=None)
        recipe.config.validate()
        settings = {**start.settings, **recipe.settings, **given}
        return cls(options, start, data, train, val, agreement, recipe, settings)

    @property
    def layers(self) -> list[str]:
        """The layers of each stage."""
        return [self.options.layers] if self.options.layers else self.start.layers

    @property
    def ends(self) -> list[int]:
        """The last epoch of each stage."""
        if self.options.layers:
            return self.start.ends(self.options.epochs or self.recipe.epochs)[-1:]
        return self.start.ends(self.options.epochs or self.recipe.epochs)

    @property
    def augmentation(self) -> str:
        """One of `train.AUGMENTATIONS`."""
        if self.options.augment:
            return self.options.augment
        if self.recipe.has_keypoints:
            return "flips"  # the others do not move keypoints
        return "photographs" if self.recipe.is_photographs else "microscopy"

    def arguments(self) -> dict[str, Any]:
        """The arguments of `MaskRCNN.train` that can be written down, by name."""
        layers, ends = self.layers, self.ends
        single = len(layers) == 1
        resume = {"resume": True} if self.options.resume else {}
        return {
            "epochs": ends[0] if single else ends,
            "layers": layers[0] if single else layers,
            **resume,
        }

    def announcement(self) -> str:
        """What the run will do, as lines of text."""
        config, agreement = self.recipe.config, self.agreement
        lines = [
            f"Data: {describe(self.train)} for training, {self._validation()} "
            f"({self.data.format}, {self.options.data})",
            f"  {describe_classes(self.train.class_names[1:])}",
        ]
        remarks = [agreement.remark, describe_corrections(self.data)]
        lines += [f"  {remark}" for remark in remarks if remark]
        lines.append(f"Start: {self.start.name}")
        if isinstance(self.start, Resumed):
            lines.append(f"  resumed in {self.start.folder}, with the settings of that run")
        lines += [f"  {reason}" for reason in self.recipe.reasons]
        layers, ends = self.layers, self.ends
        begins = [0, *ends[:-1]]
        for stage, begin, end in zip(layers, begins, ends, strict=True):
            what = "all layers" if stage == "all" else f"the layers {stage}"
            lines.append(
                f"Training: {what}, epochs {begin + 1} to {end}, each of {config.STEPS_PER_EPOCH} "
                f"batches of {config.BATCH_SIZE} images; learning rate {config.LEARNING_RATE:g}; "
                f"augmentation: {self.augmentation}"
            )
        return "\n".join(lines)

    def _validation(self) -> str:
        if self.val is None:
            return "none for validation"
        how = "" if "val" in self.data.datasets else ", drawn at random"
        return f"{describe(self.val)} for validation{how}"

    def run(self) -> None:
        """Train; say what is done before and after.

        Raises:
            OSError, ValueError: see `MaskRCNN.train`.
        """
        print(self.announcement(), flush=True)
        from ..mask_rcnn import MaskRCNN

        model = MaskRCNN("training", self.recipe.config, self.options.logs)
        report = self.start.load(model)
        weights = model.keras_model.count_params() / 1e6
        lines = [] if report is None else [self._kept(report), *self._time(weights)]
        print("\n".join([f"Network: {weights:.1f} million weights", *(f"  {x}" for x in lines)]))
        sys.stdout.flush()
        made = _AUGMENTATIONS[self.augmentation]()
        rate = self.recipe.config.LEARNING_RATE
        try:
            model.train(self.train, self.val, rate, augmentation=made, **self.arguments())
        except FloatingPointError as error:  # the loss is not a number
            raise ValueError(str(error)) from error
        print(self.conclusion(model.log_dir))

    def _time(self, weights: float) -> list[str]:
        """How long it may take without a GPU, as at most one line; `weights` are in millions."""
        if has_gpu():
            return []
        if weights > _SMALL:
            return [
                "There is no GPU: on a CPU, a step of a network of this size takes many seconds. "
                "--from nuclei trains a small one."
            ]
        config = self.recipe.config
        pixels = float(config.IMAGE_SHAPE[0]) * float(config.IMAGE_SHAPE[1])
        images = self.ends[-1] * config.STEPS_PER_EPOCH * config.BATCH_SIZE
        minutes = images * pixels * weights * _SECONDS / 60
        about = max(1, round(minutes))
        unit = "minute" if about == 1 else "minutes"
        return [f"On two CPU cores, this takes about {about} {unit}."]

    def _kept(self, report: Any) -> str:
        """What the network keeps of the weights that it starts from, as a sentence."""
        fresh = [*report.mismatched, *report.missing]
        if fresh:
            return f"These layers start afresh: {some(fresh)}."
        if self.agreement.is_same:
            return "Its classes are the data's: all layers keep their weights."
        return "All layers keep their weights, as a start for other classes."

    def conclusion(self, log_dir: str) -> str:
        """Where the weights are, and what can be done with them, as lines of text.

        Args:
            log_dir: folder of the run.
        """
        folder = Path(log_dir)
        best, last = folder / "weights" / "best.h5", folder / "weights" / "last.h5"
        path = best if best.is_file() else last
        lines = ["", f"Weights: {path}{self._best_epoch(folder) if path is best else ''}"]
        command = ["mrcnn", "evaluate", self.options.data, "--model", str(path)]
        if "val" not in self.data.datasets and self.val is not None:
            command += ["--val", f"{self.options.val or VAL:g}"]
            command += [] if self.options.limit is None else ["--limit", str(self.options.limit)]
        lines.append("  " + shlex.join(command))
        lines.append("  " + shlex.join(["mrcnn", "detect", "IMAGES", "--model", str(path)]))
        return "\n".join(lines)

    def _best_epoch(self, folder: Path) -> str:
        from ..runs import state  # imports Keras

        try:
            progress = state.load_progress(state.path_in(folder))
        except (OSError, ValueError):
            return ""
        if progress.best_epoch is None or progress.best is None:
            return ""
        name = _MONITORS.get(str(progress.monitor), str(progress.monitor))
        return f", of epoch {progress.best_epoch} ({name} {progress.best:.3f})"

    def python(self) -> str:
        """Lines of Python that do the same."""
        lines, train = Lines(), Name("train")
        for part in self.data.datasets:
            self.data.add_read(lines, part, self.options.limit)
        if "all" in self.data.datasets:
            share = VAL if self.options.val is None else self.options.val
            lines.line(f"train, val = dataset.split({share:g})" if share else "train = dataset")
        lines.add_dict("settings", self.settings)
        self.start.add_config(lines)
        lines.use("mrcnn.mask_rcnn", "MaskRCNN")
        logs = str(self.options.logs)
        lines.add("model = MaskRCNN", "training", Name("config"), model_dir=logs)
        self.start.add_load(lines)
        val, augmentation = Name("val" if self.val else "None"), {}
        if self.augmentation != "none":
            lines.use("mrcnn", "augment")
            text = "[augment.Flips(0.5)]" if self.augmentation == "flips" else ""
            augmentation["augmentation"] = Name(text or f"augment.{self.augmentation}()")
        rate = Name("config.LEARNING_RATE")
        lines.add("model.train", train, val, rate, **self.arguments(), **augmentation)
        return str(lines)


def has_gpu() -> bool:
    """Whether Keras's backend sees a GPU."""
    import keras

    if keras.backend.backend() == "torch":  # whose devices Keras does not list
        return bool(sys.modules["torch"].cuda.is_available())
    return any(name.startswith("gpu") for name in keras.distribution.list_devices())


def name_of(data: str) -> str:
    """The name of a run, from the path of its dataset.

    Args:
        data: path of a folder or file.

    Example:
        >>> from mrcnn.cli.training_plan import name_of
        >>> name_of("my cells/train"), name_of("cells/annotations/instances.json")
        ('my_cells', 'cells')
    """
    path = given_path(data).absolute()
    parts = [part.name for part in (path, *path.parents)]
    if path.suffix and not path.is_dir():
        parts = parts[1:]
    named = next((part for part in parts if part and part.lower() not in _GENERAL), "run")
    return re.sub(r"[^\w-]+", "_", named).strip("_") or "run"
