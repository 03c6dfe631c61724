"""The objects of an image one by one, as the writers of outlines need them."""

import colorsys
import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from ..types import Array
from .objects import ImageFacts, Objects
from .polygons import Outline, outlines


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Found:
    """An object found in an image.

    Attributes:
        number: see `Objects`.
        class_id, class_name: of its class.
        score: 0 to 1, with the digits that a float32 has.
        box: (y1, x1, y2, x2), floats in pixels, within the image.
        crop: bool [h, w], its pixels, or None if it is only a box.
        corner: (y, x) of the crop's first pixel in the image.
        keypoints: [K, 3] of (y, x, score) in pixels, or None.
    """

    number: int
    class_id: int
    class_name: str
    score: float
    box: tuple[float, float, float, float]
    crop: Array | None = None
    corner: tuple[int, int] = (0, 0)
    keypoints: Array | None = None

    @property
    def area(self) -> float:
        """Pixels of the mask, or square pixels of the box."""
        if self.crop is not None:
            return int(np.count_nonzero(self.crop))
        y1, x1, y2, x2 = self.box
        return (y2 - y1) * (x2 - x1)

    def outlines(self) -> list[Outline]:
        """The outlines of the mask, see `polygons.outlines`; without a mask, that of the box."""
        if self.crop is not None:
            return outlines(self.crop, self.corner)
        y1, x1, y2, x2 = self.box
        return [Outline(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]))]


def one_by_one(image: ImageFacts, parts: Iterable[Objects]) -> Iterator[Found]:
    """Yield the objects that can be drawn: those whose mask has pixels, or whose box has an area.

    Args:
        image: see `ImageFacts`.
        parts: its objects.

    Example:
        >>> from mrcnn.results import ImageFacts, Objects
        >>> from mrcnn.results.found import one_by_one
        >>> image = ImageFacts("a.tif", (9, 9), ["BG", "cell"])
        >>> cells = Objects([1, 2], [1, 1], [0.9, 0.8], [[0, 0, 2, 3], [5, 5, 5, 9]])
        >>> [(each.number, each.area) for each in one_by_one(image, [cells])]
        [(1, 6.0)]
    """
    sides = np.array([*image.shape, *image.shape])
    for objects in parts:
        for i, box in enumerate(np.clip(objects.boxes, 0, sides).tolist()):
            crop, corner = None, (0, 0)
            if objects.masks is not None:
                crop, place = objects.masks.crops[i], objects.masks.boxes[i].tolist()
                corner = place[0], place[1]
                if not crop.size:
                    continue
                box = box if _has_area(box) else place
            elif not _has_area(box):
                continue
            y1, x1, y2, x2 = map(float, box)
            class_id = int(objects.class_ids[i])
            yield Found(
                int(objects.numbers[i]),
                class_id,
                image.class_name(class_id),
                float(str(objects.scores[i])),
                (y1, x1, y2, x2),
                crop,
                corner,
                None if objects.keypoints is None else objects.keypoints[i],
            )


def colour_of(class_id: int) -> tuple[int, int, int]:
    """The colour of a class, the same in all tools: (red, green, blue), 0 to 255.

    Successive classes lie far apart on the colour wheel.

    Args:
        class_id: from 1.
    """
    hue = (class_id - 1) * 0.618034 % 1  # the golden ratio
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.9, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)


def _has_area(box):
    y1, x1, y2, x2 = box
    return y2 > y1 and x2 > x1
