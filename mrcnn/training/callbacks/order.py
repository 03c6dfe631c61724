"""The callbacks of a run, and the metric that decides its best epoch."""

import functools
import importlib.util
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras

from ..averaging import with_averages
from . import record
from .finite import StopIfNotFinite
from .in_step import Agree, Follow
from .progress import ProgressBar
from .state import SaveState, SaveWeights
from .tensorboard import TensorBoard
from .validation import MEAN_IOU, ValidateAP

if TYPE_CHECKING:
    from ..trainer import Run

logger = logging.getLogger(__name__)


def callbacks(run: "Run", is_last_stage: bool = True) -> list[keras.callbacks.Callback]:
    """All callbacks of a run, in the order in which Keras calls them.

    First come those that add to the logs, with the averaged weights in the model if there are any;
    then those that write logs and weights; then the user's own; and last the one that saves the
    state of the run, including what all the others have done. With several hosts, all but the chief
    have only the callbacks that keep them in step with it.

    Args:
        run: see `trainer.Run`; the metric that decides the best epoch is set in its progress.
        is_last_stage: whether EARLY_STOPPING applies.

    Raises:
        ValueError: one of the user's callbacks is a ModelCheckpoint of the whole model, which would
            fail; or EARLY_STOPPING has nothing to watch.
    """
    custom = list(run.custom_callbacks)
    for callback in custom:
        if isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_weights_only:
            raise ValueError(
                f"ModelCheckpoint({callback.filepath!r}) would save the whole model: pass "
                "save_weights_only=True and a path that ends in .weights.h5."
            )
    log_dir = run.folder.path
    finite = StopIfNotFinite(run.train_batches, run.last_saved)
    set_epoch = keras.callbacks.LambdaCallback(on_epoch_begin=run.train_batches.set_epoch)
    if not run.distribution.is_chief:
        return [set_epoch, finite, *with_averages([]), Agree(run), Follow(run)]
    validation = _validation(run)
    run.progress.watch(*_monitors(run, validation))
    has_others = run.distribution.hosts > 1
    return [
        set_epoch,
        finite,
        *with_averages(
            [
                *validation,
                *_tensorboard(log_dir),
                *record.callbacks(log_dir, run.train_batches),
                SaveWeights(run.folder.checkpoint_path),
                *custom,
            ]
        ),
        ProgressBar(run.train_batches, run.progress.stage.end),
        *([Agree(run)] if has_others else []),
        SaveState(run, finite, custom, is_last_stage),
        *([Follow(run)] if has_others else []),
    ]


def _validation(run: "Run") -> list[ValidateAP]:
    """List with the callback that measures the AP; empty if there is none."""
    if run.val_dataset is None or not run.config.VALIDATION_EVERY:
        return []
    names = run.val_dataset.class_names
    show = functools.partial(record.draw_predictions, run.folder.path, class_names=names)
    last_epoch = run.stages[-1].end
    validation = ValidateAP(run.val_dataset, run.config, show=show, last_epoch=last_epoch)
    validation.set_model(run.model.keras_model)
    validation.values = last_metrics(run.progress.history)
    return [validation]


def _monitors(run: "Run", validation: list[ValidateAP]) -> tuple[str | None, str | None]:
    """The metric for the best epoch, and a fallback if it is not a number; each may be None."""
    config = run.config
    if config.MONITOR is not None:
        return config.MONITOR, None
    loss = "val_loss" if run.val_batches is not None else None
    if validation and len(validation[0].image_ids):
        return f"val_{validation[0].kinds[-1]}_AP", loss
    if config.EARLY_STOPPING and loss is None:
        raise ValueError(
            f"EARLY_STOPPING is {config.EARLY_STOPPING}, but there is nothing to watch: pass a "
            "val_dataset, or set MONITOR to 'loss'."
        )
    return loss, None


def last_metrics(history: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The metrics of detection of the last epoch in `history`, by name without "val_".

    Example:
        >>> from mrcnn.training.callbacks.order import last_metrics
        >>> last_metrics([{"epoch": 1, "loss": 1.5, "val_bbox_AP": 0.25}])
        {'bbox_AP': 0.25}
    """
    last = history[-1] if history else {}
    starts = ("val_bbox_", "val_segm_", "val_keypoints_", f"val_{MEAN_IOU}")
    return {name[4:]: value for name, value in last.items() if name.startswith(starts)}


def _tensorboard(log_dir: str) -> list[keras.callbacks.Callback]:
    if importlib.util.find_spec("tensorflow") and importlib.util.find_spec("tensorboard"):
        return [TensorBoard(log_dir, write_graph=False)]
    logger.warning("no TensorBoard logs: tensorflow or tensorboard is not installed")
    return []
