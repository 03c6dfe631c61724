"""What a run was made of: its configuration, and the versions, devices and seed of each start.

model_dir / balloon20261120T1405 / config.json and starts.json
"""

import datetime
import importlib.metadata
import json
import logging
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np

from .. import __version__
from ..config import Config
from ..files.whole import replacing

logger = logging.getLogger(__name__)

CONFIG = "config.json"
STARTS = "starts.json"


def write(log_dir, config, seed, epoch=0, replicas=1, hosts=1, **arguments):
    """Write the configuration of a run, and add a start to its list.

    Args:
        log_dir: the run's folder, which exists.
        config: a `Config`. Where the run had another one before, the start says what changed.
        seed: int that the order of the images, augmentation and sampling follow from.
        epoch: epochs done before this start.
        replicas, hosts: how many devices train, and on how many hosts.
        arguments: what `train` was called with, such as learning_rate and layers.

    Raises:
        OSError: the folder cannot be written.
    """
    settings = {name: as_json(value) for name, value in config.to_dict().items()}
    start = {
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
            logger.warning("%s is %s, it was %s when the run began or went on", name, new, old)
    _write(log_dir, CONFIG, settings)
    _write(log_dir, STARTS, [*(_read(log_dir, STARTS, list) or []), start])


def claim(log_dir):
    """Take a folder for a run that begins, unless another run has it.

    Args:
        log_dir: folder, which exists.

    Returns:
        Whether it is taken. Of several processes that ask at once one gets it.

    Raises:
        OSError: the folder cannot be written.
    """
    try:
        with open(Path(log_dir) / STARTS, "x", encoding="utf-8") as file:
            file.write("[]\n")
    except FileExistsError:
        return False
    return True


def read_config(path, config_class=Config):
    """The configuration of a run.

    Args:
        path: of its `config.json`, or of its folder.
        config_class: the class that the run used. What JSON cannot hold, such as a function as
            BACKBONE, is the class's own.

    Returns:
        An instance of `config_class` with the settings of the run.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON object, or a setting is a function or an object that
            `config_class` does not have; the setting is named.
    """
    path = Path(path)
    path = path / CONFIG if path.is_dir() else path
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}.") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path} holds a {type(settings).__name__}: settings by name are expected")
    own, decoded = config_class().to_dict(), {}
    for name, value in settings.items():
        if isinstance(getattr(config_class, name, None), property):
            continue
        if name in own and is_same(as_json(own[name]), value):
            decoded[name] = own[name]
        elif isinstance(value, str) and value.startswith("<"):
            raise ValueError(
                f"{path}: {name} is {value}, which {config_class.__name__} does not have: give "
                "read_config() the class that the run used."
            )
        else:
            decoded[name] = _like(own.get(name), value)
    return config_class.from_dict(decoded)


def versions():
    """Versions of what a run depends on, by name: strings.

    `backend` is the name of Keras's, which has an entry of its own.
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


def as_json(value):
    """A setting's `value` as JSON holds it: arrays as lists, functions and objects by name."""
    if isinstance(value, np.ndarray | np.generic):
        return as_json(value.tolist())
    if isinstance(value, dict):
        return {str(key): as_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    kind = value if hasattr(value, "__qualname__") else type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"


def is_same(value, other):
    """Whether two settings are the same, as `as_json` gives them.

    What is ours is known by its name alone: it may have moved to another module since.

    Args:
        value, other: one of now, one of a file that may be older.
    """
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(is_same, value, other))
    if isinstance(value, str) and isinstance(other, str):
        names = [re.fullmatch(r"<mrcnn\.(?:\w+\.)*(\w+)>", text) for text in (value, other)]
        if all(names):
            return names[0][1] == names[1][1]
    return value == other


def _like(own, value):
    """A value from JSON in the type that the class has for it."""
    if isinstance(own, np.ndarray) and isinstance(value, list):
        return np.array(value)
    if isinstance(own, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):  # JSON has no numbers as keys, such as class ids
        return {int(key) if key.isdecimal() else key: entry for key, entry in value.items()}
    return value


def _changes(before, after):
    """Settings that differ: name to [old, new], None where there was or is none."""
    # A setting that came with a newer version, and is at its default, is no change.
    fresh = {n for n in after if n not in before and after[n] == as_json(getattr(Config, n, None))}
    names = sorted({*before, *after} - fresh)
    pairs = {name: [before.get(name), after.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if not is_same(*pair)}


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _devices():
    """Such as ["gpu:0", "gpu:1"]."""
    if keras.backend.backend() != "torch":  # which Keras does not ask
        return keras.distribution.list_devices()
    count = sys.modules["torch"].cuda.device_count()
    return [f"cuda:{index}" for index in range(count)] or ["cpu:0"]


def _commit():
    """The git commit of the script that runs, or None."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    folder = Path(script).resolve().parent if script else Path.cwd()
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def _read(log_dir, name, kind):
    """What a file of the folder holds, or None if there is none of that kind."""
    path = Path(log_dir) / name
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, kind):
        logger.warning("%s is not what was written there: it is begun anew", path)
        return None
    return content


def _write(log_dir, name, content):
    """Readable JSON: a line for each entry, lists of numbers on one line."""
    with replacing(Path(log_dir) / name) as part:
        part.write_text(_dump(content) + "\n", encoding="utf-8")


def _dump(content, indent=""):
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
