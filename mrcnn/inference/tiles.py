"""The overlapping tiles into which a large image is cut."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..config_rules.values import is_integer
from ..geometry.windows import starts

Box = tuple[int, int, int, int]

# Where a tile ends at the image's own border, nothing is cut: its limit is this far away.
_FAR = 1 << 40


@dataclasses.dataclass(frozen=True, slots=True)
class Tile:
    """A tile of an image. All boxes are (y1, x1, y2, x2) in pixels of the image.

    Attributes:
        row, column: its place in the grid.
        box: [4] pixels, what it shows.
        core: the pixels that lie farther from an inner border in this tile than in any other. The
            cores of all tiles cover the image once.
        limits: as `box`, but far outside the image where the tile's border is the image's own.
    """

    row: int
    column: int
    box: Box
    core: Box
    limits: Box

    def distances(self, box: Sequence[int]) -> Box:
        """How far each side of a box inside the tile is from the inner border that it faces.

        Args:
            box: [4] pixels of the image.
        """
        y1, x1, y2, x2 = self.limits
        return int(box[0]) - y1, int(box[1]) - x1, y2 - int(box[2]), x2 - int(box[3])


class Grid:
    """Overlapping tiles of equal size, spread evenly over an image.

    Neighbours share at least `overlap` pixels, and more where the sizes do not divide. An image
    that is smaller than a tile has one tile of its own size.

    Args:
        shape: (height, width) of the image in pixels; further entries are ignored.
        tile: side of the tiles in pixels, or (height, width).
        overlap: in pixels, at least 1 and less than half a tile.

    Attributes:
        shape: (height, width) of the image.
        tile: (height, width) of the tiles, as asked for.
        rows, columns: number of tiles from top to bottom, and from left to right.

    Raises:
        ValueError: the tile or the overlap is impossible.

    Example:
        >>> from mrcnn.inference.tiles import Grid
        >>> grid = Grid((100, 250), tile=100, overlap=20)
        >>> [tile.box for tile in grid]
        [(0, 0, 100, 100), (0, 75, 100, 175), (0, 150, 100, 250)]
        >>> [tile.core for tile in grid]
        [(0, 0, 100, 87), (0, 87, 100, 162), (0, 162, 100, 250)]
    """

    def __init__(self, shape: Sequence[int], tile: int | Sequence[int], overlap: int) -> None:
        height, width = (int(side) for side in shape[:2])
        self.shape = height, width
        self.tile = sides = check_tiles(tile, overlap)
        self._ranges = [
            _ranges(length, side, overlap) for length, side in zip(self.shape, sides, strict=True)
        ]
        self.rows, self.columns = map(len, self._ranges)

    def __len__(self) -> int:
        return self.rows * self.columns

    def __iter__(self) -> Iterator[Tile]:
        """Row by row, each from left to right."""
        for row in range(self.rows):
            for column in range(self.columns):
                yield self[row, column]

    def __getitem__(self, place: tuple[int, int]) -> Tile:
        """The tile at (row, column)."""
        ends = [ranges[i] for ranges, i in zip(self._ranges, place, strict=True)]
        box, core, limits = (
            (int(y[0]), int(x[0]), int(y[1]), int(x[1])) for y, x in zip(*ends, strict=True)
        )
        return Tile(*place, box, core, limits)

    def top(self, row: int) -> int:
        """The first line of a row of tiles; after the last row, that of the image's end."""
        return self._ranges[0][row][0][0] if row < self.rows else self.shape[0]

    def earlier(self, tile: Tile) -> Iterator[Tile]:
        """The tiles before `tile` in the order of the grid that share pixels with it."""
        row = tile.row
        while row >= 0 and self[row, 0].box[2] > tile.box[0]:
            for column in self._columns_near(tile):
                if (row, column) < (tile.row, tile.column):
                    yield self[row, column]
            row -= 1

    def _columns_near(self, tile: Tile) -> range:
        """The columns of tiles that share columns of pixels with `tile`."""
        first = last = tile.column
        while first > 0 and self[0, first - 1].box[3] > tile.box[1]:
            first -= 1
        while last + 1 < self.columns and self[0, last + 1].box[1] < tile.box[3]:
            last += 1
        return range(first, last + 1)


def check_tiles(tile: Any, overlap: Any) -> tuple[int, int]:
    """Check the size and overlap of tiles.

    Args:
        tile, overlap: see `Grid`.

    Returns:
        (height, width) of a tile.

    Raises:
        ValueError: they are impossible.
    """
    sides = (tile, tile) if np.ndim(tile) == 0 else tuple(tile)
    if len(sides) != 2 or not all(is_integer(side) and side >= 3 for side in sides):
        raise ValueError(
            f"tile is {tile!r}: it must be a whole number of pixels, or (height, width), of at "
            "least 3."
        )
    if not is_integer(overlap) or not 1 <= overlap < min(sides) / 2:
        raise ValueError(
            f"overlap is {overlap!r}: it must be a whole number of pixels, at least 1 and less "
            f"than half the tile's side of {min(sides)}. Best is more than the size of an object."
        )
    return int(sides[0]), int(sides[1])


def _ranges(length: int, side: int, overlap: int) -> list[tuple[tuple[int, int], ...]]:
    """For each tile along one axis: its (first, end), those of its core, and its limits."""
    first = starts(length, side, overlap)
    ends = [min(start + side, length) for start in first]
    # Halfway between two borders, both are equally far.
    cuts = [(start + end) // 2 for start, end in zip(first[1:], ends[:-1], strict=True)]
    cores = zip([0, *cuts], [*cuts, length], strict=True)
    limits = zip([-_FAR, *first[1:]], [*ends[:-1], length + _FAR], strict=True)
    return list(zip(zip(first, ends, strict=True), cores, limits, strict=True))
