"""Inside the network: boxes before and after refinement, regions of interest."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.typing import ColorType

from ..datasets.splits import random_subset
from ..instances.pasting import unmold_mask
from ..types import Array
from .captions import add_caption, instance_label
from .drawing import (
    add_box,
    apply_mask,
    blend_masks,
    check_counts,
    neighbor_colors,
    random_colors,
)
from .figures import Inches, SaveTo, check_native, finish, image_axes, show
from .pictures import as_rgb

_SIZE = (12, 12)  # inches
# How `draw_boxes` draws a box: colour, line style and alpha by visibility.
_VISIBILITIES = {0: ("gray", "dotted", 0.5), 1: (None, "dotted", 1.0), 2: (None, "solid", 1.0)}


def draw_boxes(
    image: npt.ArrayLike,
    boxes: npt.ArrayLike | None = None,
    refined_boxes: npt.ArrayLike | None = None,
    masks: npt.ArrayLike | None = None,
    captions: Sequence[str | None] | None = None,
    visibilities: Sequence[int] | Array | None = None,
    title: str = "",
    ax: Axes | None = None,
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    native: bool = False,
) -> Axes | None:
    """Draw boxes (dashed) and their refinements (solid), each pair joined by a line.

    Args:
        image: [H, W] or [H, W, C] of any pixel type, see `pictures.as_rgb`. Unless the figure is
            native, a margin of up to a tenth of its height shows boxes that extend beyond it.
        boxes, refined_boxes: [N, (y1, x1, y2, x2)] in pixels; at least one of the two is required.
            All-zero rows are padding and are skipped.
        masks: [H, W, N].
        captions: N strings.
        visibilities: [N]; 0 is grey, dotted and pale, 1 is coloured and dotted, 2 is coloured and
            solid.
        title: text above the image.
        ax: the Axes to draw on; None creates a figure.
        figsize: inches (width, height); None is (12, 12).
        dpi: dots per inch; None is matplotlib's.
        save_to: path of a PNG to write; the figure is then closed.
        native: whether the picture has exactly the image's pixels, without margins or title;
            figsize is then ignored.

    Returns:
        The Axes, or None if the figure was shown.

    Raises:
        ValueError: there are no boxes, the counts differ, or a visibility is not 0, 1 or 2.
    """
    check_native(native, ax)
    boxes, refined_boxes = _as_boxes(boxes), _as_boxes(refined_boxes)
    last = boxes if refined_boxes is None else refined_boxes  # the boxes that captions belong to
    if last is None:
        raise ValueError("boxes and refined_boxes are both None: draw_boxes needs at least one")
    check_counts(
        boxes=None if boxes is None else len(boxes),
        refined_boxes=None if refined_boxes is None else len(refined_boxes),
        masks=None if masks is None else np.shape(masks)[-1],
        captions=None if captions is None else len(captions),
        visibilities=None if visibilities is None else len(visibilities),
    )
    picture = as_rgb(image)
    colors = random_colors(len(last))
    if masks is not None:
        blend_masks(picture, masks, colors)

    created = ax is None
    ax = image_axes(picture.shape, ax, (_SIZE, None), figsize, dpi, save_to, native)
    margin = 0 if native else _overhang(picture.shape, boxes, refined_boxes)
    _show_with_margin(ax, picture, min(margin, picture.shape[0] // 10), title)
    for i, own_color in enumerate(colors):
        color: ColorType = own_color
        linestyle, alpha = "dashed", 1.0
        if visibilities is not None:
            if visibilities[i] not in _VISIBILITIES:
                raise ValueError(f"visibilities[{i}] is {visibilities[i]}: it must be 0, 1 or 2")
            gray, linestyle, alpha = _VISIBILITIES[int(visibilities[i])]
            color = gray or own_color
        if boxes is not None and boxes[i].any():
            add_box(ax, boxes[i], color, 1.5, linestyle, alpha)
        if refined_boxes is not None and refined_boxes[i].any():
            add_box(ax, refined_boxes[i], color, 1.5)
            if boxes is not None and boxes[i].any():
                _join_corners(ax, boxes[i], refined_boxes[i], color)
        caption = None if captions is None else captions[i]
        if caption and last[i].any():
            add_caption(ax, last[i], caption, color)
    return finish(ax, created, save_to, native)


def draw_rois(
    image: npt.ArrayLike,
    rois: npt.ArrayLike,
    refined_rois: npt.ArrayLike,
    mask: Sequence[npt.ArrayLike] | Array | None,
    class_ids: npt.ArrayLike,
    class_names: Sequence[str],
    limit: int | None = 10,
    *,
    seed: int = 0,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    native: bool = False,
) -> Axes | None:
    """Draw regions of interest (dashed) and, for positive ones, the refined box and any mask.

    A line joins the top-left corners of a region and its refined box. Negative regions are grey;
    positive ones are captioned with their class if there are several classes. The counts of
    positive and negative regions are printed.

    Args:
        image: [H, W] or [H, W, C] of any pixel type, see `pictures.as_rgb`.
        rois, refined_rois: [N, (y1, x1, y2, x2)] in pixels; all-zero rows are padding.
        mask: [N, h, w] floats, each the mask within its region, in the mask head's format; None
            without a mask head.
        class_ids: [N] ints; 0 is background, a negative region.
        class_names: list of strings.
        limit: maximum number of regions to draw, chosen at random with `seed`.
        figsize: inches (width, height); None is (12, 12).
        dpi: dots per inch; None is matplotlib's.
        save_to: path of a PNG to write; the figure is then closed.
        native: whether the picture has exactly the image's pixels, without margins or title;
            figsize is then ignored.

    Returns:
        The Axes, or None if the figure was shown.

    Raises:
        ValueError: the counts differ.
    """
    rois, refined_rois = np.reshape(rois, (-1, 4)), np.reshape(refined_rois, (-1, 4))
    class_ids = np.asarray(class_ids)
    check_counts(
        rois=len(rois),
        refined_rois=len(refined_rois),
        mask=None if mask is None else len(mask),
        class_ids=len(class_ids),
    )
    valid = np.flatnonzero(rois.any(axis=1))
    drawn = random_subset(valid, limit, seed)
    positive = [i for i in drawn if class_ids[i] != 0]
    colors = dict(zip(drawn, neighbor_colors(rois[drawn]), strict=True))

    picture = as_rgb(image)
    if mask is not None:
        for i in positive:
            region_mask = unmold_mask(mask[i], rois[i].astype(int), picture.shape)
            apply_mask(picture, region_mask, colors[i])
    ax = image_axes(picture.shape, None, (_SIZE, None), figsize, dpi, save_to, native)
    title = f"{len(drawn)} of {len(valid)} regions, {len(positive)} of them positive"
    _show_with_margin(ax, picture, 0, title)
    for i in drawn:
        add_box(ax, rois[i], colors[i] if i in positive else "gray", linestyle="dashed")
    for i in positive:
        add_box(ax, refined_rois[i], colors[i], alone=mask is None)
        _join_corners(ax, rois[i], refined_rois[i], colors[i])
        if len(class_names) > 2:
            label = instance_label(class_names, class_ids[i])
            add_caption(ax, refined_rois[i], label, colors[i])

    count = int((class_ids[valid] != 0).sum())
    print(f"Positive ROIs: {count}")
    print(f"Negative ROIs: {len(valid) - count}")
    print(f"Positive ratio: {count / max(1, len(valid)):.2f}")
    return finish(ax, True, save_to, native)


def _as_boxes(boxes: npt.ArrayLike | None) -> Array | None:
    return None if boxes is None else np.reshape(boxes, (-1, 4))


def _overhang(shape: tuple[int, ...], *groups: Array | None) -> int:
    """Pixels by which boxes extend beyond an image of a shape (height, width, ...)."""
    boxes = np.concatenate([np.zeros((1, 4)), *(group for group in groups if group is not None)])
    beyond = (-boxes[:, :2].min(), boxes[:, 2].max() - shape[0], boxes[:, 3].max() - shape[1])
    return int(np.ceil(max(0, *beyond)))


def _show_with_margin(ax: Axes, picture: Array, margin: int, title: str) -> None:
    height, width = picture.shape[:2]
    show(ax, picture)
    ax.set_title(title)
    ax.set_xlim(-0.5 - margin, width - 0.5 + margin)
    ax.set_ylim(height - 0.5 + margin, -0.5 - margin)


def _join_corners(ax: Axes, box: Array, refined_box: Array, color: ColorType) -> None:
    """Draw a line between the top-left corners of a box and its refinement."""
    (y, x), (refined_y, refined_x) = box[:2], refined_box[:2]
    ax.plot([x - 0.5, refined_x - 0.5], [y - 0.5, refined_y - 0.5], color=color, linewidth=1)
