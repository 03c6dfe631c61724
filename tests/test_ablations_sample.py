"""The ablations sample: configurations, data, and runs that resume."""

import re

import numpy as np
import pytest
from conftest import load_sample
from tiny import eager_training

from mrcnn.model import MaskRCNN

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def sample():
    return load_sample("ablations")


@pytest.fixture(scope="module")
def runs(sample):
    return sample.ablation_runs


@pytest.fixture(scope="module")
def tasks(sample):
    return sample.ablation_tasks


@pytest.fixture(scope="module")
def rows(sample):
    return sample.ablation_rows


# Configurations and the paper's numbers


def test_each_configuration_is_valid_and_leaves_no_setting_unused(rows, tasks, caplog):
    assert len(rows.CONFIGURATIONS) == 16
    for name in rows.CONFIGURATIONS:
        tasks.make_config(name).validate()
    assert not caplog.records


@pytest.mark.parametrize(
    ("first", "second", "settings"),
    [
        ("c4", "c4_deep", {"BACKBONE"}),
        ("fpn", "fpn_deep", {"BACKBONE"}),
        ("fpn_deep", "fpn_deep_grouped", {"BACKBONE"}),
        ("c4_softmax", "c4", {"MASK_LOSS"}),
        ("c4_agnostic", "c4", {"MASK_CLASS_AGNOSTIC"}),
        ("c4_pool", "c4", {"ROI_POOLER", "SAMPLING_RATIO"}),
        ("c4_warp", "c4", {"ROI_POOLER"}),
        ("c4_warp_max", "c4_max", {"ROI_POOLER"}),
        ("c4_max", "c4", {"ROI_ALIGN_AGGREGATION"}),
        ("c5_pool", "c5", {"ROI_POOLER", "SAMPLING_RATIO"}),
        ("fpn_mlp2", "fpn", {"MASK_HEAD"}),
        ("fpn_mlp2", "fpn_mlp3", {"MASK_HEAD"}),
        ("fpn_deep_box", "fpn_deep", {"HEADS"}),
    ],
)
def test_compared_configurations_differ_in_one_thing(tasks, first, second, settings):
    one, other = (tasks.make_config(name).to_dict() for name in (first, second))
    assert {name for name in one if repr(one[name]) != repr(other[name])} == settings


def test_differences_that_the_paper_states(rows):
    def gain(name, first, last):
        found = next(c for c in rows.COMPARISONS if c.name == name).rows
        pairs = zip(found[first].paper, found[last].paper, strict=True)
        return [round(b - a, 1) for a, b in pairs if a is not None]

    assert gain("2b", 0, -1) == [5.5, 7.1, 6.4]
    assert gain("2c", 0, -1) == [3.4, 2.4, 5.1]
    assert gain("2d", 0, -1) == [7.3, 5.3, 10.5]
    assert gain("2d-box", 0, -1) == [5.8, 2.6, 9.5]
    assert gain("2e", 0, -1) == [2.1, 1.5, 2.5]
    assert gain("4.1", 0, -1) == [0.6]
    assert gain("3", 0, -1) == [0.9, 0.7, 1.4]
    # The same network has the same numbers wherever it occurs.
    of_network = {}
    for comparison in rows.COMPARISONS:
        for row in comparison.rows:
            key = row.configuration, comparison.kind
            if None not in row.paper:
                assert of_network.setdefault(key, row.paper) == row.paper


def test_rows_share_runs_and_each_seed_is_complete_before_the_next(rows, runs):
    comparisons, needed = rows.chosen(["2c", "2d"])
    assert [c.name for c in comparisons] == ["2c", "2d"]
    assert needed == ["c4", "c4_pool", "c4_warp_max", "c4_warp", "c4_max", "c5_pool", "c5"]
    planned = runs.plan(["shapes", "nuclei"], 3, rows.chosen()[1])
    assert len(planned) == len(set(planned)) == 3 * (16 + 14)
    assert [seed for _, _, seed in planned] == [0] * 30 + [1] * 30 + [2] * 30
    # Nuclei are a single class.
    assert {name for task, name, _ in planned if task == "nuclei"} == set(
        rows.CONFIGURATIONS
    ) - set(rows.NEED_CLASSES)


# Data


