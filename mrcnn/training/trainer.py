"""A training run from its first stage to its last, whether new or resumed."""

import dataclasses
import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import keras

from ..config import Config
from ..datasets.dataset import Dataset
from ..loading.batches import BatchSequence
from ..runs import folder as folders
from ..runs import record, stages, state
from ..runs.folder import RunFolder
from ..runs.stages import Stage
from ..runs.state import Progress
from ..text import log
from ..types import Array
from . import feeding, hosts, model_card, resume, stage_loop, trainable
from .callbacks.interruption import Interruption
from .distribution import OneDevice
from .model import TrainableModel

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class Run:
    """The objects that a training run works with.

    Attributes:
        model: the model, in training mode.
        stages: the stages of this call.
        progress: how far the run has got.
        train_batches, val_batches: the batches; None for no validation.
        val_dataset: images for the average precision, or None.
        custom_callbacks: the user's callbacks.
        interruption: tells whether to stop.
        verbose: 0 for no progress output.
    """

    model: TrainableModel
    stages: list[Stage]
    progress: Progress
    train_batches: BatchSequence
    val_batches: BatchSequence | None
    val_dataset: Dataset | None
    custom_callbacks: Sequence[keras.callbacks.Callback]
    interruption: Interruption
    verbose: int = 1

    @property
    def config(self) -> Config:
        """The `Config`."""
        return self.model.config

    @property
    def distribution(self) -> OneDevice:
        """The devices, see `distribution.choose`."""
        return self.model.distribution

    @property
    def state_path(self) -> str:
        """Path of the state file."""
        return state.path_in(self.folder.path)

    @property
    def folder(self) -> RunFolder:
        """The `RunFolder`."""
        return self.model.run_folder

    def log(self, text: str) -> None:
        """Print `text`, once for all hosts, unless the run is silent."""
        if self.verbose and self.distribution.is_chief:
            log(text)

    def last_saved(self) -> str | None:
        """Path of the last checkpoint, or None."""
        epochs = self.progress.checkpoints
        return self.folder.checkpoint(epochs[-1]) if epochs else None


def train(
    model: TrainableModel,
    train_dataset: Dataset,
    val_dataset: Dataset | None,
    learning_rate: float | Sequence[float],
    epochs: int | Sequence[int],
    layers: str | Sequence[str],
    augmentation: Any = None,
    custom_callbacks: Sequence[keras.callbacks.Callback] | None = None,
    no_augmentation_sources: Collection[str] | None = None,
    resume_run: bool = False,
    verbose: int = 1,
    rois: Callable[[dict[str, Array]], Array] | None = None,
) -> None:
    """Train `model`; see `MaskRCNN.train`, whose `resume` is `resume_run` here.

    With USE_RPN_ROIS False, `rois` makes the RoIs of each batch, see `BatchSequence`.
    """
    config = model.config
    if rois is None:
        _check_config(config)
    described = resume.describe(
        config, train_dataset, val_dataset, augmentation, no_augmentation_sources
    )
    is_chief = model.distribution.is_chief
    progress = _resume(model, verbose) if resume_run and is_chief else None
    arguments = {"learning_rate": learning_rate, "epochs": epochs, "layers": layers}
    progress, seed = hosts.agree_on_run(model, progress, described, arguments)
    is_resumed = progress is not None
    # By now `model.epoch` is the run's epoch.
    plan = stages.plan(layers, epochs, learning_rate, model.epoch)
    for stage in plan:
        # A wrong name fails here, even if only the last stage has it.
        model.set_trainable(trainable.regex_of(stage.layers, config, model.keras_model), verbose=0)
    if progress is not None and resume.is_over(progress, plan, config):
        _load_result(model, progress)
        return
    if not is_resumed and plan[-1].end <= model.epoch:
        logger.warning(
            "epoch %d is already done: nothing to train up to epoch %d",
            model.epoch,
            plan[-1].end,
        )
        return
    first, keeps_optimizer = _first_stage(model, progress, plan, described)
    train_batches, val_batches = feeding.batches(
        config,
        train_dataset,
        val_dataset,
        augmentation,
        no_augmentation_sources,
        seed=seed,
        share=(model.distribution.host, model.distribution.hosts),
        rois=rois,
    )
    try:
        progress = progress or _new_progress(model, plan[first], train_batches.source.seed)
        progress.described = described
        run = Run(
            model,
            plan,
            progress,
            train_batches,
            val_batches,
            val_dataset,
            custom_callbacks or [],
            Interruption(is_shared=model.distribution.hosts > 1),
            verbose,
        )
        if is_chief:
            _claim_folder(model.run_folder, is_new=not is_resumed and not model.epoch)
            _record(run, **arguments, resume=resume_run)
            model_card.describe(
                model.keras_model, config, train_dataset, val_dataset, run.last_saved()
            )
        with run.interruption, run.distribution.run_scope():
            stage_loop.train(run, first, is_resumed, keeps_optimizer)
        if run.interruption.requested is not None:
            run.interruption.grant()
            run.interruption.end()
    finally:
        for part in filter(None, (train_batches, val_batches)):
            part.close()


