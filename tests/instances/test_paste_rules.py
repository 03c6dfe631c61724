import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import foreign_values

from mrcnn.instances.paste_rules import paste_detectron2, paste_torchvision, pasted_crops

RULES = ("torchvision", "detectron2")
ONES = np.ones((28, 28), np.float32)


def in_image(soft, corner, shape):
    image = np.zeros(shape, soft.dtype)
    (y, x), (height, width) = corner, soft.shape
    image[y : y + height, x : x + width] = soft
    return image


def test_torchvision_by_hand():
    # 28 pixels grow to 30, from 9 to 39; with the additional pixel, 31.
    soft, corner = paste_torchvision(ONES, [10, 10, 38, 38], (50, 50))
    assert corner == (9, 9) and soft.shape == (31, 31)
    # The first pixel's centre is at 0.5 * 30 / 31 of 30 cells, the first of which is empty.
    assert_allclose(soft[15, :3], [0, 1.5 * 30 / 31 - 0.5, 1], atol=1e-6)
    # Truncated towards 0: from -1.07 to -1, not to -2.
    _, corner = paste_torchvision(ONES, [-1, -1, 1, 1], (50, 50))
    assert corner == (0, 0)
    soft, _ = paste_torchvision(ONES, [-1, -1, 1, 1], (50, 50))
    assert soft.shape == (2, 2)  # pixels -1 to 1, of which the image has 0 and 1


def test_detectron2_by_hand():
    soft, corner = paste_detectron2(ONES, [1.5, 2.5, 3.5, 4.5], (9, 9))
    assert corner == (1, 2) and soft.shape == (3, 3)
    # On the edge of the box, half of the weight lies outside; the centres of the others are inside.
    assert_array_equal(soft, [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]])


@pytest.mark.parametrize("rule", RULES)
def test_the_threshold(rule):
    half = np.full((28, 28), 0.5, np.float32)
    [(crop, (y, x))] = pasted_crops([half], [[10, 10, 30, 30]], (50, 50), rule)
    assert crop[20 - y, 20 - x] == (rule == "detectron2")


@pytest.mark.parametrize("rule", RULES)
@given(st.tuples(*[st.floats(-20, 60, width=32)] * 2), st.tuples(*[st.floats(0, 50, width=32)] * 2))
def test_crops_lie_in_the_image_and_near_the_box(rule, start, size):
    box = np.array([*start, start[0] + size[0], start[1] + size[1]], np.float32)
    mask = np.random.default_rng(0).random((14, 14), np.float32)
    [(crop, (y, x))] = pasted_crops([mask], [box], (40, 50), rule)
    assert crop.dtype == bool
    if crop.size:
        assert y >= 0 and x >= 0 and y + crop.shape[0] <= 40 and x + crop.shape[1] <= 50
        near = 2 + size[0] / 14, 2 + size[1] / 14
        assert y >= box[0] - near[0] and y + crop.shape[0] <= box[2] + near[0]
        assert x >= box[1] - near[1] and x + crop.shape[1] <= box[3] + near[1]


def test_torchvision_itself():
    values = foreign_values("torchvision_ops")
    shape = tuple(values["paste.size"])
    for mask, box, expected in zip(
        values["paste.masks"], values["paste.boxes"], values["paste.soft"], strict=True
    ):
        soft, corner = paste_torchvision(mask, box[[1, 0, 3, 2]], shape)
        assert_allclose(in_image(soft, corner, shape), expected, atol=1e-6)


def test_detectron2_itself():
    values = foreign_values("detectron2_ops")
    shape, of_all = tuple(values["paste.size"]), values["paste.out_shape"]
    expected = np.unpackbits(values["paste.out_packed"], count=np.prod(of_all)).reshape(of_all)
    boxes = values["paste.boxes"][:, [1, 0, 3, 2]]
    crops, corners = zip(
        *pasted_crops(values["paste.masks"], boxes, shape, "detectron2"), strict=True
    )
    for number, (crop, corner) in enumerate(zip(crops, corners, strict=True)):
        assert_array_equal(in_image(crop, corner, shape), expected[number] != 0)
        soft, (y, x) = paste_detectron2(values["paste.masks"][number], boxes[number], shape)
        place = slice(y, y + soft.shape[0]), slice(x, x + soft.shape[1])
        # Stored as whole numbers, rounded down.
        stored = values["paste.soft_u8"][number][place]
        assert np.all((soft * 255 - stored > -1e-3) & (soft * 255 - stored < 1 + 1e-3))
