"""Results of several models."""

import json
import math

import pytest
from tiny import InMemory, shapes

from mrcnn.evaluation import evaluate, side_by_side

from .truthful import Truthful


def result(scores, **parts):
    rows = [{"image_id": i, "dsb_score": score} for i, score in scores.items()]
    return {"images": len(scores), "instances": 9, "per_image": rows, **parts}


def test_table():
    results = {
        "old": result({}, panoptic={"pq": 0.5}, hausdorff={"hausdorff": 9.0}),
        "new": result({}, panoptic={"pq": 0.25}, hausdorff={"hausdorff": 8.0}, truncated=2),
    }
    assert side_by_side.table(results).splitlines() == [
        "| | images | instances | PQ | Hausdorff | truncated |",
        "|---|---|---|---|---|---|",
        "| old | 0 | 9 | **0.500** | 9.000 |  |",
        "| new | 0 | 9 | 0.250 | **8.000** | 2 |",
    ]


def test_equal_and_missing_values_are_not_bold():
    results = {name: result({}, panoptic={"pq": pq}) for name, pq in [("a", 0.5), ("b", 0.5)]}
    assert "**" not in side_by_side.table(results)
    results["b"]["panoptic"]["pq"] = math.nan
    assert "| b | 0 | 9 | nan |" in side_by_side.table(results)


def test_differences():
    results = {
        "first": result({0: 0.5, 1: 0.5, 2: 0.5}),
        "better": result({2: 0.75, 1: 0.625, 0: 0.75}),
        "elsewhere": result({7: 0.1}),
        "unsure": result({0: 0.25, 1: 0.75, 2: math.nan}),
    }
    found = side_by_side.differences(results)
    assert [*found] == ["better", "unsure"]
    assert found["better"].mean == pytest.approx(0.625 / 3)
    better, unsure = side_by_side.remarks(results)
    assert better.startswith("better against first: DSB +0.208 on average over 3 images (+0.125 to")
    assert better.endswith("better in 3, worse in 0.")
    assert unsure.startswith("unsure against first: DSB +0.000 on average over 2 images (-0.250 to")
    assert unsure.endswith("better in 1, worse in 1. With these images, it may be chance.")


def test_written(tmp_path):
    samples = shapes(3)
    dataset, truth = InMemory(samples), Truthful(samples)

    def half(images):
        return [
            {name: values[..., :1] if name == "masks" else values[:1] for name, values in r.items()}
            for r in truth(images)
        ]

    detectors = {"half": half, "all": truth}
    results = {
        name: evaluate(None, dataset, detect=detect, progress=False)
        for name, detect in detectors.items()
    }
    side_by_side.write(results, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [content["models"][name]["DSB"] for name in detectors] == [0.5, 1.0]
    assert content["models"]["half"]["Hausdorff"] is None or content["models"]["half"]["Hausdorff"]
    assert content["differences"]["all"] == {
        "mean": 0.5,
        "low": 0.5,
        "high": 0.5,
        "count": 3,
        "better": 3,
        "worse": 0,
    }
    assert (tmp_path / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")
