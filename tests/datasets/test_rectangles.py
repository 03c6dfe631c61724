import types

from mrcnn.datasets.rectangles import RectanglesCheck
from mrcnn.datasets.report import Report

BOX = types.SimpleNamespace(shape=types.SimpleNamespace(is_box=True))
OUTLINE = types.SimpleNamespace(shape=types.SimpleNamespace())


def report_of(*images, **options):
    report = Report()
    check = RectanglesCheck(report, **options)
    for i, annotations in enumerate(images):
        check.look({"annotations": annotations}, i, f"{i}.png")
    check.finish()
    return report


def test_boxes_among_outlines():
    report = report_of([OUTLINE], [OUTLINE, BOX], [BOX])
    ((kind, (finding,)),) = report.remarks.items()
    assert report.ok and kind == "boxes among outlines"
    assert finding.text == (
        "2 of 4 instances are boxes: their masks are rectangles; first image 1 (1.png)"
    )


def test_one_kind_alone():
    assert not report_of([BOX], [BOX, BOX]).remarks
    assert not report_of([OUTLINE], []).remarks
    assert not report_of([BOX], learns_masks=False).remarks
    assert not report_of([OUTLINE], learns_masks=True).remarks


def test_boxes_alone_for_a_network_that_learns_masks():
    ((kind, (finding,)),) = report_of([BOX], [], learns_masks=True).remarks.items()
    assert kind == "all instances are boxes"
    assert finding.text.endswith("are rectangles. To learn the boxes alone, set HEADS = ('box',)")


def test_annotations_of_a_users_own():
    """Projects keep what they like under this name."""
    assert not report_of([{"segmentation": []}, BOX.shape], None, "a.json", [OUTLINE]).remarks
