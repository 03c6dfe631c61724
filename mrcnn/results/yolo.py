"""Label files for YOLO's tools: https://docs.ultralytics.com/datasets/segment."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..types import PathLike
from .bridges import one_ring
from .found import Found, one_by_one
from .joined import text_file
from .objects import ImageFacts, Objects


def write(path: PathLike, image: ImageFacts, parts: Iterable[Objects]) -> None:
    """Write the label file of an image, a line per object.

    A line is the class, counted from 0 without the background, and the corners of the outline as
    fractions of the image's width and height. Bridges without width join several pieces, and holes,
    to one outline. Without masks, a line has the centre and size of the box. YOLO has no scores.

    Args:
        path: of the file.
        image: see `ImageFacts`.
        parts: its objects.

    Raises:
        OSError: it cannot be written.
    """
    with text_file(path) as file:
        for found in one_by_one(image, parts):
            numbers = " ".join(f"{value:.7g}" for value in _fractions(found, image.shape))
            file.write(f"{found.class_id - 1} {numbers}\n")


def write_names(folder: PathLike, class_names: Sequence[str]) -> None:
    """Write `data.yaml`, which names the classes of the label files in a folder.

    To train, add the keys `train` and `val`, the folders of the images.

    Args:
        folder: must exist.
        class_names: from the background's at 0.

    Raises:
        OSError: it cannot be written.

    Example:
        >>> from mrcnn.results.yolo import write_names
        >>> write_names(".", ["BG", "cell", "no"])
        >>> print(open("data.yaml").read())
        names:
          0: "cell"
          1: "no"
        nc: 2
        <BLANKLINE>
    """
    names = list(class_names[1:])
    with text_file(Path(folder) / "data.yaml") as file:
        file.write("names:\n" if names else "names: []\n")
        # A JSON string is one in YAML, too.
        file.writelines(f"  {i}: {json.dumps(name)}\n" for i, name in enumerate(names))
        file.write(f"nc: {len(names)}\n")


def _fractions(found: Found, shape: tuple[int, int]) -> Iterable[float]:
    height, width = shape
    if found.crop is None:
        y1, x1, y2, x2 = found.box
        sides = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
        return [float(v) for v in np.array(sides) / (width, height, width, height)]
    return (one_ring(found.outlines()) / (width, height)).ravel().tolist()
