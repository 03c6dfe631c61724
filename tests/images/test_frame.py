"""Where an image lies in the network's input, and the way back."""

import dataclasses
import pickle
import random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import foreign_values

from mrcnn.geometry.boxes import norm_boxes
from mrcnn.images.frame import Frame
from mrcnn.images.meta import parse_image_meta
from mrcnn.instances import InstanceBoxes, InstanceMasks, Instances


def config_of(mode="square", min_dim=64, max_dim=128, min_scale=0):
    return SimpleNamespace(
        IMAGE_RESIZE_MODE=mode,
        IMAGE_MIN_DIM=min_dim,
        IMAGE_MAX_DIM=max_dim,
        IMAGE_MIN_SCALE=min_scale,
        IMAGE_SIDE_MULTIPLE=32,
        IMAGE_RESAMPLING="reference",
        BOX_COORDINATES="reference",
    )


def image_of(height, width):
    """Each pixel holds its row and column, so that one can tell where it went."""
    y, x = np.mgrid[:height, :width]
    return np.stack([y, x, 0 * x], axis=2).astype(np.uint8)


def there_and_back(boxes, frame):
    """The image's pixel boxes, mapped to the network's input and back."""
    placed = frame.place(InstanceBoxes(boxes, frame.original_shape))
    return frame.boxes_back(norm_boxes(placed.boxes, frame.input_shape))


def test_a_square_by_hand():
    # 32 x 16 is enlarged four times to 128 x 64 and padded left and right.
    resized, frame = Frame.of(image_of(32, 16), config_of())
    assert resized.shape == (128, 128, 3)
    assert frame == Frame(
        original_shape=(32, 16, 3),
        input_shape=(128, 128, 3),
        window=(0, 32, 128, 96),
        scale=4,
        padding=[(0, 0), (32, 32), (0, 0)],
        crop=None,
    )
    assert not resized[:, :32].any() and not resized[:, 96:].any()
    assert resized[127, 95].tolist() == [31, 15, 0]
    boxes = [(4, 2, 10, 9), (0, 0, 32, 16)]
    placed = frame.place(InstanceBoxes(boxes, (32, 16)))
    assert placed.shape == (128, 128, 2)
    assert_array_equal(placed.boxes, [(16, 40, 40, 68), (0, 32, 128, 96)])
    # The centre of the last row, 39 of 0..127, is 9.52 of 0..31.
    assert_array_equal(there_and_back(boxes, frame), [(4, 2, 11, 9), (0, 0, 32, 16)])


def test_the_way_back_by_hand():
    """0 and 1 in the window's coordinates are the centres of the image's corner pixels."""
    frame = Frame.of_window((32, 16), (128, 128), (0, 32, 128, 96))
    last = (95 - 32) / 127
    boxes = np.array(
        [
            (0, 32 / 127, 1, 95 / 127),
            (0, 32 / 127, 0, 32 / 127),
            (10 / 31, 32 / 127 + last * 5 / 15, 20 / 31, 32 / 127 + last * 9 / 15),
        ]
    )
    found = frame.boxes_back(boxes)
    assert found.dtype == np.int32
    assert_array_equal(found, [(0, 0, 32, 16), (0, 0, 1, 1), (10, 5, 21, 10)])
    assert frame.boxes_back(np.zeros((0, 4))).shape == (0, 4)
    # In a large image, a fraction of an input pixel is several pixels.
    large = dataclasses.replace(frame, original_shape=(3201, 1601)).boxes_back(boxes)
    assert_array_equal(large[0], (0, 0, 3201, 1601))
    assert_allclose(large[2], (3200 * 10 / 31, 1600 / 3, 3200 * 20 / 31 + 1, 961), atol=0.6)


def test_a_frame_that_knows_only_the_way_back():
    window = np.array([0, 32, 128, 96])
    frame = Frame.of_window(np.array([32, 16, 3]), (128, 128, 3), window)
    assert frame == Frame((32, 16, 3), (128, 128, 3), (0, 32, 128, 96), None, None, None)
    _, whole = Frame.of(image_of(32, 16), config_of())
    boxes = np.random.default_rng(0).random((5, 4))
    assert_array_equal(frame.boxes_back(boxes), whole.boxes_back(boxes))


