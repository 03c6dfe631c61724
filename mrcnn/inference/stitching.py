"""Put the views of objects together, tile after tile, and make one detection of each."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..instances.masks import union
from ..types import Array
from .seams import agreements
from .tiles import Grid, Tile
from .views import View

# An object is left out if the tiles that see it decide less than this part of its pixels: it is a
# sliver at their borders, and others, which see more, do not agree.
_DECIDED = 0.5


@dataclasses.dataclass(slots=True, eq=False)
class Group:
    """Views of one object.

    Attributes:
        views: at least one.
        complete: by (row, column) of a tile, whether a view in it is whole.
        bottom: first line below all views.
    """

    views: list[View]
    complete: dict[tuple[int, int], bool]
    bottom: int

    @classmethod
    def of(cls, view: View) -> "Group":
        """A group of one view."""
        return cls([view], {(view.tile.row, view.tile.column): view.whole}, view.box[2])

    def may_join(self, other: "Group") -> bool:
        """Whether this group and `other` can be one object.

        They cannot if a tile sees two detections, of which one ends before the tile's borders.
        """
        shared = self.complete.keys() & other.complete.keys()
        return not any(self.complete[tile] or other.complete[tile] for tile in shared)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Stitched:
    """An object made of the views of all tiles.

    Attributes:
        crop: bool [h, w], its mask.
        corner: (y, x) of the crop's first pixel in the image.
        roi: [4] pixels, the box that the detector gave, if one view shows the whole object.
        class_id, score: see `stitch`.
        fields: values of other fields, see `View`; of the view that decides most pixels.
        across: whether a tile sees the object reach two opposite inner borders.
        decided: the part of its pixels that lie in the cores of the tiles that see it.
    """

    crop: Array
    corner: tuple[int, int]
    roi: Array | None
    class_id: int
    score: float
    fields: Any
    across: bool
    decided: float


class Stitcher:
    """Gathers the views of tiles that come in the order of the grid.

    Args:
        grid: of the tiles.
        min_iou, across_classes: see `agreements`.
    """

    def __init__(self, grid: Grid, min_iou: float, across_classes: bool) -> None:
        self._grid, self._min_iou, self._across = grid, min_iou, across_classes
        self._views: dict[tuple[int, int], list[View]] = {}
        self._group_of: dict[View, Group] = {}

    def add(self, tile: Tile, views: Sequence[View]) -> None:
        """Add the views of the next tile."""
        self._group_of.update((view, Group.of(view)) for view in views)
        for earlier in self._grid.earlier(tile):
            others = self._views[earlier.row, earlier.column]
            for pair in agreements(others, views, self._min_iou, self._across):
                self._join(*(self._group_of[view] for view in pair))
        self._views[tile.row, tile.column] = list(views)

    def _join(self, first: Group, second: Group) -> None:
        if first is second or not first.may_join(second):
            return
        if len(first.views) < len(second.views):
            first, second = second, first
        first.views += second.views
        for tile, complete in second.complete.items():
            first.complete[tile] = first.complete.get(tile, False) or complete
        first.bottom = max(first.bottom, second.bottom)
        self._group_of.update((view, first) for view in second.views)

    def finished(self, line: int) -> list[Stitched]:
        """Take out the objects that end above a line of pixels, which later tiles begin at.

        Args:
            line: y in pixels; the image's height takes all.

        Returns:
            The objects, without those whose views decide too few of their pixels.
        """
        for place in [place for place in self._views if self._grid[place].box[2] <= line]:
            del self._views[place]
        groups = {id(group): group for group in self._group_of.values() if group.bottom <= line}
        for group in groups.values():
            for view in group.views:
                del self._group_of[view]
        objects = (stitch(group.views) for group in groups.values())
        return [each for each in objects if each.decided >= _DECIDED]


def stitch(views: Sequence[View]) -> Stitched:
    """Make one detection of the views of an object.

    If a view shows the whole object, it is taken as it is: the one farthest from the inner borders
    of its tile. Otherwise the views are put together: each pixel is decided by the tile in which it
    lies farther from an inner border than in the other tiles with a view. The score is the mean of
    the views' scores, weighted by the pixels that each decides, and the class is the one with the
    highest sum of these weights times scores.

    Args:
        views: at least one.

    Returns:
        The detection.
    """
    tiles = dict.fromkeys(view.tile for view in views)
    across = any(view.across for view in views)
    whole = [view for view in views if view.whole and all(_lies_in(v, view.tile) for v in views)]
    best = max(whole or views, key=lambda view: view.distance)
    if whole or len(views) == 1:
        views, roi = [best], best.roi
    else:
        roi = None
    parts = [_decided(view, views) for view in views]
    weights = np.array([np.count_nonzero(part) for part in parts], np.float64)
    crop, corner = union(parts, [view.box[:2] for view in views])
    weights /= weights.sum()
    scores = weights * [view.score for view in views]
    totals: dict[int, float] = {}
    for view, score in zip(views, scores.tolist(), strict=True):
        totals[view.class_id] = totals.get(view.class_id, 0) + score
    return Stitched(
        crop,
        corner,
        roi,
        max(totals, key=lambda class_id: totals[class_id]),
        float(scores.sum()),
        views[int(weights.argmax())].fields,
        across,
        sum(np.count_nonzero(crop[_core(tile, corner)]) for tile in tiles) / np.count_nonzero(crop),
    )


def _lies_in(view: View, tile: Tile) -> bool:
    """Whether all of a view lies in a tile."""
    y1, x1, y2, x2 = tile.box
    return view.box[0] >= y1 and view.box[1] >= x1 and view.box[2] <= y2 and view.box[3] <= x2


def _decided(view: View, views: Sequence[View]) -> Array:
    """The mask of a view without the pixels that the tiles of other views decide."""
    crop = view.crop
    for tile in dict.fromkeys(other.tile for other in views):
        part = _core(tile, view.box)
        if tile is not view.tile and crop[part].any():
            crop = crop.copy() if crop is view.crop else crop
            crop[part] = False
    return crop


def _core(tile: Tile, box: Sequence[int]) -> tuple[slice, slice]:
    """The part of a crop with this box, or corner, that lies in a tile's core."""
    y1, x1, y2, x2 = tile.core
    top, left = box[:2]
    return slice(max(y1 - top, 0), max(y2 - top, 0)), slice(max(x1 - left, 0), max(x2 - left, 0))
