"""How well a configuration's anchors cover a dataset's instances."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..config import Config
from ..images.resizing import input_geometry, resize_options
from ..types import Array
from .pyramid import anchor_sizes, compute_backbone_shapes, grid_strides, rounds_anchors

# Number of boxes that the search for scales looks at, spread over all of them.
_SEARCHED_BOXES = 2000
# Ratios between the scales of neighbouring levels that it tries.
_FACTORS = np.arange(1.2, 2.61, 0.05)


class _Dataset(Protocol):
    """What `anchor_coverage` needs of a `Dataset`."""

    @property
    def image_ids(self) -> Iterable[Any]: ...
    def has(self, field: str, image_id: int) -> bool: ...
    def load_instances(self, image_id: int) -> tuple[Any, Array]: ...
    def load_boxes(self, image_id: int) -> tuple[Any, Array]: ...


@dataclasses.dataclass
class AnchorCoverage:
    """A dataset's boxes and the best IoU of each with any anchor.

    Attributes:
        config: the configuration that the anchors come from.
        boxes: float64 [N, 4] pixels of the network's input, without crowds. Mode "crop" does not
            cut them: they lie in the whole scaled image.
        input_shapes: int [N, (height, width)], size of the network's input that each box lies in.
        class_ids: int32 [N].
        best_iou: float64 [N].
    """

    config: Config
    boxes: Array
    input_shapes: Array
    class_ids: Array
    best_iou: Array

    @property
    def sizes(self) -> Array:
        """float64 [N, (height, width)] of the boxes, pixels of the network's input."""
        return self.boxes[:, 2:] - self.boxes[:, :2]

    def recall(self, iou: float) -> float:
        """Fraction of boxes that some anchor overlaps with at least this IoU; nan without boxes."""
        return float(np.mean(self.best_iou >= iou)) if len(self.best_iou) else float("nan")

    def suggested_scales(self) -> tuple[float | tuple[float, ...], ...]:
        """RPN_ANCHOR_SCALES for these boxes, see `suggest_anchor_scales`."""
        return suggest_anchor_scales(self.boxes, self.config, self.input_shapes)

    def summary(self) -> str:
        """A few lines of text: box sizes, anchor coverage and the suggested scales."""
        if not len(self.boxes):
            return "0 instances"
        sides = np.percentile(np.sqrt(self.sizes.prod(axis=1)), [5, 50, 95])
        scales = self.suggested_scales()
        lines = [
            f"{len(self.boxes)} instances of {len(np.unique(self.class_ids))} classes; "
            "square root of the area of their boxes in the network's input: median "
            f"{sides[1]:.0f}, 5% below {sides[0]:.0f}, 5% above {sides[2]:.0f} pixels",
            _describe(self.config.RPN_ANCHOR_SCALES, self.best_iou),
        ]
        if scales == plain_scales(self.config.RPN_ANCHOR_SCALES):
            return "\n".join([*lines, "no better scales were found"])
        better = best_iou(self.boxes, self.config, self.input_shapes, scales)
        return "\n".join([*lines, _describe(scales, better) + " (suggested)"])


def anchor_coverage(
    dataset: _Dataset, config: Config, image_ids: Iterable[int] | None = None
) -> AnchorCoverage:
    """Compare a dataset's boxes with the anchors.

    No image is decoded: boxes and sizes come from `load_instances`, or from `load_boxes` where
    there are only boxes.

    Args:
        dataset: a prepared `Dataset`.
        config: IMAGE_RESIZE_MODE and the fields of `resize_to_input` and `pyramid_anchors`.
        image_ids: the images to look at; None: all.

    Returns:
        The boxes with their best IoU.

    Raises:
        ValueError: there are no images.

    Example:
        >>> from mrcnn.anchors import anchor_coverage
        >>> from mrcnn.config import Config
        >>> from mrcnn.datasets import Dataset
        >>> class Squares(Dataset):
        ...     def load_mask(self, image_id):
        ...         return np.ones((64, 64, 1), bool), np.array([1])
        >>> squares = Squares()
        >>> squares.add_class("squares", 1, "square")
        >>> squares.add_image("squares", image_id=0, path=None)
        >>> squares.prepare()
        >>> coverage = anchor_coverage(squares, Config.from_dict({"IMAGE_RESIZE_MODE": "none"}))
        >>> coverage.boxes, coverage.recall(0.7)
        (array([[ 0., 0., 64., 64.]]), 1.0)
    """
    boxes: list[Array] = [np.zeros((0, 4))]
    shapes: list[Array] = [np.zeros((0, 2), int)]
    class_ids: list[Array] = [np.zeros(0, np.int32)]
    chosen = list(dataset.image_ids if image_ids is None else image_ids)
    if not chosen:
        raise ValueError("there are no images to look at: was the dataset's prepare() called?")
    for image_id in chosen:
        has_masks = dataset.has("masks", image_id)
        load = dataset.load_instances if has_masks else dataset.load_boxes
        instances, ids = load(image_id)
        wanted = (ids > 0) & (instances.boxes[:, 2] > instances.boxes[:, 0])
        if not wanted.any():
            continue
        moved, shape = _boxes_in_input(
            instances.boxes[wanted], instances.height, instances.width, config
        )
        boxes.append(moved)
        shapes.append(np.tile(shape, (len(moved), 1)))
        class_ids.append(ids[wanted])
    every_box, every_shape = np.concatenate(boxes), np.concatenate(shapes)
    best = best_iou(every_box, config, every_shape)
    return AnchorCoverage(config, every_box, every_shape, np.concatenate(class_ids), best)


