"""The settings of a server: plain values from the command line or the environment."""

import dataclasses
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

# Of an environment variable's name.
PREFIX = "MRCNN_"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How a server detects, and what it accepts.

    Attributes:
        model: name of a packaged model, or path of a weights file.
        name: of the model in addresses; "" takes it from `model`.
        token: that clients must send as `Authorization: Bearer TOKEN`; "" for none.
        min_score: objects with a lower score are left out unless a client asks for others; None is
            what the model recommends, or 0.5.
        lowest_score: objects with a lower score are not looked for; None is 0.5, or `min_score` if
            that is lower.
        max_instances: most objects in an image, or in a tile; None is the model's.
        channel, scale, object_size, tile, overlap: see `jobs.job.DetectJob`.
        settings: of the model's `Config`, to replace those in its file.
        batch: most images in a batch; None is 4 with a GPU, and 1 without.
        queue: most images that wait or are in work; further ones are refused.
        max_bytes: most bytes of an upload.
        max_pixels: most pixels of an image, height times width.
        seconds: within which a request must be answered, once it has arrived.
        body_seconds: within which a request must arrive.
        cache: images whose results are remembered.

    Raises:
        ValueError: a value is impossible.

    Example:
        >>> from mrcnn.serving.settings import ServerSettings
        >>> ServerSettings(model="logs/cells/best.h5").name
        'best'
    """

    model: str
    name: str = ""
    token: str = dataclasses.field(default="", repr=False)
    min_score: float | None = None
    lowest_score: float | None = None
    max_instances: int | None = None
    channel: str | None = None
    scale: float | None = None
    object_size: float | None = None
    tile: int | str | None = "auto"
    overlap: int | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    batch: int | None = None
    queue: int = 64
    max_bytes: int = 64 * 2**20
    max_pixels: int = 100_000_000
    seconds: float = 300.0
    body_seconds: float = 60.0
    cache: int = 16

    def __post_init__(self) -> None:
        name = self.name or PurePath(self.model.replace(":", "/")).stem
        object.__setattr__(self, "name", name)
        for field in ("queue", "max_bytes", "max_pixels", "seconds", "body_seconds"):
            value = getattr(self, field)
            if not value > 0:
                raise ValueError(f"{field} is {value}: it must be above 0.")
        for field in ("min_score", "lowest_score"):
            value = getattr(self, field)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{field} is {value}: it must be from 0 to 1.")
        if self.batch is not None and self.batch < 1:
            raise ValueError(f"batch is {self.batch}: it must be at least 1.")
        if self.cache < 0:
            raise ValueError(f"cache is {self.cache}: it must be at least 0.")


def of_environment(environment: Mapping[str, str]) -> ServerSettings:
    """The settings of a server that another program starts, such as gunicorn.

    Args:
        environment: its variables, such as `os.environ`: MRCNN_MODEL, MRCNN_TOKEN, MRCNN_MIN_SCORE
            and so on, one for each attribute but `settings`.

    Raises:
        ValueError: there is no MRCNN_MODEL, or a value is impossible.

    Example:
        >>> from mrcnn.serving.settings import of_environment
        >>> of_environment({"MRCNN_MODEL": "nuclei", "MRCNN_QUEUE": "8"}).queue
        8
    """
    given: dict[str, Any] = {}
    for field in dataclasses.fields(ServerSettings):
        variable = PREFIX + field.name.upper()
        text = environment.get(variable, "")
        if text and field.name != "settings":
            given[field.name] = _value(variable, text, str(field.type))
    if "model" not in given:
        raise ValueError(
            "MRCNN_MODEL is not set: it must name a model of `mrcnn models`, or a weights file."
        )
    return ServerSettings(**given)


def _value(variable: str, text: str, kind: str) -> Any:
    """The value that a text stands for, of a type such as "int | None"."""
    kinds = kind.replace("'", "").replace("<class ", "").replace(">", "").split(" | ")
    if text == "none" and "None" in kinds:
        return None
    for name, convert in (("int", int), ("float", float)):
        if name in kinds:
            try:
                return convert(text)
            except ValueError:
                if "str" not in kinds:
                    raise ValueError(f"{variable} is {text!r}: it must be a number.") from None
    return text
