"""Image files, pixel values, and resizing to the network's input size."""

from .channels import channel_names
from .reading import (
    MAX_PIXELS,
    UnusableImageError,
    image_size,
    read_channel,
    read_image,
    read_labels,
)
from .regions import open_regions

__all__ = [
    "MAX_PIXELS",
    "UnusableImageError",
    "channel_names",
    "image_size",
    "open_regions",
    "read_channel",
    "read_image",
    "read_labels",
]
