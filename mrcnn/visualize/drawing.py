"""Colours, pixels and shapes: the building blocks of the figures in `mrcnn.visualize`.

Functions that take an array draw into its pixels; functions that take `ax` draw on matplotlib
axes. On axes, pixel (y, x) is the unit square centred on (y, x). A box (y1, x1, y2, x2), with y2
and x2 exclusive, is therefore drawn from (y1 - 0.5, x1 - 0.5) to (y2 - 0.5, x2 - 0.5).
"""

import colorsys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.typing import ColorType
from skimage.color import rgb2lab
from skimage.measure import find_contours

from ..instances.pasting import extract_bboxes
from ..types import Array
from .pictures import as_rgb as as_rgb

# A colour, (red, green, blue) in [0, 1].
RGB = tuple[float, float, float]

# Golden-ratio steps around the colour wheel never return to a hue already used.
_GOLDEN_RATIO = (5**0.5 - 1) / 2

# An outline this many times as long as its box's is ragged. Those of trees and bicycles are not.
_RAGGED = 4
_RAGGED_ALPHA = 0.4  # of the usual tint

CROWDED = 40  # with more instances in an image, captions and lines are smaller


def random_colors(N: int, bright: bool = True) -> list[RGB]:
    """Make N distinct, saturated colours.

    Colour i does not depend on N, and no random state is read or changed.

    Args:
        N: number of colours.
        bright: full brightness; otherwise 70% of it.

    Returns:
        List of N tuples (red, green, blue) of floats in [0, 1].

    Example:
        >>> from mrcnn.visualize import random_colors
        >>> np.round(random_colors(1), 2)
        array([[1.  , 0.15, 0.15]])
    """
    value = 1.0 if bright else 0.7
    return [colorsys.hsv_to_rgb(i * _GOLDEN_RATIO % 1, 0.85, value) for i in range(N)]


def neighbor_colors(boxes: npt.ArrayLike, beneath: npt.ArrayLike | None = None) -> list[RGB]:
    """Colour boxes so that neighbours look different.

    Args:
        boxes: [N, (y1, x1, y2, x2)] in pixels.
        beneath: [N, (red, green, blue)] in [0, 1], the colour of the image under each outline, from
            which it shall stand out; None to ignore it.

    Returns:
        List of N tuples (red, green, blue) of floats in [0, 1], from a palette of twelve.
    """
    palette = random_colors(12)
    lab = rgb2lab(np.array(palette))  # distances in Lab match what the eye sees
    contrast = np.linalg.norm(lab[:, None] - lab[None], axis=-1)  # [12, 12]
    boxes = np.asarray(boxes, dtype=np.float64)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    visible = np.full((len(boxes), len(palette)), np.inf)
    if beneath is not None and len(boxes):
        # In thin lines, the eye sees lightness before hue. That a line is seen at all counts for
        # more than that it differs from its neighbours.
        difference = lab - rgb2lab(np.asarray(beneath, np.float64))[:, None]
        visible = np.linalg.norm(difference * (0.5, 0.25, 0.25), axis=-1)  # [N, 12]
    chosen = np.zeros(len(boxes), dtype=int)
    for i in range(len(boxes)):
        distance = np.linalg.norm(centers[:i] - centers[i], axis=1)
        neighbors = chosen[np.argsort(distance, kind="stable")[:6]]
        from_neighbors = contrast[:, neighbors].min(axis=1, initial=np.inf)
        chosen[i] = np.minimum(from_neighbors, visible[i]).argmax()
    return [palette[i] for i in chosen]


def apply_mask(
    image: Array, mask: npt.ArrayLike, color: Sequence[float] | Array, alpha: float = 0.5
) -> Array:
    """Blend a colour into an image, in place, where a mask covers it.

    Args:
        image: [H, W, 3], integers in [0, 255], or floats in [0, 1] or (if any is above 1) [0, 255].
            If any value is above 255, the largest is full brightness.
        mask: [H, W], bool or numbers (above 0.5 is inside).
        color: (red, green, blue) in [0, 1].
        alpha: weight of the colour; the image keeps 1 - alpha.

    Returns:
        `image`, the array passed in.

    Raises:
        ValueError: mask and image differ in size, or the image is not RGB.

    Example:
        >>> from mrcnn.visualize import apply_mask
        >>> image = np.zeros((1, 2, 3), np.uint8)
        >>> apply_mask(image, [[True, False]], color=(1.0, 0.0, 0.5), alpha=1.0)
        array([[[255,   0, 128],
                [  0,   0,   0]]], dtype=uint8)
    """
    mask = np.asarray(mask)
    if image.shape != (*mask.shape, 3):
        raise ValueError(
            f"image has shape {image.shape} and mask {mask.shape}: they must be [H, W, 3] and "
            "[H, W] with the same H and W"
        )
    inside = mask > 0.5
    paint = _full_scale(image) * np.asarray(color, dtype=np.float64)[:3]
    blended = (1 - alpha) * image[inside] + alpha * paint
    image[inside] = np.rint(blended) if image.dtype.kind in "iu" else blended
    return image


def draw_box(image: Array, box: Sequence[float] | Array, color: npt.ArrayLike) -> Array:
    """Draw a box two pixels thick into an image, in place.

    Args:
        image: [H, W, channels].
        box: (y1, x1, y2, x2) in pixels.
        color: pixel value in the image's range (255 is full brightness in a uint8 image).

    Returns:
        `image`, the array passed in.
    """
    y1, x1, y2, x2 = (max(0, int(side)) for side in box)
    image[y1 : y1 + 2, x1:x2] = color
    image[y2 : y2 + 2, x1:x2] = color
    image[y1:y2, x1 : x1 + 2] = color
    image[y1 : y2 + 2, x2 : x2 + 2] = color
    return image


