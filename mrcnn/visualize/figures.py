"""Figures from beginning to end: how large they are, how they look, whether they are shown."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .drawing import CROWDED

_BACKENDS_WITHOUT_SCREEN = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}


def new_figure(usual, figsize=None, dpi=None, save_to=None):
    """A figure that lays out its axes by itself.

    Args:
        usual: (inches (width, height), dots per inch) where nothing else is asked for; None for the
            dots is matplotlib's.
        figsize: inches, or None.
        dpi: dots per inch, or None.
        save_to: where `finish` will write it, or None. What is only written is made without pyplot,
            which opens windows, and must not be used by several threads.

    Returns:
        Figure.
    """
    make = plt.figure if save_to is None else Figure
    return make(
        figsize=usual[0] if figsize is None else figsize,
        dpi=usual[1] if dpi is None else dpi,
        layout="constrained",
    )


def inches_of(ax):
    """Width of axes: how large type and how thick lines they can bear.

    Args:
        ax: matplotlib Axes.

    Returns:
        float, inches. Where the layout is worked out only when the figure is drawn, about.
    """
    spec, figure = ax.get_subplotspec(), ax.figure
    if spec is None or figure.get_layout_engine() is None:
        return ax.get_window_extent().width / figure.dpi
    return figure.bbox.width / figure.dpi * len(spec.colspan) / spec.get_gridspec().ncols


def scale_of(ax, instances):
    """How large type is and how thick lines are: 1 in axes of 8 inches.

    Args:
        ax: matplotlib Axes.
        instances: how many are drawn; type and lines get smaller where they crowd.
    """
    return np.clip(inches_of(ax) / 8, 0.85, 1.5) * (0.65 if instances > CROWDED else 1)


def plain_axes(ax):
    """A light grid behind what is drawn on `ax`, and no frame but the two axes."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)


def finish(drawn, own, save_to=None):
    """End a figure: write it to a PNG and close it, or show it if that is ours to do.

    Args:
        drawn: Axes or Figure.
        own: whether the caller made the figure; one handed in is its maker's to show.
        save_to: path of a PNG, or a binary file, or None.

    Returns:
        `drawn`, or None where it was shown: a notebook would draw it once more.
    """
    figure = drawn
    while not isinstance(figure, Figure):  # Axes, and figures within figures
        figure = figure.figure
    if save_to is not None:
        figure.savefig(save_to, bbox_inches="tight", pad_inches=0.05)
        plt.close(figure)
    elif own and matplotlib.get_backend().lower() not in _BACKENDS_WITHOUT_SCREEN:
        plt.show()
        return None
    return drawn
