"""The options by which images are enlarged and cut into tiles, of each verb that detects."""

import argparse
from typing import Any

from .options import count


def add_scale_and_tiles(group: Any) -> None:
    """Add the options --scale, --object-size, --tile and --overlap.

    Args:
        group: of a verb's parser.
    """
    add = group.add_argument
    add(
        "--scale",
        type=positive,
        metavar="FACTOR",
        help="enlarge images by this factor before detection; 0.5 if your objects are twice as "
        "large as those that the model was trained on",
    )
    add(
        "--object-size",
        type=positive,
        metavar="PX",
        help="how wide your objects are, in pixels; sets the scale",
    )
    add(
        "--tile",
        type=tile,
        default="auto",
        metavar="PX",
        help="detect in tiles of this many pixels a side: a number; none for whole images; auto "
        "(default) for tiles where an image is too large",
    )
    add("--overlap", type=count, metavar="PX", help="pixels that tiles share; more than an object")


def tile(text: str) -> int | str | None:
    """A number of pixels, "auto", or None for "none", as the `type` of an option such as --tile.

    Args:
        text: the option's value on the command line.
    """
    if text in ("auto", "none"):
        return None if text == "none" else text
    try:
        return count(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text} is not a number of pixels, none or auto"
        ) from None


def positive(text: str) -> float:
    """A number above 0, as the `type` of an option such as --scale.

    Args:
        text: the option's value on the command line.
    """
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number
