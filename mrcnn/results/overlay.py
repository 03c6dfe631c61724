"""A picture of the image with the outline and the number of every object."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.ndimage
from PIL import Image, ImageDraw, ImageFont

from ..files.whole import replacing
from ..images.preview import preview
from ..images.regions import Regions
from ..instances import InstanceMasks
from ..types import Array, PathLike
from ..visualize.captions import inner_point
from ..visualize.drawing import RGB, neighbor_colors, random_colors
from ..visualize.pictures import as_rgb
from .found import colour_of
from .label_image import masks_of
from .objects import ImageFacts, Objects

# Pixels of the largest image that is drawn at its own size. Its contrast alone takes 1.5 GB.
_LARGEST = 100_000_000
_PREVIEW_SIDE = 4096  # of a larger image's preview, at most

# An outline is a pixel thick for objects of up to twice this side, in pixels.
_SIDE_PER_PIXEL = 40
_THICKEST = 4
_SMALLEST_TEXT, _LARGEST_TEXT = 9, 24  # pixels
_OF_SIDE = 0.55  # height of a number in an object's height, at most
_WIDTH_OF_DIGIT = 0.6  # in heights
# Comparing every object with all others takes seconds for more.
_COMPARED = 1000


def write(path: PathLike, image: ImageFacts, parts: Iterable[Objects]) -> None:
    """Write the picture as PNG, with the height and width of the image and no margins.

    The image, or its `shown`, looks as in the figures of `visualize`. Outlines have a colour per
    class; if there is only one class besides the background, neighbours have different colours.
    Objects without a mask are boxes.

    An image of more than 100 million pixels becomes a preview: every n-th pixel of every n-th row,
    so that neither side has more than 4,096. Only objects that are large enough for it have their
    number there.

    Args:
        path: of the PNG.
        image: see `ImageFacts`; it has `pixels`.
        parts: its objects.

    Raises:
        OSError: it cannot be written.
        ValueError: the pixels are unknown.
    """
    drawn = draw(image, parts)
    with replacing(path) as part:
        drawn.save(part, "PNG")


def draw(image: ImageFacts, parts: Iterable[Objects], by_number: bool = False) -> Image.Image:
    """The picture that `write` writes.

    Args:
        image, parts: see `write`.
        by_number: whether colours that tell neighbours apart depend on the objects' numbers alone,
            and not on what is beneath, so that they stay from frame to frame.

    Raises:
        ValueError: the pixels are unknown.
    """
    if image.pixels is None:
        raise ValueError(f"{image.name} has no pixels: an overlay is drawn on them.")
    height, width = image.shape
    is_preview = height * width > _LARGEST
    step = -(-max(height, width) // _PREVIEW_SIDE) if is_preview else 1
    picture = _picture(image, step)
    occupied = np.zeros(picture.shape[:2], bool)
    numbers: list[_Number] = []
    for objects in parts:
        masks = masks_of(objects, image.shape)
        masks = masks if step == 1 else masks.thinned(step)
        borders = [_border(crop) for crop in masks.crops]
        colors = _colors(picture, image, objects, masks, borders, by_number)
        for crop, border, color, (y1, x1, y2, x2) in zip(
            masks.crops, borders, colors, masks.boxes, strict=True
        ):
            picture[y1:y2, x1:x2][border] = np.rint(255 * np.array(color))
            occupied[y1:y2, x1:x2] |= crop
        numbers += _numbers(objects, masks, colors, only_if_they_fit=is_preview)
    drawn = Image.fromarray(picture)
    _draw_numbers(drawn, numbers, occupied)
    return drawn


@dataclasses.dataclass(frozen=True, slots=True)
class _Number:
    """The number of an object, to be drawn.

    Attributes:
        text: the number.
        middle: (x, y) well inside the object.
        box: (y1, x1, y2, x2) of the object if it is too small for the number, else None.
        size: of the font, in pixels.
        color: of the outline.
    """

    text: str
    middle: tuple[float, float]
    box: Sequence[int] | None
    size: int
    color: RGB


def _picture(image: ImageFacts, step: int) -> Array:
    """Every `step`-th pixel of the image, uint8 [h, w, 3]."""
    height, width = image.shape
    pixels = image.pixels if image.shown is None else image.shown
    if step > 1 and isinstance(pixels, Regions):  # may have smaller copies
        picture = as_rgb(preview(pixels, _PREVIEW_SIDE), image.name)
        size = -(-width // step), -(-height // step)
        return np.array(Image.fromarray(picture).resize(size, Image.Resampling.NEAREST))
    return as_rgb(pixels[::step, ::step], image.name)


def _border(crop: Array) -> Array:
    """The outermost pixels of a mask, bool [h, w]."""
    if not crop.size:
        return crop
    thickness = min(max(1, round(min(crop.shape) / _SIDE_PER_PIXEL)), _THICKEST)
    return crop & ~scipy.ndimage.binary_erosion(crop, iterations=thickness)


def _colors(
    picture: Array,
    image: ImageFacts,
    objects: Objects,
    masks: InstanceMasks,
    borders: Sequence[Array],
    by_number: bool,
) -> Sequence[RGB]:
    """The colour of each object in a `picture`, uint8 [H, W, 3]."""
    if len(image.class_names) > 2:
        own = map(colour_of, objects.class_ids.tolist())
        return [(red / 255, green / 255, blue / 255) for red, green, blue in own]
    if by_number or len(objects) > _COMPARED:
        palette = random_colors(12)
        return [palette[number % len(palette)] for number in objects.numbers]
    beneath = np.zeros((len(objects), 3))
    for i, (border, (y1, x1, y2, x2)) in enumerate(zip(borders, masks.boxes, strict=True)):
        if border.any():
            beneath[i] = picture[y1:y2, x1:x2][border].mean(axis=0) / 255
    return neighbor_colors(objects.boxes, beneath)


def _numbers(
    objects: Objects, masks: InstanceMasks, colors: Sequence[RGB], only_if_they_fit: bool
) -> Iterator[_Number]:
    for i, (crop, box) in enumerate(zip(masks.crops, masks.boxes.tolist(), strict=True)):
        middle = _middle(crop, box[:2])
        if middle is None:
            continue
        text = str(objects.numbers[i])
        height, width = crop.shape
        size = int(_OF_SIDE * min(height, width / (_WIDTH_OF_DIGIT * len(text))))
        fits = size >= _SMALLEST_TEXT
        if fits or not only_if_they_fit:
            size = min(max(size, _SMALLEST_TEXT), _LARGEST_TEXT)
            yield _Number(text, middle, None if fits else box, size, colors[i])


def _middle(crop: Array, corner: Sequence[int]) -> tuple[float, float] | None:
    """(x, y) of a mask's centroid, or of a point well inside if it is not; None without pixels."""
    if not crop.size:
        return None
    y, x = (float(places.mean()) for places in np.nonzero(crop))
    if crop[round(y), round(x)]:
        return corner[1] + x, corner[0] + y
    return inner_point(crop, corner)


