"""A table with one row per object: where it is, how large, of what shape and how bright.

The file is CSV in UTF-8 without a byte order mark, separated by commas, with decimal points. Rows
keep the order of the objects. Cells are empty where there is nothing to measure.
"""

import contextlib
import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from skimage.measure import regionprops

from ..files.whole import replacing
from ..images.pixel_size import PixelSize
from ..types import Array, PathLike
from .objects import ImageFacts, Objects

_PLACE = ("image", "object", "class", "score", "area", "centroid_y", "centroid_x")
FRAME = ("frame", "seconds")  # of a video: its number from 0, and when it is shown
_BOX = ("box_y1", "box_x1", "box_y2", "box_x2")
_SHAPE = ("perimeter", "major_axis", "minor_axis", "eccentricity", "orientation", "solidity")
# In physical units, these are lengths; the area is one of square units.
_LENGTHS = ("perimeter", "major_axis", "minor_axis")
_INTENSITY = "intensity_"
_STATISTICS: dict[str, Callable[[Array], Any]] = {"mean": np.mean, "min": np.min, "max": np.max}


def write(path: PathLike, image: ImageFacts, parts: Iterable[Objects]) -> None:
    """Write the table of one image.

    The columns:

    - image, object (its number), class, score;
    - area, centroid_y, centroid_x, box_y1, box_x1, box_y2, box_x2, in pixels. The centre of the
      first pixel is at (0, 0) for centroids; a box covers y1 <= y < y2 and x1 <= x < x2;
    - perimeter, major_axis and minor_axis in pixels, eccentricity, orientation in radians and
      solidity, as scikit-image's `regionprops` defines them;
    - area_um2, perimeter_um, major_axis_um and minor_axis_um, in the unit of the pixel size, if it
      is known. If pixels are not square, perimeter_um is empty;
    - intensity_mean_0, intensity_min_0, intensity_max_0 and so on, for the values of each channel,
      by its name or its index, if the pixels are known. No data, such as NaN, does not count.

    Area and centroid of an object without a mask are its box's, and the rest is empty.

    Args:
        path: of the table.
        image: see `ImageFacts`. Of the pixels, only those in the objects' boxes are read.
        parts: its objects.

    Raises:
        OSError: it cannot be written.
    """
    with writing(path, image) as add:
        for objects in parts:
            add(image, objects)


def rows(image: ImageFacts, parts: Iterable[Objects]) -> Iterator[dict[str, Any]]:
    """The rows of the table of one image, for other uses than a file.

    Args:
        image, parts: see `write`.

    Yields:
        For each object, what the table says about it, by column; what cannot be measured is left
        out.

    Example:
        >>> from mrcnn.results import ImageFacts, Objects
        >>> from mrcnn.results.table import rows
        >>> image = ImageFacts("a.tif", (9, 9), ["BG", "cell"])
        >>> [row] = rows(image, [Objects([1], [1], [0.5], [[0, 0, 2, 3]])])
        >>> row["class"], row["area"], row["centroid_y"]
        ('cell', 6, 0.5)
    """
    channels = _channels(image)
    for objects in parts:
        for i in range(len(objects)):
            yield _row(image, objects, i, channels)


@contextlib.contextmanager
def writing(
    path: PathLike, image: ImageFacts, own: Sequence[str] = ()
) -> Iterator[Callable[..., None]]:
    """In a `with`, a function that adds objects to a table, which appears at the end.

    Args:
        path: of the table.
        image: see `ImageFacts`; it has the channels and the pixel size of all images of the table,
            such as the first frame of a video.
        own: some of `FRAME`: further columns, to be filled.

    Yields:
        function of an `ImageFacts`, its `Objects`, and the cells of the columns `own` by name.

    Raises:
        OSError: it cannot be written.
    """
    channels = _channels(image)
    columns = ["image", *own, *_PLACE[1:], *_BOX, *_SHAPE, *_physical_columns(image.pixel_size)]
    columns += [f"{_INTENSITY}{name}_{each}" for each in channels for name in _STATISTICS]
    with replacing(path) as part, open(part, "w", encoding="utf8", newline="") as file:
        table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        table.writeheader()

        def add(image: ImageFacts, objects: Objects, **cells: Any) -> None:
            for i in range(len(objects)):
                row = _row(image, objects, i, channels) | cells
                table.writerow({column: _text(value) for column, value in row.items()})

        yield add


