"""Detections as one tile sees them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..instances.masks import as_instances
from ..types import Array
from .tiles import Box, Tile
from .truncation import OF_THE_IMAGE

# What comes this close to an inner border of its tile, in pixels, may continue beyond it: masks are
# not exact.
NEAR = 3

# Fields of a result that are not handed on as they are.
_OWN = ("rois", "class_ids", "scores", "masks", *OF_THE_IMAGE)


class View:
    """One detection in one tile. Positions are in pixels of the image.

    Attributes:
        tile: the tile.
        crop: bool [h, w], the mask inside its box; without masks, the filled box.
        box: (y1, x1, y2, x2) around the mask.
        roi: [4], the box that the detector gave.
        class_id, score: as the detector gave them.
        fields: values of other fields by name, such as keypoints [K, 3].
        distance: from the box to the nearest inner border of the tile, in pixels.
        across: whether the box reaches two opposite inner borders.
    """

    def __init__(
        self,
        tile: Tile,
        crop: Array,
        box: Box,
        roi: Array,
        class_id: int,
        score: float,
        fields: Mapping[str, Any],
    ) -> None:
        self.tile, self.crop, self.box, self.roi = tile, crop, box, roi
        self.class_id, self.score, self.fields = class_id, score, fields
        top, left, bottom, right = tile.distances(box)
        self.distance = min(top, left, bottom, right)
        self.across = min(max(top, bottom), max(left, right)) <= NEAR

    @property
    def whole(self) -> bool:
        """Whether the object ends before any inner border of the tile."""
        return self.distance > NEAR


def views_of(result: Mapping[str, Any], tile: Tile) -> list[View]:
    """The detections in a tile, without those that have no pixel.

    Args:
        result: of the tile, as `MaskRCNN.detect` returns it; its masks may be `InstanceMasks`.
        tile: the tile.

    Raises:
        ValueError: the masks are not of the tile's size.
    """
    y, x = tile.box[:2]
    rois = np.asarray(result["rois"]).reshape(-1, 4)
    crops, boxes = _crops(result, rois, (tile.box[2] - y, tile.box[3] - x))
    offset = np.array([y, x, y, x])
    boxes, rois = boxes + offset, rois + offset.astype(rois.dtype)
    class_ids, scores = np.asarray(result["class_ids"]), np.asarray(result["scores"])
    others = other_fields(result)
    if "keypoints" in others:
        others["keypoints"] = others["keypoints"] + np.array([y, x, 0], np.float32)
    return [
        View(
            tile,
            crop,
            tuple(box),
            rois[i],
            int(class_ids[i]),
            float(scores[i]),
            {name: values[i] for name, values in others.items()},
        )
        for i, (crop, box) in enumerate(zip(crops, boxes.tolist(), strict=True))
        if crop.size
    ]


def other_fields(result: Mapping[str, Any]) -> dict[str, Array]:
    """The fields of a result that belong to its detections and are handed on, by name."""
    return {
        name: np.asarray(values)
        for name, values in result.items()
        if name not in _OWN and values is not None
    }


def _crops(
    result: Mapping[str, Any], rois: Array, shape: tuple[int, int]
) -> tuple[list[Array], Array]:
    """The masks of a result inside their boxes, and these boxes [N, 4] in pixels of the tile."""
    if result.get("masks") is None:
        boxes = np.clip(np.rint(rois).astype(np.int64), 0, [*shape, *shape])
        sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
        return [np.broadcast_to(np.True_, side) for side in sides.tolist()], boxes
    masks = as_instances(result["masks"])
    if masks.shape[:2] != shape:
        raise ValueError(
            f"detect gave masks of {masks.height}x{masks.width} pixels for a tile of {shape[0]}x"
            f"{shape[1]}: results must be in pixels of the images."
        )
    # A crop may be part of a large array, which would stay in memory with it.
    return [crop.copy() for crop in masks.crops], masks.boxes
