"""What became of each layer when a weights file was read."""

import dataclasses

from ..text import some

# Layers that disagree of which an error tells; other classes or channels are behind five at most.
_LISTED = 8


@dataclasses.dataclass
class LoadReport:
    """The outcome of loading a file, by layer name.

    Attributes:
        path: the file.
        loaded: layers that got the file's values.
        excluded: layers that kept theirs because they were excluded.
        missing: layers of the model that the file lacks; they kept their values.
        left_over: layers of the file that the model lacks.
        mismatched: dict of layer name to how its shapes disagree.
        unknown_excludes: excluded names that no layer of the model has.
        notes: what else was done.
    """

    path: str
    loaded: list = dataclasses.field(default_factory=list)
    excluded: list = dataclasses.field(default_factory=list)
    missing: list = dataclasses.field(default_factory=list)
    left_over: list = dataclasses.field(default_factory=list)
    mismatched: dict = dataclasses.field(default_factory=dict)
    unknown_excludes: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)

    def check(self, complete=False, skip_mismatch=False):
        """Raise ValueError if the model would not be what its user thinks it is.

        Args:
            complete, skip_mismatch: see `weights.load`.
        """
        if self.mismatched and not skip_mismatch:
            lines = [f"- {name}: {how}" for name, how in self.mismatched.items()]
            more = [f"- and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
            raise ValueError(
                f"{self.path}: shapes disagree in {len(lines)} layers, nothing was loaded:\n"
                + "\n".join([*lines[:_LISTED], *more, self._advice()])
            )
        if not self.loaded:
            raise ValueError(
                f"{self.path}: no layer of the model got weights. The file has "
                f"{some(self.left_over)}; the model wants {some(self.missing)}."
            )
        if complete and self.missing:
            raise ValueError(
                f"{self.path} lacks {len(self.missing)} layers of the model: "
                f"{some(self.missing)}. Nothing was loaded; by_name=True loads what is there."
            )

    def _advice(self):
        """What to do about the layers that do not fit."""
        if len(self.mismatched) <= _LISTED:
            names = ", ".join(repr(name) for name in self.mismatched)
            return (
                "If they are to start anew, for other classes or channels, pass "
                f"exclude=[{names}] and train them."
            )
        return (
            "These are the weights of another network: the configuration must have the BACKBONE "
            "(or the SmallNetwork) and the widths that they were trained with. Those of a run are "
            "in the config.json of its folder."
        )

    def log(self, logger):
        """Log to `logger`: a warning for what kept its values unasked, the rest as information."""
        logger.info("%s", self)
        if self.missing:
            logger.warning(
                "%s: %d layers are not in the file and keep the values they have, in a new model "
                "random ones: %s",
                *(self.path, len(self.missing), some(self.missing)),
            )
        if self.mismatched:
            logger.warning("%s: mismatched, unchanged: %s", self.path, some(self.mismatched))
        if self.unknown_excludes:
            logger.warning("exclude names no layer of the model: %s", self.unknown_excludes)

    def __str__(self):
        counts = (
            f"{self.path}: {len(self.loaded)} layers loaded, {len(self.excluded)} excluded, "
            f"{len(self.missing)} missing in the file, {len(self.left_over)} left over, "
            f"{len(self.mismatched)} with other shapes"
        )
        return "; ".join([counts, *self.notes])