def test_nuclei_are_pieces_of_other_images_than_those_held_back(tasks):
    train, val = tasks.load_nuclei("train", 40), tasks.load_nuclei("val", 40)
    assert (train.num_images, val.num_images) == (40, 40)
    assert train.class_names == ["BG", "nucleus"]
    seen = {image.tobytes() for image, _ in train.whole}
    assert not seen & {image.tobytes() for image, _ in val.whole}
    places = [info["place"] for info in val.image_info]
    assert len(set(places)) == 40  # side by side: no pixel counts twice
    assert all(y % tasks.PIECE == x % tasks.PIECE == 0 for _, y, x in places)
    again = tasks.load_nuclei("train", 40)
    for image_id in train.image_ids:
        image = train.load_image(image_id)
        assert (image.shape, image.dtype) == ((tasks.PIECE, tasks.PIECE, 3), np.uint8)
        np.testing.assert_array_equal(image, again.load_image(image_id))
        masks, class_ids = train.load_mask(image_id)
        assert (masks.sum(axis=(0, 1)) >= tasks.MIN_AREA).all()
        assert class_ids.tolist() == [1] * masks.shape[2]
        number, y, x = train.image_info[image_id]["place"]
        of_whole = train.whole[number][1][y : y + tasks.PIECE, x : x + tasks.PIECE]
        large = of_whole.sum(axis=(0, 1)) >= tasks.MIN_AREA
        np.testing.assert_array_equal(masks, of_whole[:, :, large])
    assert all(val.load_mask(image_id)[0].shape[2] for image_id in val.image_ids)


def test_shapes_of_training_and_measurement_differ(tasks):
    train, val = tasks.load_shapes("train", 30), tasks.load_shapes("val", 30)
    described = {repr(info["shapes"]) for info in train.image_info}
    assert not described & {repr(info["shapes"]) for info in val.image_info}


# Runs


def fake(runs, aps=(0.5, 0.7, 0.6)):
    """A stand-in for `run_one`, and the list of runs that it was asked for."""
    asked = []

    def run_one(*run):
        asked.append(run)
        return {**runs.describe(*run), "segm": list(aps), "bbox": list(aps), "seconds": 2.0}

    return run_one, asked


def test_finished_runs_are_not_repeated(sample, runs, tmp_path, monkeypatch, capsys):
    run_one, asked = fake(runs)
    monkeypatch.setattr(runs, "run_one", run_one)
    arguments = ["run", "--tasks=shapes", "--seeds=2", "--only=2d,2b", f"--out={tmp_path}"]
    sample.main(arguments)
    names = ["c4", "c4_softmax", "c5_pool", "c5"]
    assert asked == [("shapes", name, seed) for seed in (0, 1) for name in names]
    assert "8 of 8: shapes, c5, seed 1: segm AP 0.500, bbox AP 0.500" in capsys.readouterr().out
    asked.clear()
    sample.main(arguments)
    assert not asked
    # One more seed, and one comparison that shares runs.
    sample.main([*arguments[:2], "--seeds=3", "--only=4.1", arguments[-1]])
    assert asked == [
        ("shapes", "c4_agnostic", 0),
        ("shapes", "c4_agnostic", 1),
        ("shapes", "c4", 2),
        ("shapes", "c4_agnostic", 2),
    ]


@pytest.mark.parametrize("content", ["", '{"task": "shapes"', "[]", '{"task": "shapes"}', "null"])
def test_a_broken_result_is_measured_again(runs, tmp_path, monkeypatch, content):
    run_one, asked = fake(runs)
    monkeypatch.setattr(runs, "run_one", run_one)
    run = ("shapes", "c5", 0)
    runs.path_of(tmp_path, *run).write_text(content)
    runs.run_all([run], tmp_path)
    assert asked == [run]
    assert runs.read(tmp_path, *run)["segm"] == [0.5, 0.7, 0.6]


def test_a_result_of_other_settings_is_measured_again(runs, tasks, tmp_path, monkeypatch):
    run_one, asked = fake(runs)
    monkeypatch.setattr(runs, "run_one", run_one)
    run = ("nuclei", "c5", 0)
    runs.run_all([run], tmp_path)
    monkeypatch.setattr(tasks.AblationConfig, "LEARNING_RATE", 0.5)
    assert runs.read(tmp_path, *run) is None
    runs.run_all([run], tmp_path)
    assert asked == [run, run]


def test_an_interrupted_run_leaves_nothing(runs, tmp_path, monkeypatch):
    def interrupted(*run):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "run_one", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.run_all([("shapes", "c5", 0)], tmp_path)
    assert not list(tmp_path.iterdir())


