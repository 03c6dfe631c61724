"""A run of training from its first stage to its last, begun or gone on with."""

import dataclasses
import logging
import os

import keras

from . import checkpoints, hosts, resume, run_record, stages, train_state, training
from .callbacks.interruption import Interruption
from .callbacks.state import publish
from .loader import BatchSequence
from .replica_fit import ReplicaTrainer
from .text import log
from .train_state import Progress

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class Run:
    """What belongs together while a run trains.

    Attributes:
        model: `MaskRCNN` in training mode.
        stages: list of `Stage`.
        progress: `Progress`.
        train_batches, val_batches: `BatchSequence`s; `val_batches` may be None.
        val_dataset: for the average precision, or None.
        custom_callbacks: the user's own.
        interruption: `Interruption`.
    """

    model: object
    stages: list
    progress: Progress
    train_batches: BatchSequence
    val_batches: BatchSequence | None
    val_dataset: object
    custom_callbacks: list
    interruption: Interruption

    @property
    def config(self):
        """The `Config`."""
        return self.model.config

    @property
    def distribution(self):
        """The devices, see `distribution.choose`."""
        return self.model.distribution

    @property
    def state_path(self):
        """Path of the file with the state."""
        return train_state.path_in(self.model.log_dir)

    def last_saved(self):
        """Path of the last checkpoint, or None."""
        epochs = self.progress.checkpoints
        return checkpoints.path_of(self.model.checkpoint_path, epochs[-1]) if epochs else None


def train(
    model,
    train_dataset,
    val_dataset,
    learning_rate,
    epochs,
    layers,
    augmentation=None,
    custom_callbacks=None,
    no_augmentation_sources=None,
    resume_run=False,
):
    """Train; see `MaskRCNN.train`."""
    config = model.config
    _check_config(config)
    described = resume.describe(
        config, train_dataset, val_dataset, augmentation, no_augmentation_sources
    )
    is_chief = model.distribution.is_chief
    progress = _begin_resume(model) if resume_run and is_chief else None
    arguments = {"learning_rate": learning_rate, "epochs": epochs, "layers": layers}
    progress, seed = hosts.begin(model, progress, described, arguments)
    is_resumed = progress is not None
    # `model.epoch` is that of the run by now.
    plan = stages.plan(layers, epochs, learning_rate, model.epoch)
    for stage in plan:
        model.set_trainable(regex(stage), verbose=0)  # a wrong name of the last stage fails here
    if is_resumed and resume.is_over(progress, plan, config):
        _load_result(model, progress)
        return
    if not is_resumed and plan[-1].end <= model.epoch:
        logger.warning(
            "epoch %d is done already: nothing to train to %d", model.epoch, plan[-1].end
        )
        return
    first, goes_on = _first_stage(model, progress, plan, described)
    train_batches, val_batches = training.batches(
        config,
        train_dataset,
        val_dataset,
        augmentation,
        no_augmentation_sources,
        seed=seed,
        share=(model.distribution.host, model.distribution.hosts),
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
        )
        if is_chief:
            checkpoints.make_writable(model.log_dir)
            checkpoints.remove_parts(model.log_dir)
            _record(run, **arguments, resume=resume_run)
        with run.interruption, run.distribution.run_scope():
            _train_stages(run, first, is_resumed, goes_on)
        if run.interruption.wished is not None:
            run.interruption.grant()
            run.interruption.end()
    finally:
        for part in filter(None, (train_batches, val_batches)):
            part.close()


def _record(run, **arguments):
    """Write down what the run is made of; that it fails is no reason not to train."""
    log_dir, progress = run.model.log_dir, run.progress
    try:
        run_record.write(
            log_dir, run.config, progress.seed, progress.epoch, run.distribution, **arguments
        )
    except Exception as error:
        logger.warning("the records of the run in %s are not complete: %s", log_dir, error)


def _check_config(config):
    if not config.USE_RPN_ROIS:
        raise ValueError(
            "USE_RPN_ROIS is False: train() has no RoIs to give. Use keras_model.fit() with "
            "data_generator(..., random_rois=POST_NMS_ROIS_TRAINING), or set it to True."
        )


def regex(stage):
    """The regular expression of the layers of a stage."""
    return training.LAYER_REGEX.get(stage.layers, stage.layers)


def _begin_resume(model):
    """The progress of the run that is gone on with, to which the model then belongs, or None."""
    path = resume.find_state(model)
    if path is None:
        log(f"\nThere is no run of {model.config.NAME!r} to resume: a new one begins.")
        return None
    progress = train_state.load_progress(path)
    resume.check_weights(model, progress, path)
    template = checkpoints.template(os.path.dirname(path), model.config.NAME)
    model.set_log_dir(checkpoints.path_of(template, progress.epoch))
    log(f"\nGoing on in {model.log_dir} after {train_state.position(progress)}.")
    return progress


def _first_stage(model, progress, plan, described):
    """Index of the stage to begin with, and whether its optimizer goes on; see `resume`."""
    if progress is None:
        return next(index for index, stage in enumerate(plan) if stage.end > model.epoch), False
    path = train_state.path_in(model.log_dir)
    first, goes_on = resume.stage_to_go_on(progress, plan, described, path)
    progress.stopped_early = False
    if goes_on:
        # The schedule of its learning rate counts from there.
        plan[first] = dataclasses.replace(plan[first], begin=progress.stage.begin)
    return first, goes_on


