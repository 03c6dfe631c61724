"""Figures of keypoints: points and the lines of the skeleton over an image."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from ..instances import KeypointLayout
from ..types import Array
from .captions import CAPTION_POINTS, add_caption, instance_label
from .drawing import RGB, add_box, check_counts, neighbor_colors
from .figures import Inches, SaveTo, check_native, finish, image_axes, scale_of, show
from .pictures import as_rgb

_SIZE = (16, 16)  # inches
_LINE, _POINT = 2.5, 5.0  # points, on a figure of that size


def display_keypoints(
    image: npt.ArrayLike,
    keypoints: npt.ArrayLike,
    skeleton: Iterable[Sequence[int]] | KeypointLayout = (),
    boxes: npt.ArrayLike | None = None,
    class_ids: Sequence[int] | Array | None = None,
    class_names: Sequence[str] | None = None,
    scores: Sequence[float] | Array | None = None,
    min_score: float = 0.0,
    title: str = "",
    ax: Axes | None = None,
    colors: Sequence[RGB] | None = None,
    *,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    native: bool = False,
) -> Axes | None:
    """Draw the keypoints of instances over an image, with the lines of their skeleton.

    Takes detections and annotations alike: the third value of a keypoint is its score or its
    visibility. One that is 0 or below is not drawn, and neither are the lines that end there. An
    annotated keypoint that is hidden (visibility 1) is drawn hollow.

    Args:
        image: [H, W] or [H, W, C] of any pixel type, see `pictures.as_rgb`. It is not changed.
        keypoints: [N, K, 3] of (y, x, score or visibility), y and x in pixels; or an
            `InstanceKeypoints`.
        skeleton: pairs of indices of keypoints, or the dataset's `KeypointLayout`.
        boxes: [N, (y1, x1, y2, x2)] in pixels; None draws none.
        class_ids: [N] ints, indices into class_names, for captions; both or neither.
        class_names: list of strings.
        scores: [N] in [0, 1], added to the captions.
        min_score: score below which a keypoint of a detection is not drawn. Detectron2 draws those
            of at least 0.05.
        title: text above the image.
        ax: the Axes to draw on.
        colors: N tuples (red, green, blue) in [0, 1]; by default, neighbours differ.
        figsize: inches (width, height) of the figure created if `ax` is None, 16 x 16 by default;
            type and lines scale with it.
        dpi: dots per inch of the created figure; None is matplotlib's.
        save_to: path of a PNG to write; the figure is then closed.
        native: whether the picture has exactly the image's pixels, without margins or title;
            figsize is then ignored.

    Returns:
        The Axes, or None if the figure was shown.

    Raises:
        ValueError: the keypoints are not [N, K, 3], the counts of instances differ, or the skeleton
            names a keypoint that does not exist.

    Example:
        >>> from mrcnn.visualize import display_keypoints
        >>> image = np.zeros((60, 80, 3), np.uint8)
        >>> keypoints = [[[10, 40, 0.9], [30, 30, 0.8], [30, 50, 0]]]
        >>> ax = display_keypoints(image, keypoints, [(0, 1), (0, 2)], save_to="figure.png")
        >>> len(ax.collections[0].get_segments())  # the third keypoint was not found
        1
    """
    check_native(native, ax)
    annotated = hasattr(keypoints, "points")
    points = np.asarray(getattr(keypoints, "points", keypoints), np.float64)
    if points.ndim != 3 or points.shape[2] != 3:
        if points.size:
            raise ValueError(
                f"the keypoints have shape {points.shape}: it must be [N, K, 3], with (y, x, "
                "score) for each of K keypoints of N instances."
            )
        points = np.zeros((0, 0, 3))
    lines = _lines(skeleton, points.shape[1])
    around = _around(points) if boxes is None else np.reshape(boxes, (-1, 4))
    check_counts(
        keypoints=len(points),
        boxes=len(around),
        class_ids=None if class_ids is None else len(class_ids),
        scores=None if scores is None else min(len(scores), len(points)),
        colors=None if colors is None else min(len(colors), len(points)),
    )
    if colors is None:
        colors = neighbor_colors(around)
    picture = as_rgb(image)
    created = ax is None
    ax = image_axes(picture.shape, ax, (_SIZE, None), figsize, dpi, save_to, native)
    show(ax, picture)
    ax.set_title(title)
    scale = scale_of(ax, len(points))
    # Visibilities are 0, 1 or 2; a score of 1 does not mean that a keypoint is hidden.
    annotated = annotated or bool(points.size and np.isin(points[..., 2], (0, 1, 2)).all())
    for i, of_instance in enumerate(points):
        shown = of_instance[:, 2] > 0
        if not annotated:
            shown &= of_instance[:, 2] >= min_score
        if boxes is not None:
            add_box(ax, around[i], colors[i], scale, alpha=0.7, alone=False)
        _draw(ax, of_instance, shown, lines, colors[i], scale, annotated)
        if class_ids is not None and class_names is not None and around[i].any():
            score = None if scores is None else scores[i]
            caption = instance_label(class_names, class_ids[i], score)
            add_caption(ax, around[i], caption, colors[i], CAPTION_POINTS * scale, None)
    return finish(ax, created, save_to, native)


def _draw(ax, points, shown, lines, color, scale, annotated):
    """Draw one instance: lines, then points."""
    # On the axes, the centre of the first pixel is at 0.
    xy = points[:, [1, 0]] - 0.5
    segments = [(xy[a], xy[b]) for a, b in lines if shown[a] and shown[b]]
    edge = [withStroke(linewidth=_LINE * scale + 1.5, foreground="black", alpha=0.6)]
    ax.add_collection(
        LineCollection(segments, colors=[color], linewidths=_LINE * scale, path_effects=edge)
    )
    hidden = shown & (points[:, 2] == 1) if annotated else np.zeros_like(shown)
    for chosen, fill in ((shown & ~hidden, color), (hidden, "white")):
        ax.plot(
            *xy[chosen].T,
            linestyle="none",
            marker="o",
            markersize=_POINT * scale,
            markerfacecolor=fill,
            markeredgecolor="black" if fill != "white" else color,
            markeredgewidth=0.8 * scale if fill != "white" else 1.6 * scale,
        )


def _lines(skeleton, count):
    """Pairs of indices below `count`."""
    pairs = skeleton.skeleton if isinstance(skeleton, KeypointLayout) else skeleton
    lines = [(int(first), int(second)) for first, second in pairs]
    for line in lines if count else ():
        if not all(0 <= end < count for end in line):
            raise ValueError(
                f"skeleton has {line}, but there are {count} keypoints, numbered from 0."
            )
    return lines


def _around(points):
    """Boxes [N, 4] around the keypoints with a score, zeros where there are none."""
    boxes = np.zeros((len(points), 4))
    for box, of_instance in zip(boxes, points, strict=True):
        seen = of_instance[of_instance[:, 2] > 0, :2]
        if len(seen):
            box[:] = (*seen.min(axis=0), *seen.max(axis=0))
    return boxes
