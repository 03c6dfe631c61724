"""What to detect, how, and which files to write: plain values that go to other processes."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ..images.projections import check_projection
from ..inference.tiles import check_tiles
from ..results.kinds import KINDS
from ..types import PathLike


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DetectJob:
    """Detection in many images.

    Attributes:
        model: name of a packaged model, or path of a weights file.
        out: folder for the results.
        kinds: of files to write, names in `results.kinds.KINDS`.
        settings: of the model's `Config`, to replace those in its file.
        min_score: objects with a lower score are left out; None is what the model recommends.
        max_instances: of an image, or of a tile; None is the model's.
        classes: names of the classes to keep; empty for all.
        tile: side of the tiles in pixels of the image; None for whole images; "auto" takes tiles
            where an image is too large.
        overlap: of the tiles in pixels; None is an eighth of their side, and at least two objects.
        channel: the channel to use as gray, its index from 0 or its name; None for all.
        plane: of a stack, from 0; None if there is only one.
        projection: of a stack, see `images.projections`; None for none.
        scale: factor by which images are enlarged on top of what the model does by itself.
        object_size: median side of the objects in pixels of the image. The scale is chosen so that
            they look as large as those that the model was trained on.

    Raises:
        ValueError: a value is impossible, or two exclude each other.
    """

    model: str
    out: PathLike
    kinds: tuple[str, ...] = ("csv", "overlay")
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    min_score: float | None = None
    max_instances: int | None = None
    classes: tuple[str, ...] = ()
    tile: int | Literal["auto"] | None = "auto"
    overlap: int | None = None
    channel: str | None = None
    plane: int | None = None
    projection: str | None = None
    scale: float | None = None
    object_size: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "out", Path(self.out).expanduser())
        object.__setattr__(self, "kinds", tuple(self.kinds))
        object.__setattr__(self, "classes", tuple(self.classes))
        for kind in self.kinds:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is no kind of file: it must be {', '.join(KINDS)}.")
        if not self.kinds:
            raise ValueError(f"no kind of file is given: choose from {', '.join(KINDS)}.")
        check_projection(self.projection)
        for one, other in (("scale", "object_size"), ("plane", "projection")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"{one} and {other} exclude each other: give one of them.")
        for name in ("scale", "object_size"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}: it must be above 0.")
        if isinstance(self.tile, int) and self.overlap is not None:
            check_tiles(self.tile, self.overlap)

    def recipe(self, digest: str) -> dict[str, Any]:
        """Whatever decides about the results, in JSON types; what is not given is left out.

        Args:
            digest: of the weights file.
        """
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del values["out"], values["kinds"]
        # The same weights by another path are the same model.
        values |= {"model": f"{Path(self.model).name} ({digest[:8]})", "digest": digest}
        given = {name: value for name, value in values.items() if value not in (None, (), {})}
        return json.loads(json.dumps(given, default=_plain))


def _plain(value: Any) -> Any:
    """An array, a function or an object of a setting, the same in every process."""
    if hasattr(value, "tolist"):
        return value.tolist()
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
