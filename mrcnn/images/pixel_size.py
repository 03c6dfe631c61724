"""The size of a pixel, as an image file gives it."""

import contextlib
import dataclasses
import html
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tifffile import RESUNIT

from ..types import PathLike
from . import tiff
from .opening import kind_of

# Numbers of the tags.
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296

# Units in µm, by the names that are shown.
_MICROMETRES = {
    "pm": 1e-6,
    "Å": 1e-4,
    "nm": 1e-3,
    "µm": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "km": 1e9,
    "inch": 25400.0,
}
# What ImageJ, OME-TIFF (symbols) and OME-Zarr (names) call them, in lower case.
_ALIASES = {
    **{unit.lower(): unit for unit in _MICROMETRES},
    **dict.fromkeys(("um", "μm", "micron", "microns", "micrometer", "micrometre"), "µm"),
    **dict.fromkeys(("angstrom", "å"), "Å"),
    **dict.fromkeys(("in", "inches"), "inch"),
    **dict.fromkeys(("picometer", "picometre"), "pm"),
    **dict.fromkeys(("nanometer", "nanometre"), "nm"),
    **dict.fromkeys(("millimeter", "millimetre"), "mm"),
    **dict.fromkeys(("centimeter", "centimetre"), "cm"),
    **dict.fromkeys(("meter", "metre"), "m"),
    **dict.fromkeys(("kilometer", "kilometre"), "km"),
}
_NO_UNITS = ("", "pixel", "pixels", "px", "reference frame")

# Dots per inch that programs write when they know of no size.
_SCREENS = (72, 96)

_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b([^>]{0,4000})>")
_PHYSICAL = re.compile(r"""\bPhysicalSize([XY](?:Unit)?)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_MICRONS_PER_PIXEL = re.compile(r"\bMPP\s*=\s*([\d.]+)")


@dataclasses.dataclass(frozen=True, slots=True)
class PixelSize:
    """The height and width of a pixel.

    Attributes:
        y, x: height and width, in `unit`.
        unit: such as "µm" or "mm".
    """

    y: float
    x: float
    unit: str


def read_pixel_size(path: PathLike) -> PixelSize | None:
    """The size of a pixel in the upright image at `path`.

    It comes from the metadata of OME-TIFF, ImageJ or Aperio, from TIFF's resolution tags, in µm, or
    from the first of the multiscales in a folder of OME-Zarr. Resolutions of 72 and 96 dots per
    inch are what programs write that know of no size, so they do not count.

    Args:
        path: an image file of any kind, or the folder of an OME-Zarr image.

    Returns:
        None if the file gives none: so PNG and JPEG, whose resolution is meant for printers.

    Raises:
        OSError, ValueError: the file cannot be read, see `read_image`.

    Example:
        >>> import tifffile
        >>> from mrcnn.images.pixel_size import read_pixel_size
        >>> cells, size = np.zeros((40, 60), np.uint16), {"unit": "um"}
        >>> tifffile.imwrite("a.tif", cells, imagej=True, resolution=(2, 4), metadata=size)
        >>> read_pixel_size("a.tif")
        PixelSize(y=0.25, x=0.5, unit='µm')
    """
    if Path(path).is_dir():
        return _of_zarr(Path(path))
    if kind_of(path) != "tiff":
        return None
    with tiff.opened(path) as series:
        page = series.keyframe
        size = _of_ome(page.parent) or _of_imagej(page) or _of_aperio(page) or _of_tags(page)
        if size is not None and tiff.orientation(series) in (5, 6, 7, 8):
            return PixelSize(size.x, size.y, size.unit)
        return size


def _of_ome(file: Any) -> PixelSize | None:
    pixels = _PIXELS.search(file.ome_metadata or "") if file.is_ome else None
    if pixels is None:
        return None
    given = {
        match[1]: html.unescape(match[2] or match[3] or "")
        for match in _PHYSICAL.finditer(pixels[1])
    }
    units = given.get("YUnit", "µm"), given.get("XUnit", "µm")
    return _pixel_size((given.get("Y"), given.get("X")), units)


def _of_imagej(page: Any) -> PixelSize | None:
    if not page.parent.is_imagej:
        return None
    unit = (page.parent.imagej_metadata or {}).get("unit", "")
    return _per_unit(page, str(unit).replace("\\u00B5", "µ"))


def _of_aperio(page: Any) -> PixelSize | None:
    found = _MICRONS_PER_PIXEL.search(page.description) if page.is_svs else None
    return None if found is None else _pixel_size((found[1], found[1]), ("µm", "µm"))


def _of_tags(page: Any) -> PixelSize | None:
    unit = page.tags.valueof(_RESOLUTION_UNIT, RESUNIT.INCH)
    size = _per_unit(page, {RESUNIT.INCH: "inch", RESUNIT.CENTIMETER: "cm"}.get(unit, ""))
    return None if size is None else _in_micrometres(size)


def _in_micrometres(size: PixelSize) -> PixelSize:
    factor = _MICROMETRES[size.unit]
    return PixelSize(size.y * factor, size.x * factor, "µm")


def _per_unit(page: Any, unit: str) -> PixelSize | None:
    """The size of a `page` whose tags say how many pixels make a `unit`."""
    sides = []
    for tag in (_Y_RESOLUTION, _X_RESOLUTION):
        match page.tags.valueof(tag):
            case (pixels, units) if pixels:
                sides.append(units / pixels)
            case _:
                return None
    size = _pixel_size(sides, (unit, unit))
    return None if size is None or _is_screen(size) else size


def _is_screen(size: PixelSize) -> bool:
    if size.unit not in ("inch", "cm"):
        return False
    size = _in_micrometres(size)
    per_inch = [_MICROMETRES["inch"] / side for side in (size.y, size.x)]
    return any(all(abs(dots - dpi) < 0.5 for dots in per_inch) for dpi in _SCREENS)


def _of_zarr(folder: Path) -> PixelSize | None:
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        image = _attributes(folder)["multiscales"][0]
        names = [axis["name"] for axis in image["axes"]]
        places = names.index("y"), names.index("x")
        steps = [*image["datasets"][0]["coordinateTransformations"]]
        steps += image.get("coordinateTransformations", [])
        scales = [step["scale"] for step in steps if step["type"] == "scale"]
        sides = [math.prod(scale[i] for scale in scales) for i in places]
        return _pixel_size(sides, [image["axes"][i].get("unit", "") for i in places])
    return None


def _attributes(folder: Path) -> Mapping[str, Any]:
    """The OME metadata of the group in a folder, of version 3 of Zarr or version 2."""
    current = folder / "zarr.json"
    if current.exists():
        return json.loads(current.read_text(encoding="utf8"))["attributes"]["ome"]
    return json.loads((folder / ".zattrs").read_text(encoding="utf8"))


def _pixel_size(sides: Any, units: Any) -> PixelSize | None:
    """The size of (y, x) `sides` in (y, x) `units`; None unless both are known."""
    try:
        y, x = (float(side) for side in sides)
    except (TypeError, ValueError):
        return None
    of_y, of_x = (_ALIASES.get(str(unit).strip().lower(), str(unit).strip()) for unit in units)
    if not (0 < y < math.inf and 0 < x < math.inf) or of_x.lower() in _NO_UNITS:
        return None
    if of_y != of_x:
        if not {of_y, of_x} <= _MICROMETRES.keys():
            return None
        y *= _MICROMETRES[of_y] / _MICROMETRES[of_x]
    return PixelSize(y, x, of_x)
