"""What a run did, in words."""

import pytest

from mrcnn.jobs.records import Record, Stamp
from mrcnn.jobs.summary import Summary


def record(objects, truncated="", remark=""):
    stamp = Stamp("/x", 0, 0)
    return Record("x", "x", stamp, "", (), objects, truncated, remark, 0.0, 0)


def test_all_is_well():
    summary = Summary(seconds=4.25)
    assert not summary
    summary.add(record(1))
    assert summary
    assert summary.lines("results/") == ["1 image, 1 object in 4.2 s: results/"]


def test_what_was_left_out_and_why():
    summary = Summary(before=1, failed=["a", "b", "c", "d"], ignored=2, left=3)
    summary.min_score = 0.75
    summary.add(record(5, "DETECTION_MAX_INSTANCES", "a.tif has 4 channels"))
    summary.add(record(7, "POST_NMS_ROIS_INFERENCE", "b.tif has 4 channels"))
    summary.add(record(8, "DETECTION_MAX_INSTANCES"))
    assert summary.lines("out/") == [
        "3 images, 20 objects in 0.0 s: out/",
        "1 image was done before (--again detects anew)",
        "3 images left: the same command goes on with them",
        "4 failed, see failed.csv: a, b, c and 1 more",
        "2 files left out: no images",
        "2 images may have more objects: DETECTION_MAX_INSTANCES cut them, which --max-instances "
        "raises",
        "1 image may have more objects: POST_NMS_ROIS_INFERENCE cut them, which --set "
        "POST_NMS_ROIS_INFERENCE= raises",
        "objects that score below 0.75 are left out (--min-score)",
        "a.tif has 4 channels (and 1 image like it)",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(59.4, "59.4 s"), (65, "1 min 05 s"), (3599.6, "1 h 00 min"), (7505, "2 h 05 min")],
)
def test_durations(seconds, text):
    assert f"in {text}:" in Summary(images=1, seconds=seconds).lines("")[0]
