import importlib
import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn import augment as augmentations
from mrcnn.augment import augment, needs_threads
from mrcnn.augment.imgaug_bridge import import_imgaug
from mrcnn.instances.masks import InstanceMasks

from .cells import as_image, cells


@pytest.fixture
def iaa():
    try:
        return import_imgaug().augmenters
    except ImportError as error:
        pytest.skip(str(error))


def rng(seed=0):
    return np.random.default_rng(seed)


# Exact: the image is sampled at the nearest pixel, too.
EXACT = {
    "Fliplr": lambda iaa: iaa.Fliplr(1.0),
    "Flipud": lambda iaa: iaa.Flipud(1.0),
    "Rot90": lambda iaa: iaa.Rot90((1, 3)),
    "Affine": lambda iaa: iaa.Affine(
        scale=(0.7, 1.3), rotate=(20, 40), shear=(-8, 8), order=0, backend="skimage"
    ),
    "PiecewiseAffine": lambda iaa: iaa.PiecewiseAffine(0.04, order=0),
    "ElasticTransformation": lambda iaa: iaa.ElasticTransformation(20, 4, order=0),
    "Jigsaw": lambda iaa: iaa.Jigsaw(4, 4),
    "nested": lambda iaa: iaa.Sequential(
        [
            iaa.Sometimes(0.5, iaa.Fliplr(1.0)),
            iaa.SomeOf(1, [iaa.Rot90(1), iaa.Rot90(2)]),
            iaa.OneOf([iaa.Flipud(1.0), iaa.TranslateX(px=5, order=0)]),
        ],
        random_order=True,
    ),
}
# These interpolate the image; the masks are up to a pixel off.
SMOOTH = {
    "Crop": lambda iaa: iaa.Crop(px=(3, 9)),
    "Pad": lambda iaa: iaa.Pad(px=(3, 9)),
    "CropAndPad": lambda iaa: iaa.CropAndPad(px=(-9, 9)),
    "PerspectiveTransform": lambda iaa: iaa.PerspectiveTransform((0.05, 0.1)),
}
PHOTOMETRIC = {
    "GaussianBlur": lambda iaa: iaa.GaussianBlur(1.0),
    "Multiply": lambda iaa: iaa.Multiply(1.5),
    "Add": lambda iaa: iaa.Add(20),
    "AdditiveGaussianNoise": lambda iaa: iaa.AdditiveGaussianNoise(scale=20),
    "LinearContrast": lambda iaa: iaa.LinearContrast(0.5),
    "GammaContrast": lambda iaa: iaa.GammaContrast(0.5),
    "Dropout": lambda iaa: iaa.Dropout(0.3),
    "CoarseDropout": lambda iaa: iaa.CoarseDropout(0.3, size_percent=0.3),
    "Invert": lambda iaa: iaa.Invert(1.0),
    "Clouds": lambda iaa: iaa.Clouds(),  # uses np.complex
}


@pytest.mark.parametrize("name", EXACT)
def test_geometric_augmenters_move_masks_with_the_image(iaa, name):
    image, masks = cells()
    moves = 0
    for seed in range(4):
        changed, moved = augment(EXACT[name](iaa), image, masks, rng(seed))
        moves += (changed != image).any()
        assert_array_equal(changed[:, :, 0], as_image(moved))
        assert len(moved) == len(masks)
    assert moves


@pytest.mark.parametrize("name", SMOOTH)
def test_geometric_augmenters_that_smooth_the_image(iaa, name):
    labels = np.zeros((64, 64), np.int32)
    labels[20:44, 20:44] = 1
    masks = InstanceMasks.from_labels(labels, 1)
    image = np.repeat(labels[:, :, None] * 200, 3, axis=2).astype(np.uint8)
    for seed in range(3):
        changed, moved = augment(SMOOTH[name](iaa), image, masks, rng(seed))
        seen, shown = changed[:, :, 0] > 100, moved.dense()[:, :, 0]
        assert (shown != masks.dense()[:, :, 0]).any()
        assert (seen & shown).sum() / (seen | shown).sum() > 0.8


