"""Creating, styling and finishing figures.

A figure has a size in inches, and room for titles. A *native* figure instead has the pixels of the
images that it shows, one for one, side by side and without margins or titles.
"""

import textwrap
from collections.abc import Sequence
from typing import IO, TypeVar

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from ..types import Array, PathLike
from .drawing import CROWDED

# Size of a figure in inches, (width, height).
Inches = tuple[float, float]

# Where to write a figure: path of a PNG, or a binary file.
SaveTo = PathLike | IO[bytes]

_Drawn = TypeVar("_Drawn", bound=Axes | Figure | SubFigure)

_TITLE_INCHES = 0.4  # height of a title in `panel_rows`
_ASPECTS = (0.5, 5.0)  # limits of its panels' width / height; the lower one leaves room for titles
_LETTERS_PER_INCH_AT_1PT = 120

NATIVE_DPI = 100  # of native figures: decides the size of type and lines in pixels

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


def panel_rows(
    rows: Sequence[Sequence[tuple[int, ...]]],
    columns: int,
    default: tuple[float, float | None],
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    tallest: float = 1.1,
) -> Array:
    """Create a figure of images that fill its width, whatever their shapes.

    In each row, all panels have the same height and are as wide as their images need.

    Args:
        rows: for each row, the shapes (height, width, ...) of its images. There may be fewer than
            `columns`.
        columns: number of panels in a full row.
        default: (width in inches, dots per inch); None for the latter is matplotlib's.
        figsize, dpi, save_to: see `new_figure`.
        tallest: maximum height of a row, as a multiple of the mean width of a column. A row of tall
            images has gaps rather than more height.

    Returns:
        object [rows, columns] of Axes without frames; those without an image stay empty.
    """
    width, resolution = default
    low, high = _ASPECTS
    aspects = [[float(np.clip(s[1] / max(s[0], 1), low, high)) for s in row] for row in rows]
    for row in aspects:  # a row that is not full has panels as if it were
        row += [row[-1]] * (columns - len(row))
    highest = tallest * width / columns
    heights = [min(width / sum(row), highest) + _TITLE_INCHES for row in aspects]
    default_size = width, sum(heights) + _TITLE_INCHES
    figure = new_figure((default_size, resolution), figsize, dpi, save_to)
    # In inches; keeps the titles clear of the row above.
    figure.set_layout_engine("constrained", h_pad=0.07)
    outer = figure.add_gridspec(len(rows), 1, height_ratios=heights)
    axes = np.empty((len(rows), columns), object)
    for r, row in enumerate(aspects):
        grid = outer[r].subgridspec(1, columns, width_ratios=row)
        for column in range(columns):
            axes[r, column] = figure.add_subplot(grid[column])
            axes[r, column].axis("off")
    return axes


def native_axes(
    rows: Sequence[Sequence[tuple[int, ...]]],
    dpi: float | None = None,
    save_to: SaveTo | None = None,
) -> Array:
    """Create a native figure: axes that have exactly the pixels of their images.

    The figure is as wide and high as its rows and columns of images. `finish` it with native=True.

    Args:
        rows: for each row the shapes (height, width, ...) of its images; all rows have the same
            number of them.
        dpi: dots per inch, or None for 100. It changes the size of type and lines only.
        save_to: see `new_figure`.

    Returns:
        object [rows, columns] of Axes.
    """
    sizes = np.array([[shape[:2] for shape in row] for row in rows])  # [rows, columns, 2]
    heights, widths = sizes[..., 0].max(axis=1), sizes[..., 1].max(axis=0)
    dpi = NATIVE_DPI if dpi is None else dpi
    # Matplotlib rounds down, and 401 / 72 * 72 may be less than 401.
    full_height, full_width = heights.sum() + 0.01, widths.sum() + 0.01
    figure = new_figure(((full_width / dpi, full_height / dpi), dpi), None, None, save_to)
    figure.set_layout_engine("none")
    axes = np.empty(sizes.shape[:2], object)
    for row, column in np.ndindex(*axes.shape):
        height, width = sizes[row, column]
        left, bottom = widths[:column].sum(), heights[row:].sum() - height
        ax = figure.add_axes(
            (
                left / full_width,
                bottom / full_height,
                width / full_width,
                height / full_height,
            )
        )
        ax.axis("off")
        axes[row, column] = ax
    return axes


def image_axes(
    shape: tuple[int, ...],
    ax: Axes | None,
    default: tuple[Inches, float | None],
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    native: bool = False,
) -> Axes:
    """The axes for one image: those given, or those of a new figure.

    Args:
        shape: (height, width, ...) of the image.
        ax: the Axes, or None for a new figure.
        default, figsize, dpi, save_to: see `new_figure`.
        native: whether the new figure is native; `ax` is then ignored, see `check_native`.

    Returns:
        The Axes.
    """
    if native:
        ((created,),) = native_axes([[shape]], dpi, save_to)
        return created
    return new_figure(default, figsize, dpi, save_to).subplots() if ax is None else ax


def show(ax: Axes, picture: Array) -> None:
    """Show a picture on axes without a frame; what is drawn over it does not move their limits.

    Args:
        ax: the Axes.
        picture: [H, W, 3], see `pictures.as_rgb`.
    """
    ax.imshow(picture)
    ax.axis("off")
    ax.autoscale(False)


def check_native(native: bool, ax: object) -> None:
    """Check that a native figure is a new one.

    Args:
        native: whether a native figure is wanted.
        ax: the axes that the caller gave, or None.

    Raises:
        ValueError: both are given.
    """
    if native and ax is not None:
        raise ValueError(
            "native is True, and axes are given: a native figure has the size of its image, so it "
            "must be a new one. Leave out the axes."
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
    ratios = np.asarray(spec.get_gridspec().get_width_ratios())
    share = ratios[spec.colspan.start : spec.colspan.stop].sum() / ratios.sum()
    return figure.bbox.width / figure.dpi * share


def wrapped(ax: Axes, text: str, fontsize: float) -> str:
    """Break a title's lines so that they are not wider than their axes.

    Args:
        ax: the Axes.
        text: the title; its own line breaks are kept.
        fontsize: in points.
    """
    letters = max(8, int(_LETTERS_PER_INCH_AT_1PT * inches_of(ax) / fontsize))
    return "\n".join(textwrap.fill(line, letters) for line in text.splitlines())


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


def finish(
    drawn: _Drawn, created: bool, save_to: SaveTo | None = None, native: bool = False
) -> _Drawn | None:
    """Finish a figure: write it to a PNG and close it, or show it if the caller created it.

    Args:
        drawn: Axes or Figure.
        created: whether the caller created the figure; one that was passed in is not shown.
        save_to: path of a PNG, or a binary file, or None.
        native: whether `native_axes` created the axes: titles are then dropped, and the file has
            exactly the figure's pixels.

    Returns:
        `drawn`, or None if it was shown: a notebook would draw it again.
    """
    figure: Axes | Figure | SubFigure = drawn
    while not isinstance(figure, Figure):  # Axes and subfigures
        figure = figure.figure
    if native:
        for ax in figure.axes:
            ax.set_title("")
            ax.set_aspect("auto")  # it has the image's aspect, up to rounding
    if save_to is not None:
        if native:  # whatever the user's style sheet says
            figure.savefig(save_to, dpi=figure.dpi, bbox_inches=figure.bbox_inches)
        else:
            figure.savefig(save_to, bbox_inches="tight", pad_inches=0.05)
        plt.close(figure)
    elif created and matplotlib.get_backend().lower() not in _HEADLESS_BACKENDS:
        plt.show()
        return None
    return drawn
