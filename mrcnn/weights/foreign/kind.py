"""What kind of model a file of another project holds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Shapes of a file's tensors by name.
Shapes = Mapping[str, tuple[int, ...]]


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


def count_of(shapes: Shapes, pattern: str) -> int:
    """One more than the largest number in names of a pattern; 0 if no name has it.

    Args:
        shapes: by name.
        pattern: regular expression for a whole name, whose group is the number.

    Example:
        >>> from mrcnn.weights.foreign.kind import count_of
        >>> count_of({"layer1.0.bias": (1,), "layer1.2.bias": (1,)}, r"layer1\\.(\\d+)\\.bias")
        3
    """
    found = (re.fullmatch(pattern, name) for name in shapes)
    return max((int(match[1]) for match in found if match), default=-1) + 1
