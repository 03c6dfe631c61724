"""Training stages: which layers train, at which learning rate, and up to which epoch."""

import dataclasses
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Stage:
    """Epochs `begin` to `end` (exclusive, counted from 0), trained by one optimizer.

    Attributes:
        layers: "heads", "3+", ... or a regular expression for layer names.
        learning_rate: the initial rate.
        begin, end: epochs.
    """

    layers: str
    learning_rate: float
    begin: int
    end: int

    def trains_as(self, other: "Stage") -> bool:
        """Whether this stage's optimizer could continue in the `other` stage."""
        return (self.layers, self.learning_rate) == (other.layers, other.learning_rate)


def plan(
    layers: str | Sequence[str],
    epochs: int | Sequence[int],
    learning_rate: float | Sequence[float],
    first_epoch: int = 0,
) -> list[Stage]:
    """The stages of one call to `train`.

    Args:
        layers, epochs: those of a single stage, or lists (or tuples) with one entry per stage.
            Epochs count from the start of the run, so a list must be increasing.
        learning_rate: one for all stages, or a list with one entry per stage.
        first_epoch: number of finished epochs.

    Returns:
        The stages, including those that end by `first_epoch`.

    Raises:
        ValueError: the lists are empty or differ in length, or the epochs do not increase.

    Example:
        >>> from mrcnn.runs.stages import plan
        >>> for stage in plan(["heads", "all"], epochs=[20, 30], learning_rate=[0.01, 0.001]):
        ...     print(stage.layers, stage.learning_rate, stage.begin, stage.end)
        heads 0.01 0 20
        all 0.001 20 30
    """
    lists = [isinstance(value, list | tuple) for value in (layers, epochs, learning_rate)]
    if not any(lists):
        return [_stage(layers, learning_rate, 0, epochs, first_epoch)]
    if not (isinstance(layers, list | tuple) and isinstance(epochs, list | tuple)):
        raise ValueError(
            f"layers is {layers!r}, epochs is {epochs!r} and learning_rate is {learning_rate!r}: "
            "for several stages, layers and epochs must both be lists, such as "
            "layers=['heads', 'all'], epochs=[20, 30]."
        )
    rates: Sequence[Any] = [learning_rate] * len(layers)
    if isinstance(learning_rate, list | tuple):
        rates = learning_rate
    if not layers or not len(layers) == len(epochs) == len(rates):
        raise ValueError(
            f"layers, epochs and learning_rate have {len(layers)}, {len(epochs)} and {len(rates)} "
            "entries: each needs one entry per stage."
        )
    begins = [0, *epochs[:-1]]
    if any(begin >= end for begin, end in zip(begins, epochs, strict=True)):
        raise ValueError(
            f"epochs is {epochs!r}: these are the last epochs of the stages, counted from the "
            "start of the run, so they must increase."
        )
    return [
        _stage(name, rate, begin, end, first_epoch)
        for name, rate, begin, end in zip(layers, rates, begins, epochs, strict=True)
    ]


def _stage(layers: Any, learning_rate: Any, begin: Any, end: Any, first_epoch: int) -> Stage:
    """A stage without the epochs that are finished."""
    end = int(end)
    return Stage(layers, float(learning_rate), min(max(int(begin), first_epoch), end), end)
