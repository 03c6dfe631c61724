"""Box captions, placed so that they hide neither instances nor each other.

A caption that lies on another instance could be read as that one's name. Unless it is in its usual
place, on top of its own box, a line then leads from it to its instance.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from matplotlib.typing import ColorType
from scipy.ndimage import distance_transform_edt

from ..types import Array

CAPTION_POINTS = 8  # default font size
_GAP = 1.5  # points between a box and its caption's plate
_JUST_BELOW_TEXT = 2.99  # zorder; that of texts is 3

# Where a plate may be placed, the preferred place first. Each entry is (corner of the box, corner
# of the plate that touches it); a corner is (x, y) of 0 or 1, with y growing upwards.
_PLACES = (
    ((0, 1), (0, 0)),  # above, flush left
    ((1, 1), (1, 0)),  # above, flush right
    ((0, 1), (0, 1)),  # inside, upper left
    ((0, 0), (0, 1)),  # below, flush left
    ((1, 0), (1, 1)),  # below, flush right
    ((1, 1), (0, 1)),  # right
    ((0, 1), (1, 1)),  # left
    ((0, 0), (0, 0)),  # inside, lower left
)
_POINT_GRID = 64  # rows and columns in which `inner_point` looks
# The cost of a place; hiding an entire instance costs 1.
_RANK_COST = 0.02  # per step down the list above
_OVERLAP_COST = 3  # covering an entire caption
_FOREIGN_COST = 0.15  # lying entirely on other instances, however large they are
_OUTSIDE_COST = 10  # lying entirely outside the axes
_FOREIGN = 0.3  # a plate with this fraction on another instance could be that one's name


def add_caption(
    ax: Axes,
    box: Sequence[float] | Array,
    text: str,
    color: ColorType,
    fontsize: float = CAPTION_POINTS,
    target: tuple[float, float] | None = None,
) -> None:
    """Write text on a dark plate beside a box.

    The plate sits on the box's upper left corner, unless it would leave the axes or hide much of an
    instance or of another caption: then it goes where it hides least. If it then lies on another
    instance, a line leads to its own. Places are computed each time the figure is drawn, for all
    captions of the axes, in the order in which they were added.

    Args:
        ax: the Axes, which already show an image.
        box: (y1, x1, y2, x2) in pixels.
        text: the caption.
        color: any matplotlib colour; the text is a light tint of it, or white if it is dark.
        fontsize: in points.
        target: (x, y) to which a line leads, see `inner_point`; None is the box's centre.
    """
    rgb = np.array(to_rgb(color))
    y1, x1, y2, x2 = box
    caption = ax.annotate(
        text,
        (x1 - 0.5, y1 - 0.5),
        xytext=(0, _GAP),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=fontsize,
        color=0.6 + 0.4 * rgb if rgb.max() > 0.3 else "white",
        bbox={"facecolor": "black", "alpha": 0.6, "edgecolor": "none", "pad": 0.8},
        in_layout=False,  # needs no room around the axes: it stays inside
    )
    arrangers = [artist for artist in ax.artists if isinstance(artist, _Arranger)]
    if not arrangers:
        arrangers.append(_Arranger())
        ax.add_artist(arrangers[0])
    corners = [(x1 - 0.5, y2 - 0.5), (x2 - 0.5, y1 - 0.5)]
    target = target or ((x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2)
    arrangers[0].captions.append((caption, [*corners, target]))


def instance_label(class_names: Sequence[str], class_id: int, score: float | None = None) -> str:
    """Caption of an instance: "name", or "name 0.97" with a score.

    Args:
        class_names: background first.
        class_id: negative for a crowd; a class without a name becomes "class 7".
        score: None for no score.
    """
    known = abs(class_id) < len(class_names)
    name = class_names[abs(class_id)] if known else f"class {class_id}"
    name += " (crowd)" if known and class_id < 0 else ""
    return name if score is None else f"{name} {score:.2f}"


class _Arranger(Artist):
    """Moves the captions of its axes before they are drawn, and draws their leader lines.

    Only then are the sizes of instances and texts known in dots.

    Attributes:
        captions: list of (Annotation, points in data coordinates: two corners of its box, and the
            one to which a line leads).
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_zorder(_JUST_BELOW_TEXT)
        self.set_in_layout(False)
        self.captions: list[tuple[Annotation, list[Any]]] = []

    def draw(self, renderer: RendererBase) -> None:
        """Move the captions that still exist and whose boxes are in view.

        The others stay at their boxes, where matplotlib does not draw them. See `Artist.draw`.
        """
        axes = self.axes
        assert axes is not None  # only axes draw it
        dots: Any = renderer.points_to_pixels(1)  # a float
        view = axes.bbox.extents
        self.captions = [pair for pair in self.captions if pair[0].axes is axes]
        captions, boxes, sizes, targets = [], [], [], []
        for caption, points in self.captions:
            *corners, target = axes.transData.transform(points)
            # [(left, bottom), (right, top)], whichever way the axes point.
            box = np.sort(corners, axis=0).ravel()
            box = np.clip(box, np.tile(view[:2], 2), np.tile(view[2:], 2))
            if caption.get_visible() and (box[2:] > box[:2]).all():
                captions.append(caption)
                boxes.append(box)
                targets.append(np.clip(target, box[:2], box[2:]))
                # An Annotation's extent includes the annotated point; a Text's does not.
                sizes.append(Text.get_window_extent(caption, renderer).size + 2 * dots)
        to_data = axes.transData.inverted().transform
        places = arrange(boxes, sizes, view, _GAP * dots)
        for caption, place in zip(captions, places, strict=True):
            caption.xy = tuple(to_data(place[:2] + dots))
            caption.set(x=0, y=0)  # its lower left corner is at `xy`
        for i in ambiguous(places, boxes):
            self._draw_leader(renderer, captions[i], places[i], targets[i])
        self.stale = False

    def _draw_leader(
        self, renderer: RendererBase, caption: Annotation, plate: Array, target: Array
    ) -> None:
        points: Any = caption.get_fontsize()  # a float
        start = np.clip(target, plate[:2], plate[2:])
        line = Line2D(
            *np.transpose([start, target]),
            color=caption.get_color(),
            linewidth=0.1 * points,
            marker="o",
            markersize=0.4 * points,
            markevery=[1],
            path_effects=[withStroke(linewidth=0.3 * points, foreground="black")],
        )
        figure = self.get_figure()
        assert figure is not None  # only a figure draws it
        line.set_figure(figure)
        line.draw(renderer)

    def get_window_extent(self, renderer: RendererBase | None = None) -> Bbox:
        """Return an empty box: nothing is drawn."""
        return Bbox.null()


