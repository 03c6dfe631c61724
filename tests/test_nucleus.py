"""The nucleus sample: dataset, command line, weights and the images that come with it."""

import csv
import importlib
import json
import runpy
import types
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import tifffile
from conftest import load_sample
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mrcnn.evaluation import evaluate, headline
from mrcnn.instances.masks import InstanceMasks
from mrcnn.mask_rcnn import MaskRCNN

pytestmark = pytest.mark.network

FOLDER = Path(__file__).resolve().parents[1] / "samples" / "nucleus"
DATA = FOLDER / "data"
UNSEEN = "60cb718759bff13f81c4055a7679e81326f78b6a193a2d856546097c949b20ff"


@pytest.fixture(scope="module")
def nucleus():
    return load_sample("nucleus")


def write_image(folder, image_id, masks=None, gray=0, size=(4, 6)):
    """Write an image and, unless None, its masks as files of the dataset."""
    (folder / image_id / "images").mkdir(parents=True)
    pixels = np.full((*size, 4), gray, np.uint8)
    Image.fromarray(pixels).save(folder / image_id / "images" / f"{image_id}.png")
    if masks is not None:
        (folder / image_id / "masks").mkdir()
        for number, mask in enumerate(masks):
            path = folder / image_id / "masks" / f"{number}.png"
            Image.fromarray(mask.astype(np.uint8) * 255).save(path)


def load(nucleus, folder, subset):
    dataset = nucleus.NucleusDataset()
    dataset.load_nucleus(folder, subset)
    dataset.prepare()
    return dataset


@pytest.mark.parametrize(("fast", "precision"), [(True, "bfloat16"), (False, None)])
def test_the_small_network_trains_in_bfloat16_where_the_cpu_has_it(monkeypatch, fast, precision):
    monkeypatch.setattr("mrcnn.cpu.has_fast_bfloat16", lambda: fast)
    module = runpy.run_path(str(FOLDER / "nucleus_config.py"))
    chosen = module["SmallNucleusConfig"].MIXED_PRECISION
    assert chosen == precision


# The tests replace detection.
MODEL = types.SimpleNamespace()
MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


@settings(deadline=None)
@given(mask=MASKS)
def test_rle_round_trip(nucleus, mask):
    decoded = nucleus.rle_decode(nucleus.rle_encode(mask), mask.shape)
    assert decoded.dtype == bool
    np.testing.assert_array_equal(decoded, mask)


def test_rle_counts_from_one_down_the_columns(nucleus):
    mask = np.array([[0, 1, 0], [1, 1, 0], [1, 0, 1]])
    assert nucleus.rle_encode(mask) == "2 4 9 1"
    assert nucleus.rle_encode(np.zeros((2, 2))) == ""
    assert nucleus.rle_encode(np.ones((2, 3))) == "1 6"


@pytest.mark.parametrize("rle", ["1", "0 2", "5 3", "7 1", "1 0"])
def test_rle_decode_refuses(nucleus, rle):
    with pytest.raises(ValueError, match=r"pairs|extends beyond a mask of 2x3"):
        nucleus.rle_decode(rle, (2, 3))


@settings(deadline=None)
@given(data=st.data())
def test_no_pixel_is_submitted_twice(nucleus, data):
    masks = data.draw(hnp.arrays(bool, (5, 4, data.draw(st.integers(0, 4)))))
    count = masks.shape[-1]
    scores = np.array(data.draw(st.permutations(range(count))), dtype=float)
    lines = nucleus.mask_to_rle("an-id", masks, scores).split("\n")
    parts = [nucleus.rle_decode(line.split(",")[1], (5, 4)) for line in lines]
    assert all(line.startswith("an-id,") for line in lines)
    assert (np.sum(parts, axis=0) == masks.any(axis=-1)).all()


def test_the_higher_score_wins_overlaps(nucleus):
    masks = np.zeros((1, 4, 3), bool)
    masks[:, 0:3, 0] = masks[:, 1:4, 1] = masks[:, 1:3, 2] = True
    text = nucleus.mask_to_rle("id", masks, np.array([0.5, 0.9, 0.7]))
    assert text == "id, 2 3\nid, 1 1"
    assert nucleus.mask_to_rle("id", masks[:, :, :0], np.array([])) == "id,"


