import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.formats.components import (
    check_min_area,
    sampled,
    sign_of_one_mask,
    sign_of_one_number,
    split_masks,
)
from mrcnn.instances.masks import InstanceMasks

MASK = np.array(
    [
        [1, 1, 0, 0, 0, 0, 1],
        [1, 1, 0, 1, 0, 0, 0],
        [0, 0, 1, 0, 0, 1, 1],
    ],
    bool,
)


def test_pieces_are_eight_connected():
    masks = InstanceMasks([MASK, MASK[:2, :2]], [(10, 20), (0, 0)], (40, 50))
    pieces, parents = split_masks(masks)
    assert_array_equal(parents, [0, 0, 0, 1])
    assert_array_equal(
        pieces.boxes,
        [[10, 20, 13, 24], [10, 26, 11, 27], [12, 25, 13, 27], [0, 0, 2, 2]],
    )
    assert_array_equal(pieces.areas, [6, 1, 2, 4])
    assert_array_equal(pieces.dense()[..., :3].any(axis=2), masks.dense()[..., 0])
    assert pieces.shape == (40, 50, 4)


def test_small_pieces_are_left_out():
    masks = InstanceMasks([MASK], [(0, 0)], (3, 7))
    assert_array_equal(split_masks(masks, min_area=2)[0].areas, [6, 2])
    assert_array_equal(split_masks(masks, min_area=6)[0].areas, [6])
    pieces, parents = split_masks(masks, min_area=7)
    assert pieces.shape == (3, 7, 0) and parents.shape == (0,)


@pytest.mark.parametrize("wrong", [0, -3, 1.5, "9", None, True])
def test_a_wrong_area(wrong):
    with pytest.raises(ValueError, match=r"min_area is .*: it must be a whole number of pixels"):
        check_min_area(wrong)
    check_min_area(np.int64(9))


def test_sampled():
    assert sampled(range(5)) == [0, 1, 2, 3, 4]
    assert len(sampled(range(1000))) == 16 and sampled(range(1000))[-1] == 999
    assert sampled([]) == []


def image(*corners):
    labels = np.zeros((20, 20), np.int32)
    for y, x in corners:
        labels[y : y + 4, x : x + 4] = 1
    return labels


def sign_of(files):
    read = lambda path: (np.array(files[path][0]), files[path][1])  # noqa: E731
    return sign_of_one_number(list(files), read, "label images", "cells")


def test_a_single_number(caplog):
    several, one, none = image((0, 0), (9, 9)), image((0, 0)), image()
    assert sign_of({"a": ([255], several), "b": ([], none), "c": ([255], one)}) == (
        "all label images hold the single number 255"
    )
    assert caplog.messages == [
        "cells: all label images hold the single number 255, and 1 of 2 examined have several "
        "connected pieces: they look like binary masks, in which all objects of an image are one "
        "instance. Set split_components=True to make each connected piece an instance, or False "
        "if the masks are right."
    ]
    caplog.clear()
    assert sign_of({"a": ([1], one), "b": ([1], one)})  # only `check` says so
    assert sign_of({"a": ([1], several), "b": ([2], several)}) == ""
    assert sign_of({"a": ([1], several), "b": ([1, 2], several)}) == ""
    assert sign_of({"a": ([], none)}) == sign_of({}) == ""
    assert not caplog.messages


def test_files_that_cannot_be_read():
    def read(path):
        raise OSError

    assert sign_of_one_number(["a"], read, "label images", "cells") == ""


def test_one_mask_an_image(caplog):
    several, one = image((0, 0), (9, 9)) > 0, image((0, 0)) > 0
    assert sign_of_one_mask([one, one], "cells") == ""
    assert not caplog.messages
    assert sign_of_one_mask([one, several], "cells") == (
        "no image has more than one mask file of a class"
    )
    assert "and 1 of 2 examined have several connected pieces" in caplog.text
