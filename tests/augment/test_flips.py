import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.augment import Flips, augment
from mrcnn.instances.masks import InstanceMasks


class Draws:
    """A random generator with predefined draws."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def random(self):
        return self.draws.pop(0)


def pictures(height=4, width=5):
    image = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    masks = np.zeros((height, width, 3), bool)
    masks[0, 1:3, 0] = masks[2:, 3, 1] = True  # the third has no pixels
    return image, masks


@pytest.mark.parametrize(
    ("draws", "rows", "columns"),
    [((0.29, 0.61), 1, -1), ((0.31, 0.59), -1, 1), ((0.29, 0.59), -1, -1), ((0.31, 0.61), 1, 1)],
)
def test_flips_follow_the_draws(draws, rows, columns):
    image, dense = pictures()
    flips = Flips(horizontal=0.3, vertical=0.6)
    changed, masks = flips(image, InstanceMasks.from_dense(dense), Draws(*draws, 0.0))
    assert_array_equal(changed, image[::rows, ::columns])
    assert_array_equal(masks.dense(), dense[::rows, ::columns])


def test_only_square_images_are_transposed():
    image, dense = pictures(4, 4)
    masks = InstanceMasks.from_dense(dense)
    changed, moved = Flips(1.0, 0.0, transpose=0.4)(image, masks, Draws(0.5, 0.5, 0.39))
    assert_array_equal(changed, image[:, ::-1].transpose(1, 0, 2))
    assert_array_equal(moved.dense(), dense[:, ::-1].transpose(1, 0, 2))
    assert_array_equal(Flips(0, 0, 0.4)(image, masks, Draws(0.5, 0.5, 0.41))[0], image)
    image, dense = pictures(4, 5)
    assert_array_equal(
        Flips(0, 0, 1.0)(image, InstanceMasks.from_dense(dense), Draws(0.5, 0.5, 0.0))[0], image
    )


def test_eight_orientations():
    image, dense = pictures(4, 4)
    rng, masks = np.random.default_rng(0), InstanceMasks.from_dense(dense)
    seen = {augment(Flips(0.5, 0.5, 0.5), image, masks, rng)[0].tobytes() for _ in range(100)}
    turned = [np.rot90(picture, k) for picture in (image, image[::-1]) for k in range(4)]
    assert seen == {picture.tobytes() for picture in turned}


@pytest.mark.parametrize(("probability", "wanted"), [(0.0, 0), (1.0, 500), (0.25, 125)])
@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
def test_flips_are_as_frequent_as_asked(axis, probability, wanted):
    image, dense = pictures()
    rng, masks = np.random.default_rng(7), InstanceMasks.from_dense(dense)
    flips = Flips(**{"horizontal": 0, "vertical": 0, axis: probability})
    flipped = image[:, ::-1] if axis == "horizontal" else image[::-1]
    count = sum(np.array_equal(augment(flips, image, masks, rng)[0], flipped) for _ in range(500))
    # Four standard deviations of the binomial distribution; none at 0 and 1.
    assert abs(count - wanted) <= 4 * np.sqrt(500 * probability * (1 - probability))


def test_flips_by_default_are_horizontal_with_probability_half():
    image, dense = pictures(4, 4)
    masks = InstanceMasks.from_dense(dense)
    assert_array_equal(Flips()(image, masks, Draws(0.49, 0.0, 0.0))[0], image[:, ::-1])
    assert_array_equal(Flips()(image, masks, Draws(0.5, 0.0, 0.0))[0], image)


def test_a_seed_reproduces_the_results():
    image, dense = pictures()
    masks = InstanceMasks.from_dense(dense)

    def run(seed):
        rng = np.random.default_rng(seed)
        return np.array([augment(Flips(0.5, 0.5), image, masks, rng)[0] for _ in range(20)])

    assert_array_equal(run(1), run(1))
    assert (run(1) != run(2)).any()