def test_subsets(nucleus, tmp_path):
    tuned = nucleus.TUNE_IMAGE_IDS[0]
    for image_id in ("aaa", UNSEEN, tuned):
        write_image(tmp_path / "stage1_train", image_id, [np.ones((4, 6), bool)])
    write_image(tmp_path / "stage1_test", "ttt")
    subsets = {
        "train": [tuned, "aaa"],
        "fit": ["aaa"],
        "tune": [tuned],
        "val": [UNSEEN],
        "stage1_train": [tuned, UNSEEN, "aaa"],
        "stage1_test": ["ttt"],
    }
    for subset, expected in subsets.items():
        dataset = load(nucleus, tmp_path, subset)
        assert [info["id"] for info in dataset.image_info] == sorted(expected)
        assert dataset.image_reference(0) == sorted(expected)[0]
        assert dataset.load_image(0).shape == (4, 6, 3)
        assert dataset.class_names == ["BG", "nucleus"]


def test_held_back_images(nucleus):
    val, tune = set(nucleus.VAL_IMAGE_IDS), set(nucleus.TUNE_IMAGE_IDS)
    assert (len(val), len(tune)) == (25, 37)
    assert not val & tune
    assert all(len(image_id) == 64 for image_id in val | tune)


def test_rare_kinds_are_repeated(nucleus, tmp_path):
    folder = tmp_path / "stage1_train"
    for number in range(9):
        write_image(folder, f"common{number}", [np.ones((4, 6), bool)])
    write_image(folder, "rare", [np.ones((3, 5), bool)], size=(3, 5))
    dataset = nucleus.load_dataset(tmp_path, "train", balance=True)
    ids = [info["id"] for info in dataset.image_info]
    assert ids.count("rare") == 3  # the square root of nine
    assert ids.count("common0") == 1
    assert dataset.load_instances(dataset.image_ids[-1])[0].shape == (3, 5, 1)


def test_load_mask(nucleus, tmp_path):
    masks = np.zeros((2, 4, 6), bool)
    masks[0, 1, 2:4] = masks[1, 3, :] = True
    write_image(tmp_path / "stage1_train", "aaa", masks)
    loaded, class_ids = load(nucleus, tmp_path, "train").load_mask(0)
    np.testing.assert_array_equal(loaded, np.moveaxis(masks, 0, -1))
    assert loaded.dtype == bool
    assert class_ids.dtype == np.int32
    assert class_ids.tolist() == [1, 1]


def test_errors_name_what_is_missing(nucleus, tmp_path):
    with pytest.raises(FileNotFoundError, match="stage1_train"):
        load(nucleus, tmp_path, "train")
    with pytest.raises(ValueError, match=r"'training'.*stage2_test"):
        load(nucleus, tmp_path, "training")
    write_image(tmp_path / "stage1_train", "aaa", [np.ones((4, 6), bool)])
    with pytest.raises(ValueError, match="subset val"):
        load(nucleus, tmp_path, "val")
    write_image(tmp_path / "stage1_train", "bbb")
    with pytest.raises(ValueError, match=r"bbb.*no masks folder"):
        load(nucleus, tmp_path, "train")


