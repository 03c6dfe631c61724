"""Tables of a network's layers: which tensors of another project make which layer of ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...types import Array
from . import layouts
from .layouts import Cells, Changes, Dense, Kernel


@dataclass(frozen=True)
class Part:
    """One variable of a layer.

    Attributes:
        name: of the other project's tensor.
        changes: that make it ours.
        default: the value of all its entries in a file that lacks it, as files with Caffe2's names
            may; None if it may not.
    """

    name: str
    changes: Changes = ()
    default: float | None = None

    @property
    def dimensions(self) -> int:
        """Number of axes of the tensor, a scalar."""
        last = self.changes[-1] if self.changes else None
        return 4 if isinstance(last, Kernel) else 2 if isinstance(last, Dense | Cells) else 1

    def ours(self, tensor: Array) -> Array:
        """The variable, in its shape here.

        Args:
            tensor: the other project's, in its shape there.
        """
        return layouts.ours(self.changes, tensor)

    def theirs(self, array: Array) -> Array:
        """The other project's tensor, in its shape there.

        Args:
            array: the variable, in its shape here.
        """
        return layouts.theirs(self.changes, array)


# Parts by the name of our layer, each list in the order of the layer's variables.
Table = dict[str, list[Part]]


def convolution(name: str, bias: bool = True, rows: Changes = ()) -> list[Part]:
    """A convolution, or a transposed one.

    Args:
        name: of the module, whose tensors are `name.weight` and `name.bias`.
        bias: whether it has one.
        rows: changes of the filters' order, for kernel and bias.
    """
    kernel = Part(f"{name}.weight", (*rows, Kernel()))
    return [kernel, Part(f"{name}.bias", rows)] if bias else [kernel]


def dense(name: str, rows: Changes = ()) -> list[Part]:
    """A fully connected layer.

    Args:
        name, rows: see `convolution`.
    """
    return [Part(f"{name}.weight", (*rows, Dense())), Part(f"{name}.bias", rows)]


def dense_of_cells(name: str, channels: int = 0) -> list[Part]:
    """A fully connected layer that is a convolution here.

    Args:
        name: see `convolution`.
        channels: see `Cells`.
    """
    return [Part(f"{name}.weight", (Cells(channels),)), Part(f"{name}.bias")]


def norm(name: str) -> list[Part]:
    """A BatchNorm; running statistics that are part of its scale and shift are 0 and 1.

    Args:
        name: of the module, whose tensors are `name.weight`, `.bias`, `.running_mean` and
            `.running_var`.
    """
    return [
        Part(f"{name}.weight"),
        Part(f"{name}.bias"),
        Part(f"{name}.running_mean", default=0.0),
        Part(f"{name}.running_var", default=1.0),
    ]


def resnet(
    blocks: Sequence[int], stem: tuple[str, str], block: Callable[[int, int, str], tuple[str, str]]
) -> Table:
    """The layers of a ResNet or ResNeXt.

    Args:
        blocks: number of blocks of stages 2, 3, ...
        stem: names of the first convolution and its norm.
        block: function (stage, index, branch) to the names of a convolution and its norm; branches
            are "1", the shortcut, "2a", "2b" and "2c".
    """
    table: Table = {"conv1": convolution(stem[0], bias=False), "bn_conv1": norm(stem[1])}
    for stage, count in enumerate(blocks, 2):
        for index in range(count):
            for branch in ("2a", "2b", "2c", *(("1",) if index == 0 else ())):
                ours = f"{stage}{letter(index)}_branch{branch}"
                kernel, statistics = block(stage, index, branch)
                table[f"res{ours}"] = convolution(kernel, bias=False)
                table[f"bn{ours}"] = norm(statistics)
    return table


def letter(index: int) -> str:
    """The letter of a ResNet's block in the names of our layers: "a" to "z", "aa", "ab", ...

    Args:
        index: 0 for the first block of a stage.

    Example:
        >>> from mrcnn.weights.foreign.table import letter
        >>> letter(0), letter(35)
        ('a', 'aj')
    """
    first, second = divmod(index, 26)
    return (chr(ord("a") + first - 1) if first else "") + chr(ord("a") + second)