def _new_progress(model, stage, seed):
    """Of a run that begins, or that goes on from the weights alone with its history."""
    progress = Progress(epoch=model.epoch, step=0, stage=stage, seed=seed)
    path = train_state.path_in(model.log_dir)
    if model.epoch and model.distribution.is_chief and os.path.isfile(path):
        try:
            past = train_state.load_progress(path)
        except ValueError as error:
            logger.warning("going on without the history of the run: %s", error)
            return progress
        past.back_to(model.epoch)
        for name in ("monitor", "best", "best_epoch", "checkpoints", "history"):
            setattr(progress, name, getattr(past, name))
    return progress


def _load_result(model, progress):
    checkpoint = checkpoints.path_of(model.checkpoint_path, progress.epoch)
    if model.distribution.is_chief and os.path.isfile(checkpoint):
        model.keras_model.load_weights(checkpoint)
    elif model.distribution.is_chief:
        train_state.restore(train_state.path_in(model.log_dir), model.keras_model, ["model"])
    model.distribution.broadcast_variables(model.keras_model.variables)
    why = "EARLY_STOPPING ended it" if progress.stopped_early else "there is nothing left to train"
    logger.warning("the run is finished after epoch %d: %s", progress.epoch, why)


def _train_stages(run, first, is_resumed, goes_on):
    model, progress = run.model, run.progress
    history = keras.callbacks.History()
    for past in progress.history:
        for name, value in past.items():
            if name != "epoch":
                history.history.setdefault(name, []).append(value)
    _restore(run, ["model"], from_file=is_resumed)
    if is_resumed and run.distribution.is_chief:
        publish(model.checkpoint_path, progress, run.config.KEEP_CHECKPOINTS)
    for index, stage in enumerate(run.stages[first:], first):
        if index > first and training.averages(model.keras_model):
            # `fit` has left the averages; the next stage trains what this one trained.
            _restore(run, ["model"])
        model.set_trainable(regex(stage))
        # A subclass may have a `compile` of the two arguments that the reference gives it.
        has_schedule = run.config.LR_SCHEDULE != "constant"
        schedule = {"epochs": stage.end, "first_epoch": stage.begin} if has_schedule else {}
        model.compile(stage.learning_rate, run.config.LEARNING_MOMENTUM, **schedule)
        with run.distribution.scope():
            model.keras_model.optimizer.build(model.keras_model.trainable_variables)
        if index == first and goes_on:
            _restore(run, ["optimizer"])
        else:
            progress.waited = 0
        progress.stage = stage
        chosen = training.callbacks(run, is_last_stage=stage is run.stages[-1])
        if index == first and not is_resumed and run.distribution.is_chief:
            train_state.save(run.state_path, model.keras_model, progress)
        if run.distribution.is_chief:
            log(f"\nStarting at epoch {progress.epoch}. LR={stage.learning_rate}\n")
            log(f"Checkpoint Path: {model.checkpoint_path}")
            if run.config.KEEP_CHECKPOINTS:
                log(f"The last {run.config.KEEP_CHECKPOINTS} and the best of them are kept.")
        _fit(run, stage, [*chosen, history])
        if model.keras_model.stop_training:
            break
    if progress.best_epoch and run.distribution.is_chief:
        log(f"\nBest {progress.monitor}: {progress.best:.4f} after epoch {progress.best_epoch}.")


def _fit(run, stage, callbacks):
    """The epochs of a stage; one that had begun has a `fit` of its own, with fewer batches."""
    model, progress, sequence = run.model.keras_model, run.progress, run.train_batches
    replicas = None
    if run.distribution.strategy:
        replicas = ReplicaTrainer(model, run.distribution, run.config.BATCH_SIZE)
    while progress.epoch < stage.end:
        sequence.skipped = progress.step
        last = progress.epoch + 1 if progress.step else stage.end
        options = {
            "initial_epoch": progress.epoch,
            "epochs": last,
            "callbacks": callbacks,
            "verbose": int(run.distribution.is_chief),
        }
        if replicas:
            replicas.fit(sequence, validation_data=run.val_batches, **options)
        else:
            model.fit(
                training.feed(sequence, model),
                shuffle=False,  # the sequence has shuffled them, by its seed
                validation_data=training.feed(run.val_batches, model),
                **options,
            )
        if model.stop_training:
            return
        if progress.epoch < stage.end and training.averages(model):
            # `fit` has left the averages; what follows trains the weights that it trained.
            _restore(run, ["model", "optimizer"])


def _restore(run, kinds, from_file=True):
    """Variables from the state, all hosts those of the chief; without a file, as it has them."""
    model, distribution = run.model.keras_model, run.distribution
    if distribution.hosts == 1:
        if from_file:
            train_state.restore(run.state_path, model, kinds)
        return
    for kind in kinds:
        reads = from_file and distribution.is_chief
        values = train_state.read(run.state_path, model, kind) if reads else None
        distribution.broadcast_variables(train_state.variables(model)[kind], values)
