"""Removing overlaps between detections."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn.inference.no_overlaps import remove_overlaps, without_overlaps
from mrcnn.instances.masks import InstanceMasks
from mrcnn.instances.pasting import extract_bboxes

SIZE = (5, 6)


def masks_of(count):
    return hnp.arrays(bool, (*SIZE, count))


def result_of(masks, scores, class_ids=None):
    count = masks.shape[2]
    class_ids = np.ones(count, np.int32) if class_ids is None else np.array(class_ids, np.int32)
    scores = np.array(scores, np.float32)
    rois = extract_bboxes(masks)
    return {"rois": rois, "class_ids": class_ids, "scores": scores, "masks": masks}


def rows(*spans):
    """Masks of one row and eight columns, each from x1 to x2."""
    masks = np.zeros((1, 8, len(spans)), bool)
    for i, (x1, x2) in enumerate(spans):
        masks[0, x1:x2, i] = True
    return masks


def test_the_higher_score_keeps_the_pixels():
    masks = rows((0, 4), (3, 8))
    left = remove_overlaps(result_of(masks, [0.6, 0.9], [2, 1]))
    np.testing.assert_array_equal(left["masks"], rows((0, 3), (3, 8)))
    assert left["rois"].tolist() == [[0, 0, 1, 3], [0, 3, 1, 8]]
    assert left["class_ids"].tolist() == [2, 1]
    assert left["scores"].tolist() == pytest.approx([0.6, 0.9])
    np.testing.assert_array_equal(masks, rows((0, 4), (3, 8)))


def test_one_that_keeps_too_little_is_dropped_and_takes_nothing():
    # A quarter of the second is free; it would take that pixel from the third.
    result = result_of(rows((0, 4), (1, 5), (4, 6)), [0.9, 0.8, 0.7])
    left = remove_overlaps(result)
    np.testing.assert_array_equal(left["masks"], rows((0, 4), (4, 6)))
    everything = remove_overlaps(result, min_share=0)
    np.testing.assert_array_equal(everything["masks"], rows((0, 4), (4, 5), (5, 6)))


@settings(deadline=None)
@given(data=st.data(), share=st.floats(0, 1))
def test_no_pixel_twice(data, share):
    masks = data.draw(masks_of(data.draw(st.integers(0, 4))))
    scores = data.draw(st.permutations(range(masks.shape[2])))
    result = result_of(masks, scores)
    left = remove_overlaps(result, share)
    assert (left["masks"].sum(axis=2) <= 1).all()
    np.testing.assert_array_equal(left["rois"], extract_bboxes(left["masks"]))
    kept = [list(result["scores"]).index(score) for score in left["scores"]]
    assert not (left["masks"] & ~masks[..., kept]).any()
    assert (left["masks"].sum(axis=(0, 1)) >= share * masks[..., kept].sum(axis=(0, 1))).all()
    if masks.any() and scores:
        best = int(np.argmax(np.where(masks.any(axis=(0, 1)), scores, -1)))
        np.testing.assert_array_equal(left["masks"][..., kept.index(best)], masks[..., best])


def test_compact_masks_stay_compact():
    result = result_of(rows((0, 4), (3, 8)), [0.9, 0.6])
    compact = {**result, "masks": InstanceMasks.from_dense(result["masks"])}
    left = remove_overlaps(compact)
    assert isinstance(left["masks"], InstanceMasks)
    np.testing.assert_array_equal(left["masks"].dense(), remove_overlaps(result)["masks"])


def test_a_detector_without_overlaps():
    results = [result_of(rows((0, 4), (1, 5)), [0.9, 0.8])] * 2
    detect = without_overlaps(lambda images: results[: len(images)], min_share=0.2)
    (left,) = detect(["image"])
    np.testing.assert_array_equal(left["masks"], rows((0, 4), (4, 5)))


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_the_share_lies_between_0_and_1(share):
    with pytest.raises(ValueError, match=f"min_share is {share}"):
        remove_overlaps(result_of(rows((0, 4)), [0.9]), share)
