import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mrcnn.augment import CopyPaste, Flips, augment, check_augmentation, needs_another
from mrcnn.augment.copy_paste import paste
from mrcnn.instances import InstanceBoxes, InstanceKeypoints, InstanceMasks, Instances


def scene(size, boxes, class_ids=None, values=None, seed=0):
    """An image on which each instance, a rectangle, has its own grey value, and its `Instances`."""
    image = np.full((*size, 3), 1 + seed, np.uint8)
    values = values or range(50 + 100 * seed, 150 + 100 * seed)
    masks = InstanceBoxes(boxes, size).filled()
    for (y1, x1, y2, x2), value in zip(masks.boxes, values, strict=False):
        image[y1:y2, x1:x2] = value
    ids = [1] * len(boxes) if class_ids is None else class_ids
    return image, Instances(ids, {"masks": masks})


def dense(instances):
    return instances.fields["masks"].dense()


# A known shape, pasted


def test_a_pasted_instance_hides_what_is_behind_it():
    image, below = scene((10, 12), [(0, 0, 4, 6), (6, 6, 9, 9), (6, 10, 8, 12)], [1, 2, -1])
    # An L, whose box also covers the second instance, which the L itself does not touch.
    shape = np.zeros((10, 12), bool)
    shape[2:9, 3:5] = shape[2:4, 3:11] = True
    other = np.full((10, 12, 3), 200, np.uint8)
    above = Instances([3], {"masks": InstanceMasks.from_dense(shape[..., None])})
    pasted, instances = paste(image, below, other, above)

    wanted = image.copy()
    wanted[shape] = 200
    assert_array_equal(pasted, wanted)
    assert pasted.dtype == np.uint8
    assert instances.class_ids.tolist() == [1, 2, -1, 3]
    first = np.zeros((10, 12), bool)
    first[0:2, 0:6] = first[2:4, 0:3] = True
    assert_array_equal(dense(instances)[..., 0], first)
    assert_array_equal(dense(instances)[..., 1], dense(below)[..., 1])
    assert_array_equal(dense(instances)[..., 3], shape)
    assert instances.boxes.tolist() == [[0, 0, 4, 6], [6, 6, 9, 9], [6, 10, 8, 12], [2, 3, 9, 11]]
    assert len(below) == 3 and not (image == 200).any()  # unchanged


def test_boxes_shrink_and_hidden_instances_are_dropped():
    image, below = scene((10, 10), [(0, 0, 4, 10), (5, 2, 7, 4), (8, 0, 10, 10)], [1, 2, -2])
    other, above = scene((10, 10), [(0, 6, 10, 10), (5, 0, 7, 10)], [2, 1], seed=1)
    pasted, instances = paste(image, below, other, above)
    assert instances.class_ids.tolist() == [1, -2, 2, 1]
    assert instances.boxes.tolist() == [[0, 0, 4, 6], [8, 0, 10, 6], [0, 6, 10, 10], [5, 0, 7, 10]]
    assert_array_equal(pasted[:, 6:], other[:, 6:])
    assert_array_equal(pasted[:5, :6], image[:5, :6])


@pytest.mark.parametrize(("min_visible", "kept"), [(0, 3), (0.25, 2), (0.26, 1), (0.75, 1), (1, 0)])
def test_instances_of_which_too_little_is_left_are_dropped(min_visible, kept):
    # Three quarters, a quarter and a twentieth of them are left.
    image, below = scene((30, 20), [(0, 0, 10, 8), (10, 4, 20, 12), (20, 0, 25, 4)])
    other, above = scene((30, 20), [(0, 6, 20, 20), (20, 0, 25, 3), (21, 3, 25, 4)], seed=1)
    left = [kept > n for n in range(3)]
    _, instances = paste(image, below, other, above, min_visible)
    assert len(instances) == sum(left) + 3
    assert_array_equal(dense(instances)[..., sum(left) :], dense(above))


def test_keypoints_are_hidden_and_pasted():
    image, below = scene((10, 12), [(0, 0, 6, 6)])
    other, above = scene((10, 12), [(2, 2, 9, 9)], [2], seed=1)
    pairs = [(0, 1)]
    there = InstanceKeypoints([[[1.5, 1.5, 2], [3.5, 3.5, 2]]], (10, 12), pairs)
    here = InstanceKeypoints([[[4, 5, 1], [0, 0, 0]]], (10, 12), pairs)
    below = Instances([1], {**below.fields, "keypoints": there})
    above = Instances([2], {**above.fields, "keypoints": here})
    _, instances = paste(image, below, other, above)
    assert instances.fields["keypoints"].points.tolist() == [
        [[1.5, 1.5, 2], [3.5, 3.5, 1]],
        [[4, 5, 1], [0, 0, 0]],
    ]


