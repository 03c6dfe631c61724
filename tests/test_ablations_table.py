"""The ablations sample's table and figures, from made-up results."""

import json

import numpy as np
import pytest
from conftest import load_sample

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def sample():
    return load_sample("ablations")


@pytest.fixture(scope="module")
def runs(sample):
    return sample.ablation_runs


@pytest.fixture(scope="module")
def rows(sample):
    return sample.ablation_rows


@pytest.fixture(scope="module")
def table(sample):
    return sample.ablation_table


@pytest.fixture
def results(runs, rows):
    """Two seeds on shapes; RoIAlign is 4 and 6 points better than RoIPool, FCN as good as MLPs."""
    found = {}
    for task, name, seed in runs.plan(["shapes"], 2, list(rows.CONFIGURATIONS)):
        ap = 0.40 + 0.10 * seed
        ap += {"c5": 0.04 + 0.02 * seed, "c4_softmax": 0.03 + 0.01 * seed}.get(name, 0)
        aps = [round(ap, 4), 0.8, 0.6]
        result = {**runs.describe(task, name, seed), "bbox": aps, "seconds": 30.0}
        if name != "fpn_deep_box":
            result["segm"] = aps
        found[task, name, seed] = result
    return found


def of(rows, name):
    return next(c for c in rows.COMPARISONS if c.name == name)


def test_differences_are_between_runs_of_the_same_seed(table, rows, results):
    comparison = of(rows, "2d")
    found = table.difference(results, "shapes", comparison, comparison.rows[1])
    assert found.mean == pytest.approx(5)
    assert found.spread == pytest.approx(2**0.5)
    assert found.seeds == 2
    del results["shapes", "c5_pool", 1]
    found = table.difference(results, "shapes", comparison, comparison.rows[1])
    assert (found.mean, found.seeds) == (pytest.approx(4), 1)
    assert np.isnan(found.spread)
    del results["shapes", "c5_pool", 0]
    assert table.difference(results, "shapes", comparison, comparison.rows[1]) is None


@pytest.mark.parametrize(
    ("mean", "spread", "seeds", "paper", "verdict"),
    [
        (2, 1, 3, 0.4, "as the paper"),
        (-2, 1, 3, -0.4, "as the paper"),
        (-2, 1, 3, 0.4, "not as the paper"),
        (1, 1, 3, 0.4, "within the spread"),
        (-0.5, 1, 3, 0.4, "within the spread"),
        (0.5, 1, 3, 0.0, "as the paper"),
        (2, 1, 3, 31.5 - 31.5, "not as the paper"),
        (2, float("nan"), 1, 0.4, "one seed"),
    ],
)
def test_verdicts(table, mean, spread, seeds, paper, verdict):
    assert table.Difference(mean, spread, seeds).verdict(paper) == verdict


def test_table(table, results):
    lines = table.markdown(results).splitlines()
    assert "Runs: 32 of shapes; 16 minutes in all." in lines[2]

    def cells(setting, comparison):
        first = next(i for i, line in enumerate(lines) if line.startswith(f"| {comparison}:"))
        line = next(line for line in lines[first:] if f"| {setting} |" in line)
        return [cell.strip() for cell in line.split("|")[3:-1]]

    assert cells("RoIPool", "2d") == ["23.6", "", "45.0 ± 7.1", ""]
    assert cells("RoIAlign", "2d") == ["30.9", "+7.3", "50.0 ± 8.5", "+5.0 ± 1.4 ="]
    assert cells("sigmoid", "2b") == ["30.3", "+5.5", "45.0 ± 7.1", "-3.5 ± 0.7 ≠"]
    assert cells("FCN", "2e") == ["33.6", "+2.1", "45.0 ± 7.1", "+0.0 ± 0.0 ~"]
    assert cells("Mask R-CNN", "3")[2:] == ["45.0 ± 7.1", "+0.0 ± 0.0 ~"]
    only = table.markdown(results, ["2b"])
    assert "softmax" in only
    assert "RoIPool" not in only


def test_the_table_of_nuclei_says_where_there_is_nothing_to_compare(table, runs, results):
    results["nuclei", "c4", 0] = {**results["shapes", "c4", 0], **runs.describe("nuclei", "c4", 0)}
    lines = table.markdown(results).splitlines()
    assert next(line for line in lines if "| sigmoid |" in line).endswith("| one class |  |")


def test_files_of_the_table(sample, table, runs, results, tmp_path, capsys):
    with pytest.raises(SystemExit, match="has no finished run"):
        sample.main(["table", f"--out={tmp_path}"])
    for key, result in results.items():
        runs.path_of(tmp_path, *key).write_text(json.dumps(result))
    sample.main(["table", f"--out={tmp_path}"])
    assert "32 runs" in capsys.readouterr().out
    assert (tmp_path / "results.md").read_text("utf-8") == table.markdown(results)
    rows = (tmp_path / "results.csv").read_text().splitlines()
    assert rows[0] == (
        "task,configuration,seed,segm_AP,segm_AP50,segm_AP75,bbox_AP,bbox_AP50,bbox_AP75,seconds"
    )
    assert "shapes,c5,1,0.56,0.8,0.6,0.56,0.8,0.6,30.0" in rows
    assert "shapes,fpn_deep_box,0,,,,0.4,0.8,0.6,30.0" in rows
    assert len(rows) == 33
    for name in ("differences.png", "differences_AP75.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
