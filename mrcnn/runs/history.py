"""`history.csv` of a run: a row for each epoch.

The file is written whole every time, because the columns may grow: a validation that comes every
fifth epoch brings its columns in the fifth.
"""

import csv
from pathlib import Path

import numpy as np

from ..files.whole import replacing

FILE_NAME = "history.csv"

_LAST = ("learning_rate", "seconds", "images_per_second")
# Keras sorts the logs of an epoch by name. These come first, in this order: of the RPN and of the
# reference's heads, classes before boxes.
_LEADING = ("rpn_class", "rpn_bbox", "rpn_", "mrcnn_class", "mrcnn_bbox", "mrcnn_")


class Carried(float):
    """A value in the logs of an epoch that was measured in an earlier one."""


def measured(logs):
    """The logs of an epoch, a dict by name, without what is `Carried` from an earlier one."""
    return {name: value for name, value in logs.items() if not isinstance(value, Carried)}


def read(path):
    """The rows of a history, in order.

    Args:
        path: of the file, or of the run's folder.

    Returns:
        list of dicts, one an epoch: column name to number (or to text that is none). What was not
        measured in that epoch is not in its dict. `epoch` is an int and counts from 1.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a row without the number of its epoch; the line is named.
    """
    path = Path(path)
    path = path / FILE_NAME if path.is_dir() else path
    rows = []
    with open(path, newline="", encoding="utf-8") as file:
        lines = csv.DictReader(file)
        for line in lines:
            row = {name: _number(text) for name, text in line.items() if name and text}
            epoch = row.get("epoch")
            if not isinstance(epoch, float) or not epoch.is_integer():
                raise ValueError(
                    f"{path}, line {lines.line_num}: epoch is {line.get('epoch')!r}: it must be a "
                    "whole number."
                )
            rows.append({**row, "epoch": int(epoch)})
    return rows


def is_loss(name):
    """Whether a column, by its `name`, is a loss of training or of validation."""
    return name.removeprefix("val_") == "loss" or name.endswith("_loss")


def loss_names(rows):
    """The losses of a history, without "val_", in the order in which they are shown.

    Args:
        rows: list of dicts as `read` gives them.

    Returns:
        list of str: "loss", then those of the RPN, of the reference's heads, and of other heads in
        the order of the rows.
    """
    found = (name.removeprefix("val_") for row in rows for name in row if is_loss(name))
    return sorted(dict.fromkeys(found), key=_rank)


def write(path, rows):
    """Write the rows, the columns in a fixed order: losses, their validation, figures, speed.

    Args:
        path: of the file.
        rows: list of dicts as `read` gives them.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    named = dict.fromkeys(name for row in rows for name in row)  # in order, each once
    losses = loss_names(rows)
    first = ("epoch", *losses, *(f"val_{name}" for name in losses))
    figures = [name for name in named if name not in (*first, *_LAST)]
    columns = [name for name in (*first, *figures, *_LAST) if name in named]
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows({name: _text(value) for name, value in row.items()} for row in rows)


def add(rows, row):
    """The `rows` before the epoch of `row`, and `row`: dicts as `read` gives them.

    A run that was killed, or goes on from an earlier epoch, does epochs a second time.
    """
    return [*(old for old in rows if old["epoch"] < row["epoch"]), row]


def _rank(loss):
    if loss == "loss":
        return -1
    starts = (place for place, start in enumerate(_LEADING) if loss.startswith(start))
    return next(starts, len(_LEADING))


def _number(text):
    try:
        return float(text)
    except ValueError:
        return text


def _text(value):
    # Losses and learning rates are float32, whose own text is the shortest that gives them back.
    return str(np.float32(value)) if isinstance(value, float) else value
