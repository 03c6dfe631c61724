"""Tables, and statistics of weights."""

import html
import re
from itertools import zip_longest

import numpy as np


def display_table(table):
    """Show a table in a notebook, or prints it where there is none.

    Args:
        table: list of rows, each a list of anything with a text form; the first row may be titles.
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


def display_weight_stats(model, *, layers=None):
    """Show shape, least, greatest and spread of every weight of the trainable layers.

    Weights that are all one value ("dead?"; biases begin so and are not marked), above 1000 in
    size ("overflow?") or not finite are marked.

    Args:
        model: a `MaskRCNN`, or anything with get_trainable_layers().
        layers: regular expression of the whole names of layers; None is all.

    Raises:
        ValueError: no layer has such a name.
    """
    shown = [
        layer
        for layer in model.get_trainable_layers()
        if layers is None or re.fullmatch(layers, layer.name)
    ]
    if not shown:
        raise ValueError(
            f"layers is {layers!r}: no layer with weights has such a name. It is a regular "
            "expression of whole names, such as 'rpn_.*'."
        )
    table = [["WEIGHT NAME", "SHAPE", "MIN", "MAX", "STD"]]
    for layer in shown:
        for weight, value in zip(layer.weights, layer.get_weights(), strict=True):
            name = getattr(weight, "path", weight.name)
            stats = [f"{stat:+10.4f}" for stat in (value.min(), value.max(), value.std())]
            table.append([name + _alert(name, value), str(value.shape), *stats])
    display_table(table)


def _alert(name, value):
    if not np.isfinite(value).all():
        return " *** not finite"
    if np.abs(value).max() > 1000:
        return " *** overflow?"
    if value.size > 1 and value.min() == value.max() and not name.endswith("bias"):
        return " *** dead?"
    return ""


def _in_notebook():
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")
