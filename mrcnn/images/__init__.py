"""Image files, pixel values, and resizing to the network's input size."""

from .reading import MAX_PIXELS, UnusableImageError, image_size, read_image, read_labels

__all__ = ["MAX_PIXELS", "UnusableImageError", "image_size", "read_image", "read_labels"]
