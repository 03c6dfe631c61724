"""The JSON file beside an exported model: what the graph does not say."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Config
from ..files.whole import replacing
from ..runs.settings import holds_objects, restored
from ..types import PathLike
from ..weights.card import Card, from_text, to_text

# Number of the layout of exported graphs and their sidecars.
VERSION = 1

# Far more than the settings and names of thousands of classes take.
_MAX_BYTES = 16 << 20

# Name of the sidecar in a model that is a folder.
_IN_FOLDER = "mask_rcnn.json"


@dataclasses.dataclass(frozen=True)
class Sidecar:
    """What is known about an exported model.

    Attributes:
        format: "savedmodel", "onnx", "openvino" or "litert".
        card: the model's `Card`; its `config` is what the graph was built with.
        input_shape: (batch, height, width, channels) of the graph's input; None where it is open.
        versions: of the packages that made it, by name.
    """

    format: str
    card: Card
    input_shape: tuple[int | None, ...]
    versions: dict[str, str] = dataclasses.field(default_factory=dict)

    def config(self, path: PathLike = "the exported model") -> Config:
        """The model's settings, without the network's own parts, which the graph holds.

        Args:
            path: of the model, for messages.

        Raises:
            ValueError: the settings cannot be used.
        """
        stored = dict(self.card.config or {})
        own = [name for name in stored.get("HEADS", ()) if not holds_objects(name)]
        stored["HEADS"] = list(dict.fromkeys(["box", *own]))
        plain = {name: value for name, value in stored.items() if not holds_objects(value)}
        config, channels = restored(plain, where=str(path)), self.input_shape[3]
        if channels != config.IMAGE_CHANNEL_COUNT:
            raise ValueError(
                f"{path}: its input has {channels} channels, but IMAGE_CHANNEL_COUNT is "
                f"{config.IMAGE_CHANNEL_COUNT}."
            )
        for name in ("MEAN_PIXEL", "PIXEL_STD"):
            value = getattr(config, name)
            try:
                np.broadcast_to(np.asarray(value, np.float64), channels)
            except ValueError as error:
                raise ValueError(
                    f"{path}: {name} is {value!r}: it must be a number for each of {channels} "
                    "channels."
                ) from error
        return config

    @property
    def custom_heads(self) -> list[str]:
        """Names of the heads that the package does not have."""
        return [str(name) for name in (self.card.config or {})["HEADS"] if holds_objects(name)]


def sidecar_of(path: PathLike) -> Path:
    """Path of the sidecar of an exported model: a folder's own, or a file's name plus ".json".

    Example:
        >>> from mrcnn.runtime.sidecar import sidecar_of
        >>> sidecar_of("cells.onnx").name
        'cells.onnx.json'
    """
    path = Path(path)
    return path / _IN_FOLDER if path.is_dir() else path.with_name(f"{path.name}.json")


def write_sidecar(path: PathLike, sidecar: Sidecar) -> None:
    """Write a sidecar.

    Args:
        path: of the sidecar.
        sidecar: its content.

    Raises:
        OSError: it cannot be written.
    """
    content = {
        "mask_rcnn": VERSION,
        "format": sidecar.format,
        "input": {"name": "image", "dtype": "float32", "shape": sidecar.input_shape},
        "versions": sidecar.versions,
        "model": json.loads(to_text(sidecar.card)),
    }
    with replacing(path) as part:
        part.write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_sidecar(path: PathLike) -> Sidecar:
    """What the sidecar of an exported model says.

    Args:
        path: of the model.

    Raises:
        FileNotFoundError: there is no such model, or no sidecar beside it.
        ValueError: the sidecar is damaged, or of another version.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: there is no such exported model.")
    beside = sidecar_of(path)
    if not beside.is_file():
        raise FileNotFoundError(
            f"{beside} is missing: it has the classes and settings of {path}, and export writes it "
            "beside the model. Copy both."
        )
    if beside.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{beside} is damaged: it has more than {_MAX_BYTES >> 20} MB.")
    try:
        content = json.loads(beside.read_bytes())
        version = content["mask_rcnn"]
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{beside} is damaged: {_reason(error)}.") from error
    if version != VERSION:
        raise ValueError(
            f"{path} was exported in layout {version!r}, but this version reads layout {VERSION}: "
            "export the model again."
        )
    try:
        shape = tuple(content["input"]["shape"])
        heads = content["model"]["config"]["HEADS"]
        if not isinstance(heads, list) or not all(isinstance(name, str) for name in heads):
            raise ValueError(f"its HEADS are {heads}")
        return Sidecar(
            format=_text(content["format"]),
            card=from_text(json.dumps(content["model"])),
            input_shape=_checked(shape),
            versions={str(name): str(value) for name, value in content["versions"].items()},
        )
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{beside} is damaged: {_reason(error)}.") from error


def _checked(shape: tuple[Any, ...]) -> tuple[int | None, ...]:
    is_side = [side is None or (type(side) is int and side > 0) for side in shape]
    if len(shape) != 4 or not all(is_side):
        raise ValueError(f"the input's shape is {shape}")
    return shape


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"its format is {value!r}")
    return value


def _reason(error: Exception) -> str:
    missing = f"it has no entry {error}" if isinstance(error, KeyError) else str(error)
    return missing or type(error).__name__
