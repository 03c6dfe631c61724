"""What happened to each layer when a weights file was loaded."""

import dataclasses
import logging
import re
from typing import Any

from ..text import some

# How many mismatched layers an error lists; a change of classes or channels affects at most five.
_MAX_LISTED = 8
_BLOCK = re.compile(r"(res|bn)[2-5][a-z]+_branch")


@dataclasses.dataclass
class LoadReport:
    """The outcome of loading a file, by layer name.

    Attributes:
        path: the file.
        loaded: layers that received the file's values.
        excluded: layers that kept their values because they were excluded.
        missing: layers of the model that are not in the file; they kept their values.
        left_over: layers of the file that are not in the model.
        mismatched: layers whose shapes differ from the model's, and how.
        unknown_excludes: excluded names that match no layer of the model.
        notes: what else was done, such as reversing channels.
        kind: what another project's file holds, see `foreign.kind.Kind`; None for a file of ours.
    """

    path: str
    loaded: list[str] = dataclasses.field(default_factory=list)
    excluded: list[str] = dataclasses.field(default_factory=list)
    missing: list[str] = dataclasses.field(default_factory=list)
    left_over: list[str] = dataclasses.field(default_factory=list)
    mismatched: dict[str, str] = dataclasses.field(default_factory=dict)
    unknown_excludes: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    kind: Any = None

    def check(self, complete: bool = False, skip_mismatch: bool = False) -> None:
        """Raise ValueError if the model would not get the weights that its user expects.

        Args:
            complete, skip_mismatch: see `weights.load`.
        """
        if self.mismatched and not skip_mismatch:
            lines = [f"- {name}: {how}" for name, how in self.mismatched.items()]
            more = [f"- and {len(lines) - _MAX_LISTED} more"] if len(lines) > _MAX_LISTED else []
            raise ValueError(
                f"{self.path}: shapes disagree in {len(lines)} layers, nothing was loaded:\n"
                + "\n".join([*lines[:_MAX_LISTED], *more, self._advice()])
            )
        if not self.loaded:
            raise ValueError(
                f"{self.path}: no layer of the model got weights. The file has "
                f"{some(self.left_over)}; the model expects {some(self.missing)}."
            )
        if complete and self.missing:
            raise ValueError(
                f"{self.path} lacks {len(self.missing)} layers of the model: "
                f"{some(self.missing)}. Nothing was loaded; by_name=True loads what is there."
            )
        if complete and self.kind is not None and self.left_over:
            raise ValueError(
                f"{self.path} has {len(self.left_over)} layers that the model lacks: "
                f"{some(self.left_over)}. Without them, it would compute something else."
            )

    def _advice(self) -> str:
        """What to do about layers that do not fit."""
        if len(self.mismatched) <= _MAX_LISTED:
            names = ", ".join(repr(name) for name in self.mismatched)
            return (
                "To train them from scratch, for other classes or channels, pass "
                f"exclude=[{names}]."
            )
        return (
            "These are the weights of another network: the configuration must have the BACKBONE "
            "(or the SmallNetwork) and the widths that they were trained with. A run records them "
            "in the config.json of its folder."
        )

    def log(self, logger: logging.Logger) -> None:
        """Log to `logger`, with warnings for layers that kept their values unasked."""
        logger.info("%s", self)
        if self.missing:
            logger.warning(
                "%s: %d layers are not in the file and keep their values (random in a new model): "
                "%s",
                *(self.path, len(self.missing), some(self.missing)),
            )
        if self.mismatched:
            logger.warning("%s: mismatched, unchanged: %s", self.path, some(self.mismatched))
        blocks = [name for name in self.left_over if _BLOCK.match(name)]
        if self.kind is not None and blocks:
            logger.warning(
                "%s: %d layers of its backbone are not in the model's, and are left out: %s",
                *(self.path, len(blocks), some(blocks)),
            )
        if self.unknown_excludes:
            logger.warning("exclude matches no layer of the model: %s", self.unknown_excludes)

    def __str__(self) -> str:
        counts = (
            f"{self.path}: {len(self.loaded)} layers loaded, {len(self.excluded)} excluded, "
            f"{len(self.missing)} missing from the file, {len(self.left_over)} left over, "
            f"{len(self.mismatched)} with mismatched shapes"
        )
        return "; ".join([counts, *self.notes])
