"""The configuration of a model that is made from a weights file alone."""

import copy
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config import Config
from ..config_rules.derived import assign, check_not_derived, is_read_only
from ..types import PathLike
from ..weights.card import Card
from .settings import CONFIG, holds_objects, restored

# What only training needs: detection has the default, whatever the run had.
_TRAINING_ONLY = (
    *("GPU_COUNT", "HOST_COUNT", "OPTIMIZER", "LOSS_WEIGHTS", "CLASS_WEIGHTS", "EMA", "MONITOR"),
    *("MIXED_PRECISION", "XLA", "LOADER_PROCESSES", "LOADER_WORKERS"),
)


def config_for(
    path: PathLike,
    card: Card,
    mode: str,
    config: Config | type[Config] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Config:
    """The configuration for a model that loads a weights file.

    Args:
        path: the file, for messages.
        card: the file's.
        mode: "training" or "inference".
        config: an instance, which is not changed, or a class; None: the card's. In inference mode,
            the card's gets one image at a time, and the defaults for what only training needs; its
            DETECTION_MIN_CONFIDENCE is the recommended score.
        settings: values that replace those of the configuration, by name.

    Returns:
        A new `Config`. In inference mode, it can detect: random crops for training become
        IMAGE_RESIZE_MODE "pad64".

    Raises:
        ValueError: the file has no configuration and none is given, it names functions or objects,
            or a setting is unknown.
        TypeError: `config` is neither a `Config` nor a class of them.
    """
    settings = dict(settings or {})
    if config is None:
        made = _of_card(path, card, mode, settings)
    elif isinstance(config, type) and issubclass(config, Config):
        made = config()
    elif isinstance(config, Config):
        made = copy.copy(config)
    else:
        raise TypeError(f"config is {config!r}: it must be a Config, or a class of them.")
    _check_names(made, settings)
    assign(made, settings)
    return _able_to_detect(made) if mode == "inference" else made


def _of_card(path: PathLike, card: Card, mode: str, settings: dict[str, Any]) -> Config:
    stored = card.config
    if stored is None:
        if "NUM_CLASSES" not in settings:
            raise ValueError(_no_config(path))
        stored = {"NAME": Path(path).stem}
    # What a subclass of Config added needs that class.
    stored = {n: v for n, v in stored.items() if hasattr(Config, n) or not holds_objects(v)}
    if mode == "inference":
        replaced = ("BATCH_SIZE", *_TRAINING_ONLY)
        stored = {name: value for name, value in stored.items() if name not in replaced}
        stored["IMAGES_PER_GPU"] = 1
        if card.min_score is not None:
            stored["DETECTION_MIN_CONFIDENCE"] = card.min_score
    stored = {name: value for name, value in stored.items() if name not in settings}
    advice = "pass config=, with the class that the run used"
    return restored(stored, where=str(path), advice=advice)


def _no_config(path: PathLike) -> str:
    """Why a file is not enough, and where its run's settings may be."""
    folder = Path(path).resolve().parent
    near = next((p for p in (folder / CONFIG, folder.parent / CONFIG) if p.is_file()), None)
    found = f" Its run's settings are in {near}." if near else ""
    return (
        f"{path} was written before 3.1: give --config (in Python, pass config=), because the file "
        f"does not say how its network is built.{found}"
    )


def _check_names(config: Config, settings: Mapping[str, Any]) -> None:
    """Check that each setting exists, in `Config` or in the class of `config`."""
    known = config.to_dict()
    for name in settings:
        if name not in known:
            close = difflib.get_close_matches(name.upper(), known, n=1)
            hint = f": did you mean {close[0]}?" if close else "."
            raise ValueError(f"{name} is not a setting of {type(config).__name__}{hint}")
        check_not_derived(name)
        if is_read_only(config, name):
            raise ValueError(f"{name} is computed by {type(config).__name__}: it cannot be set.")


def _able_to_detect(config: Config) -> Config:
    if config.IMAGE_RESIZE_MODE != "crop":
        return config
    # A random crop has the scale that padding to multiples of 64 has.
    changes = {"IMAGE_RESIZE_MODE": "pad64", "TRAIN_MIN_DIMS": None, "TRAIN_SCALE_JITTER": None}
    assign(config, changes)
    return config