def test_configurations_start_with_the_same_weights(runs, tasks, rows, tmp_path, monkeypatch):
    monkeypatch.setitem(rows.BACKBONES, "shallow", {"blocks": 2})
    weights = []
    for name, seed in (("c5", 0), ("c4_softmax", 0), ("c5", 1)):
        model = MaskRCNN("training", tasks.make_config(name, seed=seed), str(tmp_path))
        runs.initialise(model, seed)
        layers = model.get_trainable_layers()
        weights.append({layer.name: layer.get_weights() for layer in layers})
    c5, c4, other = weights
    new = [name for name in c5 if re.match(r"res[45].*branch", name)]
    assert len(new) == (3 * 3 + 1) + (2 * 3 + 1)  # 1 + 2 blocks, 1 + 1 blocks
    for name in (*new, "rpn_conv_shared", "mrcnn_class_logits", "conv1", "res3d_branch2c"):
        if name in c4 and c4[name][0].shape == c5[name][0].shape:
            np.testing.assert_array_equal(c4[name][0], c5[name][0], name)
        is_new = name in (*new, "rpn_conv_shared", "mrcnn_class_logits")
        assert (c5[name][0] != other[name][0]).any() == is_new, name
    assert {"res4c_branch2a", "res5b_branch2b", "rpn_conv_shared"} <= set(c4)
    assert {
        model.keras_model.get_layer(name).momentum for name in ("bn4a_branch2a", "bn5a_branch1")
    } == {runs.MOMENTUM}
    assert np.abs(c5["res3d_branch2c"][0]).mean() > 1e-3
    gamma = {name: float(c5[f"bn{name}"][0].mean()) for name in ("4a_branch2c", "5b_branch2c")}
    assert gamma == pytest.approx({"4a_branch2c": 3**-0.5, "5b_branch2c": 2**-0.5})
    assert {*c5["bn4a_branch2b"][0], *c5["bn4a_branch1"][0]} == {1}


# Commands


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--tasks=shapes,cats"], "'cats' is unknown: it must be one or more of shapes"),
        (["run", "--only=2f"], "'2f' is unknown: it must be one or more of 2a, 2b"),
        (["run", "--tasks="], "'' is unknown"),
        (["table", "--seeds=0"], "--seeds"),
    ],
)
def test_command_line_refuses(sample, capsys, arguments, message):
    with pytest.raises(SystemExit):
        sample.main(arguments)
    assert message in capsys.readouterr().err


def test_two_configurations_from_training_to_the_table(
    sample, runs, tasks, rows, tmp_path, monkeypatch
):
    monkeypatch.setitem(rows.BACKBONES, "shallow", {"blocks": 1})
    monkeypatch.setattr(tasks, "COUNTS", {"train": 2, "val": 2})
    small = {
        "STEPS_PER_EPOCH": 1, "IMAGES_PER_GPU": 1, "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64,
        "TRAIN_ROIS_PER_IMAGE": 8, "POST_NMS_ROIS_INFERENCE": 8, "DETECTION_MAX_INSTANCES": 4,
        "DETECTION_MIN_CONFIDENCE": 0,
    }  # fmt: skip
    for name in ("c5", "c5_pool"):
        monkeypatch.setitem(rows.CONFIGURATIONS, name, {**rows.CONFIGURATIONS[name], **small})
    with eager_training():
        sample.main(["run", "--tasks=shapes", "--seeds=1", "--only=2d", f"--out={tmp_path}"])
    result = runs.read(tmp_path, "shapes", "c5_pool", 0)
    assert result["settings"]["ROI_POOLER"] == "roi_pool"
    assert result["backbone"] == {"blocks": 1}
    assert all(0 <= ap <= 1 for kind in ("segm", "bbox") for ap in result[kind])
    assert "| RoIAlign |" in (tmp_path / "results.md").read_text("utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {
        "shapes_c5_pool_seed0.json", "shapes_c5_seed0.json", "results.md", "results.csv",
        "differences.png", "differences_AP75.png",
    }  # fmt: skip


def test_c1_to_c3_stay_as_they_are(runs, tasks, rows, tmp_path, monkeypatch):
    monkeypatch.setitem(rows.BACKBONES, "shallow", {"blocks": 1})
    monkeypatch.setattr(tasks, "COUNTS", {"train": 2, "val": 2})
    before, after = {}, {}
    initialise = runs.initialise

    def remembered(model, seed):
        initialise(model, seed)
        layers = model.get_trainable_layers()
        before.update({layer.name: layer.get_weights() for layer in layers})

    monkeypatch.setattr(runs, "initialise", remembered)
    small = {"STEPS_PER_EPOCH": 1, "IMAGES_PER_GPU": 1, "TRAIN_ROIS_PER_IMAGE": 8}
    with eager_training():
        trained = runs.train("shapes", "c4", 0, tmp_path, **small)
    layers = trained.get_trainable_layers()
    after.update({layer.name: layer.get_weights() for layer in layers})
    changed = {
        name
        for name, weights in after.items()
        if any((a != b).any() for a, b in zip(weights, before[name], strict=True))
    }
    assert not [name for name in changed if re.match(r"conv1|bn_conv1|(res|bn)[23]", name)]
    assert {"res4a_branch2a", "res5a_branch2b", "rpn_conv_shared", "mrcnn_mask"} <= changed
