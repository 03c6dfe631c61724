"""Charts of a dataset: its classes, its instance sizes, and how well anchors cover the instances.

No image is decoded, and no mask is built if `load_boxes` can do without. Of a large dataset, only a
random subset is examined, drawn with a seed; the title says so.
"""

import dataclasses
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from ..anchors.coverage import AnchorCoverage, anchor_coverage, best_iou, plain_scales
from ..config import Config
from ..datasets.dataset import Dataset
from ..datasets.prepared import prepared_ids
from ..datasets.splits import random_subset
from ..images.resizing import input_geometry, resize_options
from ..text import some
from ..types import Array
from .captions import instance_label
from .figures import Inches, SaveTo, finish, new_figure, plain_axes

_INSTANCES, _IMAGES = "tab:blue", "tab:gray"
_CURRENT, _SUGGESTED = "tab:red", "black"
_SIDES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)  # axis ticks, in pixels
_MAX_POINTS = 5000  # in a scatter plot
_DPI = 120

# Name, scales, best IoU [N] of each instance, and colour.
_Choices = list[tuple[str, Any, Array, str]]


def plot_classes(
    dataset: Dataset,
    *,
    top: int = 40,
    limit: int | None = 500,
    seed: int = 0,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
) -> Figure | None:
    """Draw how many instances each class has, and how many images contain it.

    Crowds are not counted. Classes without instances are listed below the bars.

    Args:
        dataset: a prepared dataset.
        top: number of classes with a bar each; the rest share one.
        limit: maximum number of images to examine, drawn at random with `seed`; None is all.
        figsize: inches (width, height); None is 10 wide, and as high as the classes need.
        dpi: dots per inch; None is 120.
        save_to: path of a PNG to write; the figure is then closed.

    Returns:
        The Figure, or None if it was shown.

    Example:
        >>> from mrcnn.visualize import plot_classes
        >>> plot_classes(dataset, limit=None, save_to="classes.png")  # doctest: +SKIP
    """
    found = _survey(dataset, limit, seed)
    classes = dataset.num_classes
    instances = np.bincount(found.class_ids, minlength=classes)
    pairs = np.unique(np.stack([found.class_ids, found.images]), axis=1)
    images = np.bincount(pairs[0], minlength=classes)
    order = np.argsort(-instances[1:], kind="stable") + 1  # without the background
    shown, rest = order[:top], order[top:]
    names = [instance_label(dataset.class_names, i) for i in shown]
    bars = [instances[shown], images[shown]]
    if len(rest):
        names.append(f"{len(rest)} more classes")
        together = len(np.unique(found.images[np.isin(found.class_ids, rest)]))
        bars = [np.append(bars[0], instances[rest].sum()), np.append(bars[1], together)]

    default_size = 10, 1.6 + 0.24 * max(3, len(names))
    fig = new_figure((default_size, _DPI), figsize, dpi, save_to)
    axes = fig.subplots(1, 2, sharey=True)
    used = f"{np.count_nonzero(instances)} of {classes - 1} classes"
    plural = "s" * (found.crowds > 1)
    crowds = f", and {found.crowds} crowd{plural}" if found.crowds else ""
    title = f"{len(found.class_ids)} instances of {used}{crowds}, in {found.of_images}"
    fig.suptitle(title, fontsize=11)
    unused = [dataset.class_names[i] for i in order if not instances[i]]
    if unused:
        fig.supxlabel(textwrap.fill(f"no instances of: {some(unused, 20)}", 120), fontsize=9)
    for ax, counts, color, label in zip(
        axes, bars, (_INSTANCES, _IMAGES), ("instances", "images with an instance"), strict=True
    ):
        drawn = ax.barh(range(len(names)), counts, color=color, height=0.7)
        for bar in drawn[top:]:  # the bar of the rest
            bar.set_alpha(0.4)
        ax.bar_label(drawn, padding=3, fontsize=8)
        ax.set_xlabel(label)
        ax.set_xlim(0, 1.15 * max(1, max(counts, default=1)))  # room for the longest bar's number
        ax.xaxis.set_major_locator(_whole_numbers())
        plain_axes(ax)
    axes[0].set_yticks(range(len(names)), names, fontsize=9)
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    return finish(fig, created=True, save_to=save_to)


def plot_sizes(
    dataset: Dataset,
    config: Config | None = None,
    *,
    limit: int | None = 500,
    seed: int = 0,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
) -> Figure | None:
    """Draw the distributions of instance size and of the number of instances per image.

    The size is the square root of the box area. Crowds are not counted.

    Args:
        dataset: a prepared dataset.
        config: to measure in pixels of the network's input and to show MAX_GT_INSTANCES; None
            measures in pixels of the images.
        limit: maximum number of images to examine, drawn at random with `seed`; None is all.
        figsize: inches (width, height); None is (11, 4.2).
        dpi: dots per inch; None is 120.
        save_to: path of a PNG to write; the figure is then closed.

    Returns:
        The Figure, or None if it was shown.
    """
    found = _survey(dataset, limit, seed, config)
    per_image = np.bincount(found.images, minlength=found.count)

    fig = new_figure(((11, 4.2), _DPI), figsize, dpi, save_to)
    left, right = fig.subplots(1, 2)
    fig.suptitle(f"{len(found.sizes)} instances in {found.of_images}", fontsize=11)
    pixels = "the images" if config is None else "the network's input"
    left.set(xlabel=f"size: square root of the box area, pixels of {pixels}", ylabel="instances")
    if len(found.sizes):
        _size_histogram(left, found.sizes)
    _per_image_histogram(right, per_image, config)
    for ax in (left, right):
        ax.yaxis.set_major_locator(_whole_numbers())
        plain_axes(ax)
    return finish(fig, created=True, save_to=save_to)


