"""The image of a task: as an array, or as a file that is read part by part."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from ..images.channels import channel_names
from ..images.pixel_size import PixelSize, read_pixel_size
from ..images.planes import planes_of
from ..images.reading import image_size, read_with_remark, select_channel
from ..images.region_slides import SUFFIXES as SLIDES
from ..images.regions import open_regions
from .inputs import Item
from .job import DetectJob

# Height times width, above which an image is not kept in memory.
LARGE = 2**26


class Image:
    """An image file that is open.

    Args:
        job: which channel, plane or projection.
        item: the image.

    Attributes:
        pixels: [H, W] or [H, W, C], all channels of the file: an array or `Regions`.
        chosen: the same, or the job's channel of it.
        channel_names: see `channels.channel_names`.
        pixel_size: if the file gives it.
        remark: what the user should know about the image, or "".

    Raises:
        FileNotFoundError, OSError, ValueError, ImportError: see `open_regions`.
    """

    pixels: Any
    chosen: Any
    pixel_size: PixelSize | None

    def __init__(self, job: DetectJob, item: Item) -> None:
        self._files = contextlib.ExitStack()
        self.remark = ""
        plane = job.plane if item.plane is None else item.plane
        path, channel = item.path, job.channel
        if plane is not None or job.projection is not None or _is_large(item):
            self._open(item, channel, {"plane": plane, "projection": job.projection})
            return
        self.pixels, remark = read_with_remark(path)
        self.chosen, self.remark = self.pixels, remark
        if channel is not None:
            self.chosen, self.remark = select_channel(self.pixels, channel, path), ""
        self.channel_names = channel_names(path)
        self.pixel_size = read_pixel_size(path)

    def _open(self, item: Item, channel: str | None, which: dict[str, Any]) -> None:
        with contextlib.ExitStack() as files:
            whole = self.pixels = files.enter_context(open_regions(item.path, **which))
            self.channel_names, self.pixel_size = whole.channel_names, whole.pixel_size
            self.chosen = whole
            if channel is not None:
                self.chosen = files.enter_context(open_regions(item.path, channel, **which))
            self._files = files.pop_all()

    def load(self) -> None:
        """Read what is not in memory yet."""
        with self._files:
            self.pixels, self.chosen = self.pixels[:], self.chosen[:]

    def close(self) -> None:
        """Close the file."""
        self._files.close()


def _is_large(item: Item) -> bool:
    """Whether an image must be read part by part."""
    if os.path.isdir(item.path) or item.path.suffix.lower() in SLIDES:
        return True
    height, width = image_size(item.path)
    return height * width > LARGE


def each_plane(items: list[Item]) -> Iterator[Item]:
    """An item for each plane of the stacks among some items.

    Args:
        items: images.

    Yields:
        The items, with those that are stacks replaced by items named like "stack.tif/plane003".
    """
    for item in items:
        count = 1
        with contextlib.suppress(OSError, ValueError):  # detection will say what is wrong
            count = planes_of(item.path, pages=True)
        if count == 1:
            yield item
            continue
        digits = max(3, len(str(count - 1)))
        for plane in range(count):
            yield Item(f"{item.name}/plane{plane:0{digits}}", item.path, plane)
