"""A training run that is resumed: with the settings that it was started with, not with new ones."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from ..config import Config
from ..config_rules.derived import assign
from ..files.regular import regular_file
from ..runs import folder
from ..startup import start_quietly
from ..types import PathLike
from .python_lines import Lines, Name
from .start import Start


@dataclasses.dataclass
class Resumed(Start):
    """A run to resume, in place of the weights that it started from.

    Attributes:
        name, card: of the weights that the run started from.
        layers: of each stage, as the run was last started.
        folder: of the run.
        recorded: last epoch of each stage, as the run was last started.
    """

    folder: Path = Path()
    recorded: list[int] = dataclasses.field(default_factory=list)

    @property
    def settings(self) -> dict[str, Any]:
        """None: the run has recorded its settings."""
        return {}

    @classmethod
    def find(cls, origin: Start, logs: PathLike, run: str) -> "Resumed | None":
        """The latest run of a name that has a state to resume from; None if there is none.

        Args:
            origin: what the run started from.
            logs: folder of training runs.
            run: NAME of the run.

        Raises:
            ValueError: its records are damaged.
        """
        start_quietly()
        from ..runs import state

        for place in reversed(folder.run_folders(logs, run)):
            if Path(state.path_in(place)).is_file():
                layers, ends = _last_start(place)
                return cls(origin.name, origin.card, layers, place, ends)
        return None

    def config(self, settings: dict[str, Any]) -> Config:
        """The configuration of the run.

        Args:
            settings: the user's, which replace some of it.
        """
        start_quietly()
        from ..runs import record

        config = record.read_config(self.folder)
        assign(config, settings)
        return config

    def ends(self, epochs: int | None) -> list[int]:
        """The last epoch of each stage: as recorded, or `epochs` for the last stage."""
        return self.recorded if epochs is None else [*self.recorded[:-1], epochs]

    def load(self, model: Any) -> None:
        """Leave `model` as it is: training loads the run's state."""

    def add_config(self, lines: Lines) -> None:
        """Add the lines that make `config` to `lines`."""
        lines.use("mrcnn.runs.record", "read_config")
        lines.add("config = read_config", self.folder)
        lines.use("mrcnn.config_rules.derived", "assign")
        lines.add("assign", Name("config"), Name("settings"))

    def add_load(self, lines: Lines) -> None:
        """Add nothing to `lines`: training loads the run's state."""


def _last_start(place: Path) -> tuple[list[str], list[int]]:
    """Layers and last epoch of each stage, from a run's `starts.json`."""
    from ..runs import record

    path = place / record.STARTS
    try:
        starts = json.loads(regular_file(path).read_text(encoding="utf-8"))
        layers, epochs = (starts[-1]["arguments"][name] for name in ("layers", "epochs"))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{path} does not say how the run was started: resume it with --resume of the script "
            "that started it, or train without --resume."
        ) from error
    if isinstance(layers, str):
        return [layers], [int(epochs)]
    ends = [epochs] * len(layers) if isinstance(epochs, int) else epochs
    return list(layers), [int(end) for end in ends]