@pytest.mark.parametrize("size", [(6, 20), (20, 6), (20, 20)])
def test_an_image_of_another_size_is_cut_or_padded(size):
    image, below = scene((10, 12), [(0, 0, 2, 2)])
    other, above = scene(size, [(4, 4, 6, 6), (0, 5, 3, 6), (16, 2, 20, 4), (2, 14, 4, 20)], seed=1)
    pasted, instances = paste(image, below, other, above)
    boxes = [[0, 0, 2, 2], [4, 4, 6, 6], [0, 5, 3, 6]]
    assert instances.boxes.tolist() == boxes
    assert dense(instances).shape == (10, 12, 3)
    cover = dense(instances)[..., 1:].any(axis=2)
    assert_array_equal(pasted[:6, :6][cover[:6, :6]], other[:6, :6][cover[:6, :6]])
    assert_array_equal(pasted[~cover], image[~cover])


def test_values_of_another_type_are_rounded():
    image, below = scene((4, 4), [])
    other, above = scene((4, 4), [(0, 0, 4, 4)])
    pasted, _ = paste(image, below, np.full((4, 4, 3), 77.6), above)
    assert pasted.dtype == np.uint8 and (pasted == 78).all()
    pasted, _ = paste(image.astype(np.float32), below, other, above)
    assert pasted.dtype == np.float32 and (pasted == 50).all()


boxes_of = st.lists(
    st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 12)] * 2).map(
        lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
    ),
    max_size=5,
)


@given(boxes_of, boxes_of, st.integers(0, 1000))
def test_every_mask_covers_its_own_pixels(below, above, seed):
    """Wherever one instance alone is, the image shows it, and boxes are those of the masks."""
    size = (24, 24)
    image, instances = scene(size, below)
    other, others = scene(size, above, class_ids=[2] * len(above), seed=1)
    pasted, found = CopyPaste()(
        image, instances, np.random.default_rng(seed), lambda _: (other, others)
    )
    masks = dense(found)
    is_new = found.class_ids == 2
    cover = masks[..., is_new].any(axis=2)
    assert_array_equal(pasted[cover], other[cover])
    assert_array_equal(pasted[~cover], image[~cover])
    assert not masks[..., ~is_new][cover].any()
    # Nothing else is lost: each old pixel that is not covered still has its instances.
    if not cover.all():
        was = dense(instances)[~cover].sum(axis=1)
        assert_array_equal(masks[..., ~is_new][~cover].sum(axis=1), was)
    for mask, (y1, x1, y2, x2) in zip(np.moveaxis(masks, 2, 0), found.boxes, strict=True):
        rows, columns = np.nonzero(mask)
        assert (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) == (y1, x1, y2, x2)


# The random subset


def four(_):
    return scene((20, 20), [(0, 0, 4, 4), (0, 8, 4, 12), (8, 0, 12, 4), (8, 8, 12, 12)], seed=1)


def subsets(step, another=four, count=400):
    image, instances = scene((20, 20), [])
    found = []
    for seed in range(count):
        _, pasted = augment(step, image, instances, np.random.default_rng(seed), another)
        found.append(tuple(map(tuple, pasted.boxes[:, :2].tolist())))
    return found


def test_each_subset_is_pasted():
    found = subsets(CopyPaste())
    assert len(set(found)) == 16
    counts = np.bincount([len(chosen) for chosen in found])
    wanted = 400 * np.array([1, 4, 6, 4, 1]) / 16
    assert (np.abs(counts - wanted) < 4 * np.sqrt(wanted)).all()


@pytest.mark.parametrize(("chosen", "count"), [(0.0, 0), (1.0, 4)])
def test_none_or_all_are_chosen(chosen, count):
    assert {len(each) for each in subsets(CopyPaste(chosen=chosen), count=20)} == {count}


def test_images_are_pasted_onto_as_often_as_asked():
    assert {len(each) for each in subsets(CopyPaste(0.0, chosen=1), count=50)} == {0}
    found = [len(each) for each in subsets(CopyPaste(0.25, chosen=1))]
    assert set(found) == {0, 4}
    assert abs(found.count(4) - 100) < 4 * np.sqrt(400 * 0.25 * 0.75)


