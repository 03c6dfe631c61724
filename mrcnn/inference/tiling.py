"""Detect in images of any size, tile by tile.

    results = tiling.detect(model, [image], tile=1024, overlap=128)
    evaluate(model, dataset, detect=tiled(functools.partial(detect_crops, model)))

An object at a seam is seen by several tiles. What they see is the same object if the masks agree in
the region that the tiles share; see `seams` for the comparison, and `stitching` for the object that
is made of it. Without masks, filled boxes stand for them: the boxes, clipped to the shared region,
are compared by IoU.
"""

import functools
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..config_rules.values import check_fraction, is_integer
from ..geometry.boxes import rounded_like
from ..images.pixels import PixelSettings
from ..images.tile_scaling import TileScaling
from ..instances.masks import InstanceMasks
from ..types import Array, Detections
from .molding import InferenceModel, check_several
from .stitching import Stitched, Stitcher
from .tiles import Grid, Tile, check_tiles
from .views import other_fields, views_of

logger = logging.getLogger(__name__)

# From this share of objects on that are longer than a tile, larger tiles are advised.
_TOO_LARGE = 0.01

Detect = Callable[[list[Array]], Iterable[Mapping[str, Any]]]


def detect(
    model: InferenceModel,
    images: Sequence[Any],
    tile: int | Sequence[int] = 1024,
    overlap: int = 128,
) -> list[Detections]:
    """Like `MaskRCNN.detect`, but tile by tile.

    Args:
        model: a `MaskRCNN` in inference mode, or a `Detector`. With its NMS_ACROSS_CLASSES, tiles
            that disagree on an object's class see the same object.
        images: arrays [H, W] or [H, W, C], or anything with `shape`, `dtype` and slicing like them.
        tile, overlap: see `tiled`.

    Returns:
        one result per image; the masks are `InstanceMasks`.

    Raises:
        ValueError, TypeError: see `MaskRCNN.detect` and `tiled`.

    Example:
        >>> from mrcnn.inference import tiling
        >>> [result] = tiling.detect(model, [image], tile=512)  # doctest: +SKIP
    """
    from .detector import detect_crops  # imports Keras

    config = model.config
    detect_images = functools.partial(detect_crops, model)
    across = config.NMS_ACROSS_CLASSES
    return tiled(detect_images, tile, overlap, config.BATCH_SIZE, config, across)(images)


def tiled(
    detect: Detect,
    tile: int | Sequence[int] = 1024,
    overlap: int = 128,
    batch_size: int = 1,
    config: PixelSettings | None = None,
    across_classes: bool = False,
    min_iou: float = 0.5,
) -> Callable[[Sequence[Any]], list[Detections]]:
    """Wrap a detector so that it sees images in tiles.

    Args:
        detect: function from a list of images [h, w, C] to a list of results, such as
            `model.detect`.
        tile, overlap, batch_size, config, across_classes, min_iou: see `tiled_parts`.

    Returns:
        function like `detect`; the masks of its results are `InstanceMasks` of the whole image. It
        takes images as `tiled_parts` does, and raises ValueError for a single array.

    Raises:
        ValueError: see `tiled_parts`.

    Example:
        >>> from mrcnn.inference.tiling import tiled
        >>> def find_bright(images):
        ...     masks = [image[..., :1] > 0 for image in images]
        ...     one = {"class_ids": np.array([1]), "scores": np.array([0.9])}
        ...     return [{**one, "rois": np.zeros((1, 4)), "masks": mask} for mask in masks]
        >>> image = np.zeros((40, 100, 3), np.uint8)
        >>> image[10:20, 5:95] = 255  # longer than a tile
        >>> tiled(find_bright, tile=32, overlap=8)([image])[0]["rois"]
        array([[10,  5, 20, 95]], dtype=int32)
    """
    _check(tile, overlap, batch_size, min_iou)

    def detect_tiled(images: Sequence[Any]) -> list[Detections]:
        check_several(images)
        return [
            joined(
                tiled_parts(
                    detect, image, tile, overlap, batch_size, config, across_classes, min_iou
                )
            )
            for image in images
        ]

    return detect_tiled


def tiled_parts(
    detect: Detect,
    image: Any,
    tile: int | Sequence[int] = 1024,
    overlap: int = 128,
    batch_size: int = 1,
    config: PixelSettings | None = None,
    across_classes: bool = False,
    min_iou: float = 0.5,
) -> Iterator[Detections]:
    """Detect in tiles of an image, and yield objects as soon as no later tile can change them.

    Memory holds the objects at the seams, and not the image.

    Args:
        detect: see `tiled`.
        image: [H, W] or [H, W, C]: an array, or anything with `shape`, `dtype` and slicing
            `[y1:y2, x1:x2]`, such as a memory map. Only a tile of it is read at a time.
        tile: side of the tiles in pixels, or (height, width). A smaller image is detected as a
            whole.
        overlap: pixels that neighbouring tiles share, at least; less than half a tile. Objects that
            are smaller than this are seen whole by a tile.
        batch_size: tiles per call of `detect`.
        config: settings of the model, such as `model.config`. Pixels other than uint8 are then
            scaled by the range of the whole image, see `TileScaling`. None: tiles are handed to
            `detect` as they are, and a model would scale each by itself.
        across_classes: whether detections of different classes may be the same object, as with
            NMS_ACROSS_CLASSES.
        min_iou: from this IoU on in the region that two tiles share, in [0, 1], detections are the
            same object.

    Yields:
        A result for each row of tiles, possibly without objects: as `MaskRCNN.detect` returns it
        for the whole image, best first, except that `masks` is an `InstanceMasks`. A detection
        without a pixel in its mask is left out. See `stitch` for the scores. `truncated` is the
        first limit that cut a tile of the row, or "".

    Raises:
        ValueError: the tile, `overlap`, `batch_size` or `min_iou` is impossible, the image has no
            height and width, or `detect` gives another number of results than it was given images.
    """
    _check(tile, overlap, batch_size, min_iou)
    if len(np.shape(image)) not in (2, 3) or 0 in np.shape(image):
        raise ValueError(
            f"the image has shape {np.shape(image)}: it must be one image, [height, width] or "
            "[height, width, channels], with at least one pixel."
        )
    grid = Grid(image.shape, tile, overlap)
    results = _results(detect, image, grid, batch_size, config)
    return stitched(results, grid, across_classes, min_iou)