def blend_masks(
    image: Array, masks: npt.ArrayLike, colors: Sequence[RGB], alpha: float = 0.5
) -> list[list[Array]]:
    """Blend many masks into an image, in place, and find their outlines.

    Only each mask's bounding box is touched, so hundreds of small masks stay fast. Ragged masks,
    such as those of an untrained network, are tinted faintly: several of them would hide the image.

    Args:
        image: uint8 [H, W, 3].
        masks: [H, W, N], bool or numbers (above 0.5 is inside).
        colors: N tuples (red, green, blue) in [0, 1].
        alpha: see `apply_mask`.

    Returns:
        Outlines: for each mask a list of [points, (x, y)] arrays.

    Raises:
        ValueError: masks and image differ in size.
    """
    masks = np.asarray(masks)
    masks = masks if masks.dtype == bool else masks > 0.5
    if masks.shape[:2] != image.shape[:2]:
        raise ValueError(
            f"masks has shape {masks.shape} and image {image.shape}: masks must be [H, W, N] with "
            "the image's H and W"
        )
    outlines = []
    for i, (y1, x1, y2, x2) in enumerate(extract_bboxes(masks)):
        crop = masks[y1:y2, x1:x2, i]
        # A border of background closes the outlines at the edges of the bounding box.
        contours = find_contours(np.pad(crop, 1).astype(np.float32), 0.5) if crop.size else []
        outlines.append([contour[:, ::-1] + (x1 - 1, y1 - 1) for contour in contours])
        strength = alpha * _RAGGED_ALPHA if is_ragged(outlines[-1]) else alpha
        apply_mask(image[y1:y2, x1:x2], crop, colors[i], strength)
    return outlines


def is_ragged(outline: Sequence[Array]) -> bool:
    """Whether an outline is mostly noise: many times as long as the box around it.

    Args:
        outline: the lines of a mask's outline, each [points, (x, y)].
    """
    if not outline:
        return False
    length = sum(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in outline)
    points = np.concatenate(outline)
    return bool(length > _RAGGED * 2 * np.ptp(points, axis=0).sum())


def add_outlines(
    ax: Axes,
    outlines: Sequence[Sequence[Array]],
    colors: Sequence[ColorType],
    linewidth: float = 1.0,
) -> None:
    """Draw the outlines that `blend_masks` returned, each in its mask's colour on a dark edge.

    Those of ragged masks are hairlines without the edge.

    Args:
        ax: the Axes.
        outlines: the outlines of N masks.
        colors: N matplotlib colours.
        linewidth: in points.
    """
    pairs = list(zip(outlines, colors, strict=True))
    ragged = [pair for pair in pairs if is_ragged(pair[0])]
    plain = [pair for pair in pairs if not is_ragged(pair[0])]
    for drawn, style in (
        (ragged, {"linewidths": 0.4 * linewidth, "alpha": 0.6}),
        (plain, {"linewidths": linewidth, "path_effects": [_dark_edge(3 * linewidth)]}),
    ):
        if drawn or (drawn is plain and not ragged):
            lines = [line for outline, _ in drawn for line in outline]
            line_colors = [color for outline, color in drawn for _ in outline]
            ax.add_collection(LineCollection(lines, colors=line_colors, **style))


def add_box(
    ax: Axes,
    box: Sequence[float] | Array,
    color: ColorType,
    linewidth: float = 1.0,
    linestyle: str = "solid",
    alpha: float = 1.0,
    alone: bool = False,
) -> None:
    """Draw a box as an unfilled rectangle.

    Args:
        ax: the Axes.
        box: (y1, x1, y2, x2) in pixels.
        color: any matplotlib colour.
        linewidth, linestyle, alpha: as for matplotlib's patches.
        alone: whether the instance has no mask: the line is then heavier, opaque and on a dark
            edge.
    """
    y1, x1, y2, x2 = box
    effects = None
    if alone:
        linewidth, alpha = 1.5 * linewidth, 1.0
        effects = [_dark_edge(linewidth + 1.5)]
    ax.add_patch(
        Rectangle(
            (x1 - 0.5, y1 - 0.5),
            x2 - x1,
            y2 - y1,
            fill=False,
            edgecolor=color,
            linewidth=linewidth,
            linestyle=linestyle,
            alpha=alpha,
            path_effects=effects,
        )
    )


def _dark_edge(linewidth: float) -> withStroke:
    return withStroke(linewidth=linewidth, foreground=(0, 0, 0, 0.6))


def check_counts(**counts: int | None) -> None:
    """Raise ValueError unless the counts, passed by name, are equal. None is ignored."""
    counts = {name: count for name, count in counts.items() if count is not None}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} {name}" for name, count in counts.items())
        layout = " (masks are [H, W, N])" if any(name.startswith("mask") for name in counts) else ""
        raise ValueError(f"Got {listed}: their counts must be equal{layout}")


def _full_scale(image: Array) -> float:
    """The value of full brightness: 1 for bools and for floats up to 1, otherwise 255 or more."""
    highest = np.nanmax(image, initial=0)
    return 1.0 if image.dtype.kind in "bf" and highest <= 1 else max(255.0, float(highest))
