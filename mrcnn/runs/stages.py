"""Training stages: which layers train, at which learning rate, and up to which epoch."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Stage:
    """Epochs `begin` to `end` (exclusive, counted from 0), trained by one optimizer.

    Attributes:
        layers: "heads", "3+", ... or a regular expression of layer names.
        learning_rate: float, the initial rate.
        begin, end: epochs.
    """

    layers: str
    learning_rate: float
    begin: int
    end: int

    def trains_as(self, other):
        """Whether this stage's optimizer could continue in the `other` stage."""
        return (self.layers, self.learning_rate) == (other.layers, other.learning_rate)


def plan(layers, epochs, learning_rate, first_epoch=0):
    """The stages of one call to `train`.

    Args:
        layers, epochs: those of a single stage, or lists with one entry per stage. Epochs count
            from the start of the run, so a list must be increasing.
        learning_rate: one for all stages, or a list with one entry per stage.
        first_epoch: number of finished epochs.

    Returns:
        list of `Stage`, including those that end by `first_epoch`.

    Raises:
        ValueError: the lists are empty or differ in length, or the epochs do not increase.
    """
    lists = [isinstance(value, list | tuple) for value in (layers, epochs)]
    several_rates = isinstance(learning_rate, list | tuple)
    if not any(lists) and not several_rates:
        return [Stage(layers, float(learning_rate), min(first_epoch, int(epochs)), int(epochs))]
    if not all(lists):
        raise ValueError(
            f"layers is {layers!r}, epochs is {epochs!r} and learning_rate is {learning_rate!r}: "
            "for several stages, layers and epochs must both be lists, such as "
            "layers=['heads', 'all'], epochs=[20, 30]."
        )
    rates = list(learning_rate) if several_rates else [learning_rate] * len(layers)
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
        Stage(layers, float(rate), min(max(int(begin), first_epoch), int(end)), int(end))
        for layers, rate, begin, end in zip(layers, rates, begins, epochs, strict=True)
    ]