def test_a_crop_by_hand():
    image = image_of(100, 90)
    resized, frame = Frame.of(image, config_of("crop"), rng=random.Random(3))
    y, x, height, width = frame.crop
    assert (height, width) == (64, 64) and 0 < y <= 36 and 0 < x <= 26
    assert_array_equal(resized, image[y : y + 64, x : x + 64])
    assert (frame.window, frame.scale, frame.input_shape) == ((0, 0, 64, 64), 1, (64, 64, 3))
    boxes = InstanceBoxes([(y + 3, x + 4, y + 9, x + 20), (0, 0, y, x)], image.shape)
    placed = frame.place(boxes)
    assert_array_equal(placed.boxes, [(3, 4, 9, 20), (0, 0, 0, 0)])
    # A crop's position comes from the generator that is passed in.
    assert Frame.of(image, config_of("crop"), rng=random.Random(3))[1] == frame
    places = {Frame.of(image, config_of("crop"), random.Random(n))[1].crop for n in range(9)}
    assert len(places) > 5


@pytest.mark.parametrize("mode", ["none", "square", "pad64", "crop"])
def test_everything_is_placed_where_its_pixels_went(mode):
    image = np.zeros((70, 90, 3), np.uint8)
    box = np.array([20, 33, 52, 71])
    image[20:52, 33:71] = 200
    crop = np.ones((32, 38), bool)
    fields = {
        "masks": InstanceMasks([crop], [box[:2]], image.shape),
        "boxes": InstanceBoxes([box], image.shape),
    }
    config = config_of(mode, min_scale=0 if mode == "none" else 1.9, max_dim=192)
    resized, frame = Frame.of(image, config, rng=random.Random(0))
    placed = frame.place(Instances([1], fields))
    assert placed.shape == (*frame.input_shape[:2], 1) == (*resized.shape[:2], 1)
    # A border pixel is a mixture: it is in the mask if the instance covers more than half of it.
    for axis in (0, 1):
        inside = np.flatnonzero(resized[..., 0].max(axis=1 - axis) > 100)
        assert_array_equal(placed.boxes[0, axis::2], [inside[0], inside[-1] + 1])
    assert np.abs(placed.fields["boxes"].boxes - placed.boxes).max() <= 0.5


sides = st.integers(2, 200)


@st.composite
def boxes_in(draw, height, width):
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        rows.append((y, x, draw(st.integers(y + 1, height)), draw(st.integers(x + 1, width))))
    return np.array(rows)


@given(st.data(), sides, sides, st.sampled_from(["none", "square", "pad64"]))
def test_boxes_come_back(data, height, width, mode):
    boxes = data.draw(boxes_in(height, width))
    config = config_of(mode, max_dim=256)
    _, frame = Frame.of(np.zeros((height, width, 3), np.uint8), config)
    placed = frame.place(InstanceBoxes(boxes, (height, width)))
    back = there_and_back(boxes, frame)[placed.visible]
    if frame.scale == 1:
        assert_array_equal(back, boxes)
    elif frame.scale > 1:
        assert np.abs(back - boxes).max() <= 1
    # In a reduced image, one pixel of the input is several pixels of the image.
    assert np.abs(back - boxes[placed.visible]).max(initial=0) <= max(1, 1 / frame.scale + 1)


@given(st.data(), st.integers(257, 600), st.integers(257, 600))
def test_boxes_of_a_reduced_image_come_back_within_a_pixel_of_the_input(data, height, width):
    boxes = data.draw(boxes_in(height, width))
    _, frame = Frame.of(np.zeros((height, width, 3), np.uint8), config_of(max_dim=128))
    assert frame.scale < 0.5
    seen = frame.place(InstanceBoxes(boxes, (height, width))).visible
    back = there_and_back(boxes, frame)
    assert np.abs(back - boxes)[seen].max(initial=0) <= 1 / frame.scale


def test_the_meta_vector():
    _, frame = Frame.of(image_of(32, 16), config_of())
    meta = frame.meta(7, [1, 0, 1])
    assert meta.shape == (15,) and meta.dtype == np.float64
    parsed = parse_image_meta(meta[None])
    assert parsed["image_id"] == [7] and parsed["scale"] == [4]
    assert_array_equal(parsed["original_image_shape"], [frame.original_shape])
    assert_array_equal(parsed["image_shape"], [frame.input_shape])
    assert_array_equal(parsed["window"], [frame.window])
    assert_array_equal(parsed["active_class_ids"], [[1, 0, 1]])


def test_a_frame_is_a_value():
    _, frame = Frame.of(image_of(32, 16), config_of())
    assert pickle.loads(pickle.dumps(frame)) == frame
    with pytest.raises(AttributeError):
        frame.scale = 2


