"""How many planes an image file holds, such as the depths of a z-stack."""

import os

from ..types import PathLike
from . import tiff
from .opening import errors_of, kind_of
from .region_zarr import axes_of


def planes_of(path: PathLike, pages: bool = False) -> int:
    """The number of planes in an image file, of which `open_regions` reads each or a projection.

    Depth, time and all other axes but height, width and channels count: a stack of 5 depths at 3
    times has 15 planes.

    Args:
        path: a file or folder of any kind that `open_regions` reads.
        pages: whether pages count that a TIFF says nothing about. `read_image` takes them for
            channels; `open_regions` with a `plane` or a `projection` takes them for planes.

    Returns:
        1 for all files that `read_image` reads, unless `pages`.

    Raises:
        FileNotFoundError, ImportError, OSError, ValueError: see `open_regions`.

    Example:
        >>> import tifffile
        >>> from mrcnn.images import open_regions
        >>> from mrcnn.images.planes import planes_of
        >>> stack = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((40, 60), np.uint8)
        >>> tifffile.imwrite("stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
        >>> planes_of("stack.tif")
        5
        >>> with open_regions("stack.tif", projection="max") as image:
        ...     int(image[:].max())
        4
    """
    with errors_of(path):
        if os.path.isdir(path):
            return axes_of(path, pages).plane_count
        if kind_of(path) != "tiff":
            return 1
        with tiff.opened(path) as series:
            return tiff.axes(series, pages).plane_count
