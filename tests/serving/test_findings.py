"""What is remembered of images."""

import numpy as np

from mrcnn.instances import InstanceMasks
from mrcnn.results import ImageFacts
from mrcnn.serving.findings import Finding, Findings


def finding(side=10, truncated=""):
    masks = InstanceMasks([np.ones((side, side), bool)] * 2, [(0, 0), (0, 20)], (100, 100))
    result = {
        "rois": masks.boxes,
        "class_ids": np.array([1, 2]),
        "scores": np.array([0.9, 0.6], np.float32),
        "masks": masks,
        "truncated": truncated,
    }
    return Finding(result, 1.0, ImageFacts("a", (100, 100), ["BG", "x", "y"]), "", {})


def test_objects_keep_their_numbers():
    found = finding()
    assert found.objects(0.0).numbers.tolist() == [1, 2]
    assert found.objects(0.0, [2]).numbers.tolist() == [2]
    assert found.objects(0.7).numbers.tolist() == [1]
    assert len(found.objects(0.7, [2])) == 0


def test_what_was_cut_depends_on_the_score():
    found = finding(truncated="DETECTION_MAX_INSTANCES")
    assert found.truncated(0.5) == "DETECTION_MAX_INSTANCES"
    assert found.truncated(0.7) == ""


def test_the_oldest_is_forgotten():
    findings = Findings(most=2)
    for name in (b"a", b"b"):
        findings.put(name, finding())
    assert findings.get(b"a") is not None
    findings.put(b"c", finding())
    assert findings.get(b"b") is None
    assert findings.get(b"a") is not None and findings.get(b"c") is not None


def test_memory_is_bounded():
    each = finding(50).bytes
    assert 2 * 50 * 50 <= each < 2 * 50 * 50 + 2000
    findings = Findings(most=100, most_bytes=3 * each)
    for number in range(10):
        findings.put(bytes([number]), finding(50))
        findings.put(bytes([number]), finding(50))  # again
    assert len(findings) == 3
    findings.put(b"large", finding(99))
    assert findings.get(b"large") is None and len(findings) == 3


def test_none_is_remembered():
    findings = Findings(most=0)
    findings.put(b"a", finding())
    assert len(findings) == 0
