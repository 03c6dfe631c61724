"""What a run's weights files say about the model, see `weights.card`."""

import datetime
import logging
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..anchors.coverage import anchor_coverage
from ..config import Config
from ..config_rules.values import is_number
from ..datasets.dataset import Dataset
from ..datasets.prepared import prepared_ids
from ..runs import record
from ..runs.settings import stored
from ..types import PathLike
from ..weights.card import Card, read_card, to_text

logger = logging.getLogger(__name__)

# The objects of at most so many images are measured, for at most so many seconds.
_IMAGES, _SECONDS = 50, 10


def describe(
    keras_model: Any,
    config: Config,
    train_dataset: Dataset,
    val_dataset: Dataset | None = None,
    checkpoint: PathLike | None = None,
) -> None:
    """Set the `card` of a model that is about to be trained; a failure only causes a warning.

    Args:
        keras_model: a `GraphModel`, which writes its card into weights files.
        config: the settings.
        train_dataset, val_dataset: prepared `Dataset`s.
        checkpoint: the run's last weights file, if it continues; None for a new run.
    """
    try:
        card = _card(config, train_dataset, val_dataset)
        if name := _started_from(keras_model, checkpoint):
            card = card.with_provenance(started_from=name)
        to_text(card)
        keras_model.card = card
    except Exception as error:
        logger.warning("weights files will not say what the model was trained on: %s", error)


def after_epoch(card: Card, epoch: int) -> Card:
    """A run's card for the weights after `epoch`, counted from 1."""
    return card.with_provenance(epochs=epoch, date=_now())


def object_size(dataset: Dataset, config: Config) -> float | None:
    """The median side of a dataset's objects in the network's input.

    Args:
        dataset: a prepared `Dataset`, of which a few images are looked at; those that cannot be
            read are left out.
        config: how images are resized.

    Returns:
        The square root of the area of the objects' boxes, in pixels; None without objects.
    """
    ids = prepared_ids(dataset)
    chosen = ids[np.linspace(0, len(ids) - 1, min(len(ids), _IMAGES)).astype(int)]
    # Out of order, so that what time allows is spread over the dataset.
    order = np.random.default_rng(0).permutation(chosen)
    sides, start = [], time.monotonic()
    for image_id in order.tolist():
        try:
            sizes = anchor_coverage(dataset, config, [image_id]).sizes
        except Exception as error:
            logger.debug("image %d is left out of the objects' size: %s", image_id, error)
            continue
        sides.append(np.sqrt(sizes.prod(axis=1)))
        if time.monotonic() - start > _SECONDS:
            break
    every = np.concatenate(sides) if sides else np.zeros(0)
    return round(float(np.median(every)), 1) if every.size else None


def _card(config: Config, train_dataset: Dataset, val_dataset: Dataset | None) -> Card:
    score: Any = config.DETECTION_MIN_CONFIDENCE
    return Card(
        config=stored(config),
        class_names=[str(name) for name in train_dataset.class_names],
        object_size=object_size(train_dataset, config),
        # 0 keeps everything: that is no recommendation.
        min_score=float(score) if is_number(score) and score > 0 else None,
        provenance={
            "name": config.NAME,
            "date": _now(),
            "command": shlex.join(sys.orig_argv),
            "versions": record.versions(),
            "dataset": {
                "images": len(prepared_ids(train_dataset)),
                "validation_images": 0 if val_dataset is None else len(prepared_ids(val_dataset)),
                "sources": sorted({str(info["source"]) for info in train_dataset.image_info}),
            },
        },
    )


def _started_from(keras_model: Any, checkpoint: PathLike | None) -> Any:
    """The file whose weights a run started from, or None."""
    if checkpoint is not None and Path(checkpoint).is_file():
        return read_card(checkpoint).provenance.get("started_from")
    return getattr(keras_model, "loaded_from", None)


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")
