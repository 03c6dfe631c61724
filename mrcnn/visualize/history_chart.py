"""Pictures of a run: its curves, a batch as the network gets it, and predictions on the way."""

import re
import textwrap
from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..anchors.pyramid import pyramid_anchors
from ..config_rules.network_rules import LOSS_NAMES
from ..images.meta import parse_image_meta
from ..images.resizing import unmold_image
from ..instances.pasting import expand_mask
from ..runs import history as history_file
from .captions import instance_label
from .dataset_images import as_picture
from .drawing import CROWDED, add_box
from .figures import finish, new_figure, plain_axes
from .instances import display_instances
from .side_by_side import compare

_LOG_FROM = 5  # factor between the largest and the least value from which an axis is logarithmic
_SPEED = ("seconds", "images_per_second")
_MOST_FIGURES = 8  # curves, where there is no average precision
_MOST_POINTS = 40  # epochs up to which each has a marker
_PANEL_INCHES = 5
_DPI = 100


def plot_history(history, save_to=None, *, figsize=None, dpi=None):
    """Draw the losses, the average precision and the learning rate over the epochs.

    Training is solid and validation dashed. An axis is logarithmic where values differ widely.

    Args:
        history: path of a `history.csv` or of its run's folder, or rows as `history.read` gives.
        save_to: path of a PNG, or a binary file, to write; the figure is then closed.
        figsize: inches (width, height); None is (12, 8).
        dpi: dots per inch; None is 100.

    Returns:
        The Figure, or None where it was shown.

    Raises:
        FileNotFoundError, ValueError: see `history.read`; or there is no epoch in it.
    """
    rows = history_file.read(history) if isinstance(history, str | Path) else list(history)
    if not rows:
        raise ValueError("the history has no epochs")
    known = {"epoch", "loss", "val_loss", "learning_rate", *_SPEED, *LOSS_NAMES}
    known.update(f"val_{name}" for name in LOSS_NAMES)
    figures = list(dict.fromkeys(name for row in rows for name in row if name not in known))
    figures = [name for name in figures if len(_points(rows, name)[0])]
    figures = [name for name in figures if re.search("AP(50|75)?$", name)] or figures[
        :_MOST_FIGURES
    ]

    fig = new_figure(((12, 8), _DPI), figsize, dpi, save_to)
    axes = fig.subplots(2, 2)
    fig.suptitle(_summary(rows[-1]), fontsize=11)
    (total, parts), (average_precision, rate) = axes
    _curves(total, rows, {"loss": "training", "val_loss": "validation"}, "loss")
    names = {name: name.removesuffix("_loss") for name in LOSS_NAMES}
    names.update({f"val_{name}": None for name in LOSS_NAMES})
    _curves(parts, rows, names, "its parts (validation is dashed)")
    titles = {name: name.removeprefix("val_") for name in figures}
    _curves(average_precision, rows, titles, "figures of validation", linestyle="solid", log=False)
    if not figures:
        average_precision.set_title("no figures of validation yet", fontsize=10)
    _curves(rate, rows, {"learning_rate": None}, "learning rate")
    return finish(fig, own=True, save_to=save_to)


def display_batch(inputs, config, class_names, *, limit=4, figsize=None, dpi=None, save_to=None):
    """Draw a batch of training as the network gets it.

    Above, the images after resizing and augmentation with boxes and masks, which are as coarse as
    MINI_MASK_SHAPE makes them; below, the anchors that are positive, and how many are not.

    Args:
        inputs: dict of the training graph's inputs by name, as `BatchSequence` gives them.
        config: the `Config` of the run.
        class_names: list of strings, background first.
        limit: images to draw.
        figsize: inches (width, height); None is 5 wide an image.
        dpi: dots per inch; None is 100.
        save_to: path of a PNG, or a binary file, to write; the figure is then closed.

    Returns:
        The Figure, or None where it was shown.
    """
    images = inputs["input_image"][:limit]
    metas = parse_image_meta(inputs["input_image_meta"][:limit])
    height, width = images.shape[1:3]
    usual = _PANEL_INCHES * len(images), 2 * (_PANEL_INCHES * height / width + 0.5)
    fig = new_figure((usual, _DPI), figsize, dpi, save_to)
    axes = fig.subplots(2, len(images), squeeze=False)
    anchors = pyramid_anchors(config, images.shape[1:])
    for i, (upper, lower) in enumerate(axes.T):
        real = inputs["input_gt_class_ids"][i] != 0
        class_ids = inputs["input_gt_class_ids"][i][real]
        boxes = inputs["input_gt_boxes"][i][real]
        masks = inputs["input_gt_masks"][i][..., real]
        if config.USE_MINI_MASK:
            masks = expand_mask(boxes, masks, (height, width))
        picture = as_picture(unmold_image(images[i], config))
        brief = len(class_ids) > CROWDED or len(class_names) <= 2
        original = metas["original_image_shape"][i]
        title = (
            f"image {metas['image_id'][i]}, {original[1]} x {original[0]} scaled by "
            f"{metas['scale'][i]:.3g}\n{_counts(class_names, class_ids)}"
        )
        display_instances(
            picture,
            boxes,
            masks,
            class_ids,
            class_names,
            ax=upper,
            captions=[""] * len(class_ids) if brief else None,
        )
        upper.set_title(title, fontsize=9)
        _anchors(lower, picture, boxes, anchors, inputs["input_rpn_match"][i][:, 0])
    return finish(fig, own=True, save_to=save_to)


