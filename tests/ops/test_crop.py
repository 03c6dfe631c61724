"""Crops against plain bilinear sampling, and the two implementations against each other."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn import ops
from mrcnn.ops import kernels

OWN = kernels.CONVERTED["savedmodel"]  # TensorFlow's

pytestmark = pytest.mark.network

native_and_gathered = pytest.mark.parametrize("native", [True, False])


@pytest.fixture
def form(monkeypatch):
    """Function that chooses TensorFlow's kernels or the implementation built from gathers."""
    return lambda native: monkeypatch.setattr(
        kernels, "available", lambda kernel: native and kernel in OWN
    )


def sample(image, y, x):
    """One bilinear sample at a position in pixels; 0 outside."""
    height, width = image.shape[:2]
    if not (0 <= y <= height - 1 and 0 <= x <= width - 1):
        return np.zeros(image.shape[2])
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    upper = image[top, left] * (1 - x + left) + image[top, right] * (x - left)
    lower = image[bottom, left] * (1 - x + left) + image[bottom, right] * (x - left)
    return upper * (1 - y + top) + lower * (y - top)


@native_and_gathered
def test_samples_lie_on_a_lattice_from_edge_to_edge(form, native):
    form(native)
    image = np.random.default_rng(0).normal(size=(5, 9, 2)).astype("float32")
    box = np.array([[0.1, 0.2, 0.7, 0.8]], "float32")
    ours = np.asarray(ops.crop_and_resize(image[None], box, np.array([0]), (3, 4)))[0]
    for row, y in enumerate(np.linspace(0.1, 0.7, 3) * 4):
        for column, x in enumerate(np.linspace(0.2, 0.8, 4) * 8):
            np.testing.assert_allclose(ours[row, column], sample(image, y, x), atol=1e-5)


@native_and_gathered
def test_a_crop_of_one_pixel_is_the_middle(form, native):
    form(native)
    image = np.arange(25, dtype="float32").reshape(1, 5, 5, 1)
    ours = ops.crop_and_resize(image, np.array([[0.0, 0.0, 1, 1]], "float32"), [0], (1, 1))
    assert float(np.asarray(ours).squeeze()) == pytest.approx(12, abs=1e-4)


@native_and_gathered
def test_samples_outside_are_zero(form, native):
    form(native)
    image = np.ones((1, 4, 4, 1), "float32")
    box = np.array([[-0.5, 0, 1.5, 1]], "float32")
    ours = np.asarray(ops.crop_and_resize(image, box, [0], (5, 2)))[0, :, :, 0]
    np.testing.assert_allclose(ours[:, 0], [0, 1, 1, 1, 0])


@native_and_gathered
def test_boxes_choose_their_image(form, native):
    form(native)
    images = np.stack([np.full((3, 3, 1), value, "float32") for value in (1, 2, 3)])
    boxes = np.tile(np.array([[0.2, 0.2, 0.8, 0.8]], "float32"), (3, 1))
    ours = np.asarray(ops.crop_and_resize(images, boxes, np.array([2, 0, 1]), (2, 2)))
    np.testing.assert_allclose(ours[:, 0, 0, 0], [3, 1, 2])


@native_and_gathered
@given(
    start=arrays.arrays(np.float32, (16, 2), elements=st.floats(0, 0.984375, width=32)),
    size=st.integers(2, 300),
)
def test_a_box_that_ends_at_the_edge_keeps_its_last_samples(native, start, size):
    """matterport's Mask_RCNN drops them when a rounding error puts them one ulp outside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "available", lambda kernel: native and kernel in OWN)
        boxes = np.concatenate([start, np.ones_like(start)], axis=1)
        image = np.ones((1, size, size + 1, 1), "float32")
        ours = ops.crop_and_resize(image, boxes, np.zeros(16, "int32"), (7, 7))
        np.testing.assert_allclose(ours, 1, rtol=1e-5)


@pytest.fixture(scope="module")
def pyramid():
    rng = np.random.default_rng(1)
    levels = [rng.normal(size=(2, 32 >> i, 48 >> i, 3)).astype("float32") for i in range(4)]
    boxes = np.sort(rng.uniform(-0.05, 1.05, (2, 40, 2, 2)), axis=2).reshape(2, 40, 4)
    return levels, boxes.astype("float32"), rng.integers(0, 4, (2, 40))


def test_a_pyramid_crop_is_a_crop_of_the_level(form, pyramid):
    form(False)
    levels, boxes, level_of_box = pyramid
    ours = np.asarray(ops.crop_pyramid(levels, boxes, level_of_box, (7, 7)))
    for image, place in [(0, 0), (0, 17), (1, 3), (1, 39)]:
        features = levels[level_of_box[image, place]]
        expected = ops.crop_and_resize(features, boxes[image, place][None], [image], (7, 7))
        np.testing.assert_allclose(ours[image, place], np.asarray(expected)[0], atol=1e-6)


def test_both_forms_agree_in_values_and_gradients(form, pyramid):
    import tensorflow as tf

    levels, boxes, level_of_box = pyramid
    levels = [tf.constant(features) for features in levels]
    weights = np.random.default_rng(2).normal(size=(2, 40, 7, 7, 3)).astype("float32")

    def value_and_gradient(native):
        form(native)
        with tf.GradientTape() as tape:
            tape.watch(levels)
            crops = ops.crop_pyramid(levels, boxes, level_of_box, (7, 7))
            loss = tf.reduce_sum(crops * weights)
        return crops, [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, levels)]

    crops, gradients = value_and_gradient(True)
    other_crops, other_gradients = value_and_gradient(False)
    np.testing.assert_allclose(crops, other_crops, atol=1e-5)
    for gradient, other in zip(gradients, other_gradients, strict=True):
        assert np.abs(other).max() > 0
        np.testing.assert_allclose(gradient, other, atol=1e-5)


def test_the_gradient_is_the_transpose_of_the_sampling():
    """A crop is linear in the image: <crop(a), w> equals <a, gradient(w)> for any a."""
    import tensorflow as tf

    rng = np.random.default_rng(3)
    # Many overlapping crops of a small map: here TensorFlow's own gradient loses contributions.
    boxes = np.sort(rng.random((100, 2, 2)), axis=1).reshape(100, 4).astype("float32")
    indices = np.zeros(100, "int32")
    weights = rng.normal(size=(100, 14, 14, 64)).astype("float32")
    image = tf.constant(rng.normal(size=(1, 16, 16, 64)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = tf.reduce_sum(ops.crop_and_resize(image, boxes, indices, (14, 14)) * weights)
    gradient = tf.convert_to_tensor(tape.gradient(loss, image))
    for seed in range(3):
        other = np.random.default_rng(seed).normal(size=image.shape).astype("float32")
        crops = np.asarray(ops.crop_and_resize(other, boxes, indices, (14, 14)), np.float64)
        left, right = (crops * weights).sum(), (np.asarray(gradient, np.float64) * other).sum()
        assert left == pytest.approx(right, rel=1e-4, abs=0.5)


def test_native_kernels_are_left_under_xla():
    import tensorflow as tf

    seen = []

    def look(x):
        seen.append(kernels.available("crop_and_resize"))
        return x

    tf.function(look)(tf.constant(1.0))
    tf.function(look, jit_compile=True)(tf.constant(1.0))
    assert seen == [True, False]
    assert kernels.available("crop_and_resize")
