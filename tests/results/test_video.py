"""A video of results, and the numbers of its objects."""

import numpy as np
import pytest

from mrcnn.instances import InstanceMasks
from mrcnn.results import ImageFacts, Objects
from mrcnn.results.overlay import draw
from mrcnn.results.video import FrameNumbers, write, writing


def objects_at(*corners, side=10, size=(48, 64)):
    masks = InstanceMasks([np.ones((side, side))] * len(corners), corners, size)
    count = len(corners)
    return Objects(range(count), [1] * count, [0.9] * count, masks.boxes, masks)


def facts(pixels):
    return ImageFacts("a.mp4", pixels.shape[:2], ["BG", "cell"], pixels=pixels)


def test_frames_are_drawn_as_overlays(tmp_path):
    pytest.importorskip("av")
    from videos import read_video

    pixels = np.full((48, 64, 3), 100, np.uint8)
    frames = [objects_at((5, 5)), objects_at(), objects_at((20, 30), (30, 8))]
    with writing(tmp_path / "a.mp4", 10) as add:
        for objects in frames:
            add(facts(pixels), objects, None)
    for objects, found in zip(frames, read_video(tmp_path / "a.mp4"), strict=True):
        expected = np.asarray(draw(facts(pixels), [objects], by_number=True))
        assert np.abs(found.astype(int) - expected).mean() < 6
        assert (np.abs(found.astype(int) - 100).max(axis=2) > 30).any() == bool(len(objects))


def test_colours_stay_with_the_numbers():
    def colour(objects, pixels):
        y, x, *_ = objects.boxes[-1]
        return np.asarray(draw(facts(pixels), [objects], by_number=True))[y, x].tolist()

    alone, second = objects_at((5, 5)), objects_at((30, 30), (5, 5))
    alone.numbers[:], second.numbers[:] = 7, [3, 7]
    dark, bright = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 250, np.uint8)
    assert colour(alone, dark) == colour(second, dark) == colour(alone, bright)
    second.numbers[:] = [7, 8]
    assert colour(second, dark) != colour(alone, dark)


def test_an_object_keeps_its_number_while_it_moves():
    numbers, found = FrameNumbers(), []
    for objects in (
        objects_at((5, 5), (20, 30)),
        objects_at((20, 36), (5, 8), (36, 50)),  # in another order, and a new one
        objects_at((5, 11)),
        objects_at(),
        objects_at((5, 11), (20, 36)),  # nobody remembers
    ):
        numbers.number(objects)
        found.append(objects.numbers.tolist())
    assert found == [[1, 2], [2, 1, 3], [1], [], [4, 5]]
    assert numbers.count == 5


def test_an_image_is_no_video():
    with pytest.raises(ValueError, match=r"a\.mp4 is an image, and mp4 is for videos"):
        write("b.mp4", facts(np.zeros((9, 9, 3), np.uint8)), [])