def arrange(
    boxes: npt.ArrayLike, sizes: npt.ArrayLike, view: Sequence[float] | Array, gap: float
) -> Array:
    """Place the plates of captions beside their boxes.

    Args:
        boxes: [N, (left, bottom, right, top)] in figure pixels, with y growing upwards.
        sizes: [N, (width, height)] of the plates.
        view: (left, bottom, right, top) of the area that plates should stay in.
        gap: distance between a box and its plate.

    Returns:
        float [N, (left, bottom, right, top)] of the plates.
    """
    boxes, sizes = np.reshape(boxes, (-1, 4)), np.reshape(sizes, (-1, 2))
    areas = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-9)
    placed = np.zeros((0, 4))
    for number, (box, size) in enumerate(zip(boxes, sizes, strict=True)):
        plates = _candidates(box, size, gap)  # [places, 4]
        area = size.prod()
        common = _common_areas(plates, boxes)
        hidden = (common / areas).sum(axis=1)
        foreign = np.delete(common, number, axis=1).max(axis=1, initial=0) / area
        written_over = _common_areas(plates, placed).sum(axis=1) / area
        outside = 1 - _common_areas(plates, np.array([view]))[:, 0] / area
        cost = hidden + _OVERLAP_COST * written_over + _OUTSIDE_COST * outside
        cost += _FOREIGN_COST * foreign
        best = np.argmin(cost + _RANK_COST * np.arange(len(plates)))
        placed = np.concatenate([placed, plates[best : best + 1]])
    return placed


def ambiguous(plates: npt.ArrayLike, boxes: npt.ArrayLike) -> list[int]:
    """The plates that could be read as captions of other boxes.

    Such a plate lies largely on another box. It is not on top of its own box, where captions
    usually are, and not within its own box either, unless the other box is smaller.

    Args:
        plates, boxes: [N, (left, bottom, right, top)] in figure pixels, with y growing upwards.

    Returns:
        their indices.
    """
    plates, boxes = np.reshape(plates, (-1, 4)), np.reshape(boxes, (-1, 4))
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    plate_areas = np.maximum((plates[:, 2:] - plates[:, :2]).prod(axis=1), 1e-9)
    shares = _common_areas(plates, boxes) / plate_areas[:, None]  # [plates, boxes]
    found = []
    for i, (plate, box) in enumerate(zip(plates, boxes, strict=True)):
        is_on_top = plate[1] >= box[3]
        others = shares[i] > _FOREIGN
        others[i] = False
        if shares[i, i] > 1 - _FOREIGN:
            others &= areas < areas[i]
        if others.any() and not is_on_top:
            found.append(i)
    return found


def inner_point(crop: Array, corner: Sequence[float] | Array) -> tuple[float, float] | None:
    """A point well inside a mask; in a large one, it is found on a coarse grid.

    Args:
        crop: [h, w], bool or numbers (above 0.5 is inside), the mask within its box.
        corner: (y1, x1) of the box, in pixels.

    Returns:
        (x, y), or None if the mask is empty.

    Example:
        >>> from mrcnn.visualize.captions import inner_point
        >>> lower_part = np.arange(7)[:, None] * np.ones(3) > 3
        >>> inner_point(lower_part, corner=(0, 10))
        (11.0, 5.0)
    """
    step = max(1, max(crop.shape) // _POINT_GRID)
    inside = np.pad(crop[::step, ::step] > 0.5, 1)
    if not inside.any():
        return None
    depth = distance_transform_edt(inside)
    y, x = np.unravel_index(np.argmax(depth), depth.shape)
    return float(corner[1] + (x - 1) * step), float(corner[0] + (y - 1) * step)


def _candidates(box: Array, size: Array, gap: float) -> Array:
    """The plate at each of `_PLACES`, [places, (left, bottom, right, top)]."""
    on_box, on_plate = np.array(_PLACES, np.float64).transpose(1, 0, 2)
    away = gap * (on_box - on_plate)  # zero where the two corners are the same
    low = box[:2] + on_box * (box[2:] - box[:2]) - on_plate * size + away
    return np.concatenate([low, low + size], axis=1)


def _common_areas(first: Array, second: Array) -> Array:
    """Pairwise intersection areas of boxes, [N, M]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.maximum(high - low, 0).prod(axis=-1)
