import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.augment import (
    CopyPaste,
    Flips,
    augment,
    check_augmentation,
    microscopy,
    needs_threads,
    photographs,
    simple_copy_paste,
)

from .cells import as_image, cells


@pytest.mark.parametrize("recipe", [microscopy, photographs])
def test_recipes_keep_masks_on_what_they_cover(recipe):
    image, masks = cells(96)
    image = np.where(image, np.uint8(200), np.uint8(40))
    steps = recipe()
    check_augmentation(steps)
    assert needs_threads(steps)
    pictures = set()
    for seed in range(8):
        changed, moved = augment(steps, image, masks, np.random.default_rng(seed))
        again, moved_again = augment(steps, image, masks, np.random.default_rng(seed))
        assert_array_equal(changed, again)
        assert_array_equal(as_image(moved), as_image(moved_again))
        assert changed.dtype == np.uint8
        pictures.add(changed.tobytes())
        # Cells stay brighter than their surroundings, under the masks that moved with them.
        inside, grey = as_image(moved) > 0, changed.mean(axis=-1)
        bright = grey > (grey[inside].mean() + grey[~inside].mean()) / 2
        assert (bright & inside).sum() / (bright | inside).sum() > 0.85
    assert len(pictures) == 8


@pytest.mark.parametrize("channels", [1, 2, 7])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_microscopy_takes_any_channels_and_values(channels, dtype):
    image, masks = cells()
    image = (image[:, :, :1] * np.linspace(20, 200, channels)).astype(dtype) + dtype(100)
    for seed in range(4):
        changed, _ = augment(microscopy((0, 65535)), image, masks, np.random.default_rng(seed))
        assert changed.dtype == dtype
        assert changed.shape == image.shape
        # Bright values stay far above 255, and dark ones are not clipped.
        assert changed.max() > image.max() / 2
        assert changed[changed > 0].std() > image.std() / 3


def test_microscopy_does_not_blacken_dim_images():
    image, masks = cells()
    image = np.where(image, np.uint8(18), np.uint8(6))
    for seed in range(8):
        changed, moved = augment(microscopy(), image, masks, np.random.default_rng(seed))
        inside = as_image(moved) > 0
        assert changed[inside].mean() > changed[~inside].mean() + 5


def test_simple_copy_paste():
    flips, copies = simple_copy_paste()
    assert isinstance(flips, Flips) and isinstance(copies, CopyPaste)
    assert (flips.horizontal, flips.vertical, flips.transpose) == (0.5, 0, 0)
    assert (copies.probability, copies.chosen, copies.min_visible) == (1, 0.5, 0)
    check_augmentation(simple_copy_paste(), fields=3)
    assert not needs_threads(simple_copy_paste())
