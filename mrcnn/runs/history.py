"""A run's `history.csv`: one row per epoch.

The whole file is rewritten each time, because columns may be added: validation every fifth epoch
adds its columns in the fifth.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..files.regular import regular_file
from ..files.whole import replacing
from ..types import PathLike

FILE_NAME = "history.csv"

_LAST = ("learning_rate", "seconds", "images_per_second")
# Keras sorts an epoch's logs by name. These come first, in this order: the RPN's losses and those
# of the heads in matterport's Mask_RCNN (the reference), classes before boxes.
_LEADING = ("rpn_class", "rpn_bbox", "rpn_", "mrcnn_class", "mrcnn_bbox", "mrcnn_")


class Carried(float):
    """A value in an epoch's logs that was measured in an earlier epoch."""


def measured(logs: Mapping[str, Any]) -> dict[str, Any]:
    """An epoch's `logs` without values `Carried` over from an earlier epoch."""
    return {name: value for name, value in logs.items() if not isinstance(value, Carried)}


def read(path: PathLike) -> list[dict[str, Any]]:
    """The rows of a history, in order.

    Args:
        path: the file, or the run's folder.

    Returns:
        One dict per epoch: column name to number, or to text if it is not a number. A dict omits
        what was not measured in its epoch. `epoch` is an int, counted from 1.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: a row has no epoch number; the message names the line.

    Example:
        >>> from mrcnn.runs import history
        >>> history.write("history.csv", [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.5}])
        >>> [row["loss"] for row in history.read("history.csv")]
        [2.5, 1.5]
    """
    path = Path(path)
    path = path / FILE_NAME if path.is_dir() else path
    rows = []
    with open(regular_file(path), newline="", encoding="utf-8") as file:
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


def is_loss(name: str) -> bool:
    """Whether the column `name` is a training or validation loss."""
    return name.removeprefix("val_") == "loss" or name.endswith("_loss")


def loss_names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """A history's losses, without "val_", in display order.

    Args:
        rows: as `read` returns them.

    Returns:
        "loss", then the losses of the RPN, of the reference's heads, and of other heads in the
        order in which the rows name them.
    """
    found = (name.removeprefix("val_") for row in rows for name in row if is_loss(name))
    return sorted(dict.fromkeys(found), key=_rank)


def write(path: PathLike, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows, with columns in a fixed order: losses, validation losses, metrics, speed.

    Args:
        path: the file to write.
        rows: as `read` returns them.

    Raises:
        OSError: the file cannot be written; an older one is kept.
    """
    named = dict.fromkeys(name for row in rows for name in row)  # unique, in order
    losses = loss_names(rows)
    first = ("epoch", *losses, *(f"val_{name}" for name in losses))
    figures = [name for name in named if name not in (*first, *_LAST)]
    columns = [name for name in (*first, *figures, *_LAST) if name in named]
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows({name: _text(value) for name, value in row.items()} for row in rows)


def add(rows: Iterable[dict[str, Any]], row: dict[str, Any]) -> list[dict[str, Any]]:
    """The `rows` of earlier epochs followed by `row`, all as `read` returns them.

    A run that was killed, or that resumes from an earlier epoch, repeats epochs.
    """
    return [*(old for old in rows if old["epoch"] < row["epoch"]), row]


def _rank(loss: str) -> int:
    if loss == "loss":
        return -1
    starts = (place for place, start in enumerate(_LEADING) if loss.startswith(start))
    return next(starts, len(_LEADING))


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _text(value: Any) -> Any:
    # Losses and learning rates are float32; str of a float32 is the shortest text that restores it.
    return str(np.float32(value)) if isinstance(value, float) else value
