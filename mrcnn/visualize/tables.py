"""Tables and weight statistics."""

import html
import re
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any, Protocol

import numpy as np

from ..types import Array


class _HasTrainableLayers(Protocol):
    def get_trainable_layers(self) -> list[Any]: ...


def display_table(table: Iterable[Iterable[object]]) -> None:
    """Show a table in a notebook, or print it elsewhere.

    Args:
        table: rows of values to show as text; the first row may hold titles.

    Example:
        >>> from mrcnn.visualize import display_table
        >>> display_table([["CLASS", "COUNT"], ["cat", 12], ["dog", 3]])
        CLASS  COUNT
        cat    12
        dog    3
    """
    rows = [[str(cell) for cell in row] for row in table]
    if _in_notebook():
        from IPython.display import HTML, display

        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        display(HTML(f"<table>{body}</table>"))
        return
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        print("  ".join(cells).rstrip())


def display_weight_stats(model: _HasTrainableLayers, *, layers: str | None = None) -> None:
    """Show the shape, minimum, maximum and standard deviation of each trainable layer's weights.

    Weights are marked if all their values are equal ("dead?"; not for biases, which start that
    way), above 1000 in magnitude ("overflow?") or not finite.

    Args:
        model: a `MaskRCNN`, or anything with get_trainable_layers().
        layers: regular expression for whole layer names; None is all.

    Raises:
        ValueError: no layer with weights matches.
    """
    shown = [
        layer
        for layer in model.get_trainable_layers()
        if layers is None or re.fullmatch(layers, layer.name)
    ]
    if not shown:
        raise ValueError(
            f"layers is {layers!r}: no layer with weights matches. layers must be a regular "
            "expression for whole layer names, such as 'rpn_.*'."
        )
    table = [["WEIGHT NAME", "SHAPE", "MIN", "MAX", "STD"]]
    for layer in shown:
        for weight, value in zip(layer.weights, layer.get_weights(), strict=True):
            name = getattr(weight, "path", weight.name)
            stats = [f"{stat:+10.4f}" for stat in (value.min(), value.max(), value.std())]
            table.append([name + _alert(name, value), str(value.shape), *stats])
    display_table(table)


def _alert(name: str, value: Array) -> str:
    if not np.isfinite(value).all():
        return " *** not finite"
    if np.abs(value).max() > 1000:
        return " *** overflow?"
    if value.size > 1 and value.min() == value.max() and not name.endswith("bias"):
        return " *** dead?"
    return ""


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")
