"""Whether and where a run goes on."""

import logging
import os
import zlib

from ..config import Config
from ..runs import folder as folders
from ..runs import state
from ..runs.record import as_json, is_same

logger = logging.getLogger(__name__)

# Settings that may change between two parts of a run: they do not change what it computes, or
# only say when it ends. (BATCH_SIZE is compared, not what it is made of.)
_FREE = {
    "GPU_COUNT", "HOST_COUNT", "IMAGES_PER_GPU", "LEARNING_RATE", "LOADER_WORKERS",
    "LOADER_PROCESSES", "XLA", "EARLY_STOPPING", "KEEP_CHECKPOINTS", "SAVE_EVERY_MINUTES",
}  # fmt: skip


def describe(config, train_dataset, val_dataset, augmentation, no_augmentation_sources):
    """What must stay the same while a run goes on, as plain values.

    Args:
        config: a `Config`.
        train_dataset, val_dataset, augmentation, no_augmentation_sources: see `MaskRCNN.train`.

    Returns:
        dict of name to value.
    """
    # A project's own additions, such as the path of its data, are its own affair.
    settings = {
        name: as_json(value)
        for name, value in config.to_dict().items()
        if name not in _FREE and (hasattr(Config, name) or name == "BATCH_SIZE")
    }
    return {
        **settings,
        "train_dataset": _images(train_dataset),
        "val_dataset": _images(val_dataset),
        "augmentation": None if augmentation is None else type(augmentation).__name__,
        "no_augmentation_sources": sorted(no_augmentation_sources or ()),
    }


def find_state(folder, model_dir):
    """The state to go on from: of the model's own run, or else of the last run of its NAME.

    Args:
        folder: `RunFolder` of the model.
        model_dir: folder of all runs.

    Returns:
        Path as str, or None.
    """
    own = state.path_in(folder.path)
    if os.path.isfile(own):
        return own
    if folder.epoch:
        # Weights of a run that has no state: another run would be a surprise.
        return None
    for other in reversed(folders.run_folders(model_dir, folder.name)):
        path = state.path_in(other)
        if os.path.isfile(path):
            return path
    return None


def is_over(progress, stages, config):
    """Whether a run is finished: all epochs are done, or EARLY_STOPPING has ended it.

    Args:
        progress: `Progress` of the run.
        stages: list of `Stage` of this call.
        config: a `Config`, for EARLY_STOPPING.
    """
    patience = config.EARLY_STOPPING
    if progress.stopped_early and stages[-1].trains_as(progress.stage):
        return patience is not None and progress.waited >= patience
    return stages[-1].end <= progress.epoch


def stage_to_go_on(progress, stages, described, path):
    """The stage in which a run goes on.

    Args:
        progress: `Progress` of the run.
        stages: list of `Stage` of this call.
        described: `describe` of this call.
        path: of the state, for the message.

    Returns:
        Index into `stages`, and whether the optimizer goes on too (otherwise the stage begins).

    Raises:
        ValueError: configuration or arguments differ from the run's; the message lists them.
    """
    index = next(i for i, stage in enumerate(stages) if stage.end > progress.epoch)
    stage, past = stages[index], progress.stage
    problems = [
        f"{name} is {described[name]!r}, it was {value!r}"
        for name, value in progress.described.items()
        if name in described and not is_same(described[name], value)
    ]
    past_is_over = progress.stopped_early or (progress.epoch >= past.end and not progress.step)
    begins = past_is_over and index > 0 and stage.begin == progress.epoch
    goes_on = stage.trains_as(past) and not begins
    if not goes_on and not past_is_over:
        pairs = (
            ("layers", stage.layers, past.layers),
            ("learning_rate", stage.learning_rate, past.learning_rate),
        )
        problems += [f"{name} is {new!r}, it was {old!r}" for name, new, old in pairs if new != old]
    if problems:
        raise ValueError(
            f"the run of {path} cannot be resumed, because it was begun with other settings:\n"
            + "".join(f"- {line}\n" for line in problems)
            + "Set them as they were; or call load_weights(find_last()) and train() without "
            "resume, which goes on from the weights alone."
        )
    return index, goes_on


def check_weights(epoch, progress, path):
    """See that no older weights are loaded than those that would be gone on from.

    Args:
        epoch: epochs that the weights have been trained.
        progress: `Progress` of the run.
        path: of the state, for the message.

    Raises:
        ValueError: they are.
    """
    if 0 < epoch < progress.epoch:
        raise ValueError(
            f"the weights are those after epoch {epoch}, but {path} is of epoch "
            f"{progress.epoch}: train() without resume goes on from the older weights; with "
            "resume=True do not load any."
        )


def _images(dataset):
    if dataset is None:
        return None
    infos = dataset.image_info
    names = "\n".join(f"{infos[i]['source']}.{infos[i]['id']}" for i in dataset.image_ids)
    return f"{len(dataset.image_ids)} images, ids {zlib.crc32(names.encode()):08x}"
