"""The curves of a training run, or of several runs in one figure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..runs import history as history_file
from ..types import Array
from .figures import Inches, SaveTo, finish, new_figure, plain_axes

# A run: the path of its folder or `history.csv`, or its rows.
_Run = str | Path | Iterable[Mapping[str, Any]]
_Rows = Sequence[Mapping[str, Any]]

_LOG_RATIO = 5  # an axis is logarithmic if its highest value is at least this many times its lowest
_NOT_METRICS = ("epoch", "learning_rate", "seconds", "images_per_second")
_MAX_METRICS = 8  # curves, if there is none that is shown by default
_MAX_MARKED_EPOCHS = 40  # with more epochs, a curve has no markers
_PANELS_PER_ROW = 4  # of several runs
_DPI = 100
# Markers tell training from validation where a single epoch has no line.
_TRAINING: dict[str, Any] = {"linestyle": "solid", "marker": "o", "markersize": 3.5}
_VALIDATION: dict[str, Any] = {
    "linestyle": "dashed",
    "marker": "s",
    "markersize": 5,
    "markerfacecolor": "none",
}


def plot_history(
    history: _Run | Sequence[_Run] | Mapping[str, _Run],
    save_to: SaveTo | None = None,
    *,
    metrics: Sequence[str] | None = None,
    figsize: Inches | None = None,
    dpi: float | None = None,
) -> Figure | None:
    """Draw the losses, the validation metrics and the learning rate over the epochs.

    Training is solid with filled markers, validation dashed with open ones. An axis is logarithmic
    if its values differ widely. Several runs are overlaid, one colour per run, with a panel for
    each loss and metric.

    Args:
        history: path of a `history.csv` or of its run's folder, or rows as `history.read` returns
            them. For several runs, a list of these, or a dict from the runs' names to these.
        save_to: path of a PNG, or a binary file, to write; the figure is then closed.
        metrics: names of the validation metrics to draw, such as "segm_AP75"; None is AP, AP50 and
            the mean IoU or, if there is none of them, all.
        figsize: inches (width, height); None is (12, 8), or as large as several runs need.
        dpi: dots per inch; None is 100.

    Returns:
        The Figure, or None if it was shown.

    Raises:
        FileNotFoundError, ValueError: see `history.read`; or a history has no epochs, or no metric
            of a given name.

    Example:
        >>> from mrcnn.visualize import plot_history
        >>> rows = [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.75}]
        >>> plot_history(rows, save_to="history.png").get_suptitle()
        'epoch 2: loss 1.75'
        >>> runs = {"small": rows, "large": [{"epoch": 1, "loss": 1.5}]}
        >>> plot_history(runs, save_to="runs.png").get_suptitle()
        '2 runs'
    """
    runs = _runs(history)
    for name, rows in runs.items():
        if not rows:
            raise ValueError(f"the history{f' of {name}' if len(runs) > 1 else ''} has no epochs")
    all_rows = [row for rows in runs.values() for row in rows]
    shown = _metrics(all_rows, metrics)
    if len(runs) == 1:
        fig = _one_run(all_rows, shown, figsize, dpi, save_to)
    else:
        fig = _several_runs(runs, all_rows, shown, figsize, dpi, save_to)
    return finish(fig, created=True, save_to=save_to)


def _runs(history: Any) -> dict[str, _Rows]:
    """The rows of each run by name; a list of rows is one run."""
    if isinstance(history, str | Path):
        history = [history]
    if isinstance(history, Mapping):
        return {str(name): _rows(run) for name, run in history.items()}
    history = list(history)
    if not history or isinstance(history[0], Mapping):
        history = [history]
    runs: dict[str, _Rows] = {}
    for number, run in enumerate(history, 1):
        name = f"run {number}"
        if isinstance(run, str | Path):
            path = Path(run).resolve()
            name = (path if path.is_dir() else path.parent).name
        if name in runs:
            name += f" ({number})"
        runs[name] = _rows(run)
    return runs


def _rows(run: _Run) -> _Rows:
    return history_file.read(run) if isinstance(run, str | Path) else list(run)


def _metrics(rows: _Rows, wanted: Sequence[str] | None) -> list[str]:
    """The columns of the validation metrics to draw."""
    names = dict.fromkeys(name for row in rows for name in row)  # unique, in order
    known = [
        name
        for name in names
        if name not in _NOT_METRICS
        and not history_file.is_loss(name)
        and len(_points(rows, name)[0])
    ]
    if wanted is not None:
        columns = {name.removeprefix("val_"): name for name in known}
        for name in wanted:
            if name.removeprefix("val_") not in columns:
                raise ValueError(
                    f"metrics has {name!r}, which the history does not have. It has "
                    f"{', '.join(columns) or 'no metrics'}."
                )
        return [columns[name.removeprefix("val_")] for name in wanted]
    shown = [name for name in known if re.search("AP(50)?$|^val_mean_iou$", name)]
    return shown or known[:_MAX_METRICS]


def _one_run(
    rows: _Rows,
    metrics: Sequence[str],
    figsize: Inches | None,
    dpi: float | None,
    save_to: SaveTo | None,
) -> Figure:
    fig = new_figure(((12, 8), _DPI), figsize, dpi, save_to)
    axes = fig.subplots(2, 2)
    fig.suptitle(_summary(rows[-1]), fontsize=11)
    (total, parts), (average_precision, rate) = axes
    for ax, title in (
        (total, "loss"),
        (parts, "individual losses (validation: dashed, open markers)"),
        (average_precision, "validation metrics" if metrics else "no validation metrics yet"),
        (rate, "learning rate"),
    ):
        _epochs_axis(ax, rows, title)
    _draw(total, rows, "loss", "C0", _TRAINING, "training")
    _draw(total, rows, "val_loss", "C1", _VALIDATION, "validation")
    losses = [name for name in history_file.loss_names(rows) if name != "loss"]
    for k, name in enumerate(losses):
        _draw(parts, rows, name, f"C{k}", _TRAINING, name.removesuffix("_loss"))
    for k, name in enumerate(losses):
        _draw(parts, rows, f"val_{name}", f"C{k}", _VALIDATION, None)
    kinds = list(dict.fromkeys(re.sub("AP50$", "AP", name) for name in metrics))
    for name in metrics:  # AP50 has the colour of its AP
        color = f"C{kinds.index(re.sub('AP50$', 'AP', name))}"
        style = _VALIDATION if name.endswith("AP50") else _TRAINING
        _draw(average_precision, rows, name, color, style, name.removeprefix("val_"))
    _draw(rate, rows, "learning_rate", "C0", _TRAINING, None)
    for ax in axes.flat:
        _scale(ax, log=ax is not average_precision)
        if any(not line.get_label().startswith("_") for line in ax.lines):
            ax.legend(
                fontsize=8,
                loc="center left",
                bbox_to_anchor=(1, 0.5),
                frameon=False,
                handlelength=3,
            )
    return fig


def _several_runs(
    runs: Mapping[str, _Rows],
    all_rows: _Rows,
    metrics: Sequence[str],
    figsize: Inches | None,
    dpi: float | None,
    save_to: SaveTo | None,
) -> Figure:
    columns = [*history_file.loss_names(all_rows), *metrics, "learning_rate"]
    columns = [
        c for c in columns if len(_points(all_rows, c)[0]) + len(_points(all_rows, f"val_{c}")[0])
    ]
    across = min(_PANELS_PER_ROW, len(columns))
    down = -(-len(columns) // across)
    fig = new_figure(((4 * across, 3 * down + 0.8), _DPI), figsize, dpi, save_to)
    axes = fig.subplots(down, across, squeeze=False)
    fig.suptitle(f"{len(runs)} runs", fontsize=11)
    for ax in axes.flat[len(columns) :]:
        ax.axis("off")
    for ax, column in zip(axes.flat, columns, strict=False):
        title = column.removeprefix("val_").removesuffix("_loss") if column != "loss" else column
        is_loss = history_file.is_loss(column)
        _epochs_axis(ax, all_rows, title.replace("learning_rate", "learning rate"))
        for k, rows in enumerate(runs.values()):
            _draw(ax, rows, column, f"C{k}", _TRAINING, None)
            if is_loss:
                _draw(ax, rows, f"val_{column}", f"C{k}", _VALIDATION, None)
        _scale(ax, log=column not in metrics)
    handles = [
        Line2D([], [], color=f"C{k}", linewidth=3, label=name) for k, name in enumerate(runs)
    ]
    handles += [
        Line2D([], [], color="gray", label="training", **_TRAINING),
        Line2D([], [], color="gray", label="validation (of losses)", **_VALIDATION),
    ]
    fig.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 2 * across),
        fontsize=9,
        frameon=False,
        handlelength=3.5,
    )
    return fig


def _summary(row: Mapping[str, Any]) -> str:
    """Sum up an epoch, such as "epoch 3: loss 2.598, 38 s, 4.8 images per second"."""
    parts = [("loss {:.4g}", "loss"), ("{:.0f} s", "seconds")]
    parts.append(("{:.3g} images per second", "images_per_second"))
    known = [text.format(row[name]) for text, name in parts if name in row]
    return f"epoch {row['epoch']}: {', '.join(known)}"


def _epochs_axis(ax: Axes, rows: _Rows, title: str) -> None:
    ax.set_title(title, fontsize=10)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    epochs = [row["epoch"] for row in rows]
    ax.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    plain_axes(ax)


def _draw(
    ax: Axes,
    rows: _Rows,
    name: str,
    color: str,
    style: Mapping[str, Any],
    label: str | None,
) -> None:
    """Draw a column over the epochs, if the rows have it."""
    epochs, values = _points(rows, name)
    if not len(epochs):
        return
    style = dict(style) if len(epochs) <= _MAX_MARKED_EPOCHS else {**style, "marker": None}
    ax.plot(epochs, values, linewidth=1.4, color=color, label=label, **style)


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> Array:
    """Epochs and values of a column, [2, n], where the value is a finite number."""
    numbers = [(row["epoch"], row[name]) for row in rows if isinstance(row.get(name), int | float)]
    points = np.array(numbers, np.float64).reshape(-1, 2)
    return points[np.isfinite(points[:, 1])].T


def _scale(ax: Axes, log: bool) -> None:
    """Choose the scale of the values drawn: logarithmic if `log` is set and they differ widely."""
    if not ax.lines:
        return
    values = np.concatenate([np.asarray(line.get_ydata()) for line in ax.lines])
    low, high = values.min(), values.max()
    if not log or low <= 0 or high < _LOG_RATIO * low:
        top = high if high > 0 else 1  # a metric that is still zero: not a range around it
        ax.set_ylim(bottom=min(-0.03 * top, low), top=None if high > 0 else 1)
        return
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