def _check(tile: Any, overlap: Any, batch_size: Any, min_iou: float) -> None:
    check_tiles(tile, overlap)
    if not is_integer(batch_size) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}: it must be a whole number of at least 1.")
    check_fraction("min_iou", min_iou)


def _results(
    detect: Detect, image: Any, grid: Grid, batch_size: int, config: PixelSettings | None
) -> Iterator[tuple[Tile, Mapping[str, Any]]]:
    """The tiles of an image, and what is detected in each."""
    scaled: Callable[[Any], Array] = np.asanyarray if config is None else TileScaling(image, config)
    tiles = iter(grid)
    while batch := list(itertools.islice(tiles, batch_size)):
        windows = [image[y1:y2, x1:x2] for y1, x1, y2, x2 in (tile.box for tile in batch)]
        results = list(detect([scaled(window) for window in windows]))
        if len(results) != len(batch):
            raise ValueError(
                f"detect gave {len(results)} results for {len(batch)} tiles: one each is needed."
            )
        yield from zip(batch, results, strict=True)


def stitched(
    results: Iterator[tuple[Tile, Mapping[str, Any]]],
    grid: Grid,
    across_classes: bool = False,
    min_iou: float = 0.5,
) -> Iterator[Detections]:
    """Join the results of tiles, wherever they were detected.

    Args:
        results: iterator over each tile of the grid, in its order, and what was found in it, see
            `MaskRCNN.detect`.
        grid: the tiles.
        across_classes, min_iou: see `tiled_parts`.

    Yields:
        See `tiled_parts`.
    """
    stitcher = Stitcher(grid, min_iou, across_classes)
    kind: Mapping[str, Any] = {}
    count = across = 0
    for row in range(grid.rows):
        limit = ""
        for tile, result in itertools.islice(results, grid.columns):
            kind = kind or result
            limit = limit or str(result.get("truncated") or "")
            stitcher.add(tile, views_of(result, tile))
        objects = stitcher.finished(grid.top(row + 1))
        count += len(objects)
        across += sum(each.across for each in objects)
        yield _result(objects, kind, grid.shape, limit)
    if across > _TOO_LARGE * count:
        height, width = grid.tile
        logger.warning(
            "%.0f%% of %d objects touch two opposite borders of a tile: tiles of %dx%d pixels are "
            "too small to show a whole object. Larger ones would give better masks.",
            *(100 * across / count, count, height, width),
        )


def _result(
    objects: Sequence[Stitched], kind: Mapping[str, Any], shape: tuple[int, int], limit: str
) -> Detections:
    """A result, best first.

    Args:
        objects: what it holds.
        kind: a result with the same fields.
        shape: (height, width) of the image.
        limit: what cut it.
    """
    objects = sorted(objects, key=lambda each: -each.score)
    masks = InstanceMasks([o.crop for o in objects], [o.corner for o in objects], shape)
    rois = [
        box if each.roi is None else each.roi
        for each, box in zip(objects, masks.boxes, strict=True)
    ]
    result: Any = {
        "rois": rounded_like(np.reshape(rois, (-1, 4)), kind.get("rois", ())),
        "class_ids": np.array([each.class_id for each in objects], np.int32),
        "scores": np.array([each.score for each in objects], np.float32),
    }
    if kind.get("masks") is not None:
        result["masks"] = masks
    for name, values in other_fields(kind).items():
        rows = [each.fields[name] for each in objects]
        result[name] = np.array(rows, values.dtype).reshape(-1, *values.shape[1:])
    result["truncated"] = np.str_(limit)
    whole: Detections = result
    return whole


def joined(parts: Iterable[Detections]) -> Detections:
    """The parts of an image's result as one, best first.

    Args:
        parts: of one image, from `tiled_parts`; at least one.

    Returns:
        See `tiled`.
    """
    each: list[Any] = list(parts)
    order = np.argsort(-np.concatenate([part["scores"] for part in each]), kind="stable")
    result: Any = {}
    for name, first in each[0].items():
        if name == "masks":
            crops = [crop for part in each for crop in part["masks"].crops]
            corners = np.concatenate([part["masks"].boxes[:, :2] for part in each])
            result[name] = InstanceMasks([crops[i] for i in order], corners[order], first.shape)
        elif name == "truncated":
            result[name] = np.str_(next(filter(None, (part[name] for part in each)), ""))
        else:
            result[name] = np.concatenate([part[name] for part in each])[order]
    whole: Detections = result
    return whole