def plot_anchor_coverage(
    coverage: Dataset | AnchorCoverage,
    config: Config | None = None,
    *,
    limit: int | None = 500,
    seed: int = 0,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
) -> Figure | None:
    """Draw how well the anchors cover the instances, with the current and the suggested scales.

    The left panel shows each instance's best IoU with an anchor. The right panel shows the widths
    and heights of the boxes and of the anchors, for both choices of RPN_ANCHOR_SCALES.

    Args:
        coverage: a prepared `Dataset`, or the result of `anchor_coverage` for one.
        config: defines the anchors; required with a dataset.
        limit: maximum number of the dataset's images to examine, drawn at random with `seed`; None
            is all.
        figsize: inches (width, height); None is (12, 5.4).
        dpi: dots per inch; None is 120.
        save_to: path of a PNG to write; the figure is then closed.

    Returns:
        The Figure, or None if it was shown.

    Raises:
        ValueError: `coverage` is a dataset and `config` is None.
    """
    of_images = ""
    if not isinstance(coverage, AnchorCoverage):
        if config is None:
            raise ValueError("config is None: it must be the Config that defines the anchors")
        dataset, image_ids = coverage, random_subset(prepared_ids(coverage), limit, seed)
        coverage = anchor_coverage(dataset, config, image_ids)
        of_images = f" in {_of_images(dataset, image_ids)}"
    config = coverage.config
    choices: _Choices = [
        ("RPN_ANCHOR_SCALES", config.RPN_ANCHOR_SCALES, coverage.best_iou, _CURRENT)
    ]
    suggested = coverage.suggested_scales()
    if suggested != plain_scales(config.RPN_ANCHOR_SCALES):
        best = best_iou(coverage.boxes, config, coverage.input_shapes, suggested)
        choices.append(("suggested", suggested, best, _SUGGESTED))

    fig = new_figure(((12, 5.4), _DPI), figsize, dpi, save_to)
    left, right = fig.subplots(1, 2)
    title = f"Anchors and {len(coverage.boxes)} instances{of_images}"
    if len(choices) == 1 and len(coverage.boxes):
        title += ": no better scales were found"
    fig.suptitle(title, fontsize=11)
    _iou_histogram(left, choices)
    _box_scatter(right, coverage, choices)
    for ax in (left, right):
        plain_axes(ax)
    return finish(fig, created=True, save_to=save_to)


@dataclasses.dataclass
class _Survey:
    """The instances of a dataset's examined images, without crowds.

    Attributes:
        count: number of examined images.
        of_images: that number in words, for titles.
        sizes: [N], square roots of the box areas, in pixels.
        class_ids: [N].
        images: [N], index of the instance's image among the `count` images.
        crowds: number of crowds.
    """

    count: int
    of_images: str
    sizes: Array
    class_ids: Array
    images: Array
    crowds: int


def _survey(
    dataset: Dataset, limit: int | None, seed: int, config: Config | None = None
) -> _Survey:
    """Collect a `_Survey`, in pixels of the network's input if a configuration is given."""
    image_ids = random_subset(prepared_ids(dataset), limit, seed)
    sizes: list[Array] = [np.zeros(0)]
    class_ids: list[Array] = [np.zeros(0, int)]
    images: list[Array] = [np.zeros(0, int)]
    crowds = 0
    for index, image_id in enumerate(image_ids):
        instances, ids = dataset.load_boxes(image_id)
        ids = np.asarray(ids)
        crowds += int(np.count_nonzero(ids < 0))
        kept = (ids > 0) & instances.visible
        if not kept.any():
            continue
        scale = 1 if config is None else _scale(instances.height, instances.width, config)
        boxes = instances.boxes[kept].astype(np.float64)
        sides = (boxes[:, 2:] - boxes[:, :2]) * scale
        sizes.append(np.sqrt(sides.prod(axis=1)))
        class_ids.append(ids[kept])
        images.append(np.full(kept.sum(), index))
    return _Survey(
        count=len(image_ids),
        of_images=_of_images(dataset, image_ids),
        sizes=np.concatenate(sizes),
        class_ids=np.concatenate(class_ids),
        images=np.concatenate(images),
        crowds=crowds,
    )


def _of_images(dataset: Dataset, image_ids: Sequence[int] | Array) -> str:
    if len(image_ids) < len(dataset.image_ids):
        return f"{len(image_ids)} of {len(dataset.image_ids)} images, drawn at random"
    return f"{len(image_ids)} images"


