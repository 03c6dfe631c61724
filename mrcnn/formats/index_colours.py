"""Read index PNGs, whether they store indices as numbers or as colours."""

import contextlib
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..files.regular import regular_file
from ..images.opening import open_image
from ..images.reading import read_labels
from ..text import some
from ..types import Array, PathLike

# The index of pixels that belong to nothing, such as the rim that VOC draws around objects.
VOID = 255
_VOID_COLOUR = (224, 224, 192)

BACKGROUNDS = ("background", "_background_", "__background__", "bg")


def read_indices(path: PathLike, colours: npt.ArrayLike | None = None) -> Array:
    """The index of each pixel, integers [H, W]; 0 is background or void.

    Args:
        path: an image of numbers, with or without a palette, or of colours.
        colours: [K, 3] of the indices 0, 1, ...; None gives each colour a distinct number.

    Raises:
        FileNotFoundError, OSError: it cannot be read.
        ValueError: it has a colour that is not in `colours`, or is not an image of whole numbers.
    """
    pixels = _read_colours(path)
    if pixels is None:
        return _read_numbers(path)
    codes, places = np.unique(_pack_rgb(pixels), return_inverse=True)
    void = codes == _pack_rgb(_VOID_COLOUR)
    if colours is None:
        indices = codes
    else:
        known = {code: i for i, code in reversed(list(enumerate(_pack_rgb(colours).tolist())))}
        strange = [code for code in codes[~void].tolist() if code not in known]
        if strange and (pixels == pixels[..., :1]).all():
            return _read_numbers(path)  # gray saved as RGB
        if strange:
            raise ValueError(
                f"{path} has the colour {some(map(_unpack_rgb, strange))}: it must be the colour "
                "of a class in labelmap.txt or, without that file, in the Pascal VOC palette."
            )
        indices = np.array([known.get(code, 0) for code in codes.tolist()])
    return np.where(void, 0, indices)[places].reshape(pixels.shape[:2])


def index_colours(root: Path) -> Array:
    """The colours [K, 3] of indices 0, 1, ...: from labelmap.txt in `root`, else Pascal VOC's."""
    colours, rows = voc_colours(), read_labelmap(root)
    for i, (_, colour) in enumerate(rows):
        colours[i] = colours[i] if colour is None else colour
    return colours[: len(rows) or None]


def voc_colours() -> Array:
    """The Pascal VOC palette without void, [255, 3]: an index's bits, dealt out to RGB."""
    index, colours = np.arange(255), np.zeros((255, 3), np.int64)
    for bit in range(8):
        colours[:, bit % 3] |= (index >> bit & 1) << 7 - bit // 3
    return colours


def read_lines(path: Path) -> list[str]:
    """The lines of the text file `path`.

    Raises:
        ValueError: it is not UTF-8.
    """
    try:
        return regular_file(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}.") from error


def read_labelmap(root: Path) -> list[tuple[str, tuple[int, ...] | None]]:
    """Names and colours from labelmap.txt, background first; empty without the file.

    Its lines are `name:r,g,b:parts:actions`; the colour is optional.

    Args:
        root: its folder.

    Returns:
        (name, (red, green, blue) in 0..255 or None) for each class.

    Raises:
        ValueError: a malformed line, or more classes than indices.
    """
    path = root / "labelmap.txt"
    rows: list[tuple[str, tuple[int, ...] | None]] = []
    if not path.is_file():
        return rows
    for i, line in enumerate(read_lines(path), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(.+?):(?:(\d+),(\d+),(\d+))?(:.*)?", line.strip())
        if not match:
            raise ValueError(f"{path}, line {i} is {line!r}: it must be name:r,g,b::.")
        name, *colour = match.groups()[:4]
        rows.append((name, None if colour[0] is None else tuple(map(int, colour))))
    if not any(name.lower() in BACKGROUNDS for name, _ in rows):
        rows.insert(0, (BACKGROUNDS[0], (0, 0, 0)))
    if len(rows) >= VOID:
        raise ValueError(f"{path} has {len(rows)} classes: there must be at most {VOID - 1}.")
    return sorted(rows, key=lambda row: row[0].lower() not in BACKGROUNDS)


def _read_numbers(path: PathLike) -> Array:
    labels = read_labels(path)
    # labelme writes -1 to .npy files; with 16 bits, 255 is a number like any other.
    void = (labels == VOID) & (labels.dtype.itemsize == 1) | (labels == -1)
    return np.where(void, 0, labels)


def _read_colours(path: PathLike) -> Array | None:
    """RGB pixels [H, W, 3] of a colour PNG; None for one with a palette or in gray."""
    with contextlib.suppress(Exception), open_image(path) as image:
        if image.mode in ("RGB", "RGBA"):
            return np.array(image.convert("RGB"))
    return None


def _pack_rgb(colours: npt.ArrayLike) -> Array:
    return np.asarray(colours).astype(np.int64) @ [65536, 256, 1]


def _unpack_rgb(code: int) -> tuple[int, int, int]:
    return code >> 16, code >> 8 & 255, code & 255
