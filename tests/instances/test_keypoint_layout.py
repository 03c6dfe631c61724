"""Names, left and right, skeletons and sigmas of keypoints."""

import numpy as np
import pytest
from pycocotools.cocoeval import COCOeval

from mrcnn.instances import KeypointLayout
from mrcnn.instances.keypoint_layout import check_flip_pairs, flip_pairs_of, mirrored


def test_person():
    layout = KeypointLayout.person()
    assert len(layout) == 17
    # Every keypoint but the nose has a twin, and left comes first.
    assert layout.flip_pairs == tuple((i, i + 1) for i in range(1, 17, 2))
    assert layout.mirrored.tolist() == [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
    coco = COCOeval(iouType="keypoints").params.kpt_oks_sigmas
    np.testing.assert_allclose(layout.sigmas, coco, rtol=1e-12)


def test_pairs_from_names():
    assert flip_pairs_of(["right_hand", "head", "left_hand", "LeftFoot", "RightFoot", "left"]) == [
        (2, 0),
        (3, 4),
    ]
    assert mirrored(3, [(2, 0)]).tolist() == [2, 1, 0]


def test_own_pairs_and_sigmas():
    layout = KeypointLayout("ab", [(0, 1)], [(0, 1)], [0.1, 0.2])
    assert layout.mirrored.tolist() == [1, 0]
    assert layout.skeleton == ((0, 1),)
    assert layout.sigmas.tolist() == [0.1, 0.2]
    assert KeypointLayout("ab").sigmas.tolist() == [0.05, 0.05]


def test_equal():
    assert KeypointLayout("ab") == KeypointLayout(["a", "b"])
    assert KeypointLayout("ab") != KeypointLayout("ba")
    assert KeypointLayout("ab") != KeypointLayout("ab", sigmas=[1, 1])
    assert KeypointLayout("ab") != KeypointLayout("ab", flip_pairs=[(0, 1)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "have no names"),
        ((["a", "b", "a"],), r"\['a'\] are named twice"),
        ((["a", "b"], [(0, 2)]), r"skeleton has \(0, 2\): .* from 0 to 1"),
        ((["a", "b"], [(0, 1, 1)]), r"skeleton has \(0, 1, 1\)"),
        ((["a", "b", "c"], [], [(0, 1), (1, 2)]), r"flip_pairs has the keypoints \[1\] more"),
        ((["a", "b"], [], [], [0.1]), r"sigmas is \[0.1\]: .* each of the 2 keypoints"),
        ((["a", "b"], [], [], [0.1, 0]), r"sigmas is \[0.1, 0.0\]"),
    ],
)
def test_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        KeypointLayout(*arguments)


def test_a_keypoint_cannot_be_paired_with_itself():
    with pytest.raises(ValueError, match=r"\[3\] more than once"):
        check_flip_pairs([(3, 3)], 5)