def _boxes_in_input(boxes, height, width, config):
    """An image's boxes where `resize_to_input` moves them, and the input's (height, width)."""
    _, size, (rows, columns, _) = input_geometry(height, width, **resize_options(config))
    scale = np.array([size[0] / height, size[1] / width] * 2)
    moved = boxes * scale + [rows[0], columns[0]] * 2
    return moved, (size[0] + sum(rows), size[1] + sum(columns))


def best_iou(
    boxes: npt.ArrayLike,
    config: Config,
    image_shape: Sequence[int] | Sequence[Sequence[int]] | Array,
    scales: Sequence[float | Sequence[float]] | Array | None = None,
) -> Array:
    """The best IoU of each box with any anchor.

    Args:
        boxes: [N, 4] pixels of the network's input.
        config: see `pyramid_anchors`.
        image_shape: (height, width) of the network's input in pixels, further entries are
            ignored; or [N, 2], one per box.
        scales: as RPN_ANCHOR_SCALES; None: those of `config`.

    Returns:
        float64 [N].

    Example:
        >>> from mrcnn.anchors.coverage import best_iou
        >>> from mrcnn.config import Config
        >>> best_iou([[16, 16, 48, 48], [16, 16, 48, 32]], Config(), (64, 64), [32] * 5)
        array([1. , 0.5])
    """
    scales = config.RPN_ANCHOR_SCALES if scales is None else scales
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    best = np.zeros(len(boxes))
    if not len(boxes):
        return best
    offsets = _offsets_from_nearest(boxes, config, image_shape)
    for level, offset in zip(scales, offsets, strict=True):
        for scale in np.atleast_1d(level):
            np.maximum(best, _best_iou_of_scale(boxes, offset, scale, config), out=best)
    return best


