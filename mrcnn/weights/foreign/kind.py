"""What kind of model a file of another project holds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Shapes of a file's tensors by name.
Shapes = Mapping[str, tuple[int, ...]]


_MOST = 100


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    Attributes:
        project: "torchvision" or "detectron2", whose network and conventions it has.
        neck: "fpn", "c4" or "dc5"; None for a backbone alone.
        settings: of the network, by name, as far as they follow from the tensors' shapes.
    """

    project: str
    neck: str | None
    settings: dict[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        name = {"torchvision": "torchvision", "detectron2": "Detectron2"}[self.project]
        if self.neck is None:
            return f"a ResNet of {name}"
        return f"a model of {name} with {self.neck.upper()}"


def numbers_in(shapes: Shapes, pattern: str, first: int = 0, step: int = 1) -> range:
    """The consecutive numbers in names of a pattern: first, first + step, ... up to a gap.

    Args:
        shapes: by name.
        pattern: regular expression for a whole name, whose group is the number.
        first: number with which they begin.
        step: from each to the next.

    Returns:
        At most 100 numbers: no known network has more layers of a kind.

    Example:
        >>> from mrcnn.weights.foreign.kind import numbers_in
        >>> numbers_in({"layer1.0.bias": (1,), "layer1.2.bias": (1,)}, r"layer1\\.(\\d+)\\.bias")
        range(0, 1)
    """
    found = {match[1] for name in shapes if (match := re.fullmatch(pattern, name))}
    count = 0
    while count < _MOST and str(first + count * step) in found:
        count += 1
    return range(first, first + count * step, step)
