import copy
import functools
import sys
from types import ModuleType

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.augment import MASK_AUGMENTERS, Flips, augment


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def image():
    return np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


@pytest.fixture
def masks():
    masks = np.zeros((4, 5, 2), bool)
    masks[0, 1:3, 0] = masks[2:, 4, 1] = True
    return masks


class Draws:
    """A random generator whose draws are given."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def random(self):
        return self.draws.pop(0)


@pytest.mark.parametrize(
    ("draws", "rows", "columns"),
    [((0.29, 0.61), 1, -1), ((0.31, 0.59), -1, 1), ((0.29, 0.59), -1, -1), ((0.31, 0.61), 1, 1)],
)
def test_flips_follow_the_draws(image, masks, draws, rows, columns):
    flips = Flips(horizontal=0.3, vertical=0.6)
    changed, changed_masks = flips(image, masks, Draws(*draws))
    assert_array_equal(changed, image[::rows, ::columns])
    assert_array_equal(changed_masks, masks[::rows, ::columns])


@pytest.mark.parametrize(("probability", "wanted"), [(0.0, 0), (1.0, 500), (0.25, 125)])
@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
def test_flips_are_as_frequent_as_asked(image, masks, rng, axis, probability, wanted):
    flips = Flips(**{"horizontal": 0, "vertical": 0, axis: probability})
    flipped = image[:, ::-1] if axis == "horizontal" else image[::-1]
    count = sum(np.array_equal(augment(flips, image, masks, rng)[0], flipped) for _ in range(500))
    # Four standard deviations of the binomial distribution; none at 0 and 1.
    assert abs(count - wanted) <= 4 * np.sqrt(500 * probability * (1 - probability))


def test_flips_by_default_are_horizontal_and_half(image, masks):
    flips = Flips()
    assert_array_equal(flips(image, masks, Draws(0.49, 0.0))[0], image[:, ::-1])
    assert_array_equal(flips(image, masks, Draws(0.5, 0.0))[0], image)


def test_a_seed_makes_the_run(image, masks):
    def run(seed):
        rng = np.random.default_rng(seed)
        return np.array([augment(Flips(0.5, 0.5), image, masks, rng)[0] for _ in range(20)])

    assert_array_equal(run(1), run(1))
    assert (run(1) != run(2)).any()


def test_the_results_are_arrays_of_their_own(image, masks, rng):
    changed, changed_masks = augment(Flips(1, 1), image, masks, rng)
    assert changed.flags.c_contiguous and changed_masks.flags.c_contiguous
    assert changed.dtype == np.uint8
    assert changed_masks.dtype == bool


def test_a_callable_with_two_parameters(image, masks, rng):
    def brighter(image, masks):
        return image + np.uint8(10), masks.astype(np.uint8)

    changed, changed_masks = augment(brighter, image, masks, rng)
    assert_array_equal(changed, image + 10)
    assert_array_equal(changed_masks, masks)
    assert changed_masks.dtype == bool


def test_a_callable_with_three_parameters_gets_the_generator(image, masks, rng):
    def noisy(image, masks, rng):
        return image + rng.integers(0, 9, image.shape, np.uint8), masks

    changed, _ = augment(noisy, image, masks, rng)
    wanted = np.random.default_rng(7).integers(0, 9, image.shape, np.uint8)
    assert_array_equal(changed, image + wanted)


def test_callables_of_other_kinds(image, masks, rng):
    def with_options(image, masks, **options):
        assert not options
        return image[:, ::-1], masks

    def with_keyword(image, masks, *, strength=1):
        return image * np.uint8(strength), masks

    class Method:
        def flip(self, image, masks, rng):
            return image[::-1], masks[::-1] & (rng is not None)

    def configured(strength, image, masks, rng):
        return image + np.uint8(strength), masks

    assert_array_equal(augment(with_options, image, masks, rng)[0], image[:, ::-1])
    assert_array_equal(augment(with_keyword, image, masks, rng)[0], image)
    assert_array_equal(augment(Method().flip, image, masks, rng)[1], masks[::-1])
    partial = functools.partial(configured, 3)
    assert_array_equal(augment(partial, image, masks, rng)[0], image + 3)


def test_a_change_of_shape_is_refused(image, masks, rng):
    with pytest.raises(ValueError) as caught:
        augment(lambda image, masks: (image[1:], masks[1:]), image, masks, rng)
    assert str(caught.value) == (
        "the augmentation turned the image from (4, 5, 3) into (3, 5, 3) and the masks from "
        "(4, 5, 2) into (3, 5, 2): both must keep their shape."
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda image, masks: (image[..., :1], masks),
        lambda image, masks: (image, masks[..., :1]),
        lambda image, masks: (image.transpose(1, 0, 2), masks.transpose(1, 0, 2)),
    ],
    ids=["channels", "masks", "turned"],
)
def test_a_change_of_one_shape_is_refused(image, masks, rng, change):
    with pytest.raises(ValueError, match="both must keep their shape"):
        augment(change, image, masks, rng)


# imgaug 0.4 does not run on NumPy 2. What follows copies how it treats seeds and hooks.


class Augmenter:
    deterministic = False

    def __init__(self, *children):
        self.children = children
        self.random_state = np.random.default_rng(0)

    def localize_random_state(self):
        return copy.deepcopy(self)

    def to_deterministic(self):
        copied = copy.deepcopy(self)
        copied._fix()
        return copied

    def _fix(self):
        self.deterministic = True
        for child in self.children:
            child._fix()

    def seed_(self, entropy=None, deterministic_too=False):
        rng = np.random.default_rng(entropy)
        if not self.deterministic or deterministic_too:
            self.random_state = np.random.default_rng(rng.integers(2**32))
        for child in self.children:
            child.seed_(rng.integers(2**32), deterministic_too)

    def augment_image(self, image, hooks=None):
        assert image.shape[-1], "OpenCV takes no image without channels"
        return self._augment(image, hooks, [])

    def _augment(self, image, hooks, parents):
        if hooks and not hooks.activator([image], self, parents, True):
            return image
        state = copy.deepcopy(self.random_state)
        image = self.apply(image)
        for child in self.children:
            image = child._augment(image, hooks, [*parents, self])
        if self.deterministic:
            self.random_state = state
        return image

    def apply(self, image):
        return image


class Sequential(Augmenter):
    pass


class Affine(Augmenter):
    """Rolls the image to the right, by any number of columns."""

    def apply(self, image):
        return np.roll(image, self.random_state.integers(image.shape[1]), axis=1)


class Multiply(Augmenter):
    """Changes the values of pixels, by any factor."""

    def apply(self, image):
        return (image * self.random_state.uniform(2, 3)).astype(image.dtype)


class Invert(Augmenter):
    """Light to dark and back."""

    def apply(self, image):
        return image.max() - image


class HooksImages:
    def __init__(self, activator):
        self.activator = activator


@pytest.fixture
def imgaug(monkeypatch):
    module = ModuleType("imgaug")
    module.HooksImages = HooksImages
    monkeypatch.setitem(sys.modules, "imgaug", module)


def column_image(masks, width=64):
    """An image and masks whose every column has a number of its own."""
    image = np.tile(np.arange(1, width + 1, dtype=np.uint8)[None, :, None], (2, 1, 3))
    mask = np.zeros((2, width, masks), bool)
    mask[:, 10] = True
    return image, mask


def test_imgaug_moves_masks_with_the_image(imgaug, rng):
    augmentation = Sequential(Affine(), Multiply(), Affine())
    image, masks = column_image(3)
    shifts = set()
    for _ in range(8):
        changed, changed_masks = augment(augmentation, image, masks, rng)
        (column,) = set(np.flatnonzero(changed_masks[0, :, 0]))
        assert_array_equal(changed_masks, np.roll(masks, column - 10, axis=1))
        # The image moved alike, and was made brighter, which keeps the order of its columns.
        moved = np.roll(image, column - 10, axis=1)
        assert_array_equal(np.argsort(changed[0, :, 0]), np.argsort(moved[0, :, 0]))
        assert (changed >= moved * 2).all()
        shifts.add(column)
    assert changed_masks.dtype == bool
    # Not the same for every image.
    assert len(shifts) > 4


def test_imgaug_changes_no_values_of_masks(imgaug, rng):
    image, masks = column_image(2)
    changed, changed_masks = augment(Sequential(Invert()), image, masks, rng)
    assert_array_equal(changed, 64 - image)
    assert_array_equal(changed_masks, masks)


def test_imgaug_follows_the_seed(imgaug):
    augmentation = Sequential(Affine(), Multiply())
    image, masks = column_image(1)

    def run(seed):
        rng = np.random.default_rng(seed)
        return np.array([augment(augmentation, image, masks, rng)[0] for _ in range(6)])

    first = run(1)
    assert_array_equal(run(1), first)
    assert (run(2) != first).any()
    assert len(np.unique(first[:, 0, 0, 0])) > 1


def test_imgaug_leaves_the_users_augmenter(imgaug, rng):
    augmentation = Sequential(Affine())
    state = augmentation.children[0].random_state.bit_generator.state
    augment(augmentation, *column_image(1), rng)
    assert augmentation.deterministic is False
    assert augmentation.children[0].deterministic is False
    assert augmentation.children[0].random_state.bit_generator.state == state


def test_imgaug_without_masks(imgaug, rng):
    image, masks = column_image(0)
    changed, changed_masks = augment(Sequential(Affine()), image, masks, rng)
    assert changed.shape == image.shape
    assert (changed != image).any()
    assert changed_masks.shape == (2, 64, 0)
    assert changed_masks.dtype == bool


def test_imgaug_must_keep_the_shape_too(imgaug, rng):
    class CropAndPad(Augmenter):
        def apply(self, image):
            return image[:, 1:]

    with pytest.raises(ValueError, match=r"from \(2, 64, 3\) into \(2, 63, 3\)"):
        augment(CropAndPad(), *column_image(1), rng)


def test_which_augmenters_masks_get():
    # The reference's list.
    assert set(MASK_AUGMENTERS) == {
        "Sequential",
        "SomeOf",
        "OneOf",
        "Sometimes",
        "Fliplr",
        "Flipud",
        "CropAndPad",
        "Affine",
        "PiecewiseAffine",
    }