def _claim_folder(folder: RunFolder, is_new: bool) -> None:
    """Ensure that the folder is writable; runs of one NAME started together get a folder each."""
    folders.make_writable(folder.path)
    while is_new and not record.claim(folder.path):
        folder.move_to(folders.next_folder(folder.path))
        folders.make_writable(folder.path)
    folders.remove_parts(folder.path)


def _record(run: Run, **arguments: Any) -> None:
    """Record how the run was started; a failure here must not stop training."""
    log_dir, progress = run.folder.path, run.progress
    try:
        record.write(
            log_dir,
            run.config,
            progress.seed,
            progress.epoch,
            run.distribution.replicas,
            run.distribution.hosts,
            **arguments,
        )
    except Exception as error:
        logger.warning("the run's records in %s are incomplete: %s", log_dir, error)


def _check_config(config: Config) -> None:
    if not config.USE_RPN_ROIS:
        raise ValueError(
            "USE_RPN_ROIS is False: train() does not supply RoIs. Use keras_model.fit() with "
            "data_generator(..., random_rois=POST_NMS_ROIS_TRAINING) and GPU_COUNT = 1, or set "
            "USE_RPN_ROIS to True."
        )


def _resume(model: TrainableModel, verbose: int) -> Progress | None:
    """Progress of the run to resume, which becomes the model's run; None if there is none."""
    path = resume.find_state(model.run_folder, model.model_dir)
    if path is None:
        if verbose:
            log(f"\nNo run of {model.config.NAME!r} to resume: starting a new one.")
        return None
    progress = state.load_progress(path)
    resume.check_weights(model.epoch, progress, path)
    found = RunFolder(os.path.dirname(path), model.run_folder.name)
    model.set_log_dir(found.checkpoint(progress.epoch))
    if verbose:
        log(f"\nResuming in {model.log_dir} after {state.position(progress)}.")
    return progress


def _first_stage(
    model: TrainableModel,
    progress: Progress | None,
    plan: list[Stage],
    described: Mapping[str, Any],
) -> tuple[int, bool]:
    """Index of the stage to start with, and whether its optimizer is resumed; see `resume`."""
    if progress is None:
        return next(index for index, stage in enumerate(plan) if stage.end > model.epoch), False
    path = state.path_in(model.log_dir)
    first, keeps_optimizer = resume.stage_to_resume(progress, plan, described, path)
    progress.stopped_early = False
    if keeps_optimizer:
        # The stage's learning-rate schedule counts from there.
        plan[first] = dataclasses.replace(plan[first], begin=progress.stage.begin)
    return first, keeps_optimizer


def _new_progress(model: TrainableModel, stage: Stage, seed: int) -> Progress:
    """Progress of a new run, or of one that continues from weights only, with its history."""
    progress = Progress(epoch=model.epoch, step=0, stage=stage, seed=seed)
    path = state.path_in(model.log_dir)
    if model.epoch and model.distribution.is_chief and os.path.isfile(path):
        try:
            past = state.load_progress(path)
        except ValueError as error:
            logger.warning("continuing without the run's history: %s", error)
            return progress
        past.rewind_to(model.epoch)
        for name in ("monitor", "best", "best_epoch", "checkpoints", "history"):
            setattr(progress, name, getattr(past, name))
    return progress


def _load_result(model: TrainableModel, progress: Progress) -> None:
    why = "EARLY_STOPPING ended it" if progress.stopped_early else "there is nothing left to train"
    logger.warning("the run finished after epoch %d: %s", progress.epoch, why)
    if model.distribution.hosts > 1:
        # On JAX a single host cannot set weights, and the others may not have the file.
        logger.warning("with several hosts, the run's weights are not loaded: call load_weights()")
        return
    checkpoint = model.run_folder.checkpoint(progress.epoch)
    if os.path.isfile(checkpoint):
        model.keras_model.load_weights(checkpoint)
    else:
        state.restore(state.path_in(model.log_dir), model.keras_model, ["model"])
