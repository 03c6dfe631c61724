"""Windows of whole slides, as RGB, through the optional package tiffslide or openslide."""

import importlib
from pathlib import PurePath
from typing import Any

import numpy as np

from ..files.regular import regular_file
from ..types import Array, PathLike
from .opening import UnusableImageError
from .pixel_size import PixelSize
from .region_source import Source

INSTALL = 'pip install "mask-rcnn[slides]"'
SUFFIXES = (".svs", ".ndpi", ".scn", ".mrxs", ".vms", ".vmu", ".bif", ".svslide", ".vsi")
# Each is a module with a class of slides; both have the same methods and names of properties.
_READERS = (("tiffslide", "TiffSlide"), ("openslide", "OpenSlide"))


class SlideSource(Source):
    """One level of a slide, uint8 [H, W, 3].

    Args:
        slide: an open `TiffSlide` or `OpenSlide`.
        prefix: of the names of its properties, "tiffslide" or "openslide".
        level: 0 is the image itself.
    """

    def __init__(self, slide: Any, prefix: str, level: int = 0) -> None:
        self._slide, self._prefix, self._level = slide, prefix, level
        width, height = slide.level_dimensions[level]
        self.shape, self.dtype = (height, width, 3), np.dtype(np.uint8)
        self._scale = float(slide.level_downsamples[level])
        sizes = [slide.properties.get(f"{prefix}.mpp-{axis}") for axis in "yx"]
        if level == 0 and all(sizes):
            self.pixel_size = PixelSize(float(sizes[0]), float(sizes[1]), "µm")
        colour = str(slide.properties.get(f"{prefix}.background-color") or "FFFFFF")
        self._background = np.frombuffer(bytes.fromhex(colour), np.uint8)

    def window(self, rows: slice, columns: slice, channel: int | None) -> Array:
        """See `Source`."""
        # A place in pixels of level 0, a size in pixels of this level.
        place = round(columns.start * self._scale), round(rows.start * self._scale)
        size = columns.stop - columns.start, rows.stop - rows.start
        pixels = np.asarray(self._slide.read_region(place, self._level, size))
        if pixels.shape[2] == 4:
            # OpenSlide leaves what was not scanned transparent.
            empty = pixels[..., 3:] == 0
            pixels = np.where(empty, self._background, pixels[..., :3])
        return np.array(pixels if channel is None else pixels[..., channel])

    def levels(self) -> list[Source]:
        """See `Source`."""
        count = len(self._slide.level_dimensions)
        return [SlideSource(self._slide, self._prefix, level) for level in range(1, count)]

    def close(self) -> None:
        """See `Source`."""
        self._slide.close()


def is_slide(path: PathLike) -> bool:
    """Whether the name of a file is that of a whole slide.

    Args:
        path: of the file, which need not exist.
    """
    return PurePath(path).suffix.lower() in SUFFIXES


def open_slide(path: PathLike) -> SlideSource:
    """Open a slide with the first reader that is installed and can.

    Args:
        path: of the file.

    Raises:
        FileNotFoundError: it does not exist.
        ImportError: no reader is installed.
        UnusableImageError: no reader can open it.
    """
    regular_file(path)
    errors = []
    for module, name in _READERS:
        try:
            reader = getattr(importlib.import_module(module), name)
        except ImportError:
            continue
        try:
            return SlideSource(reader(path), module)
        except Exception as error:  # of many types
            errors.append(f"{module}: {error}")
    if not errors:
        raise ImportError(
            f"{path}: to read whole slides needs the package tiffslide (or openslide): {INSTALL}"
        )
    raise UnusableImageError(
        f"{path} cannot be read by {' or '.join(errors)}. QuPath and bioformats2raw convert slides "
        "of other kinds to OME-TIFF or OME-Zarr."
    )
