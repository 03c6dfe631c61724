"""Figures of images, and of the instances in an image."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from ..images.ranges import PERCENTILES
from ..types import Array
from .captions import CAPTION_POINTS, add_caption, inner_point, instance_label
from .drawing import RGB, add_box, add_outlines, blend_masks, check_counts, neighbor_colors
from .figures import (
    Inches,
    SaveTo,
    check_native,
    finish,
    image_axes,
    native_axes,
    panel_rows,
    scale_of,
    show,
    wrapped,
)
from .pictures import as_rgb

logger = logging.getLogger(__name__)
_SIZE = (16, 16)  # inches


def display_images(
    images: Sequence[npt.ArrayLike] | Array,
    titles: Sequence[str] | None = None,
    cols: int = 4,
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    interpolation: str | None = None,
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    native: bool = False,
) -> Figure | None:
    """Show images, masks or feature maps in a grid.

    Args:
        images: list of [H, W] or [H, W, C] arrays, or one array [N, ...] of them. Those of one
            channel are shown through `cmap`, from their lowest to their highest value (for wide
            integers, such as uint16: without the outliers); others in colour, scaled so that they
            can be seen, see `pictures.as_rgb`.
        titles: strings in the order of the images; there may be fewer.
        cols: images per row.
        cmap, norm, interpolation: passed to matplotlib's `imshow`.
        figsize: inches (width, height); None is 3.5 wide per image.
        dpi: dots per inch; None is matplotlib's.
        save_to: path of a PNG to write; the figure is then closed.
        native: whether each panel has exactly its image's pixels, without margins or titles;
            figsize is then ignored.

    Returns:
        The Figure, or None if there are no images or it was shown.

    Example:
        >>> from mrcnn.visualize import display_images
        >>> masks = np.eye(8, dtype=bool), np.ones((8, 8), bool)
        >>> figure = display_images(masks, titles=["diagonal", "all"], save_to="masks.png")
        >>> [ax.get_title() for ax in figure.axes]
        ['diagonal', 'all']
    """
    if len(images) == 0:
        logger.warning("No images to display.")
        return None
    titles = [*([] if titles is None else titles), *[""] * len(images)]
    cols = min(cols, len(images))
    shapes = [np.shape(image)[:2] for image in images]
    rows = [shapes[i : i + cols] for i in range(0, len(shapes), cols)]
    if native:
        rows[-1] += [(1, 1)] * (cols - len(rows[-1]))  # panels that stay empty
        axes = native_axes(rows, dpi, save_to)
    else:
        axes = panel_rows(rows, cols, (3.5 * cols, None), figsize, dpi, save_to)
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        image = np.asanyarray(image)
        image = image[..., 0] if image.shape[2:] == (1,) else image
        limits = _limits(image) if norm is None else {}
        image = as_rgb(image) if image.ndim == 3 else image
        ax.set_title(wrapped(ax, title, 9), fontsize=9)
        ax.imshow(image, cmap=cmap, norm=norm, interpolation=interpolation, **limits)
    return finish(axes[0, 0].figure, created=True, save_to=save_to, native=native)


def display_instances(
    image: npt.ArrayLike,
    boxes: npt.ArrayLike,
    masks: npt.ArrayLike | None,
    class_ids: Sequence[int] | Array,
    class_names: Sequence[str],
    scores: Sequence[float] | Array | None = None,
    title: str = "",
    figsize: Inches | None = (16, 16),
    ax: Axes | None = None,
    show_mask: bool = True,
    show_bbox: bool = True,
    colors: Sequence[RGB] | None = None,
    captions: Sequence[str | None] | None = None,
    *,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    native: bool = False,
) -> Axes | None:
    """Draw instances over an image: tinted masks with outlines, boxes and captions.

    Without masks, the lines of the boxes are heavier.

    Args:
        image: [H, W] or [H, W, C] of any pixel type, scaled so that it can be seen, see
            `pictures.as_rgb`. It is not changed.
        boxes: [N, (y1, x1, y2, x2)] in pixels; all-zero rows are padding and are skipped.
        masks: [H, W, N], or None for boxes only.
        class_ids: [N] ints, indices into class_names.
        class_names: list of strings.
        scores: [N] in [0, 1], added to the captions.
        title: text above the image.
        figsize: inches (width, height) of the figure created if `ax` is None; type and lines scale
            with it.
        ax: the Axes to draw on.
        show_mask: whether to tint the masks; their outlines are always drawn.
        show_bbox: whether to draw the boxes.
        colors: N tuples (red, green, blue) in [0, 1]; by default, neighbours differ.
        captions: N strings that replace "name score"; "" or None for no caption.
        dpi: dots per inch of the created figure; None is matplotlib's.
        save_to: path of a PNG to write; the figure is then closed.
        native: whether the picture has exactly the image's pixels, without margins or title;
            figsize is then ignored.

    Returns:
        The Axes, or None if the figure was shown.

    Raises:
        ValueError: the instance counts differ, or masks and image differ in size.

    Example:
        >>> from mrcnn.visualize import display_instances
        >>> image = np.zeros((60, 80, 3), np.uint8)
        >>> box, score = [10, 10, 30, 40], 0.9
        >>> ax = display_instances(
        ...     image, [box], None, [1], ["BG", "cat"], scores=[score], save_to="cat.png"
        ... )
        >>> ax.texts[0].get_text()
        'cat 0.90'

        With a trained model's results, shown in a window:

        >>> (result,) = model.detect([image])  # doctest: +SKIP
        >>> display_instances(
        ...     image, result["rois"], result["masks"], result["class_ids"], class_names
        ... )  # doctest: +SKIP
    """
    check_native(native, ax)
    picture = as_rgb(image)
    boxes = np.reshape(boxes, (-1, 4))
    check_counts(
        boxes=len(boxes),
        masks=None if masks is None else np.shape(masks)[-1],
        class_ids=len(class_ids),
        # These may be longer than needed; a palette usually is.
        scores=None if scores is None else min(len(scores), len(boxes)),
        colors=None if colors is None else min(len(colors), len(boxes)),
        captions=None if captions is None else min(len(captions), len(boxes)),
    )
    shown = np.flatnonzero(boxes.any(axis=1)).tolist()
    if not shown and ax is None:
        logger.warning("No instances to display.")
    if captions is None:
        captions = [
            instance_label(class_names, class_ids[i], None if scores is None else scores[i])
            for i in range(len(boxes))
        ]
    if colors is None:
        colors = neighbor_colors(boxes)

    shown_colors = [colors[i] for i in shown]
    outlines = []
    all_masks = None if masks is None else np.asarray(masks)
    if all_masks is not None and shown:
        tinted = picture if show_mask else picture.copy()
        # Masks can be large: no copy unless there is padding.
        visible = all_masks if len(shown) == len(boxes) else all_masks[:, :, shown]
        outlines = blend_masks(tinted, visible, shown_colors)

    created = ax is None
    ax = image_axes(picture.shape, ax, (_SIZE, None), figsize, dpi, save_to, native)
    show(ax, picture)
    ax.set_title(title)
    scale = scale_of(ax, len(shown))
    if outlines:
        add_outlines(ax, outlines, shown_colors, scale)
    for i in shown:
        if show_bbox:
            add_box(ax, boxes[i], colors[i], scale, alpha=0.7, alone=masks is None)
        caption = captions[i]
        if caption:
            target = None
            if all_masks is not None:
                y1, x1, y2, x2 = np.maximum(boxes[i], 0).astype(int)
                target = inner_point(all_masks[y1:y2, x1:x2, i], (y1, x1))
            add_caption(ax, boxes[i], caption, colors[i], CAPTION_POINTS * scale, target)
    return finish(ax, created, save_to, native)


def display_top_masks(
    image: npt.ArrayLike,
    mask: npt.ArrayLike,
    class_ids: npt.ArrayLike,
    class_names: Sequence[str],
    limit: int = 4,
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    native: bool = False,
) -> Figure | None:
    """Show an image beside the masks of the classes that cover the most area.

    In a class's panel, each instance has a different shade.

    Args:
        image: [H, W] or [H, W, C] of any pixel type, see `pictures.as_rgb`.
        mask: [H, W, N].
        class_ids: [N] ints.
        class_names: list of strings.
        limit: maximum number of classes.
        figsize: inches (width, height); None is 3.5 wide per panel.
        dpi: dots per inch; None is matplotlib's.
        save_to: path of a PNG to write; the figure is then closed.
        native: whether each panel has exactly its image's pixels, without margins or titles;
            figsize is then ignored.

    Returns:
        The Figure, or None if it was shown.

    Raises:
        ValueError: there are no masks, or the counts of masks and class_ids differ.
    """
    if mask is None:
        raise ValueError(
            "mask is None: display_top_masks needs masks [H, W, N]. For instances with boxes only, "
            "use display_instances(image, boxes, None, class_ids, class_names)."
        )
    mask, class_ids = np.asarray(mask) > 0.5, np.asarray(class_ids)
    check_counts(mask=mask.shape[-1], class_ids=len(class_ids))
    areas = mask.sum(axis=(0, 1))
    classes = np.unique(class_ids[areas > 0])
    class_areas = np.array([areas[class_ids == c].sum() for c in classes], dtype=int)
    top = classes[np.argsort(-class_areas, kind="stable")][:limit]

    picture = as_rgb(image)
    panels, titles = [picture], [f"{picture.shape[1]} x {picture.shape[0]} (width x height)"]
    for class_id in top:
        numbers = np.flatnonzero(class_ids == class_id)
        panel = np.zeros(picture.shape[:2], np.float32)
        for number, shade in zip(numbers, np.linspace(1, 0.35, len(numbers)), strict=True):
            panel[mask[:, :, number] & (panel == 0)] = shade
        panels.append(panel)
        titles.append(f"{instance_label(class_names, class_id)} ({len(numbers)})")
    return display_images(
        panels,
        titles,
        limit + 1,
        "Blues",
        Normalize(0, 1),
        figsize=figsize,
        dpi=dpi,
        save_to=save_to,
        native=native,
    )


def _limits(image: Array) -> dict[str, Any]:
    """The values that get the first and the last colour; empty for the lowest and the highest."""
    if image.dtype == bool:  # otherwise a mask with a single value would get the colour of zero
        return {"vmin": 0, "vmax": 1}
    if image.ndim == 2 and image.dtype.kind in "iu" and image.dtype.itemsize > 1 and image.size:
        low, high = np.percentile(np.ma.getdata(image), PERCENTILES)
        return {"vmin": low, "vmax": high} if high > low else {}
    return {}
