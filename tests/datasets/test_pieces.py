import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.datasets.pieces import PiecesCheck, is_several, piece_areas
from mrcnn.datasets.report import Report


def squares(*corners, side=4, shape=(30, 30)):
    mask = np.zeros(shape, bool)
    for y, x in corners:
        mask[y : y + side, x : x + side] = True
    return mask


ONE, TWO, TOUCHING = squares((2, 2)), squares((2, 2), (2, 8)), squares((2, 2), (6, 6))
SIGN = "all label images hold the single number 255"


def report_of(images, **info):
    """The report on images, each a list of (mask, class id)."""
    report = Report()
    check = PiecesCheck(report)
    for i, image in enumerate(images):
        masks, class_ids = zip(*image, strict=True)
        areas = np.array([mask.sum() for mask in masks])
        check.look(info, i, f"{i}.png", masks, areas, np.array(class_ids))
    check.finish()
    return report


def test_pieces():
    assert_array_equal(
        piece_areas(squares((0, 0), (9, 9)) | squares((20, 20), side=2)), [16, 16, 4]
    )
    assert_array_equal(piece_areas(TOUCHING), [32])
    assert len(piece_areas(np.zeros((3, 3), bool))) == 0
    assert is_several([16, 4]) and is_several([80, 4])
    assert not is_several([16, 3]) and not is_several([81, 4]) and not is_several([16])


def test_binary_masks_are_an_error():
    report = report_of([[(TWO, 1)], [(TWO, 1)], [(ONE, 1)]], binary=SIGN, split_components=None)
    ((kind, (finding,)),) = report.errors.items()
    assert kind == "binary masks, whose objects become one instance" and not report.remarks
    assert finding.text.startswith(
        f"{SIGN}, and 2 of 3 instances have several pieces, first image 0 (0.png), 2 pieces: with "
        "split_components=True, "
    )
    assert finding.image_id is None  # leaving these images out is not the answer


def test_what_may_be_right_is_a_remark():
    few = report_of([[(ONE, 1)], [(TWO, 1)]], binary=SIGN, split_components=None)
    assert few.ok and "split_components=True" in str(few)
    none = report_of([[(ONE, 1)], [(TOUCHING, 1)]], binary=SIGN, split_components=None)
    assert none.ok and list(none.remarks) == ["masks that may be binary"]
    assert "right if each image shows one object" in str(none)


@pytest.mark.parametrize("decided", [True, False])
def test_a_user_who_has_decided_hears_nothing(decided):
    report = report_of([[(TWO, 1)]] * 3, binary=SIGN, split_components=decided)
    assert report.ok and not report.remarks


def test_most_instances_in_pieces():
    """As in a user's own dataset, whose `load_mask` returns the binary mask of an image."""
    kind = "most instances in several separate pieces"
    assert list(report_of([[(TWO, 1)], [(TWO, 1)], [(ONE, 1)]]).remarks) == [kind]
    assert not report_of([[(TWO, 1)], [(ONE, 1)]]).remarks  # half of them
    assert not report_of([[(TWO, 1)]]).remarks  # too few to tell
    assert not report_of([[(TWO, -1)], [(TWO, -1)]]).remarks  # crowds


def test_well_filled_boxes():
    """Only those with gaps in their box are examined, unless an image has just one instance."""
    close = squares((2, 2), (2, 7), side=4)[2:6, 2:11]  # a gap of one pixel
    assert close.mean() > 0.75
    assert report_of([[(close, 1)]] * 2).remarks
    assert not report_of([[(close, 1), (close, 1)]] * 2).remarks