def _scale(height: int, width: int, config: Config) -> tuple[float, float]:
    """Factors (vertical, horizontal) by which an image is resized."""
    _, size, _ = input_geometry(height, width, **resize_options(config))
    return size[0] / height, size[1] / width


def _size_histogram(ax: Axes, sizes: Array) -> None:
    low, median, high = np.percentile(sizes, [5, 50, 95])
    bins = np.geomspace(sizes.min() / 1.05, sizes.max() * 1.05, 41).tolist()
    ax.hist(sizes, bins=bins, color=_INSTANCES)
    ax.axvspan(low, high, color="black", alpha=0.07, zorder=0)
    ax.axvline(median, color="black", linewidth=1, linestyle="dashed")
    _pixels_axis(ax.xaxis, ax.set_xscale)
    ax.set_title(f"median {median:.0f}; 90% from {low:.0f} to {high:.0f} (shaded)", fontsize=10)


def _per_image_histogram(ax: Axes, per_image: Array, config: Config | None) -> None:
    most = int(per_image.max(initial=0))
    step = max(1, -(-(most + 1) // 40))
    bins = (np.arange(0, most + step + 1, step) - 0.5).tolist()
    ax.hist(per_image, bins=bins, color=_IMAGES)
    ax.set(xlabel="instances per image", ylabel="images")
    ax.xaxis.set_major_locator(_whole_numbers())
    title = f"median {np.median(per_image):.0f}, maximum {most}" if len(per_image) else ""
    if config is not None:
        allowed = config.MAX_GT_INSTANCES
        more = np.count_nonzero(per_image > allowed)
        title += f"\nMAX_GT_INSTANCES is {allowed}; images with more: {more}"
        if allowed <= 1.5 * most:  # further out, it would squeeze the bars
            ax.axvline(allowed + 0.5, color="tab:red", linewidth=1.2, linestyle="dashed")
    ax.set_title(title, fontsize=10)


def _iou_histogram(ax: Axes, choices: _Choices) -> None:
    bins = np.linspace(0, 1, 41).tolist()
    for i, (name, scales, best, color) in enumerate(choices):
        recalls = "no instances"
        if len(best):
            recalls = f"recall {np.mean(best >= 0.5):.1%} at 0.5, {np.mean(best >= 0.7):.1%} at 0.7"
        label = f"{name} = {plain_scales(scales)}\n{recalls}"
        style = {"histtype": "stepfilled", "alpha": 0.4} if i == 0 else {"histtype": "step"}
        ax.hist(best, bins=bins, color=color, linewidth=1.5, label=label, **style)
    for iou in (0.5, 0.7):
        ax.axvline(iou, color="black", linewidth=1, linestyle="dashed")
    ax.set(xlabel="an instance's best IoU with an anchor", ylabel="instances", xlim=(0, 1))
    ax.set_ylim(top=1.25 * ax.get_ylim()[1])  # room for the legend
    ax.yaxis.set_major_locator(_whole_numbers())
    ax.legend(loc="upper left", fontsize=8, framealpha=1)


def _box_scatter(ax: Axes, coverage: AnchorCoverage, choices: _Choices) -> None:
    heights, widths = coverage.sizes.T
    kept = np.linspace(0, len(heights) - 1, min(len(heights), _MAX_POINTS)).astype(int)
    points = ax.scatter(
        widths[kept], heights[kept], c=coverage.best_iou[kept], s=6, cmap="viridis", vmin=0, vmax=1
    )
    ax.figure.colorbar(points, ax=ax, label="best IoU with RPN_ANCHOR_SCALES", pad=0.01)
    roots = np.sqrt(coverage.config.RPN_ANCHOR_RATIOS)
    for (name, scales, _, color), marker in zip(choices, "xo", strict=False):
        sides = np.concatenate([np.ravel(level) for level in scales])
        ax.scatter(
            np.outer(sides, roots),
            np.outer(sides, 1 / roots),
            marker=marker,
            s=55,
            linewidths=1.8,
            c=color if marker == "x" else "none",
            edgecolors=None if marker == "x" else color,
            label=f"anchors: {name}",
        )
    _pixels_axis(ax.xaxis, ax.set_xscale)
    _pixels_axis(ax.yaxis, ax.set_yscale)
    ax.set(xlabel="width, pixels of the network's input", ylabel="height")
    ax.legend(loc="upper left", fontsize=8)


def _pixels_axis(axis: Axis, set_scale: Callable[[str], Any]) -> None:
    """Make an axis logarithmic, with plain pixel counts as tick labels."""
    set_scale("log")
    low, high = axis.get_view_interval()
    ticks: list[float] = [side for side in _SIDES if low <= side <= high]
    if len(ticks) < 3:
        ticks = [side for side in _whole_numbers().tick_values(low, high) if low <= side <= high]
    axis.set_ticks(ticks)
    axis.set_major_formatter(FuncFormatter(lambda side, _: f"{side:g}"))
    axis.set_minor_formatter(NullFormatter())


def _whole_numbers() -> MaxNLocator:
    return MaxNLocator(7, integer=True, steps=[1, 2, 5, 10])
