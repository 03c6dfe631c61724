"""The curves of a training run."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..runs import history as history_file
from ..types import Array
from .figures import Inches, SaveTo, finish, new_figure, plain_axes

_LOG_RATIO = 5  # ratio of the largest to the smallest value from which an axis is logarithmic
_NOT_METRICS = ("epoch", "learning_rate", "seconds", "images_per_second")
_MAX_METRICS = 8  # curves, if there is no average precision
_MAX_MARKED_EPOCHS = 40  # epochs up to which each has a marker
_DPI = 100


def plot_history(
    history: str | Path | Iterable[Mapping[str, Any]],
    save_to: SaveTo | None = None,
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
) -> Figure | None:
    """Draw the losses, the average precision and the learning rate over the epochs.

    Training is solid and validation dashed. An axis is logarithmic if its values differ widely.

    Args:
        history: path of a `history.csv` or of its run's folder, or rows as `history.read` returns
            them.
        save_to: path of a PNG, or a binary file, to write; the figure is then closed.
        figsize: inches (width, height); None is (12, 8).
        dpi: dots per inch; None is 100.

    Returns:
        The Figure, or None if it was shown.

    Raises:
        FileNotFoundError, ValueError: see `history.read`; or the history has no epochs.

    Example:
        >>> from mrcnn.visualize import plot_history
        >>> rows = [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.75}]
        >>> plot_history(rows, save_to="history.png").get_suptitle()
        'epoch 2: loss 1.75'
    """
    rows = history_file.read(history) if isinstance(history, str | Path) else list(history)
    if not rows:
        raise ValueError("the history has no epochs")
    names = dict.fromkeys(name for row in rows for name in row)  # unique, in order
    metrics = [
        name for name in names if name not in _NOT_METRICS and not history_file.is_loss(name)
    ]
    metrics = [name for name in metrics if len(_points(rows, name)[0])]
    precisions = [name for name in metrics if re.search("AP(50|75)?$", name)]
    metrics = precisions or metrics[:_MAX_METRICS]

    fig = new_figure(((12, 8), _DPI), figsize, dpi, save_to)
    axes = fig.subplots(2, 2)
    fig.suptitle(_summary(rows[-1]), fontsize=11)
    (total, parts), (average_precision, rate) = axes
    _curves(total, rows, {"loss": "training", "val_loss": "validation"}, "loss")
    losses = [name for name in history_file.loss_names(rows) if name != "loss"]
    labels: dict[str, str | None] = {name: name.removesuffix("_loss") for name in losses}
    labels.update({f"val_{name}": None for name in losses})
    _curves(parts, rows, labels, "individual losses (validation is dashed)")
    titles = {name: name.removeprefix("val_") for name in metrics}
    _curves(average_precision, rows, titles, "validation metrics", linestyle="solid", log=False)
    if not metrics:
        average_precision.set_title("no validation metrics yet", fontsize=10)
    _curves(rate, rows, {"learning_rate": None}, "learning rate")
    return finish(fig, created=True, save_to=save_to)


def _summary(row: Mapping[str, Any]) -> str:
    """Sum up an epoch, such as "epoch 3: loss 2.598, 38 s, 4.8 images per second"."""
    parts = [("loss {:.4g}", "loss"), ("{:.0f} s", "seconds")]
    parts.append(("{:.3g} images per second", "images_per_second"))
    known = [text.format(row[name]) for text, name in parts if name in row]
    return f"epoch {row['epoch']}: {', '.join(known)}"


def _curves(
    ax: Axes,
    rows: Sequence[Mapping[str, Any]],
    names: Mapping[str, str | None],
    title: str,
    linestyle: str | None = None,
    log: bool = True,
) -> None:
    """Draw columns over the epochs; `names` maps them to labels, None for no label."""
    ax.set_title(title, fontsize=10)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    plain_axes(ax)
    colors: dict[str, str] = {}
    drawn = []
    for name, label in names.items():
        epochs, values = _points(rows, name)
        if not len(epochs):
            continue
        of_validation = name.startswith("val_")
        color = colors.setdefault(name.removeprefix("val_"), f"C{len(colors)}")
        ax.plot(
            epochs,
            values,
            linestyle=linestyle or ("dashed" if of_validation else "solid"),
            marker="o" if len(epochs) <= _MAX_MARKED_EPOCHS else None,
            markersize=3,
            linewidth=1.4,
            color=color,
            label=label,
        )
        drawn.append(values)
    if not drawn:
        return
    first, last = rows[0]["epoch"], rows[-1]["epoch"]
    ax.set_xlim(first - 0.5, last + 0.5)
    _scale(ax, np.concatenate(drawn), log)
    if any(names.values()):
        ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> Array:
    """Epochs and values of a column, [2, n], where the value is a finite number."""
    numbers = [(row["epoch"], row[name]) for row in rows if isinstance(row.get(name), int | float)]
    points = np.array(numbers, np.float64).reshape(-1, 2)
    return points[np.isfinite(points[:, 1])].T


def _scale(ax: Axes, values: Array, log: bool) -> None:
    low, high = values.min(), values.max()
    if not log or low <= 0 or high < _LOG_RATIO * low:
        ax.set_ylim(bottom=min(0, low))
        return
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
