import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from numpy.testing import assert_array_equal

from mrcnn.augment import augment, check_augmentation, needs_threads, photographs
from mrcnn.instances.masks import InstanceMasks

from .cells import as_image, cells

pytestmark = pytest.mark.network

NEAREST = {"interpolation": "nearest", "fill_mode": "constant"}
GEOMETRIC = {
    "RandomFlip": lambda: layers.RandomFlip(),
    "RandomRotation": lambda: layers.RandomRotation(0.3, **NEAREST),
    "RandomZoom": lambda: layers.RandomZoom((-0.4, 0.4), (-0.4, 0.4), **NEAREST),
    "RandomTranslation": lambda: layers.RandomTranslation(0.3, 0.3, **NEAREST),
    "RandomShear": lambda: layers.RandomShear(0.4, (0.1, 0.4), **NEAREST),
    "RandomPerspective": lambda: layers.RandomPerspective(1.0, interpolation="nearest"),
    "Pipeline": lambda: layers.Pipeline(
        [layers.RandomFlip("vertical"), layers.Pipeline([layers.RandomZoom(0.3, **NEAREST)])]
    ),
    "Sequential": lambda: keras.Sequential(
        [layers.RandomFlip("vertical"), layers.RandomZoom(0.3, **NEAREST)]
    ),
}
PHOTOMETRIC = {
    "RandomContrast": lambda: layers.RandomContrast(0.5),
    "RandomBrightness": lambda: layers.RandomBrightness(0.5),
    "RandomColorJitter": lambda: layers.RandomColorJitter((0, 255), 0.5, 0.5, 0.3, 0.3),
    "RandomGaussianBlur": lambda: layers.RandomGaussianBlur((1.0, 1.0)),
    "RandomInvert": lambda: layers.RandomInvert((1.0, 1.0)),
    "RandomErasing": lambda: layers.RandomErasing((1.0, 1.0)),
    "RandomGrayscale": lambda: layers.RandomGrayscale(1.0),
    "CLAHE": lambda: layers.ContrastLimitedAdaptiveHistogramEqualization(),
}


def rng(seed=0):
    return np.random.default_rng(seed)


def check_masks_move_with_the_image(layer):
    image, masks = cells()
    moves = 0
    for seed in range(4):
        changed, moved = augment(layer, image, masks, rng(seed))
        moves += (changed != image).any()
        assert changed.dtype == np.uint8
        assert_array_equal(changed[:, :, 0], as_image(moved))
        assert len(moved) == len(masks)
    assert moves


@pytest.mark.parametrize("name", GEOMETRIC)
def test_geometric_layers_move_masks_with_the_image(name):
    check_masks_move_with_the_image(GEOMETRIC[name]())


@pytest.mark.parametrize("name", PHOTOMETRIC)
def test_photometric_layers_leave_masks_unchanged(name):
    image, masks = cells()
    image = np.clip(image * [1.0, 3.0, 0.5] + 20, 0, 255).astype(np.uint8)
    changed, left = augment(PHOTOMETRIC[name](), image, masks, rng())
    assert (changed != image).any()
    assert_array_equal(left.dense(), masks.dense())


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.RandomTranslation((0.5, 0.5), 0.0),  # reflects by default
        lambda: layers.RandomTranslation((0.5, 0.5), 0.0, fill_mode="constant", fill_value=7.0),
    ],
)
def test_masks_get_nothing_from_beyond_the_border(layer):
    image, masks = cells()
    changed, moved = augment(layer(), image, masks, rng())
    assert (changed[:32] != 0).any()
    labels = as_image(moved)
    assert not labels[:32].any()
    assert_array_equal(labels[32:], image[:32, :, 0])


def test_rand_augment_moves_masks_with_the_image():
    image = np.zeros((64, 64, 3), np.uint8)
    image[20:40, 24:44] = 255
    masks = InstanceMasks.from_dense(image[:, :, :1] > 0)
    layer = layers.RandAugment(factor=0.2, interpolation="nearest")
    shifts = 0
    for seed in range(8):
        changed, moved = augment(layer, image, masks, rng(seed))
        shown, grey = moved.dense()[:, :, 0], changed.mean(axis=-1)
        inside, outside = np.median(grey[shown]), np.median(grey[~shown])
        if abs(inside - outside) > 50:  # some operations remove all contrast
            shifts += (shown != masks.dense()[:, :, 0]).any()
            seen = abs(grey - inside) < abs(grey - outside)
            assert (seen & shown).sum() / (seen | shown).sum() > 0.9
    assert shifts