def _offsets_from_nearest(boxes, config, image_shape):
    """Distances [L, N, (y, x)] in pixels from a box's centre to a level's nearest anchor centre."""
    centres = 0.5 * (boxes[:, :2] + boxes[:, 2:])
    shapes = np.asarray(image_shape)
    if shapes.ndim == 1:
        shapes = np.tile(shapes[:2], (len(boxes), 1))
    different, which = np.unique(shapes, axis=0, return_inverse=True)
    cells = np.array([compute_backbone_shapes(config, shape) for shape in different])
    strides = np.array([grid_strides(config, *pair) for pair in zip(different, cells, strict=True)])
    which = which.reshape(-1)
    step = config.RPN_ANCHOR_STRIDE
    offsets = []
    for level in range(cells.shape[1]):
        last = -(-cells[which, level] // step) - 1  # [N, 2]
        distance = strides[which, level] * step
        nearest = np.clip(np.rint(centres / distance), 0, last)
        offsets.append(np.abs(centres - nearest * distance))
    return np.array(offsets)


def _best_iou_of_scale(boxes, offset, scale, config):
    """Best IoU [N] with the anchors of one scale on one level, of any ratio.

    Anchors of the same ratio have the same size, so the nearest one overlaps a box most: no other
    is nearer on either axis.
    """
    height, width = (boxes[:, 2:] - boxes[:, :2]).T
    best = np.zeros(len(boxes))
    for size in anchor_sizes(scale, config.RPN_ANCHOR_RATIOS, rounds_anchors(config)):
        y = _shared_length(height, size[0], offset[:, 0])
        x = _shared_length(width, size[1], offset[:, 1])
        np.maximum(best, y * x / (height * width + size.prod() - y * x), out=best)
    return best


def _shared_length(length, other, distance):
    """Overlap of two spans whose centres are `distance` apart."""
    return np.clip(np.minimum(np.minimum(length, other), (length + other) / 2 - distance), 0, None)


def suggest_anchor_scales(
    boxes: npt.ArrayLike,
    config: Config,
    image_shape: Sequence[int] | Sequence[Sequence[int]] | Array,
) -> tuple[float | tuple[float, ...], ...]:
    """Anchor scales, one per level, that fit boxes better than the configured ones.

    Without a pyramid, there are as many as the configuration has on its one level.

    They are the geometric sequence, rounded to pixels, with the largest mean best IoU among those
    whose recall at 0.5 and 0.7 is no lower than the configuration's. No scale is smaller than the
    distance between its anchors, which would otherwise leave gaps: objects much smaller than that
    need enlarged images (IMAGE_MIN_SCALE), not smaller anchors. The search looks at no more than
    2000 boxes, always the same ones.

    Args:
        boxes, config, image_shape: see `best_iou`.

    Returns:
        Tuple of int, one for each of P2..P6, or a tuple with the one level's; RPN_ANCHOR_SCALES if
        no sequence is better over all boxes.

    Example:
        >>> from mrcnn.anchors.coverage import suggest_anchor_scales
        >>> from mrcnn.config import Config
        >>> suggest_anchor_scales([[20, 20, 44, 44], [16, 16, 64, 64]], Config(), (128, 128))
        (24, 34, 48, 64, 92)
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    current = plain_scales(config.RPN_ANCHOR_SCALES)
    found = _search_scales(boxes, config, image_shape) if len(boxes) else None
    if found is None:
        return current
    before, after = (
        _scores(best_iou(boxes, config, image_shape, scales)) for scales in (current, found)
    )
    return found if (after >= before).all() and after[0] > before[0] else current


def plain_scales(
    scales: Sequence[float | Sequence[float]] | Array,
) -> tuple[float | tuple[float, ...], ...]:
    """RPN_ANCHOR_SCALES as a tuple of plain numbers; levels with several scales become tuples.

    Args:
        scales: one entry per level; arrays are accepted.

    Example:
        >>> from mrcnn.anchors.coverage import plain_scales
        >>> plain_scales(np.array([32, 64])), plain_scales([32, [64, 96]])
        ((32, 64), (32, (64, 96)))
    """
    levels = [np.asarray(level).tolist() for level in scales]
    return tuple(tuple(level) if isinstance(level, list) else level for level in levels)


def _search_scales(boxes, config, image_shape):
    """The best sequence for a sample of the boxes, or None."""
    chosen = np.linspace(0, len(boxes) - 1, min(len(boxes), _SEARCHED_BOXES)).astype(int)
    if np.ndim(image_shape) == 2:
        image_shape = np.asarray(image_shape)[chosen]
    boxes = boxes[chosen]
    offsets = _offsets_from_nearest(boxes, config, image_shape)
    levels = _levels_of_scales(config)
    min_scales = np.array(config.BACKBONE_STRIDES)[levels] * config.RPN_ANCHOR_STRIDE
    longest = max((boxes[:, 2:] - boxes[:, :2]).max(), min_scales[-1])
    sides = np.unique(_rounded(np.geomspace(min_scales[0], 2 * longest, 400)))

    known: dict[
        tuple[int, int], Array
    ] = {}  # best IoU [n] by (level, scale), which many sequences share

    def iou(level, scale):
        if (level, scale) not in known:
            known[level, scale] = _best_iou_of_scale(boxes, offsets[level], scale, config)
        return known[level, scale]

    candidates = {
        tuple(_rounded(start * factor ** np.arange(len(min_scales))).tolist())
        for start in sides[sides <= longest]
        for factor in _FACTORS
    }
    sequences = [s for s in sorted(candidates) if (s >= min_scales).all() and s[-1] <= 2 * longest]
    before = _scores(best_iou(boxes, config, image_shape))
    fits = [
        _scores(np.max([iou(*pair) for pair in zip(levels, s, strict=True)], axis=0))
        for s in sequences
    ]
    means = [fit[0] if (fit >= before).all() else -1 for fit in fits]
    if max(means, default=-1) < 0:
        return None
    best = sequences[np.argmax(means)]
    return best if len(config.BACKBONE_STRIDES) > 1 else (best,)


def _levels_of_scales(config):
    """The level of each scale of a sequence: one per level, or all that the only level has."""
    count = len(config.BACKBONE_STRIDES)
    return list(range(count)) if count > 1 else [0] * np.size(config.RPN_ANCHOR_SCALES[0])


def _rounded(scales):
    """Scales rounded to whole pixels: in steps of 1 below 32, of 2 below 64, ..."""
    step = 2.0 ** np.maximum(np.floor(np.log2(scales)) - 4, 0)
    return (np.rint(scales / step) * step).astype(int)


def _scores(best: Array) -> Array:
    """Mean best IoU, recall at 0.5 and recall at 0.7."""
    return np.array([best.mean(), (best >= 0.5).mean(), (best >= 0.7).mean()])


def _describe(scales: Sequence[float | Sequence[float]] | Array, best: Array) -> str:
    return (
        f"RPN_ANCHOR_SCALES = {plain_scales(scales)}: median best IoU {np.median(best):.2f}, "
        f"recall {np.mean(best >= 0.5):.1%} at IoU 0.5, {np.mean(best >= 0.7):.1%} at 0.7"
    )