def test_images_of_a_folder(nucleus, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        nucleus.load_dataset(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="has no images"):
        nucleus.load_dataset(tmp_path)
    for name in ("b.png", "a.tif"):
        Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.txt").touch()
    dataset = nucleus.load_dataset(tmp_path)
    assert [dataset.image_reference(i) for i in dataset.image_ids] == ["a", "b"]
    (tmp_path / "a.png").touch()
    with pytest.raises(ValueError, match="several images named a"):
        nucleus.load_dataset(tmp_path)


def test_command_line_ends_with_one_message(nucleus, tmp_path, capsys):
    with pytest.raises(SystemExit, match="stage1_train"):
        nucleus.main(["train", f"--dataset={tmp_path}", "--weights=imagenet"])
    with pytest.raises(SystemExit, match="has no images"):
        nucleus.main(["detect", f"--dataset={tmp_path}"])
    write_image(tmp_path / "stage1_train", UNSEEN, [np.ones((4, 6), bool)])
    with pytest.raises(SystemExit, match=r"network=small, not resnet50"):
        nucleus.main(["evaluate", f"--dataset={tmp_path}", "--network=resnet50"])
    with pytest.raises(SystemExit, match=r"other\.h5"):
        nucleus.main(["evaluate", f"--dataset={tmp_path}", "--weights=other.h5"])
    with pytest.raises(SystemExit):
        nucleus.main(["detect", f"--dataset={tmp_path}", "--min-score=50"])
    assert "argument --min-score: 50 is not between 0 and 1" in capsys.readouterr().err
    refused = {
        ("train", "--subset=val"): "it is held back from training",
        ("evaluate", "--subset=stage1_test"): (
            "--subset is stage1_test: it must be one with masks, train,"
        ),
        ("train", "--channel=1"): "--channel is for detect, not for train",
        ("evaluate", "--weights=imagenet"): "--weights=imagenet was not trained on nuclei",
    }
    for arguments, message in refused.items():
        with pytest.raises(SystemExit):
            nucleus.main([*arguments, f"--dataset={tmp_path}"])
        assert message in capsys.readouterr().err
    with pytest.raises(ValueError, match="network is 'large': it must be small or resnet50"):
        nucleus.make_model("inference", "large")


class StandIn:
    """Stand in for `MaskRCNN`, and record how it is trained."""

    def __init__(self, config):
        self.config = config
        self.calls = []

    def train(self, dataset_train, dataset_val, **options):
        self.calls.append((dataset_train.num_images, dataset_val.num_images, options))


@pytest.mark.parametrize(
    ("network", "rate", "layers", "epochs"),
    [("resnet50", 0.001, ["heads", "all"], [20, 40]), ("small", 0.0004, ["all"], [11])],
)
def test_schedule(nucleus, network, rate, layers, epochs):
    model = StandIn(nucleus.NETWORKS[network][0]())
    nucleus.train(model, DATA, "train")
    ((train, val, options),) = model.calls
    assert (train, val) == (10, 5)
    assert (options["layers"], options["epochs"]) == (layers, epochs)
    assert (options["learning_rate"], options["resume"]) == (rate, False)
    nucleus.train(model, DATA, "train", resume=True, epochs=50)
    assert model.calls[-1][2]["epochs"] == [*epochs[:-1], 50]
    assert model.calls[-1][2]["resume"]


def test_training_without_validation_images(nucleus, tmp_path, capsys):
    write_image(tmp_path / "stage1_train", "aaa", [np.ones((4, 6), bool)])
    assert nucleus.load_validation(tmp_path) is None
    assert "Training without validation" in capsys.readouterr().out
    assert nucleus.load_validation(DATA).num_images == 5


@pytest.fixture
def two_nuclei(nucleus, monkeypatch, tmp_path):
    """Detect two nuclei in every image, with scores 0.9 and 0.4, that overlap in one pixel."""

    def detect_crops(model, images):
        masks = np.zeros((*images[0].shape[:2], 2), bool)
        masks[1:3, 1, 0] = masks[2:4, 1, 1] = True
        masks = InstanceMasks.from_dense(masks)
        scores = np.array([0.9, 0.4], np.float32)
        class_ids = np.ones(2, np.int32)
        found = {"rois": masks.boxes, "class_ids": class_ids, "scores": scores, "masks": masks}
        return [found]

    monkeypatch.setattr(nucleus, "detect_crops", detect_crops)
    monkeypatch.setattr(nucleus, "RESULTS_DIR", tmp_path / "results")


@pytest.mark.parametrize(
    ("score", "runs", "count"), [(0.5, "6 2", 1), (0.3, "6 2\naaa, 8 1", 2), (1, "", 0)]
)
def test_detect_writes_the_submission_and_pictures(
    nucleus, two_nuclei, tmp_path, score, runs, count
):
    write_image(tmp_path / "stage1_test", "aaa")
    folder = nucleus.detect(MODEL, tmp_path, "stage1_test", min_score=score, native=True)
    expected = f"aaa, {runs}" if runs else "aaa,"
    assert (folder / "submit.csv").read_text() == f"ImageId,EncodedPixels\n{expected}\n"
    assert (folder / "counts.csv").read_text() == (
        f"ImageId,Nuclei,truncated,reason\naaa,{count},,\n"
    )
    assert {path.name for path in folder.glob("*.png")} == {"aaa.png"}
    with Image.open(folder / "aaa.png") as picture:
        assert picture.size == (6, 4)  # that of the image


@pytest.mark.parametrize(("score", "limit"), [(0, "DETECTION_MAX_INSTANCES"), (0.5, "")])
def test_every_file_has_a_row(nucleus, two_nuclei, tmp_path, capsys, monkeypatch, score, limit):
    def detect(model, images, whole=nucleus.detect_crops):
        if images[0].shape[1] > 6:
            raise MemoryError("the image is too large")
        return [{**each, "truncated": "DETECTION_MAX_INSTANCES"} for each in whole(model, images)]

    monkeypatch.setattr(nucleus, "detect_crops", detect)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.png").write_bytes(b"no image")
    for name, width in (("b.tif", 6), ("c.png", 7)):
        Image.fromarray(np.zeros((4, width), np.uint8)).save(tmp_path / "own" / name)
    (tmp_path / "own" / "d.czi").touch()
    folder = nucleus.detect(MODEL, tmp_path / "own", min_score=score, overlaps=False)
    rows = list(csv.DictReader((folder / "counts.csv").open()))
    assert [row["ImageId"] for row in rows] == ["a", "b", "c", "d.czi"]
    count = "1" if score else "2"
    assert [row["Nuclei"] for row in rows] == ["", count, "", ""]
    # The limit left out only detections that score less than the threshold.
    assert [row["truncated"] for row in rows] == ["", limit, "", ""]
    assert "a.png" in rows[0]["reason"] and rows[1]["reason"] == ""
    assert rows[2]["reason"] == "MemoryError: the image is too large"
    assert rows[3]["reason"].startswith(".czi is not read")
    submitted = (folder / "submit.csv").read_text().splitlines()[1:]
    assert {line.split(",")[0] for line in submitted} == {"a", "b", "c"}
    assert "a," in submitted and "c," in submitted
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("a: refused: ")
    assert lines[1] == f"b: {count} nuclei" + (f", cut by {limit}" if limit else "")
    cut = ", 1 cut by a limit" if limit else ""
    assert lines[-1] == f"1 of 4 images; 3 refused{cut}: see counts.csv"


STAINS = np.random.default_rng(0).integers(0, 65536, (3, 4, 6), dtype=np.uint16)


def write_stains(path, count=3):
    """Write a TIFF of an ImageJ hyperstack with named channels."""
    metadata = {"axes": "CYX", "Labels": ["DAPI", "actin", "tubulin"][:count]}
    tifffile.imwrite(path, STAINS[:count], imagej=True, metadata=metadata)


@pytest.mark.parametrize(("channel", "index"), [("DAPI", 0), ("1", 1), (2, 2), ("Tubulin", 2)])
def test_detect_in_one_channel(nucleus, two_nuclei, tmp_path, monkeypatch, channel, index):
    (tmp_path / "own").mkdir()
    write_stains(tmp_path / "own" / "a.tif")
    write_stains(tmp_path / "own" / "b.tif", 2)
    shown, whole = [], nucleus.detect_crops

    def detect_crops(model, images):
        shown.extend(images)
        return whole(model, images)

    monkeypatch.setattr(nucleus, "detect_crops", detect_crops)
    folder = nucleus.detect(MODEL, tmp_path / "own", channel=channel)
    rows = list(csv.DictReader((folder / "counts.csv").open()))
    both = index < 2
    assert [row["Nuclei"] for row in rows] == ["1", "1" if both else ""]
    for image in shown:
        np.testing.assert_array_equal(image, STAINS[index][..., None].repeat(3, axis=2))
    assert len(shown) == 1 + both
    wanted = "" if both else f"b.tif has no single channel {channel!r}: its channels are 0 (DAPI), "
    assert wanted in rows[1]["reason"]


def test_stains_without_a_channel(nucleus, two_nuclei, tmp_path, caplog):
    (tmp_path / "own").mkdir()
    for name in ("a.tif", "b.tif"):
        write_stains(tmp_path / "own" / name)
    write_stains(tmp_path / "own" / "c.tif", 2)
    folder = nucleus.detect(MODEL, tmp_path / "own")
    rows = list(csv.DictReader((folder / "counts.csv").open()))
    assert [row["Nuclei"] for row in rows] == ["1", "1", ""]
    assert "2 channels, 0 (DAPI), 1 (actin): choose one with --channel." in rows[2]["reason"]
    [message] = [r.getMessage() for r in caplog.records if "declare" in r.getMessage()]
    assert "a.tif has 3 channels, 0 (DAPI), 1 (actin), 2 (tubulin), that the file" in message


def test_the_command_line_takes_a_channel(nucleus, tmp_path, monkeypatch):
    given = {}
    (tmp_path / "own").mkdir()
    write_stains(tmp_path / "own" / "a.tif")
    monkeypatch.setattr(nucleus, "make_model", lambda *arguments: MODEL)
    monkeypatch.setattr(nucleus, "detect", lambda *arguments, **options: given.update(options))
    nucleus.main(["detect", f"--dataset={tmp_path / 'own'}", "--channel=DAPI"])
    assert given == {"channel": "DAPI", "native": False}


def test_evaluate_has_a_row_for_each_kind(nucleus, two_nuclei, tmp_path):
    masks = np.zeros((2, 4, 6), bool)
    masks[0, 1:3, 1] = masks[1, 0, 3:6] = True
    for image_id, gray in zip(nucleus.VAL_IMAGE_IDS, (10, 20, 200), strict=False):
        write_image(tmp_path / "stage1_train", image_id, masks, gray)
    result, folder = nucleus.evaluate(None, tmp_path)
    assert {name: group["images"] for name, group in result["groups"].items()} == {
        "bright field": 1,
        "fluorescence": 2,
    }
    # One of the two is found, and nothing else.
    assert result["objects"]["image_mean_ap"] == [0.5] * 10
    lines = (folder / "table.md").read_text().splitlines()
    assert lines[2].startswith("| all | 3 | 6 | 0.500 | 0.500 | 0.500 | 0.667 |")
    assert lines[4].startswith("| fluorescence | 2 | 4 |")
    assert (folder / "evaluation.json").exists()
    weak, _ = nucleus.evaluate(None, tmp_path, min_score=0.3)
    assert weak["objects"]["image_mean_ap"] == pytest.approx([1 / 3] * 10)


def test_every_orientation_is_looked_at(nucleus, two_nuclei):
    # In five rows flipped up-down, each nucleus lies where the other was.
    found = nucleus.detector(None, orientations=4)([np.zeros((5, 3, 3), np.uint8)])[0]
    assert found["scores"].tolist() == pytest.approx([0.65, 0.65])
    assert sorted(found["rois"].tolist()) == [[1, 1, 3, 2], [2, 1, 4, 2]]


def test_overlaps_are_removed(nucleus, two_nuclei, tmp_path):
    alone = nucleus.detector(None, overlaps=False)([np.zeros((5, 3, 3), np.uint8)])[0]
    assert alone["masks"].areas.tolist() == [2, 1]
    # Without the pixel it shares with the first, the second has an IoU of 1/2 with the truth.
    masks = np.zeros((1, 4, 6), bool)
    masks[0, 2:4, 1] = True
    write_image(tmp_path / "stage1_train", UNSEEN, masks)
    for overlaps, matched in ((True, 10), (False, 1)):
        result, _ = nucleus.evaluate(None, tmp_path, min_score=0.3, overlaps=overlaps)
        assert np.count_nonzero(result["objects"]["tp"]) == matched


def test_configurations(nucleus):
    config = nucleus.NucleusConfig()
    config.validate()
    assert config.IMAGE_SHAPE.tolist() == [512, 512, 3]
    assert (config.STEPS_PER_EPOCH, config.VALIDATION_STEPS) == (105, 4)
    for kind in (nucleus.NucleusInferenceConfig, nucleus.SmallNucleusInferenceConfig):
        inference = kind()
        inference.validate()
        assert (inference.BATCH_SIZE, inference.IMAGE_RESIZE_MODE) == (1, "pad64")
    nucleus.SmallNucleusConfig().validate()


def test_committed_images(nucleus):
    train, val = (load(nucleus, DATA, subset) for subset in ("train", "val"))
    counts = {}
    for dataset in (train, val):
        for image_id in dataset.image_ids:
            image = dataset.load_image(image_id)
            masks, class_ids = dataset.load_mask(image_id)
            assert masks.shape == (*image.shape[:2], len(class_ids))
            assert masks.any(axis=(0, 1)).all()
            counts[dataset.image_reference(image_id)[:8]] = len(class_ids)
    assert (train.num_images, sum(list(counts.values())[:10])) == (10, 366)
    val_counts = {"60cb7187": 27, "947c0d94": 64, "97126a97": 20, "da5f98f2": 140, "f73e3795": 37}
    assert dict(list(counts.items())[10:]) == val_counts


def test_the_demo(nucleus, two_nuclei, tmp_path):
    demo = importlib.import_module("demo")
    masks = np.zeros((2, 4, 6), bool)
    masks[0, 1:3, 1] = masks[1, 0, 3:6] = True
    write_image(tmp_path / "stage1_train", UNSEEN, masks)
    dataset = nucleus.load_dataset(tmp_path, "val")
    inspection = demo.inspect_image(nucleus.detector(None), dataset, 0)
    # 1 right, 1 wrong, 1 missed
    assert (inspection["matched"], inspection["scores"]) == (1, [1 / 3, 1 / 3])
    line = demo.describe(inspection)
    assert line.startswith(
        "60cb7187, fluorescence, 4x6: 2 found, 1 of the 2 true nuclei matched, "
        "DSB score 0.33 and 0.33; "
    )
    demo.draw([inspection, inspection], dataset.class_names, tmp_path / "demo.png")
    with Image.open(tmp_path / "demo.png") as picture:
        assert picture.width > 1000


def test_where_weights_come_from(nucleus, tmp_path):
    release = importlib.import_module("release")
    command = (
        "/usr/bin/python samples/nucleus/nucleus.py train --dataset /home/me/dsb --subset=fit "
        "--weights=/home/me/resnet50.h5 --logs=/tmp/logs --resume"
    )
    assert release.machine_independent(command, "imagenet") == (
        "python samples/nucleus/nucleus.py train --dataset=DIR --subset=fit --weights=imagenet "
        "--logs=logs --resume"
    )
    more = "python nucleus.py train --dataset=/home/me/dsb --weights=last"
    assert release.machine_independent(more, "imagenet") == (
        "python nucleus.py train --dataset=DIR --weights=last"
    )
    folders = [tmp_path / name for name in ("one", "same", "other")]
    for folder, gray in zip(folders, (0, 0, 1), strict=True):
        for image_id in ("bbb", "aaa"):
            write_image(folder / "stage1_train", image_id, [np.ones((4, 6), bool)], gray)
    one, same, other = (release.digest(load(nucleus, f, "train")) for f in folders)
    assert one == same != other
    mask = folders[1] / "stage1_train" / "aaa" / "masks" / "0.png"
    Image.fromarray(np.eye(4, 6, dtype=np.uint8)).save(mask)
    assert release.digest(load(nucleus, folders[1], "train")) != one


@pytest.fixture(scope="module")
def shipped(nucleus):
    return nucleus.make_model("inference")


def test_the_weights_that_come_with_the_sample(nucleus, shipped):
    facts = json.loads(nucleus.NUCLEUS_WEIGHTS_PATH.with_suffix(".json").read_text())
    assert nucleus.NUCLEUS_WEIGHTS_PATH.stat().st_size == facts["weights"]["bytes"] <= 20e6
    release = importlib.import_module("release")
    assert release.file_digest(nucleus.NUCLEUS_WEIGHTS_PATH) == facts["weights"]["sha256"]
    assert shipped.keras_model.count_params() == facts["weights"]["parameters"]
    for command in facts["commands"]:
        assert command.startswith("python samples/nucleus/nucleus.py train --dataset=DIR")
        assert "--subset=fit" in command and "/tmp" not in command


def test_the_model_of_the_package_is_the_sample_s(nucleus, shipped, tmp_path):
    assert nucleus.NUCLEUS_WEIGHTS_PATH.samefile(
        nucleus.ROOT_DIR / "samples/nucleus/nucleus_small.h5"
    )
    model = MaskRCNN.load("nuclei", model_dir=tmp_path)
    assert model.class_names == load(nucleus, DATA, "val").class_names == ["BG", "nucleus"]
    own = shipped.config.to_dict()
    others = {
        name for name, value in model.config.to_dict().items() if str(value) != str(own[name])
    }
    # What only training needs; and a shape that mode "pad64" does not use.
    assert others <= {"OPTIMIZER", "CLASS_WEIGHTS", "IMAGE_SHAPE", "HEADS"}
    image = load(nucleus, DATA, "val").load_image(0)
    [ours], [theirs] = model.detect([image]), shipped.detect([image])
    np.testing.assert_array_equal(ours["rois"], theirs["rois"])
    np.testing.assert_array_equal(ours["masks"], theirs["masks"])
    assert len(ours["rois"]) > 5


def test_these_weights_find_the_nuclei_in_unseen_images(nucleus, shipped):
    dataset = load(nucleus, DATA, "val")
    chosen = [
        i
        for i in dataset.image_ids
        if dataset.image_reference(i)[:8] in ("60cb7187", "97126a97", "947c0d94")
    ]
    result = evaluate(
        None,
        dataset.subset(chosen),
        min_score=0.5,
        detect=nucleus.detector(shipped),
        group_of=lambda image_id, image: nucleus.kind_of(image),
    )
    figures = {name: headline(group)["DSB@0.5"] for name, group in result["groups"].items()}
    assert figures["fluorescence"] > 0.8
    assert figures["bright field"] > 0.3
