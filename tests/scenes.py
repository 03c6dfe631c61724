"""Scenes of any size whose objects are known, and a detector that knows them."""

import numpy as np
import scipy.ndimage

from mrcnn.instances.masks import InstanceMasks


class Scene:
    """An image [H, W] of uint32 in which each pixel is the number of its object, 0 for none.

    It is painted as it is sliced, so that a huge one needs no memory.

    Args:
        shape: (height, width).
        side: of the blocks by which objects are found again, in pixels.

    Attributes:
        shape, dtype: as of an array.
        crops: bool arrays, of objects 1, 2, ...: each is connected, and no two overlap.
        corners: (y, x) of each crop's first pixel.
    """

    dtype = np.dtype(np.uint32)

    def __init__(self, shape, side=512):
        self.shape, self.side = shape, side
        self.crops, self.corners, self._blocks = [], [], {}

    def __getitem__(self, window):
        (y1, y2, _), (x1, x2, _) = (
            part.indices(length) for part, length in zip(window, self.shape, strict=True)
        )
        image = np.zeros((y2 - y1, x2 - x1), np.uint32)
        numbers = {n for block in self._near(y1, x1, y2, x2) for n in self._blocks.get(block, ())}
        for number in numbers:
            (y, x), crop = self.corners[number - 1], self.crops[number - 1]
            top, left = max(y, y1), max(x, x1)
            part = crop[top - y : max(y2 - y, 0), left - x : max(x2 - x, 0)]
            image[top - y1 :, left - x1 :][: part.shape[0], : part.shape[1]][part] = number
        return image

    def _near(self, y1, x1, y2, x2):
        rows, columns = (range(a // self.side, -(-b // self.side)) for a, b in ((y1, y2), (x1, x2)))
        return [(row, column) for row in rows for column in columns]

    def add(self, crop, y, x):
        """Add what is free and inside the image of a mask, its largest connected piece."""
        crop = crop[max(-y, 0) : max(self.shape[0] - y, 0), max(-x, 0) : max(self.shape[1] - x, 0)]
        y, x = max(y, 0), max(x, 0)
        crop = crop & (self[y : y + crop.shape[0], x : x + crop.shape[1]] == 0)
        pieces, _ = scipy.ndimage.label(crop)
        sizes = np.bincount(pieces.ravel())[1:]
        if not len(sizes):
            return
        crop = pieces == sizes.argmax() + 1
        inside = scipy.ndimage.find_objects(crop.astype(np.uint8))[0]
        corner = y + inside[0].start, x + inside[1].start
        crop = crop[inside].copy()
        self.crops.append(crop)
        self.corners.append(corner)
        ends = corner[0] + crop.shape[0], corner[1] + crop.shape[1]
        for block in self._near(*corner, *ends):
            self._blocks.setdefault(block, []).append(len(self.crops))

    def fill(self, rng, count, size, outside=0):
        """Add objects of random kinds at random places until there are `count`, if they fit.

        Args:
            rng: a numpy Generator.
            count: number of objects.
            size: function without arguments that returns a side in pixels.
            outside: how far objects may start beyond the image.
        """
        kinds = list(KINDS)
        for attempt in range(20 * count):
            if len(self.crops) == count:
                return
            crop = KINDS[kinds[attempt % len(kinds)]](size(), size())
            crop = crop.T if rng.random() < 0.5 else crop
            crop = crop[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
            y, x = (int(rng.integers(-outside, side)) for side in self.shape)
            self.add(crop, y, x)

    def masks(self):
        """The truth, as `InstanceMasks`."""
        return InstanceMasks(self.crops, self.corners, self.shape)


def ellipse(h, w):
    y, x = np.mgrid[:h, :w]
    return ((y - (h - 1) / 2) / h) ** 2 + ((x - (w - 1) / 2) / w) ** 2 <= 0.25


def ring(h, w):
    mask = ellipse(h, w)
    if min(h, w) > 4:
        mask[h // 5 : -(h // 5), w // 5 : -(w // 5)] &= ~ellipse(h - 2 * (h // 5), w - 2 * (w // 5))
    return mask


def c_shape(h, w):
    mask = ring(h, w)
    mask[h // 3 : -(-2 * h // 3), w // 2 :] = False
    return mask


def bar(h, w):
    return np.ones((max(h // 8, 1), 2 * w), bool)


def stairs(h, w):
    """A line one pixel wide that goes down a pixel at each step."""
    mask = np.eye(h, dtype=bool)
    mask[1:] |= mask[:-1]
    return mask


def comb(h, w):
    mask = np.zeros((h, w), bool)
    mask[: max(h // 4, 1)] = True
    mask[:, ::4] = True
    return mask


def s_shape(h, w):
    """Five strokes that are joined at alternating ends."""
    mask = np.zeros((9, w), bool)
    mask[::2] = True
    mask[1::4, -1] = mask[3::4, 0] = True
    return np.kron(mask, np.ones((max(h // 9, 1), 1), bool))


def dot(h, w):
    return np.ones((1, 1), bool)


KINDS = {each.__name__: each for each in (ellipse, ring, c_shape, bar, stairs, comb, s_shape, dot)}


def class_of(number):
    """The class of the object of a number."""
    return 1 + number % 3


def knowing_detector(rng, pieces=False):
    """A detector of the numbers in a `Scene`, in random order and with random scores.

    Args:
        rng: a numpy Generator.
        pieces: whether each connected piece that a tile shows of an object is a detection.
    """

    def detect(images):
        return [_detect(image, rng, pieces) for image in images]

    return detect


def _detect(image, rng, pieces):
    crops, corners, numbers = [], [], []
    found = scipy.ndimage.find_objects(image.astype(np.int32))
    for number, place in enumerate(found, 1):
        if place is None:
            continue
        mask = image[place] == number
        labels, count = scipy.ndimage.label(mask) if pieces else (mask, 1)
        for label in range(1, count + 1):
            crops.append(labels == label)
            corners.append((place[0].start, place[1].start))
            numbers.append(number)
    masks = InstanceMasks(crops, corners, image.shape)
    order = rng.permutation(len(masks))
    return {
        "rois": masks.boxes[order],
        "class_ids": class_of(np.array(numbers, np.int32))[order],
        "scores": rng.uniform(0.5, 1, len(masks)).astype(np.float32),
        "masks": masks[order],
        "truncated": "",
    }


def check(scene, result):
    """Assert that a result has every object of a scene once, and nothing else."""
    masks = result["masks"]
    assert masks.shape == (*scene.shape, len(scene.crops))
    seen = set()
    for i, (crop, (y, x, _, _)) in enumerate(zip(masks.crops, masks.boxes.tolist(), strict=True)):
        column = int(np.flatnonzero(crop[0])[0]) + x
        number = int(scene[y : y + 1, column : column + 1][0, 0])
        seen.add(number)
        assert scene.corners[number - 1] == (y, x), number
        assert np.array_equal(scene.crops[number - 1], crop), number
        assert result["class_ids"][i] == class_of(number)
    assert len(seen) == len(masks)
    np.testing.assert_array_equal(result["rois"], masks.boxes)
