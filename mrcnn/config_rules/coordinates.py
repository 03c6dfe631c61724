"""The one difference between the two kinds of normalised boxes, BOX_COORDINATES."""

from typing import Any


def box_margin(config: Any) -> int:
    """How many pixels are taken off the lower right corner of a box, and off the sides.

    A normalised box is `(box - (0, 0, margin, margin)) / (size - margin)`.

    Args:
        config: a `Config`.

    Returns:
        1 with BOX_COORDINATES "reference", where 1 is the centre of the last pixel; 0 with
        "continuous", where it is the edge of the image.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.config_rules.coordinates import box_margin
        >>> box_margin(Config())
        1
    """
    return 0 if is_continuous(config) else 1


def is_continuous(config: Any) -> bool:
    """Whether the boxes of results are float32, not rounded to pixels.

    Args:
        config: a `Config`.
    """
    return config.BOX_COORDINATES == "continuous"