def gather(parts: Iterable[PathLike], path: PathLike) -> None:
    """Join the tables of several images into one.

    Args:
        parts: paths of the tables, whose columns may differ.
        path: of the table of all rows, in order. It has all columns; intensities come last, and
            a cell is empty if its row's table had no such column.

    Raises:
        OSError: a table cannot be read or written.
    """
    parts = list(parts)
    columns: dict[str, None] = dict.fromkeys((*_PLACE, *_BOX, *_SHAPE))
    for each in parts:
        with open(each, encoding="utf8", newline="") as file:
            columns.update(dict.fromkeys(next(csv.reader(file), [])))
    videos = [column for column in FRAME if column in columns]
    columns = dict.fromkeys(("image", *videos, *columns))
    ordered = sorted(columns, key=lambda column: column.startswith(_INTENSITY))
    with replacing(path) as part, open(part, "w", encoding="utf8", newline="") as joined:
        table = csv.DictWriter(joined, ordered, restval="", lineterminator="\n")
        table.writeheader()
        for each in parts:
            with open(each, encoding="utf8", newline="") as file:
                table.writerows(csv.DictReader(file))


def _row(image: ImageFacts, objects: Objects, i: int, channels: Sequence[str]) -> dict[str, Any]:
    """The cells of object `i`."""
    y1, x1, y2, x2 = box = objects.boxes[i].tolist()
    row = {
        "image": image.name,
        "object": int(objects.numbers[i]),
        "class": image.class_name(objects.class_ids[i]),
        "score": float(objects.scores[i]),
        "area": (y2 - y1) * (x2 - x1),
        "centroid_y": (y1 + y2 - 1) / 2,
        "centroid_x": (x1 + x2 - 1) / 2,
        **dict(zip(_BOX, box, strict=True)),
    }
    if objects.masks is not None:
        crop, place = objects.masks.crops[i], objects.masks.boxes[i].tolist()
        row["area"] = int(np.count_nonzero(crop))
        if row["area"]:
            row |= _shape(crop, place, image.pixel_size)
            row |= _intensities(image.pixels, crop, place, channels)
    if image.pixel_size is not None:
        row |= _physical(row, image.pixel_size)
    return row


def _shape(crop: Array, box: Sequence[int], pixel_size: PixelSize | None) -> dict[str, Any]:
    """What a mask's pixels, cut to its box, say about its place and shape."""
    pixels = crop.view(np.uint8)
    region = regionprops(pixels)[0]
    y, x = region.centroid
    row = {
        "centroid_y": box[0] + y,
        "centroid_x": box[1] + x,
        "perimeter": region.perimeter,
        "major_axis": region.axis_major_length,
        "minor_axis": region.axis_minor_length,
        "eccentricity": region.eccentricity,
        "orientation": region.orientation,
        "solidity": region.solidity,
    }
    if pixel_size is not None and pixel_size.y != pixel_size.x:
        stretched = regionprops(pixels, spacing=(pixel_size.y, pixel_size.x))[0]
        row[_named("major_axis", pixel_size)] = stretched.axis_major_length
        row[_named("minor_axis", pixel_size)] = stretched.axis_minor_length
    return row


def _intensities(
    pixels: Any, crop: Array, box: Sequence[int], channels: Sequence[str]
) -> Iterator[tuple[str, float]]:
    """(column, value) of each channel's statistics inside a mask."""
    if not channels:
        return
    y1, x1, y2, x2 = box
    # Integers would overflow in a sum, and a masked array has its mask.
    window = np.ma.asarray(pixels[y1:y2, x1:x2])
    inside = window.reshape(*window.shape[:2], -1)[crop]  # [pixels, channels]
    for each, values in zip(channels, np.moveaxis(inside, 1, 0), strict=True):
        known = values.compressed().astype(np.float64)
        known = known[np.isfinite(known)]
        if known.size:
            for name, statistic in _STATISTICS.items():
                yield f"{_INTENSITY}{name}_{each}", float(statistic(known))


def _physical(row: dict[str, Any], size: PixelSize) -> dict[str, Any]:
    """The measures of a row in units of the pixel size."""
    measures = {_named("area", size, "2"): row["area"] * size.y * size.x}
    if size.y == size.x:
        measures |= {_named(name, size): row[name] * size.y for name in _LENGTHS if name in row}
    return measures


def _physical_columns(size: PixelSize | None) -> list[str]:
    if size is None:
        return []
    return [_named("area", size, "2"), *(_named(name, size) for name in _LENGTHS)]


def _named(measure: str, size: PixelSize, power: str = "") -> str:
    """The column of a measure in units: "area_um2", in ASCII for the usual units."""
    unit = size.unit.replace("µ", "u").replace("Å", "angstrom").replace(" ", "_")
    return f"{measure}_{unit}{power}"


def _channels(image: ImageFacts) -> list[str]:
    """A name per channel of the pixels: its own, or its index where that is not unique."""
    if image.pixels is None:
        return []
    count = 1 if len(image.pixels.shape) == 2 else image.pixels.shape[2]
    names = list(image.channel_names)
    names = names if len(names) == count else [""] * count
    return [name if name and names.count(name) == 1 else str(i) for i, name in enumerate(names)]


def _text(value: Any) -> str:
    """A cell: seven digits are all that a score has, and more than an outline deserves."""
    return f"{value:.7g}" if isinstance(value, float) else str(value)
