"""An image with every kind of mask that files of results have to cope with."""

import numpy as np

from mrcnn.instances import InstanceMasks
from mrcnn.results import ImageFacts, Objects

NAMES = ["BG", "cell", "dög & cat"]
NAME = "plate 1/a ü.png"
SMALL, HUGE = (60, 80), (20_000, 20_000)


def pixels(text):
    """A mask drawn with # and a word per row."""
    return np.array([[letter == "#" for letter in row] for row in text.split()])


def crops():
    """The masks, each with the (y, x) of its first pixel in a small image."""
    y, x = np.mgrid[:24, :24] - 11.5
    ring = (y**2 + x**2 < 140) & (y**2 + x**2 > 25)
    target = (y**2 + x**2 < 140) & ~((y**2 + x**2 < 90) & (y**2 + x**2 > 40))
    target = np.pad(target, ((0, 0), (0, 6)))
    target[3:8, 26:30] = True
    return [
        (ring, (0, 0)),  # at the border, with a hole
        (target, (0, 40)),  # an island in a hole, and another piece
        (pixels("#"), (40, 5)),
        (pixels("##. ##. ..#"), (45, 5)),  # touching at a point
        (np.ones((8, 20), bool), (52, 60)),  # in the corner
        (np.zeros((0, 0), bool), (0, 0)),
        (pixels("#### #..# #.#. ####"), (45, 20)),  # holes that touch
        (np.hypot(y / 9, x / 11) < 1 + 0.2 * np.sin(4 * np.arctan2(y, x)), (30, 30)),
    ]


def scene(size=SMALL, path=None, name=NAME):
    """An image of (height, width), and its objects, in the lower right corner if it is larger."""
    masks, corners = zip(*crops(), strict=True)
    offset = np.array(size) - SMALL
    masks = InstanceMasks(masks, np.array(corners) + offset, size)
    boxes = masks.boxes.copy()
    boxes[5] = [*(offset + 3), *(offset + 9)]
    count = len(masks)
    objects = Objects(
        np.arange(1, count + 1),
        [1, 2] * (count // 2),
        np.linspace(0.95, 0.6, count),
        boxes,
        masks,
    )
    return ImageFacts(name, size, NAMES, path), objects


def only_boxes(objects):
    """The objects without their masks, and one of them without an area."""
    boxes = objects.boxes + np.array([0, 0.25, 0, 0.25])
    boxes[5] = [4, 4, 4, 9]
    return Objects(objects.numbers, objects.class_ids, objects.scores, boxes)


def drawable(objects):
    """Those of `scene` that have pixels, or of `only_boxes` that have an area."""
    return objects[np.arange(len(objects)) != 5]


def in_parts(objects):
    """The objects as those of a large image come: in parts, some of them empty."""
    return [objects[:0], objects[:3], objects[3:]]


def same_masks(masks, others):
    """Whether two `InstanceMasks` are the same, object by object."""
    return np.array_equal(masks.boxes, others.boxes) and all(
        np.array_equal(a, b) for a, b in zip(masks.crops, others.crops, strict=True)
    )