def test_crowds_and_what_is_out_of_sight_are_not_pasted():
    def another(rng):
        return scene((20, 20), [(0, 0, 4, 4), (0, 8, 4, 12), (-9, 0, -4, 4)], [1, -1, 1], seed=1)

    assert set(subsets(CopyPaste(chosen=1), another, count=5)) == {((0, 0),)}


def test_the_other_image_goes_through_the_steps_before():
    image, instances = scene((20, 20), [(0, 0, 4, 4)])

    def another(rng):
        return scene((20, 20), [(10, 1, 12, 4)], [2], seed=1)

    rng = np.random.default_rng(0)
    before, found = augment([Flips(1.0), CopyPaste(chosen=1)], image, instances, rng, another)
    assert found.boxes.tolist() == [[0, 16, 4, 20], [10, 16, 12, 19]]
    assert (before[10:12, 16:19] == another(rng)[0][10, 2]).all()
    _, found = augment([CopyPaste(chosen=1), Flips(1.0)], image, instances, rng, another)
    assert found.boxes.tolist() == [[0, 16, 4, 20], [10, 16, 12, 19]]
    _, found = augment(
        [CopyPaste(chosen=1), [Flips(1.0), Flips(1.0)]], image, instances, rng, another
    )
    assert found.boxes.tolist() == [[0, 0, 4, 4], [10, 1, 12, 4]]


def test_steps_that_only_know_masks_prepare_the_other_image_too():
    def mirrored(image, masks):
        return image[:, ::-1], masks[:, ::-1]

    image, instances = scene((20, 20), [(0, 0, 4, 4)])
    other = scene((20, 20), [(10, 1, 12, 4)], [2], seed=1)
    steps = [mirrored, CopyPaste(chosen=1)]
    pasted, found = augment(steps, image, instances, np.random.default_rng(0), lambda _: other)
    assert found.boxes.tolist() == [[0, 16, 4, 20], [10, 16, 12, 19]]
    assert found.class_ids.tolist() == [1, 2]
    assert_array_equal(pasted[10:12, 16:19], other[0][10:12, 1:4])


def test_both_images_are_flipped_independently():
    image, instances = scene((20, 20), [(0, 0, 4, 4)])

    def another(rng):
        return scene((20, 20), [(10, 1, 12, 4)], [2], seed=1)

    steps = [Flips(0.5), CopyPaste(chosen=1)]
    seen = {
        tuple(augment(steps, image, instances, np.random.default_rng(n), another)[1].boxes[:, 1])
        for n in range(40)
    }
    assert seen == {(0, 1), (0, 16), (16, 1), (16, 16)}


# What is refused


def test_settings():
    check_augmentation([Flips(), CopyPaste()], fields=3)
    assert needs_another([Flips(), [CopyPaste()]])
    assert not needs_another([Flips()]) and not needs_another(None)
    assert repr(CopyPaste(0.5)) == "CopyPaste(0.5, 0.5, 0.0)"
    for name in ("probability", "chosen", "min_visible"):
        with pytest.raises(ValueError, match=rf"^{name} is 1.5: it must lie in \[0, 1\]"):
            CopyPaste(**{name: 1.5})
    with pytest.raises(TypeError, match=r"augmentation is CopyPaste \(did you mean CopyPaste"):
        check_augmentation(CopyPaste)


def test_it_needs_another_image_and_masks():
    image, instances = scene((20, 20), [(0, 0, 4, 4)])
    rng = np.random.default_rng(0)
    boxes = Instances([1], {"boxes": InstanceBoxes([(0, 0, 4, 4)], (20, 20))})
    for wrong, another in ((instances, None), (boxes, four), (instances.fields["masks"], four)):
        with pytest.raises(TypeError, match="the augmentation CopyPaste needs `another`"):
            augment([CopyPaste()], image, wrong, rng, another)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (
            lambda image, found: (image, found.fields["masks"]),
            "image and InstanceMasks: it must return",
        ),
        (lambda image, found: (image[1:], found), "both must keep their size"),
        (lambda image, found: (image / 300, found), "has values from"),
        (lambda image, found: image, "returned ndarray"),
    ],
)
def test_other_callables_are_checked(result, message):
    class Own:
        takes_another_image = True

        def __call__(self, image, instances, rng, another):
            return result(image, instances)

    with pytest.raises(ValueError, match=message):
        augment(Own(), *scene((20, 20), [(0, 0, 4, 4)]), None, four)
