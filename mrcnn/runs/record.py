"""A run's record: its configuration, and the versions, devices and seed of each start.

model_dir / balloon20261120T1405 / config.json and starts.json
"""

import datetime
import importlib.metadata
import json
import logging
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeVar, overload

import keras
import numpy as np

from .. import __version__
from ..config import Config
from ..files.regular import regular_file
from ..files.whole import replacing
from ..types import PathLike
from .settings import CONFIG, as_json, is_same, restored

logger = logging.getLogger(__name__)

STARTS = "starts.json"

_Config = TypeVar("_Config", bound=Config)


def write(
    log_dir: PathLike,
    config: Config,
    seed: int,
    epoch: int = 0,
    replicas: int = 1,
    hosts: int = 1,
    **arguments: Any,
) -> None:
    """Write a run's configuration, and add an entry to its list of starts.

    Args:
        log_dir: the run's folder, which must exist.
        config: the settings. If the run had different ones before, the entry lists the changes.
        seed: determines the order of the images, augmentation and sampling.
        epoch: number of epochs finished before this start.
        replicas, hosts: how many devices train, and on how many hosts.
        arguments: what `train` was called with, such as learning_rate and layers.

    Raises:
        OSError: the folder cannot be written.
    """
    settings = {name: as_json(value) for name, value in config.to_dict().items()}
    start: dict[str, Any] = {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "epochs_done": epoch,
        "seed": int(seed),
        "arguments": as_json(arguments),
        "command": shlex.join(sys.orig_argv),
        "commit": _commit(),
        "devices": _devices(),
        "replicas": replicas,
        "hosts": hosts,
        "versions": versions(),
    }
    before = _read(log_dir, CONFIG, dict)
    if before is not None:
        start["changed"] = _changes(before, settings)
        for name, (old, new) in start["changed"].items():
            logger.warning("%s is %s; it was %s when the run was last started", name, new, old)
    _write(log_dir, CONFIG, settings)
    _write(log_dir, STARTS, [*(_read(log_dir, STARTS, list) or []), start])


def claim(log_dir: PathLike) -> bool:
    """Claim a folder for a new run, unless another run has it.

    Args:
        log_dir: the folder, which must exist.

    Returns:
        Whether the claim succeeded. If several processes try at the same time, only one succeeds.

    Raises:
        OSError: the folder cannot be written.
    """
    try:
        with open(Path(log_dir) / STARTS, "x", encoding="utf-8") as file:
            file.write("[]\n")
    except FileExistsError:
        return False
    return True


@overload
def read_config(path: PathLike) -> Config: ...


@overload
def read_config(path: PathLike, config_class: type[_Config]) -> _Config: ...


def read_config(path: PathLike, config_class: type[Config] = Config) -> Config:
    """The configuration of a run.

    Args:
        path: the run's `config.json`, or its folder.
        config_class: the class that the run used. It supplies what JSON cannot hold, such as a
            BACKBONE function.

    Returns:
        An instance of `config_class` with the run's settings.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a JSON object, or a setting is a function or an object that
            `config_class` does not have; the message names the setting.

    Example:
        >>> from pathlib import Path
        >>> from mrcnn.runs.record import read_config
        >>> _ = Path("config.json").write_text('{"NAME": "cells", "NUM_CLASSES": 2}')
        >>> read_config("config.json").NAME
        'cells'
    """
    path = Path(path)
    path = path / CONFIG if path.is_dir() else path
    try:
        settings = json.loads(regular_file(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path} holds a {type(settings).__name__}: it must hold settings by name")
    advice = "pass read_config() the class that the run used"
    return restored(settings, config_class, where=str(path), advice=advice)


def versions() -> dict[str, str | None]:
    """Versions of the software that a run depends on, by name; None if it is not installed.

    `backend` is the name of the Keras backend, which has its own entry.
    """
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "mask-rcnn": __version__,
        "keras": keras.__version__,
        "backend": backend,
        backend: getattr(sys.modules.get(backend), "__version__", "unknown"),
        "numpy": np.__version__,
        **{name: _version(name) for name in ("scikit-image", "opencv-python", "imgaug")},
    }


def _changes(before, after):
    """Settings that differ: name to [old, new], with None for a missing one."""
    # A setting that a newer version added is not a change while it has its default.
    fresh = {n for n in after if n not in before and after[n] == as_json(getattr(Config, n, None))}
    names = sorted({*before, *after} - fresh)
    pairs = {name: [before.get(name), after.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if not is_same(*pair)}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _devices() -> list[str]:
    """Names of the devices, such as ["gpu:0", "gpu:1"]."""
    if keras.backend.backend() != "torch":  # whose devices Keras does not list
        return keras.distribution.list_devices()
    count = sys.modules["torch"].cuda.device_count()
    return [f"cuda:{index}" for index in range(count)] or ["cpu:0"]


def _commit() -> str | None:
    """The git commit of the running script, or None."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    folder = Path(script).resolve().parent if script else Path.cwd()
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def _read(log_dir, name, kind):
    """The content of a file in the folder if it is of this kind, else None."""
    path = Path(log_dir) / name
    if not path.exists():
        return None
    try:
        content = json.loads(regular_file(path).read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, kind):
        logger.warning("%s is damaged: replacing it with a new one", path)
        return None
    return content


def _write(log_dir: PathLike, name: str, content: Any) -> None:
    """Write readable JSON: one line per entry, lists of numbers on one line."""
    with replacing(Path(log_dir) / name) as part:
        part.write_text(_dump(content) + "\n", encoding="utf-8")


def _dump(content: Any, indent: str = "") -> str:
    inner = indent + "  "
    nested = isinstance(content, dict) or (
        isinstance(content, list) and any(isinstance(entry, dict) for entry in content)
    )
    if not nested or not content:
        return json.dumps(content, ensure_ascii=False)
    if isinstance(content, dict):
        entries = [f"{json.dumps(key)}: {_dump(value, inner)}" for key, value in content.items()]
    else:
        entries = [_dump(entry, inner) for entry in content]
    opening, closing = "{}" if isinstance(content, dict) else "[]"
    return f"{opening}\n" + ",\n".join(inner + entry for entry in entries) + f"\n{indent}{closing}"