# The settings of torchvision and Detectron2


def continuous(**settings):
    config = config_of("short_side", min_dim=64, max_dim=128)
    vars(config).update(BOX_COORDINATES="continuous", **settings)
    return config


def test_continuous_boxes_by_hand():
    # 30 x 20 becomes 96 x 64, and 70 columns with the padding of 35: 105 x 70.
    resized, frame = Frame.of(image_of(30, 20), continuous(IMAGE_SIDE_MULTIPLE=35))
    assert resized.shape == (105, 70, 3) and frame.window == (0, 0, 96, 64)
    assert frame.margin == 0 and frame.padding == [(0, 9), (0, 6), (0, 0)]
    boxes = [(0, 0, 1, 1), (32 / 105, 16 / 70, 64 / 105, 40 / 70)]
    assert_allclose(frame.in_input(boxes), [(0, 0, 105, 70), (32, 16, 64, 40)], rtol=1e-6)
    back = frame.boxes_back(boxes)
    # Not rounded, and clipped to the image.
    assert_allclose(back, [(0, 0, 30, 20), (10, 5, 20, 12.5)], rtol=1e-6)
    assert back.dtype == np.float32
    assert frame.boxes_back(np.zeros((0, 4))).shape == (0, 4)


def test_sides_that_round_differently_have_their_own_factors():
    config = continuous(IMAGE_RESAMPLING="torchvision")
    # 64 / 37 of 53 is 91.7, which is rounded down.
    resized, frame = Frame.of(image_of(37, 53), config)
    assert frame.window == (0, 0, 64, 91) and resized.shape == (64, 96, 3)
    box, image_shape = [3, 10.5, 30, 20], (37, 53)
    placed = frame.place(InstanceBoxes([box], image_shape))
    expected = np.array(box) * [64 / 37, 91 / 53, 64 / 37, 91 / 53]
    assert_allclose(placed.boxes, [expected], rtol=1e-6)
    whole = InstanceMasks([np.ones(image_shape, bool)], [(0, 0)], image_shape)
    masks = frame.place(whole)
    assert masks.shape == (64, 96, 1) and masks.boxes.tolist() == [[0, 0, 64, 91]]
    back = frame.boxes_back(placed.boxes / [64, 96, 64, 96])
    assert_allclose(back, [box], rtol=1e-6)


def test_padding_further():
    resized, frame = Frame.of(image_of(30, 20), continuous(), pad=False)
    assert resized.shape == (96, 64, 3) == frame.input_shape
    larger, more = frame.padded(128, 100)
    assert more == [(0, 32), (0, 36), (0, 0)]
    assert larger.padding == more and larger.input_shape == (128, 100, 3)
    assert (larger.window, larger.scale) == (frame.window, frame.scale)


def test_torchvision_moves_boxes_the_same():
    values = foreign_values("torchvision_ops")
    image, yx = values["resize.image"], [1, 0, 3, 2]
    _, frame = Frame.of(image, continuous(IMAGE_RESAMPLING="torchvision"))
    assert frame.window[2:] == tuple(values["resize.size"])
    placed = frame.place(InstanceBoxes(values["resize.boxes"][:, yx], image.shape))
    assert_allclose(placed.boxes, values["resize.out_boxes"][:, yx], rtol=1e-6)


# From whole networks' reference values.
FILES = (
    "torchvision_maskrcnn_resnet50_fpn",
    "torchvision_keypointrcnn_resnet50_fpn",
    "detectron2_mask_rcnn_R_50_FPN_3x",
    "detectron2_mask_rcnn_R_50_C4_3x",
    "detectron2_mask_rcnn_X_101_32x8d_FPN_3x",
)


@pytest.mark.parametrize("name", FILES)
def test_boxes_go_back_as_in_the_other_project(name):
    values, project = foreign_values(name), name.split("_")[0]
    number = 3 if project == "torchvision" else 1
    original, padded = values[f"img{number}.original_size"], values[f"img{number}.padded_size"]
    window = (0, 0, *values[f"img{number}.image_size"])
    frame = Frame.of_window(original, padded, window, margin=0)
    yx = [1, 0, 3, 2]
    found = values[f"img{number}.boxes_resized"][:, yx] / np.tile(padded, 2)
    expected = values[f"img{number}.boxes"][:, yx]
    assert_allclose(frame.boxes_back(found), expected, atol=2e-4)
