"""Charts that compare models on the same images."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .figures import Inches, SaveTo, finish, new_figure, plain_axes

_KINDS = {"segm": "masks", "bbox": "boxes"}
_DPI = 120


def plot_models(
    results: Mapping[str, Mapping[str, Any]],
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
) -> Figure | None:
    """Draw each model's precision-recall curve at IoU 0.5, and its F1 against the IoU.

    Args:
        results: from `evaluate`, by the model's name; a panel is left out if no result has what it
            shows.
        figsize: inches (width, height); None is 6 x 4.8 per panel.
        dpi: dots per inch; None is 120.
        save_to: path of a PNG, or a binary file, to write; the figure is then closed.

    Returns:
        The Figure, or None if it was shown.

    Raises:
        ValueError: there is nothing to draw.

    Example:
        >>> from mrcnn.visualize import plot_models
        >>> results = {"old": {"objects": {"iou": [0.5, 0.75], "f1": [0.8, 0.6]}}}
        >>> figure = plot_models(results, save_to="curves.png")
        >>> figure.axes[0].get_ylabel()
        'F1'
    """
    kinds = [k for k in _KINDS if all(k in r.get("curves", {}) for r in results.values())]
    panels: list[Any] = [_curves] if results and kinds else []
    panels += [_f1] if results and all("objects" in r for r in results.values()) else []
    if not panels:
        raise ValueError("results have neither curves nor objects: there is nothing to draw.")
    fig = new_figure(((6 * len(panels), 4.8), _DPI), figsize, dpi, save_to)
    axes = fig.subplots(1, len(panels), squeeze=False)[0]
    for ax, draw in zip(axes, panels, strict=True):
        draw(ax, results, *kinds[:1])
        plain_axes(ax)
        # Below the axes: inside, it would hide curves.
        style = {"fontsize": 8, "frameon": False, "handlelength": 3}
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, **style)
    return finish(fig, created=True, save_to=save_to)


def _curves(ax: Axes, results: Mapping[str, Mapping[str, Any]], kind: str) -> None:
    for k, (name, result) in enumerate(results.items()):
        part = result["curves"][kind]
        values = part["precision"]["0.50"]
        label = f"{_short(name)}: AP50 {np.mean(values):.3f}"
        ax.plot(part["recall"], values, color=f"C{k}", linewidth=1.6, label=label)
    ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.03))
    ax.set_title(f"{_KINDS[kind]} at IoU 0.5", fontsize=11)


def _f1(ax: Axes, results: Mapping[str, Mapping[str, Any]], kind: str = "") -> None:
    for k, (name, result) in enumerate(results.items()):
        objects = result["objects"]
        label = f"{_short(name)}: {objects['f1'][0]:.3f} at IoU {objects['iou'][0]:g}"
        ax.plot(objects["iou"], objects["f1"], color=f"C{k}", marker="o", ms=3.5, label=label)
        ax.set_xticks(objects["iou"][::2])
    ax.set(xlabel="IoU threshold of a match", ylabel="F1", ylim=(-0.02, 1.02))
    ax.set_title("objects above the score threshold", fontsize=11)


def _short(name: str) -> str:
    return textwrap.shorten(name, 40, placeholder="...")
