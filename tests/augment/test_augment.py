import functools
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.augment import Flips, augment, check_augmentation, microscopy, needs_threads
from mrcnn.instances.masks import InstanceMasks


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def image():
    return np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


@pytest.fixture
def dense():
    masks = np.zeros((4, 5, 2), bool)
    masks[0, 1:3, 0] = masks[2:, 4, 1] = True
    return masks


@pytest.fixture
def masks(dense):
    return InstanceMasks.from_dense(dense)


def test_a_callable_with_two_parameters(image, masks, dense, rng):
    def upside_down(image, masks):
        assert masks.dtype == bool
        return image[::-1] + np.uint8(10), masks[::-1].astype(np.uint8)

    changed, changed_masks = augment(upside_down, image, masks, rng)
    assert_array_equal(changed, image[::-1] + 10)
    assert changed.flags.c_contiguous
    assert isinstance(changed_masks, InstanceMasks)
    assert_array_equal(changed_masks.dense(), dense[::-1])


def test_a_callable_with_three_parameters_gets_the_generator(image, masks, rng):
    def noisy(image, masks, rng):
        return image + rng.integers(0, 9, image.shape, np.uint8), masks

    wanted = np.random.default_rng(7).integers(0, 9, image.shape, np.uint8)
    assert_array_equal(augment(noisy, image, masks, rng)[0], image + wanted)


def test_callables_of_other_kinds(image, masks, dense, rng):
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
    assert_array_equal(augment(Method().flip, image, masks, rng)[1].dense(), dense[::-1])
    partial = functools.partial(configured, 3)
    assert_array_equal(augment(partial, image, masks, rng)[0], image + 3)


def test_instances_that_left_the_image_stay_in_the_count(image, masks, rng):
    def forget(image, masks):
        return image, masks & [False, True]

    changed_masks = augment(forget, image, masks, rng)[1]
    assert_array_equal(changed_masks.boxes, [[0, 0, 0, 0], [2, 4, 4, 5]])


def test_a_list_is_applied_in_order(image, masks, dense, rng):
    def one_more(image, masks):
        return image + np.uint8(1), masks

    def thrice(image, masks):
        return image * np.uint8(3), masks

    changed, changed_masks = augment([one_more, (thrice, Flips(1.0))], image, masks, rng)
    assert_array_equal(changed, ((image + 1) * 3)[:, ::-1])
    assert_array_equal(changed_masks.dense(), dense[:, ::-1])


def test_a_change_of_shape_is_refused(image, masks, rng):
    def cropped(image, masks):
        return image[1:], masks[1:]

    with pytest.raises(ValueError) as caught:
        augment(cropped, image, masks, rng)
    assert str(caught.value).startswith(
        "the augmentation cropped changed the image from (4, 5, 3) to (3, 5, 3) and the masks "
        "from (4, 5, 2) to (3, 5, 2): both must keep their shape"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda image, masks: (image[..., :1], masks),
        lambda image, masks: (image, masks[..., :1]),
        lambda image, masks: (image, list(np.moveaxis(masks, -1, 0))),
        lambda image, masks: (image.transpose(1, 0, 2), masks.transpose(1, 0, 2)),
    ],
    ids=["channels", "masks", "list", "transposed"],
)
def test_a_change_of_one_shape_is_refused(image, masks, rng, change):
    with pytest.raises(ValueError, match="both must keep their shape"):
        augment(change, image, masks, rng)


def test_a_callable_that_forgets_the_masks_is_named(image, masks, rng):
    def only_the_image(image, masks):
        return image

    with pytest.raises(ValueError, match="only_the_image returned ndarray: it must return the ima"):
        augment(only_the_image, image, masks, rng)


@pytest.mark.parametrize("wrong", [microscopy, Flips, lambda image: image, lambda a, b, c, d: a])
def test_forgotten_parentheses_and_other_parameters(wrong):
    with pytest.raises(TypeError, match=r"augmentation is .*did you mean .*\(\.\.\.\)\?"):
        check_augmentation(wrong)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda image: image / 255.0, r"has values from 0 to 0\.\d+"),
        (lambda image: np.full(image.shape, np.nan), "has values that are NaN"),
        (lambda image: image.astype(str), "is an array of <U"),
    ],
)
def test_pixels_in_another_range_are_refused(change, what):
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    masks = InstanceMasks.from_dense(np.ones((4, 4, 1), bool))
    with pytest.raises(ValueError, match=what):
        augment(lambda image, masks: (change(image), masks), image, masks, None)


def test_check_augmentation():
    check_augmentation(None)
    check_augmentation([Flips(), lambda image, masks: (image, masks)])
    for wrong in ("flip", [Flips(), 0.5]):
        with pytest.raises(TypeError, match=r"augmentation is ('flip'|0\.5): it must be an imgaug"):
            check_augmentation(wrong)


def test_functions_run_anywhere():
    assert not needs_threads(None)
    assert not needs_threads([Flips(), print])


def test_import_loads_no_library():
    script = (
        "from mrcnn import augment; augment.Flips(); import sys;"
        "print({'keras', 'tensorflow', 'imgaug', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
