"""A training batch as the network receives it."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..anchors.pyramid import pyramid_anchors
from ..config import Config
from ..images.meta import parse_image_meta
from ..images.normalising import unmold_image
from ..instances.pasting import expand_mask
from ..types import Array
from .captions import instance_label
from .drawing import CROWDED, add_box
from .figures import Inches, SaveTo, finish, native_axes, new_figure, show
from .instances import display_instances
from .pictures import as_rgb

_PANEL_INCHES = 5
_DPI = 100


def display_batch(
    inputs: Mapping[str, Array],
    config: Config,
    class_names: Sequence[str],
    *,
    limit: int = 4,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    native: bool = False,
) -> Figure | None:
    """Draw a training batch as the network receives it.

    The upper row shows the images after resizing and augmentation, with boxes and, if the batch has
    them, masks, which are as coarse as MINI_MASK_SHAPE makes them. The lower row shows the positive
    anchors; its titles also count the negative ones.

    Args:
        inputs: the training graph's inputs by name, as `BatchSequence` returns them.
        config: configuration of the training run.
        class_names: background first.
        limit: maximum number of images to draw.
        figsize: inches (width, height); None is 5 wide per image.
        dpi: dots per inch; None is 100.
        save_to: path of a PNG, or a binary file, to write; the figure is then closed.
        native: whether each panel has exactly its image's pixels, without margins or titles;
            figsize is then ignored.

    Returns:
        The Figure, or None if it was shown.
    """
    images = inputs["input_image"][:limit]
    metas = parse_image_meta(inputs["input_image_meta"][:limit])
    height, width = images.shape[1:3]
    default_size = _PANEL_INCHES * len(images), 2 * (_PANEL_INCHES * height / width + 0.5)
    if native:
        axes = native_axes([[images.shape[1:]] * len(images)] * 2, dpi, save_to)
    else:
        fig = new_figure((default_size, _DPI), figsize, dpi, save_to)
        axes = fig.subplots(2, len(images), squeeze=False)
    anchors = pyramid_anchors(config, images.shape[1:])
    for i, (upper, lower) in enumerate(axes.T):
        real = inputs["input_gt_class_ids"][i] != 0
        class_ids = inputs["input_gt_class_ids"][i][real]
        boxes = inputs["input_gt_boxes"][i][real]
        masks = inputs.get("input_gt_masks")  # None without a mask head
        if masks is not None:
            masks = masks[i][..., real]
            masks = expand_mask(boxes, masks, (height, width)) if config.USE_MINI_MASK else masks
        picture = as_rgb(unmold_image(images[i], config))
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
    return finish(axes[0, 0].figure, created=True, save_to=save_to, native=native)


def _anchors(ax: Axes, picture: Array, boxes: Array, anchors: Array, match: Array) -> None:
    """Draw the positive anchors over an image, and the boxes as dotted lines."""
    show(ax, picture)
    for box in boxes:
        add_box(ax, box, "white", 0.8, "dotted")
    positive = anchors[match == 1]
    for box in positive:
        add_box(ax, box, "yellow", 0.5 if len(positive) > CROWDED else 0.8, alpha=0.7)
    ax.set_title(
        f"{len(positive)} positive anchors, {np.count_nonzero(match == -1)} negative", fontsize=9
    )


def _counts(class_names: Sequence[str], class_ids: Array) -> str:
    counts = Counter(class_ids.tolist()).most_common()
    listed = ", ".join(f"{count} {instance_label(class_names, i)}" for i, count in counts)
    return textwrap.shorten(listed, 70, placeholder=" ...") or "no instances"
