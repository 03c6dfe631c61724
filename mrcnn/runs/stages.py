"""The stages of a training: which layers train, at which rate, and up to which epoch."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Stage:
    """Epochs `begin` to `end` (exclusive, counted from 0) that one optimizer trains.

    Attributes:
        layers: "heads", "3+", ... or a regular expression of layer names.
        learning_rate: float, at the beginning.
        begin, end: epochs.
    """

    layers: str
    learning_rate: float
    begin: int
    end: int

    def trains_as(self, other):
        """Whether the optimizer of this stage could go on in the `other`."""
        return (self.layers, self.learning_rate) == (other.layers, other.learning_rate)


def plan(layers, epochs, learning_rate, first_epoch=0):
    """The stages of one call of `train`.

    Args:
        layers, epochs: of one stage, or lists with an entry for each. Epochs count from the
            beginning of the run, so those of a list rise.
        learning_rate: of all stages, or a list with an entry for each.
        first_epoch: epochs that are done.

    Returns:
        list of `Stage`, those included that end by `first_epoch`.

    Raises:
        ValueError: the lists differ in length, are empty, or the epochs do not rise.
    """
    lists = [isinstance(value, list | tuple) for value in (layers, epochs)]
    several_rates = isinstance(learning_rate, list | tuple)
    if not any(lists) and not several_rates:
        return [Stage(layers, float(learning_rate), min(first_epoch, int(epochs)), int(epochs))]
    if not all(lists):
        raise ValueError(
            f"layers is {layers!r}, epochs is {epochs!r} and learning_rate is {learning_rate!r}: "
            "for several stages layers and epochs are both lists, such as layers=['heads', 'all'], "
            "epochs=[20, 30]."
        )
    rates = list(learning_rate) if several_rates else [learning_rate] * len(layers)
    if not layers or not len(layers) == len(epochs) == len(rates):
        raise ValueError(
            f"layers, epochs and learning_rate have {len(layers)}, {len(epochs)} and {len(rates)} "
            "entries: they need one each for every stage."
        )
    begins = [0, *epochs[:-1]]
    if any(begin >= end for begin, end in zip(begins, epochs, strict=True)):
        raise ValueError(
            f"epochs is {epochs!r}: they are the last epochs of the stages, counted from the "
            "beginning of the run, so they must rise."
        )
    return [
        Stage(layers, float(rate), min(max(int(begin), first_epoch), int(end)), int(end))
        for layers, rate, begin, end in zip(layers, rates, begins, epochs, strict=True)
    ]
