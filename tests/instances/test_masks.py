import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn.instances.masks import InstanceMasks, union
from mrcnn.instances.pasting import extract_bboxes, minimize_mask
from mrcnn.legacy.resize import resize_mask

dense_masks = st.tuples(st.integers(1, 13), st.integers(1, 13), st.integers(0, 4)).flatmap(
    lambda shape: hnp.arrays(bool, shape)
)


def ellipses(side, count, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side][..., None]
    centre, radius = rng.uniform(0, side, (2, count)), rng.uniform(2, side / 3, (2, count))
    return (((y - centre[0]) / radius[0]) ** 2 + ((x - centre[1]) / radius[1]) ** 2) <= 1


@given(dense_masks)
def test_dense_masks_come_back(masks):
    found = InstanceMasks.from_dense(masks)
    np.testing.assert_array_equal(found.dense(), masks)
    np.testing.assert_array_equal(found.boxes, extract_bboxes(masks))
    np.testing.assert_array_equal(found.areas, masks.sum(axis=(0, 1)))
    np.testing.assert_array_equal(found.visible, masks.any(axis=(0, 1)))
    assert found.shape == masks.shape and len(found) == masks.shape[2]


@given(dense_masks, st.integers(1, 5))
def test_thinned_like_dense_masks(masks, step):
    thinned = InstanceMasks.from_dense(masks).thinned(step)
    np.testing.assert_array_equal(thinned.dense(), masks[::step, ::step])


def test_crops_are_cut_to_their_box_and_to_the_image():
    crop = np.zeros((6, 6), bool)
    crop[2:4, 1:5] = True
    masks = InstanceMasks([crop, crop, crop], [(3, 2), (-3, 7), (20, 0)], (8, 10, 3))
    assert masks.boxes.tolist() == [[5, 3, 7, 7], [0, 8, 1, 10], [0, 0, 0, 0]]
    assert [crop.shape for crop in masks.crops] == [(2, 4), (1, 2), (0, 0)]
    assert masks.visible.tolist() == [True, True, False]


def test_a_value_above_zero_is_inside():
    masks = np.zeros((4, 4, 1), np.uint8)
    masks[1:3, 2] = 200
    assert InstanceMasks.from_dense(masks).boxes.tolist() == [[1, 2, 3, 3]]


@given(dense_masks)
def test_label_images_come_back(masks):
    labels = InstanceMasks.from_dense(masks).labels()
    assert labels.shape[:2] == masks.shape[:2]
    again = InstanceMasks.from_labels(labels, masks.shape[2])
    np.testing.assert_array_equal(again.dense(), masks)


def test_overlapping_instances_get_separate_layers():
    masks = np.zeros((4, 6, 3), bool)
    masks[:, :3, 0] = masks[:, 2:4, 1] = masks[:, 4:, 2] = True
    labels = InstanceMasks.from_dense(masks).labels()
    assert labels.shape == (4, 6, 2)
    assert labels[0].T.tolist() == [[1, 1, 1, 0, 3, 3], [0, 0, 2, 2, 0, 0]]


@given(
    dense_masks,
    st.sampled_from([1, 0.3, 0.5, 0.77, 1.5, 2, 3.1]),
    st.lists(st.integers(0, 4), min_size=4, max_size=4),
    st.booleans(),
)
def test_resizes_like_dense_masks(masks, scale, sides, cropped):
    padding = [tuple(sides[:2]), tuple(sides[2:]), (0, 0)]
    crop = (1, 0, 5, 3) if cropped else None
    expected = resize_mask(masks, scale, padding, crop)
    if cropped and expected.shape[:2] != crop[2:]:
        return  # a crop lies within its image
    np.testing.assert_array_equal(
        InstanceMasks.from_dense(masks).resize(scale, padding, crop).dense(), expected
    )


@given(dense_masks, st.sampled_from([0, 1]))
def test_flips_like_dense_masks(masks, axis):
    found = InstanceMasks.from_dense(masks).flip(axis)
    np.testing.assert_array_equal(found.dense(), np.flip(masks, axis))
    np.testing.assert_array_equal(found.boxes, extract_bboxes(np.flip(masks, axis)))


@given(dense_masks)
def test_transposes_like_dense_masks(masks):
    found = InstanceMasks.from_dense(masks).transpose()
    np.testing.assert_array_equal(found.dense(), masks.swapaxes(0, 1))
    np.testing.assert_array_equal(found.boxes, extract_bboxes(masks.swapaxes(0, 1)))


@pytest.mark.parametrize("shape", [(7, 7), (28, 20), (56, 56)])
def test_mini_masks_are_those_of_dense_masks(shape):
    masks = np.concatenate([ellipses(60, 12), np.ones((60, 60, 1), bool)], axis=2)
    masks[:, :, 3] = False
    masks[17, 5, 3] = True  # a single pixel fills its box
    found = InstanceMasks.from_dense(masks)
    mini = found.minimize(shape)
    assert mini.shape == (*shape, 13) and mini[:, :, 3].all() and mini[:, :, 12].all()
    np.testing.assert_array_equal(mini, minimize_mask(found.boxes, masks, shape))


@given(dense_masks)
def test_mini_masks_of_any_shape(masks):
    found = InstanceMasks.from_dense(masks)
    found = found[found.visible]
    np.testing.assert_array_equal(
        found.minimize((5, 4)), minimize_mask(found.boxes, found.dense(), (5, 4))
    )


def test_an_empty_mask_has_no_mini_mask():
    masks = InstanceMasks.from_dense(np.zeros((4, 4, 2), bool))
    with pytest.raises(ValueError, match="instance 0 has no pixels"):
        masks.minimize((5, 5))


@pytest.mark.parametrize(
    "chosen", [slice(1, 3), np.array([2, 0]), np.array([True, False, True, True])]
)
def test_chosen_instances(chosen):
    masks = ellipses(30, 4)
    found = InstanceMasks.from_dense(masks)[chosen]
    np.testing.assert_array_equal(found.dense(), masks[:, :, chosen])
    np.testing.assert_array_equal(found.boxes, extract_bboxes(masks[:, :, chosen]))


def test_the_union_of_crops():
    whole, corner = union([np.ones((2, 3), bool), np.eye(2, dtype=bool)], [(4, 1), (3, 3)])
    assert corner == (3, 1)
    assert whole.astype(int).tolist() == [[0, 0, 1, 0], [1, 1, 1, 1], [1, 1, 1, 0]]


@given(dense_masks, st.integers(0, 2**32 - 1))
def test_masks_behind_something(masks, seed):
    cover = np.random.default_rng(seed).random(masks.shape[:2]) < 0.5
    found = InstanceMasks.from_dense(masks).behind(cover)
    np.testing.assert_array_equal(found.dense(), masks & ~cover[..., None])
    np.testing.assert_array_equal(found.boxes, extract_bboxes(masks & ~cover[..., None]))


def test_joined_masks():
    first, second = ellipses(30, 2), ellipses(30, 3, seed=1)
    joined = InstanceMasks.from_dense(first).joined(InstanceMasks.from_dense(second))
    np.testing.assert_array_equal(joined.dense(), np.concatenate([first, second], axis=2))
    assert len(joined.joined(InstanceMasks([], [], (30, 30)))) == 5
