"""Windows of OME-Zarr folders, and of plain Zarr arrays, of Zarr's versions 2 and 3."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..types import PathLike
from .axes import Axes
from .channels import unless_colours
from .opening import MAX_PIXELS, UnusableImageError
from .pixel_size import read_pixel_size
from .reading import without_booleans
from .region_bands import Bands
from .region_source import Source
from .region_stored import StoredSource
from .region_tiff import INSTALL, check_whole

_METADATA = ("zarr.json", ".zarray", ".zgroup")
# Before version 0.3, OME-Zarr had always these axes.
_FIRST_AXES = "TCZYX"


class ZarrSource(StoredSource):
    """The first image of a Zarr folder.

    Args:
        path: of the folder of an image with `multiscales` metadata, of one that bioformats2raw
            wrote, or of an array.
        plane, projection: see `StoredSource`.
        max_pixels: the most pixels of a chunk.

    Raises:
        FileNotFoundError: there is no such folder.
        ImportError: the package zarr is missing.
        StackError, UnusableImageError: it is a stack, has no such plane, or holds no image.
    """

    def __init__(
        self,
        path: PathLike,
        plane: int | None = None,
        projection: str | None = None,
        max_pixels: int | None = MAX_PIXELS,
    ) -> None:
        self._path = _image_folder(path)
        arrays, names, labels = _image(self._path)
        self.pixel_size = read_pixel_size(self._path)
        pages = plane is not None or projection is not None
        axes = Axes.of(arrays[0].shape, names, pages)
        if arrays[0].dtype.kind not in "buif":
            raise UnusableImageError(f"{path} holds {arrays[0].dtype}, not numbers.")
        rows, columns = arrays[0].chunks[axes.y], arrays[0].chunks[axes.x]
        check_whole(path, rows, columns, 1, max_pixels, "it is one chunk")
        self._options = (without_booleans, plane, projection, 1, without_booleans)
        self._smaller, self._stored = arrays[1:], axes
        super().__init__(_in_bands(arrays[0], axes), axes, *self._options)
        count = axes.channels
        known = len(labels) == count and any(labels)
        # Three 8-bit channels of which nothing is said are colours.
        if count > 1 and (known or count != 3 or self.dtype.itemsize > 1):
            self.channel_names = unless_colours(labels if known else [""] * count)

    def window(self, rows: slice, columns: slice, channel: int | None) -> Any:
        """See `Source`."""
        # Zarr takes a chunk that is missing for an empty one.
        if not any((self._path / name).exists() for name in _METADATA):
            raise FileNotFoundError(self._path)
        return super().window(rows, columns, channel)

    def levels(self) -> Sequence[Source]:
        """See `Source`."""
        return [
            StoredSource(array, axes, *self._options)
            for array in self._smaller
            if (axes := self._stored.resized(array.shape)) is not None
        ]


def is_zarr(path: PathLike) -> bool:
    """Whether `path` is a folder that holds Zarr's metadata."""
    return any(os.path.isfile(os.path.join(path, name)) for name in _METADATA)


def axes_of(path: PathLike, pages: bool = False) -> Axes:
    """The axes of the image in a Zarr folder.

    Args:
        path: of the folder.
        pages: see `Axes.of`.
    """
    arrays, names, _ = _image(_image_folder(path))
    return Axes.of(arrays[0].shape, names, pages)


def _image_folder(path: PathLike) -> Path:
    """`path`, or the first of the images that bioformats2raw wrote there."""
    if not is_zarr(path):
        raise UnusableImageError(f"{path} is a folder without Zarr metadata: it is not an image.")
    first = Path(path) / "0"
    metadata = [Path(path) / name for name in ("zarr.json", ".zattrs")]
    text = "".join(each.read_text(encoding="utf8") for each in metadata if each.exists())
    return first if "bioformats2raw.layout" in text and is_zarr(first) else Path(path)


def _image(path: Path) -> tuple[list[Any], str, list[str]]:
    """The arrays of an image, the largest first, the names of its axes and of its channels."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError(f"{path}: to read Zarr needs the package zarr: {INSTALL}") from error
    node: Any = zarr.open(os.fspath(path), mode="r")
    if isinstance(node, zarr.Array):
        named: Any = getattr(node.metadata, "dimension_names", None)
        named = named or node.attrs.get("_ARRAY_DIMENSIONS")  # xarray's, in version 2
        return [node], _letters(named or _unnamed(node.ndim)), []
    attributes = dict(node.attrs)
    metadata = attributes.get("ome", attributes)  # from version 0.5
    if "multiscales" not in metadata:
        inside = ", ".join(sorted(node.keys())[:8]) or "nothing"
        kind = next((f"a {name}" for name in ("plate", "well") if name in metadata), "a group")
        raise UnusableImageError(
            f"{path} is {kind}, not one image: give the path of one of those in it. It holds "
            f"{inside}."
        )
    scales = metadata["multiscales"][0]
    arrays = [node[each["path"]] for each in scales["datasets"]]
    named = [
        each if isinstance(each, str) else "c" if each.get("type") == "channel" else each["name"]
        for each in scales.get("axes", _FIRST_AXES)
    ]
    channels = (metadata.get("omero") or {}).get("channels") or []
    return arrays, _letters(named), [str(each.get("label") or "").strip() for each in channels]


def _unnamed(count: int) -> Sequence[str]:
    return ["Q"] * (count - 2) + ["Y", "X"]


def _letters(names: Sequence[str | None]) -> str:
    """Names of axes as the letters that `Axes` knows."""
    return "".join((name or "Q")[0].upper() for name in names)


def _in_bands(array: Any, axes: Axes) -> Any:
    return Bands(array, axes.y, axes.x) if array.chunks[axes.x] >= axes.width else array