def _draw_numbers(drawn: Image.Image, numbers: Iterable[_Number], occupied: Array) -> None:
    """Write the numbers into a picture, those of small objects beside them.

    Args:
        drawn: the picture.
        numbers: of its objects.
        occupied: bool [H, W], where objects are; changed.
    """
    draw = ImageDraw.Draw(drawn)
    fonts: dict[int, Any] = {}
    for number in sorted(numbers, key=lambda number: number.box is not None):
        font = fonts.setdefault(number.size, ImageFont.load_default(number.size))
        left, top, right, bottom = draw.textbbox((0, 0), number.text, font, stroke_width=1)
        size = np.array([bottom - top, right - left], int)
        y, x = _place(number, size, occupied)
        occupied[y : y + size[0], x : x + size[1]] = True
        light = tuple(round(255 * (0.6 + 0.4 * part)) for part in number.color)
        draw.text(
            (x - left, y - top), number.text, light, font, stroke_width=1, stroke_fill="black"
        )


def _place(number: _Number, size: Array, occupied: Array) -> tuple[int, int]:
    """(y, x) of the upper left corner of a number, inside the picture as far as it fits.

    Args:
        number: to be placed.
        size: (height, width) of the text in pixels.
        occupied: see `_draw_numbers`.
    """
    height, width = size
    inside = np.rint([number.middle[1] - height / 2, number.middle[0] - width / 2])
    places = [(inside[0], inside[1])]
    if number.box is not None:
        y1, x1, y2, x2 = number.box
        beside = [(inside[0], x2), (y1 - height, inside[1]), (inside[0], x1 - width)]
        places = [*beside, (y2, inside[1]), *places]
    corners = np.clip(places, 0, np.maximum(np.array(occupied.shape) - size, 0)).astype(int)
    hidden = [np.mean(occupied[y : y + height, x : x + width]) for y, x in corners]
    y, x = corners[np.argmin(hidden)]
    return int(y), int(x)
