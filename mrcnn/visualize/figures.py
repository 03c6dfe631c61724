"""Creating, styling and finishing figures."""

from typing import IO, TypeVar

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from ..types import PathLike
from .drawing import CROWDED

# Size of a figure in inches, (width, height).
Inches = tuple[float, float]

# Where to write a figure: path of a PNG, or a binary file.
SaveTo = PathLike | IO[bytes]

_Drawn = TypeVar("_Drawn", bound=Axes | Figure | SubFigure)

_HEADLESS_BACKENDS = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}


def new_figure(
    default: tuple[Inches, float | None],
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
) -> Figure:
    """Create a figure that lays out its axes automatically.

    Args:
        default: (inches (width, height), dots per inch); None for the dots per inch is
            matplotlib's.
        figsize: inches (width, height), or None for the default.
        dpi: dots per inch, or None for the default.
        save_to: where `finish` will write the figure, or None. A figure that is only written is
            created without pyplot, which opens windows and is not thread-safe.

    Returns:
        Figure.
    """
    make = plt.figure if save_to is None else Figure
    return make(
        figsize=default[0] if figsize is None else figsize,
        dpi=default[1] if dpi is None else dpi,
        layout="constrained",
    )


def inches_of(ax: Axes) -> float:
    """Width of axes, by which type and lines are scaled.

    Args:
        ax: the Axes.

    Returns:
        float, inches; approximate if the layout is computed only when the figure is drawn.
    """
    spec, figure = ax.get_subplotspec(), ax.figure
    if spec is None or figure.get_layout_engine() is None:
        return ax.get_window_extent().width / figure.dpi
    return figure.bbox.width / figure.dpi * len(spec.colspan) / spec.get_gridspec().ncols


def scale_of(ax: Axes, instances: int) -> float:
    """The scale of type and lines: 1 for a few instances on axes 8 inches wide.

    Args:
        ax: the Axes.
        instances: number of instances drawn; type and lines are smaller if there are many.
    """
    return np.clip(inches_of(ax) / 8, 0.85, 1.5) * (0.65 if instances > CROWDED else 1)


def plain_axes(ax: Axes) -> None:
    """Style `ax`: a light grid behind the data, and no frame at the top and right."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)


def finish(drawn: _Drawn, created: bool, save_to: SaveTo | None = None) -> _Drawn | None:
    """Finish a figure: write it to a PNG and close it, or show it if the caller created it.

    Args:
        drawn: Axes or Figure.
        created: whether the caller created the figure; one that was passed in is not shown.
        save_to: path of a PNG, or a binary file, or None.

    Returns:
        `drawn`, or None if it was shown: a notebook would draw it again.
    """
    figure: Axes | Figure | SubFigure = drawn
    while not isinstance(figure, Figure):  # Axes and subfigures
        figure = figure.figure
    if save_to is not None:
        figure.savefig(save_to, bbox_inches="tight", pad_inches=0.05)
        plt.close(figure)
    elif created and matplotlib.get_backend().lower() not in _HEADLESS_BACKENDS:
        plt.show()
        return None
    return drawn