def test_many_overlapping_instances_in_half_precision():
    dense = np.zeros((96, 96), np.int32)
    dense[:70, :70] = np.arange(1, 4901).reshape(70, 70)
    labels = np.stack([dense, np.where(dense % 2, 0, 4901)], axis=-1)
    masks = InstanceMasks.from_labels(labels, 4901)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        shift = layers.RandomTranslation((0.25, 0.25), (0.25, 0.25))
        layer = layers.Pipeline([layers.RandomFlip(), shift, layers.RandomFlip()])
    finally:
        keras.config.set_dtype_policy(before)
    _, moved = augment(layer, np.zeros((96, 96, 1), np.uint8), masks, rng())
    assert (moved.areas > 0).sum() > 4000
    assert_array_equal(moved.areas[:-1] > 1, False)


def test_without_masks_and_with_seven_channels_of_floats():
    image = np.random.default_rng(0).normal(0, 500, (32, 40, 7)).astype(np.float32)
    none = InstanceMasks([], [], (32, 40))
    changed, masks = augment(layers.RandomTranslation((0.5, 0.5), 0.0), image, none, rng())
    assert_array_equal(changed[16:], image[:16])
    assert changed.dtype == np.float32
    assert masks.shape == (32, 40, 0)


def test_integers_are_rounded_and_kept_in_range():
    class Stretch(layers.RandomContrast):
        def transform_images(self, images, transformation, training=True):
            return (images - 1.5) * 100.4

    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    none = InstanceMasks([], [], (2, 2))
    changed, _ = augment(Stretch(0.1), image, none, rng())
    assert_array_equal(changed.ravel(), [0, 0, 50, 151, 251, 255, 255, 255, 255, 255, 255, 255])
    changed, _ = augment(Stretch(0.1), image.astype(np.uint16), none, rng())
    assert_array_equal(changed.ravel()[:8], [0, 0, 50, 151, 251, 351, 452, 552])


def test_a_seed_reproduces_the_results_in_any_thread():
    image, masks = cells()
    pipeline = layers.Pipeline(
        [layers.RandomRotation(0.5, seed=3), layers.RandomColorJitter((0, 255), 0.3, 0.3)]
    )
    before = [keras.ops.convert_to_numpy(state) for state in pipeline.variables]

    def run(seed):
        changed, moved = augment(pipeline, image, masks, rng(seed))
        return np.dstack([changed, as_image(moved)])

    alone = [run(seed) for seed in range(12)]
    with ThreadPoolExecutor(4) as threads:
        assert_array_equal(list(threads.map(run, range(12))), alone)
    assert len({picture.tobytes() for picture in alone}) == 12
    after = [keras.ops.convert_to_numpy(state) for state in pipeline.variables]
    assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: layers.RandomElasticTransform(), "RandomElasticTransform: it distorts"),
        (lambda: layers.AugMix(), "AugMix: it blends"),
        (lambda: layers.MixUp(), "MixUp: it mixes"),
        (lambda: layers.CutMix(), "CutMix: it mixes"),
        (lambda: layers.Dropout(0.5), "Dropout, which does not handle masks"),
        (lambda: layers.RandomFlip(data_format="channels_first"), "RandomFlip with data_format ch"),
    ],
)
def test_layers_that_cannot_be_used_are_named(layer, reason):
    pipeline = layers.Pipeline([layers.RandomBrightness(0.1), layer()])
    with pytest.raises(TypeError, match=f"augmentation has a Keras layer {reason}"):
        check_augmentation([pipeline])
    with pytest.raises(TypeError, match=reason):
        augment(pipeline, *cells(), rng())


def test_a_layer_that_fails_is_named():
    image, masks = cells()
    shape = (*image.shape[:2], 1)
    layer = photographs()[1]
    with pytest.raises(ValueError) as caught:
        augment(layer, image[..., :1], masks, rng())
    text = str(caught.value)
    assert text.startswith(
        "augmentation has a Keras layer RandomColorJitter, which failed on an image of shape "
        f"{shape}: "
    )
    assert "input must have 3 channels" in text
    assert text.endswith(". Layers that change colours need 3 channels.")
    changed, _ = augment(layer, image, masks, rng())  # its copies still work
    assert changed.shape == image.shape


def test_a_changed_size_is_refused():
    with pytest.raises(ValueError, match=r"RandomCrop changed the image .* to \(32, 32, 3\)"):
        augment(layers.RandomCrop(32, 32), *cells(), rng())


def test_layers_run_in_threads():
    assert needs_threads(layers.RandomFlip())
    assert needs_threads([lambda image, masks: (image, masks), layers.Pipeline([])])


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    script = (
        "from augment import test_keras_layers as tests\n"
        "for name in ('RandomRotation', 'RandomZoom', 'RandomShear'):\n"
        "    tests.check_masks_move_with_the_image(tests.GEOMETRIC[name]())\n"
        "tests.test_a_seed_reproduces_the_results_in_any_thread()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