@pytest.mark.parametrize("name", PHOTOMETRIC)
def test_photometric_augmenters_leave_masks_unchanged(iaa, name):
    image, masks = cells()
    changed, left = augment(PHOTOMETRIC[name](iaa), image, masks, rng())
    assert (changed != image).any()
    assert_array_equal(left.dense(), masks.dense())


def test_overlapping_instances_keep_their_overlap(iaa):
    dense = np.zeros((32, 32, 300), bool)  # more than eight bits can count
    dense[4:12, 4:12, 0] = dense[8:20, 8:20, 298] = dense[10:14, 10:14, 299] = True
    image = np.zeros((32, 32, 7), np.uint8)
    changed, moved = augment(iaa.Rot90(1), image, InstanceMasks.from_dense(dense), rng())
    assert changed.shape == (32, 32, 7)
    assert_array_equal(moved.dense(), np.rot90(dense, -1))


def test_without_masks(iaa):
    image, masks = cells()
    changed, none = augment(iaa.Flipud(1.0), image, masks[:0], rng())
    assert_array_equal(changed, image[::-1])
    assert none.shape == (64, 64, 0)


def test_a_changed_size_is_refused(iaa):
    image, masks = cells()
    with pytest.raises(ValueError, match=r"Crop changed the .* to \(60, 60, 3\) .*keep_size"):
        augment(iaa.Crop(px=2, keep_size=False), image, masks, rng())
    with pytest.raises(ValueError, match=r"Crop changed the image"):
        augment(iaa.Crop(px=2, keep_size=False), image, masks[:0], rng())


def test_a_seed_reproduces_the_results_in_any_thread(iaa):
    image, masks = cells()
    augmenter = iaa.Sequential([iaa.Affine(rotate=(-90, 90), scale=(0.5, 2)), iaa.Add((-20, 20))])
    before = augmenter[0].random_state.state

    def run(seed):
        changed, moved = augment(augmenter, image, masks, rng(seed))
        return np.dstack([changed, as_image(moved)])

    alone = [run(seed) for seed in range(12)]
    with ThreadPoolExecutor(4) as threads:
        assert_array_equal(list(threads.map(run, range(12))), alone)
    assert len({picture.tobytes() for picture in alone}) == 12
    # The user's augmenter is unchanged.
    assert not augmenter.deterministic
    assert repr(augmenter[0].random_state.state) == repr(before)
    assert not needs_threads(augmenter)


def _augmented(augmenter):
    image, masks = cells()
    return augment(augmenter, image, masks, rng(3))[0]


def test_a_fresh_process_unpickles_augmenters(iaa):
    augmenter = iaa.Sequential([iaa.Affine(rotate=(-90, 90)), iaa.SomeOf(1, [iaa.Flipud(0.5)])])
    assert_array_equal(_augmented(pickle.loads(pickle.dumps(augmenter, 2))), _augmented(augmenter))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        picture = processes.submit(_augmented, augmenter).result()
    assert_array_equal(picture, _augmented(augmenter))


def test_numpy_is_as_it_was(iaa):
    assert augmentations.iaa is iaa
    assert augmentations.imgaug is sys.modules["imgaug"]
    assert not hasattr(np, "sctypes")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ModuleNotFoundError("No module named 'imgaug'", name="imgaug"), "is not installed: pip "),
        (ImportError("libGL.so.1: cannot open shared object file"), "opencv-python-headless"),
        (ModuleNotFoundError("No module named 'six'", name="six"), "'six'.*pip install imgaug==0"),
    ],
)
def test_a_failing_import_says_what_to_install(monkeypatch, error, advice):
    def fail(name):
        assert name == "imgaug"
        assert np.uint16 in np.sctypes["uint"]  # noqa: NPY201
        raise error

    monkeypatch.delitem(sys.modules, "imgaug", raising=False)
    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(ImportError, match=advice):
        import_imgaug()
    assert not hasattr(np, "sctypes")
