import logging

import pytest

from mrcnn.weights.report import LoadReport

logger = logging.getLogger("reader")


def records(report, caplog):
    with caplog.at_level(logging.INFO, "reader"):
        report.log(logger)
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def failure(report, **options):
    with pytest.raises(ValueError) as caught:
        report.check(**options)
    return str(caught.value)


def test_reports_share_no_lists():
    LoadReport("a.h5").loaded.append("conv1")
    assert LoadReport("b.h5") == LoadReport("b.h5", [], [], [], [], {}, [], [])


def test_counts():
    report = LoadReport("a.h5", ["a", "b", "c"], ["d"], ["e", "f"], ["g"] * 4, {"h": "x"})
    assert str(report) == (
        "a.h5: 3 layers loaded, 1 excluded, 2 missing from the file, 4 left over, 1 with "
        "mismatched shapes"
    )
    report.notes += ["reversed", "twice"]
    assert str(report).endswith("1 with mismatched shapes; reversed; twice")


def test_all_loaded(caplog):
    report = LoadReport("a.h5", ["a"])
    report.check(complete=True)
    assert records(report, caplog) == [("INFO", str(report))]


def test_a_warning_names_what_unexpectedly_kept_its_values(caplog):
    report = LoadReport(
        "a.h5",
        loaded=["a"],
        excluded=["b"],
        missing=["c", "d"],
        left_over=["e"],
        mismatched={"f": "(1,) in the file, (2,) in the model"},
        unknown_excludes=["g"],
    )
    assert records(report, caplog) == [
        ("INFO", str(report)),
        (
            "WARNING",
            "a.h5: 2 layers are not in the file and keep their values (random in a new model): "
            "c, d",
        ),
        ("WARNING", "a.h5: mismatched, unchanged: f"),
        ("WARNING", "exclude matches no layer of the model: ['g']"),
    ]


def test_mismatch():
    mismatched = {"mrcnn_mask": "(81,) in the file, (5,) in the model", "b": "other"}
    report = LoadReport("a.h5", loaded=["a"], mismatched=mismatched)
    assert failure(report) == (
        "a.h5: shapes disagree in 2 layers, nothing was loaded:\n"
        "- mrcnn_mask: (81,) in the file, (5,) in the model\n"
        "- b: other\n"
        "To train them from scratch, for other classes or channels, pass "
        "exclude=['mrcnn_mask', 'b']."
    )
    report.check(skip_mismatch=True)


def test_weights_of_another_network():
    mismatched = {f"layer{number}": "other" for number in range(30)}
    lines = failure(LoadReport("a.h5", loaded=["a"], mismatched=mismatched)).splitlines()
    assert lines[1:10] == [f"- layer{number}: other" for number in range(8)] + ["- and 22 more"]
    assert lines[10].startswith("These are the weights of another network: ")
    assert "exclude" not in lines[10] and "config.json" in lines[10]


def test_nothing_loaded():
    left_over = [f"layer{number}" for number in range(10)]
    report = LoadReport("a.h5", missing=["conv1"], left_over=left_over)
    wanted = (
        "a.h5: no layer of the model got weights. The file has layer0, layer1, layer2, layer3, "
        "layer4, layer5, layer6, layer7 and 2 more; the model expects conv1."
    )
    assert failure(report) == wanted
    assert failure(report, complete=True, skip_mismatch=True) == wanted
    assert "The file has none; the model expects none." in failure(LoadReport("a.h5"))


def test_incomplete():
    report = LoadReport("a.h5", loaded=["a"], missing=["b", "c"])
    report.check()
    assert failure(report, complete=True) == (
        "a.h5 lacks 2 layers of the model: b, c. Nothing was loaded; by_name=True loads what is "
        "there."
    )


def test_layers_that_the_model_lacks():
    left_over = ["mrcnn_mask_conv5"]
    report = LoadReport("a.pth", loaded=["a"], left_over=left_over, kind="a model")
    report.check()
    assert failure(report, complete=True) == (
        "a.pth has 1 layers that the model lacks: mrcnn_mask_conv5. Without them, it would compute "
        "something else."
    )
    LoadReport("a.h5", loaded=["a"], left_over=left_over).check(complete=True)


def test_blocks_that_the_backbone_lacks(caplog):
    left_over = ["res4g_branch2a", "bn4g_branch2a", "mrcnn_mask"]
    report = LoadReport("a.pth", loaded=["a"], left_over=left_over, kind="a model")
    assert records(report, caplog)[1:] == [
        (
            "WARNING",
            "a.pth: 2 layers of its backbone are not in the model's, and are left out: "
            "res4g_branch2a, bn4g_branch2a",
        )
    ]
    caplog.clear()
    assert len(records(LoadReport("a.h5", loaded=["a"], left_over=left_over), caplog)) == 1
