"""Decide whether and where a run resumes."""

import logging
import os
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..config import Config
from ..datasets.dataset import Dataset
from ..datasets.prepared import prepared_ids
from ..runs import folder as folders
from ..runs import state
from ..runs.folder import RunFolder
from ..runs.record import as_json, is_same
from ..runs.stages import Stage
from ..runs.state import Progress
from ..types import PathLike

logger = logging.getLogger(__name__)

# Settings that may change when a run is resumed: they do not affect what it computes, or
# affect only when it ends. (BATCH_SIZE is compared, not its factors.)
_FREE = {
    "GPU_COUNT", "HOST_COUNT", "IMAGES_PER_GPU", "LEARNING_RATE", "LOADER_WORKERS",
    "LOADER_PROCESSES", "XLA", "EARLY_STOPPING", "KEEP_CHECKPOINTS", "SAVE_EVERY_MINUTES",
}  # fmt: skip


def describe(
    config: Config,
    train_dataset: Dataset,
    val_dataset: Dataset | None,
    augmentation: Any,
    no_augmentation_sources: Collection[str] | None,
) -> dict[str, Any]:
    """What must be the same when a run is resumed, as plain values.

    Args:
        config: the settings.
        train_dataset, val_dataset, augmentation, no_augmentation_sources: see `MaskRCNN.train`.

    Returns:
        Values by name.
    """
    # Settings that a project adds, such as its data path, may change freely.
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


def find_state(folder: RunFolder, model_dir: PathLike) -> str | None:
    """Find the state of the model's own run, or else of the last run with its NAME, to resume from.

    Args:
        folder: that of the model's run.
        model_dir: folder of all runs.

    Returns:
        Its path, or None.
    """
    own = state.path_in(folder.path)
    if os.path.isfile(own):
        return own
    if folder.epoch:
        # These weights belong to a run without a state: resuming another would be a surprise.
        return None
    for other in reversed(folders.run_folders(model_dir, folder.name)):
        path = state.path_in(other)
        if os.path.isfile(path):
            return path
    return None


def is_over(progress: Progress, stages: Sequence[Stage], config: Config) -> bool:
    """Whether a run is finished: all epochs are done, or EARLY_STOPPING ended it.

    Args:
        progress: that of the run.
        stages: those of this call.
        config: for EARLY_STOPPING.
    """
    patience = config.EARLY_STOPPING
    if progress.stopped_early and stages[-1].trains_as(progress.stage):
        return patience is not None and progress.waited >= patience
    return stages[-1].end <= progress.epoch


def stage_to_resume(
    progress: Progress, stages: Sequence[Stage], described: Mapping[str, Any], path: PathLike
) -> tuple[int, bool]:
    """The stage in which a run resumes.

    Args:
        progress: that of the run.
        stages: those of this call.
        described: result of `describe` for this call.
        path: path of the state, for the error message.

    Returns:
        Index into `stages`, and whether the optimizer is resumed too (otherwise it is a fresh one).

    Raises:
        ValueError: configuration or arguments differ from the run's; the message says which.
    """
    index = next(i for i, stage in enumerate(stages) if stage.end > progress.epoch)
    stage, past = stages[index], progress.stage
    problems = [
        f"{name} is {described[name]!r}, was {value!r}"
        for name, value in progress.described.items()
        if name in described and not is_same(described[name], value)
    ]
    past_is_over = progress.stopped_early or (progress.epoch >= past.end and not progress.step)
    is_new = past_is_over and index > 0 and stage.begin == progress.epoch
    keeps_optimizer = stage.trains_as(past) and not is_new
    if not keeps_optimizer and not past_is_over:
        pairs = (
            ("layers", stage.layers, past.layers),
            ("learning_rate", stage.learning_rate, past.learning_rate),
        )
        problems += [f"{name} is {new!r}, was {old!r}" for name, new, old in pairs if new != old]
    if problems:
        raise ValueError(
            f"the run in {path} cannot be resumed because it was started with different settings:\n"
            + "".join(f"- {line}\n" for line in problems)
            + "Restore these settings; or call load_weights(find_last()) and train() without "
            "resume, which continues from the weights only."
        )
    return index, keeps_optimizer


def check_weights(epoch: int, progress: Progress, path: PathLike) -> None:
    """Check that the loaded weights are not older than the state to resume from.

    Args:
        epoch: epochs that the weights have been trained for.
        progress: that of the run.
        path: path of the state, for the error message.

    Raises:
        ValueError: they are older.
    """
    if 0 < epoch < progress.epoch:
        raise ValueError(
            f"the loaded weights are from epoch {epoch}, but {path} is from epoch "
            f"{progress.epoch}: call train() without resume to continue from the older weights, "
            "or resume without loading any."
        )


def _images(dataset: Dataset | None) -> str | None:
    if dataset is None:
        return None
    ids, infos = prepared_ids(dataset), dataset.image_info
    names = "\n".join(f"{infos[i]['source']}.{infos[i]['id']}" for i in ids)
    return f"{len(ids)} images, ids {zlib.crc32(names.encode()):08x}"