def draw_predictions(samples, class_names, save_to=None, *, title="", figsize=None, dpi=None):
    """Draw the ground truth of a few images beside what is predicted, see `compare`.

    Args:
        samples: list of (image [H, W, C], truth, result); truth is a dict of rois [N, 4] in
            pixels, class_ids [N] and masks [H, W, N], and result one of `MaskRCNN.detect`.
        class_names: list of strings, background first.
        save_to: path of a PNG, or a binary file, to write; the figure is then closed.
        title: above all.
        figsize: inches (width, height); None is 5 wide an image.
        dpi: dots per inch; None is 100.

    Returns:
        The Figure, or None where it was shown.

    Raises:
        ValueError: there are no samples, or counts within one differ.
    """
    if not samples:
        raise ValueError("samples is empty: there are no images to draw")
    pairs = 1 if len(samples) == 1 else 2  # in a row
    rows = -(-len(samples) // pairs)
    shapes = [np.shape(image)[:2] for image, _, _ in samples]
    heights = [
        max(_PANEL_INCHES * h / w for h, w in shapes[row * pairs : (row + 1) * pairs]) + 0.4
        for row in range(rows)
    ]
    usual = 2 * pairs * _PANEL_INCHES, sum(heights) + 0.3
    fig = new_figure((usual, _DPI), figsize, dpi, save_to)
    axes = fig.subplots(rows, 2 * pairs, squeeze=False, height_ratios=heights)
    fig.suptitle(title, fontsize=11)
    for ax in axes.flat:
        ax.axis("off")
    for pair, (image, truth, result) in zip(axes.reshape(-1, 2), samples, strict=False):
        compare(as_picture(image), truth, result, class_names, axes=pair)
    return finish(fig, own=True, save_to=save_to)


def _summary(row):
    """Such as "epoch 3: loss 2.598, 38 s, 4.8 images per second"."""
    parts = [("loss {:.4g}", "loss"), ("{:.0f} s", "seconds")]
    parts.append(("{:.3g} images per second", "images_per_second"))
    known = [text.format(row[name]) for text, name in parts if name in row]
    return f"epoch {row['epoch']}: {', '.join(known)}"


def _curves(ax, rows, names, title, linestyle=None, log=True):
    """Draw columns over the epochs; `names` are their labels, None for none."""
    ax.set_title(title, fontsize=10)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    plain_axes(ax)
    colors, drawn = {}, []
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
            marker="o" if len(epochs) <= _MOST_POINTS else None,
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


def _points(rows, name):
    """Epochs and values of a column where it is a finite number."""
    numbers = [(row["epoch"], row[name]) for row in rows if isinstance(row.get(name), int | float)]
    points = np.array(numbers, np.float64).reshape(-1, 2)
    return points[np.isfinite(points[:, 1])].T


def _scale(ax, values, log):
    low, high = values.min(), values.max()
    if not log or low <= 0 or high < _LOG_FROM * low:
        ax.set_ylim(bottom=min(0, low))
        return
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _anchors(ax, picture, boxes, anchors, match):
    """Draw the positive anchors over an image, with the boxes dotted."""
    ax.imshow(picture)
    ax.axis("off")
    ax.autoscale(False)
    for box in boxes:
        add_box(ax, box, "white", 0.8, "dotted")
    positive = anchors[match == 1]
    for box in positive:
        add_box(ax, box, "yellow", 0.5 if len(positive) > CROWDED else 0.8, alpha=0.7)
    ax.set_title(
        f"{len(positive)} positive anchors, {np.count_nonzero(match == -1)} negative", fontsize=9
    )


def _counts(class_names, class_ids):
    counts = Counter(class_ids.tolist()).most_common()
    listed = ", ".join(f"{count} {instance_label(class_names, i)}" for i, count in counts)
    return textwrap.shorten(listed, 70, placeholder=" ...") or "no instances"
