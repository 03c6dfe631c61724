"""The tumor sample: instances, patients and bad files of a small dataset laid out like LGG."""

import csv
import json
import os
import types

import keras
import numpy as np
import pytest
import tifffile
from conftest import load_sample
from PIL import Image
from tiny import TinyConfig

from mrcnn.model import MaskRCNN

pytestmark = pytest.mark.network

PATIENTS = [f"TCGA_CS_{number}_19960909" for number in (4941, 4942, 4943, 4944, 5393)]


@pytest.fixture(scope="module")
def tumor():
    return load_sample("tumor")


def write(folder, name, mask, shape=None):
    """Write a slice with bright lesions, and its mask, as LGG's files."""
    folder.mkdir(parents=True, exist_ok=True)
    image = np.full((*(shape or mask.shape), 3), 40, np.uint8)
    if shape is None:
        image[mask > 0] = 200
    tifffile.imwrite(folder / f"{name}.tif", image)
    tifffile.imwrite(folder / f"{name}_mask.tif", mask)


def two_lesions(size=64, values=(255, 255)):
    """A lesion of 12 x 14 pixels, and one of 8 x 8 with one more pixel touching its corner."""
    mask = np.zeros((size, size), np.uint8)
    mask[8:20, 10:24], mask[40:48, 30:38], mask[48, 38] = values[0], values[1], values[1]
    return mask


@pytest.fixture
def lgg(tmp_path):
    """Five patients with four slices each, two with lesions and two without."""
    folder = tmp_path / "kaggle_3m"
    for patient in PATIENTS:
        for number in range(1, 5):
            mask = two_lesions() if number in (2, 3) else np.zeros((64, 64), np.uint8)
            write(folder / patient, f"{patient}_{number}", mask)
    (folder / "data.csv").write_text("Patient,RNASeqCluster\n")
    return folder


def load(tumor, folder, *args, **kwargs):
    dataset = tumor.TumorDataset()
    dataset.load_tumor(folder, *args, **kwargs)
    dataset.prepare()
    return dataset


def test_components_are_instances(tumor, lgg):
    dataset = load(tumor, lgg)
    assert dataset.num_images == 20
    assert dataset.class_names == ["BG", "lesion"]
    assert dataset.image_reference(1) == f"{PATIENTS[0]}/{PATIENTS[0]}_2"
    assert [info["has_lesion"] for info in dataset.image_info[:4]] == [False, True, True, False]
    masks, class_ids = dataset.load_mask(1)
    assert (class_ids.tolist(), class_ids.dtype) == ([1, 1], np.int32)
    np.testing.assert_array_equal(masks.any(axis=-1), two_lesions() > 0)
    assert masks.sum(axis=(0, 1)).tolist() == [12 * 14, 8 * 8 + 1]
    assert masks[48, 38].tolist() == [False, True]
    assert dataset.load_image(1).shape == (64, 64, 3)


def test_slices_without_tumour_have_no_instances(tumor, lgg):
    masks, class_ids = load(tumor, lgg).load_mask(0)
    assert (masks.shape, class_ids.tolist()) == ((64, 64, 0), [])
    report = load(tumor, lgg).check()
    assert report.ok


def test_min_area(tumor, lgg):
    masks, _ = load(tumor, lgg, min_area=66).load_mask(1)
    assert masks.sum(axis=(0, 1)).tolist() == [168]
    assert load(tumor, lgg, min_area=65).load_mask(1)[0].shape[2] == 2


@pytest.mark.parametrize("seed", range(5))
def test_a_patient_is_on_one_side(tumor, lgg, seed):
    parts = load(tumor, lgg).split_by_group("patient", 0.2, seed)
    train, val = ({part.image_info[i]["patient"] for i in part.image_ids} for part in parts)
    assert not train & val
    assert train | val == set(PATIENTS)
    assert [part.num_images for part in parts] == [16, 4]


def test_a_pattern_finds_the_patient(tumor, lgg, tmp_path):
    dataset = load(tumor, tmp_path, patient=r"TCGA_CS_(\d+)")
    assert {info["patient"] for info in dataset.image_info} == {p[8:12] for p in PATIENTS}
    with pytest.raises(ValueError, match=r"--patient=P\\d\+ finds no patient"):
        load(tumor, lgg, patient=r"P\d+")
    with pytest.raises(ValueError, match=r"kaggle_3m/.*_1\.tif: its patient is not known"):
        load(tumor, tmp_path)


def test_several_classes(tumor, tmp_path):
    write(tmp_path / "P1", "1", two_lesions(values=(2, 1)))
    dataset = load(tumor, tmp_path, ["edema", "core"])
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1, 2]
    assert masks.sum(axis=(0, 1)).tolist() == [65, 168]
    assert dataset.class_names == ["BG", "edema", "core"]
    with pytest.raises(
        ValueError, match=r"1\.tif: its mask has the values 0, 1, 2: with one class"
    ):
        load(tumor, tmp_path)
    write(tmp_path / "P1", "1", two_lesions(values=(3, 1)))
    with pytest.raises(ValueError, match="values 0, 1, 3: with 2 classes, only 0 to 2"):
        load(tumor, tmp_path, ["edema", "core"])


@pytest.mark.parametrize("ending", ["tif", "npy"])
@pytest.mark.parametrize("channels", [(), (4,)])
def test_volumes_are_slices(tumor, tmp_path, ending, channels):
    volume = np.zeros((7, 64, 48, *channels), np.uint16)
    volume[...] = np.arange(7).reshape(7, *[1] * (volume.ndim - 1))
    masks = np.zeros((7, 64, 48), np.uint8)
    masks[5] = two_lesions()[:, :48]
    (tmp_path / "P1").mkdir()
    save = tifffile.imwrite if ending == "tif" else np.save
    save(tmp_path / "P1" / f"scan.{ending}", volume)
    save(tmp_path / "P1" / f"scan_mask.{ending}", masks)
    dataset = load(tumor, tmp_path)
    assert [info["has_lesion"] for info in dataset.image_info] == [False] * 5 + [True, False]
    assert dataset.image_reference(5) == "P1/scan/0005"
    np.testing.assert_array_equal(dataset.load_image(5), np.full((64, 48, *(channels or (3,))), 5))
    assert dataset.load_mask(5)[0].sum(axis=(0, 1)).tolist() == [168, 65]
    assert dataset.load_mask(4)[0].shape == (64, 48, 0)
    save(tmp_path / "P1" / f"scan_mask.{ending}", masks[1:])
    with pytest.raises(ValueError, match="it is 7 x 64 x 48, but its mask is 6 x 64 x 48"):
        load(tumor, tmp_path)


def test_bad_input_is_named(tumor, lgg, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        load(tumor, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty has no images"):
        load(tumor, tmp_path / "empty")
    patient = lgg / PATIENTS[0]
    (patient / f"{patient.name}_1_mask.tif").unlink()
    (patient / f"{patient.name}_2.tif").unlink()
    write(patient, f"{patient.name}_3", two_lesions(), shape=(64, 60))
    (patient / f"{patient.name}_4_mask.tif").write_bytes(b"II*\0")
    with pytest.raises(ValueError) as error:
        load(tumor, lgg)
    text = str(error.value)
    assert "4 files cannot be used" in text
    assert f"{patient.name}_1.tif: it has no mask {patient.name}_1_mask.tif beside it" in text
    assert f"{patient.name}_2_mask.tif: it has no image" in text
    assert f"{patient.name}_3.tif: it is 64 x 60, but its mask is 64 x 64" in text
    assert f"{patient.name}_4.tif: " in text


def test_two_images_with_the_same_name(tumor, tmp_path):
    write(tmp_path / "P1", "1", two_lesions())
    Image.new("RGB", (64, 64)).save(tmp_path / "P1" / "1.png")
    with pytest.raises(ValueError, match="same name"):
        load(tumor, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classes=a,a"], "--classes"),
        (["--min-area=0"], "argument --min-area: 0 is less than 1"),
        (["--subset=val"], "train takes no --subset"),
    ],
)
def test_command_line_refuses(tumor, capsys, arguments, message):
    with pytest.raises(SystemExit):
        tumor.main(["train", "--dataset=x", "--weights=last", *arguments])
    assert message in capsys.readouterr().err


def test_one_message_ends_the_command(tumor, lgg, tmp_path):
    with pytest.raises(SystemExit, match="nowhere does not exist"):
        tumor.main(["train", f"--dataset={tmp_path / 'nowhere'}", "--weights=last"])
    arguments = [f"--dataset={lgg}", "--weights=best", f"--logs={tmp_path / 'logs'}"]
    with pytest.raises(SystemExit, match="logs"):
        tumor.main(["evaluate", *arguments])


def test_configurations(tumor):
    for training, inference in tumor.NETWORKS.values():
        training().validate()
        inference().validate()
        assert inference().BATCH_SIZE == 1


def test_as_many_slices_without_a_lesion_as_with_one(tumor, lgg):
    dataset = load(tumor, lgg)
    few = tumor.balanced(dataset.subset([0, 1, 3, 4, 7]))  # one with a lesion
    has = [dataset.image_info[i]["has_lesion"] for i in few.image_ids]
    assert (len(has), sum(has)) == (2, 1)
    assert tumor.balanced(dataset.subset([1, 2, 3])).image_ids.tolist() == [1, 2, 3]
    assert tumor.balanced(dataset.subset([0, 3])).num_images == 2


def test_training(tumor, lgg):
    calls = []
    model = types.SimpleNamespace(
        config=tumor.SmallTumorConfig(),
        train=lambda *args, **options: calls.append((args, options)),
    )
    dataset = load(tumor, lgg)
    parts = {"train": dataset.subset([0, 1, 3, 4]), "val": dataset.subset([5])}
    tumor.train(model, parts, 7, resume=True)
    [((train, val), options)] = calls
    assert (train.num_images, val) == (2, parts["val"])
    assert (options["layers"], options["epochs"], options["resume"]) == ("all", 7, True)
    assert options["learning_rate"] == 4e-4


def test_dice_of_patients(tumor):
    figures = {"image_mean_dice": 0.25, "pooled_dice": 0.5}
    groups = {
        name: {"pixels": {"per_class": {"lesion": {"pooled_dice": dice}}}}
        for name, dice in {"a": 0.9, "b": 0.5, "without": float("nan")}.items()
    }
    result = {
        "pixels": {"per_class": {"lesion": figures}},
        "hausdorff": {"per_class": {}},
        "groups": groups,
    }
    assert tumor.headline(result) == (
        "Dice       lesion: 0.700 mean over 2 patients, 0.250 mean over images, "
        "0.500 over all pixels"
    )


def test_train_evaluate_detect(tumor, lgg, tmp_path, monkeypatch, capsys):
    class Tiny(TinyConfig):
        NAME = "tumor"
        NUM_CLASSES = 2
        VALIDATION_EVERY = 0

    class TinyInference(Tiny):
        IMAGES_PER_GPU = 1

    monkeypatch.setitem(tumor.NETWORKS, "small", (Tiny, TinyInference))
    monkeypatch.setattr(tumor, "RESULTS_DIR", tmp_path / "results")
    weights = tmp_path / "first.h5"
    keras.utils.set_random_seed(3)  # not all initial weights find something
    MaskRCNN("training", Tiny(), str(tmp_path)).keras_model.save_weights(str(weights))
    arguments = [f"--dataset={lgg}", f"--logs={tmp_path / 'logs'}", "--limit=6"]
    tumor.main(["train", *arguments, f"--weights={weights}", "--epochs=1"])
    assert list((tmp_path / "logs").glob("tumor*/mask_rcnn_tumor_0001.h5"))

    capsys.readouterr()
    tumor.main(["evaluate", *arguments, "--weights=best", "--min-score=0"])
    lines = capsys.readouterr().out.splitlines()
    starts = [line.split()[0] for line in lines if line.startswith(("Dice", "Hausdorff", "COCO"))]
    assert starts == ["Dice", "Hausdorff", "COCO", "COCO"]
    assert "val: 4 images or slices of 1 patients, 2 of them with lesions" in lines
    path = next((tmp_path / "results").glob("evaluate_*/evaluation.json"))
    result = json.loads(path.read_text())
    assert (result["images"], result["instances"], result["unread"]) == (4, 4, [])
    assert result["hausdorff"]["per_class"]["lesion"]["images"] >= 2

    for mask in lgg.glob("*/*_mask.tif"):
        mask.unlink()
    patient = next(path for path in lgg.iterdir() if path.is_dir())
    (patient / "damaged.tif").write_bytes(b"no image")
    capsys.readouterr()
    tumor.main(["detect", *arguments, "--weights=last", "--min-score=0", "--native"])
    folder = next((tmp_path / "results").glob("detect_*"))
    masks = sorted((folder / "masks").rglob("*_mask.png"))
    assert len(masks) == len(list((folder / "pictures").rglob("*.png"))) == 6
    pictures = sorted((folder / "pictures").rglob("*.png"))
    with Image.open(pictures[0]) as picture, Image.open(masks[0]) as mask:
        assert picture.size == mask.size  # that of the slice
    rows = list(csv.DictReader((folder / "lesions.csv").open()))
    for path in masks:
        drawn = np.asarray(Image.open(path))
        name = path.relative_to(folder / "masks").as_posix().removesuffix("_mask.png")
        pixels = [int(row["pixels"]) for row in rows if row["image"] == name]
        assert set(np.unique(drawn)) <= {0, 255}
        assert max(pixels, default=0) <= np.count_nonzero(drawn) <= sum(pixels)
    counts = list(csv.DictReader((folder / "counts.csv").open()))
    assert len(counts) == 7 and counts[0]["image"] == f"{patient.name}/damaged.tif"
    assert counts[0]["lesions"] == "" and counts[0]["reason"]
    assert sum(int(row["lesions"] or 0) for row in counts) == len(rows) > 0
    cut = {row["image"]: row["truncated"] for row in counts}
    assert all(row["truncated"] == cut[row["image"]] for row in rows)
    assert capsys.readouterr().out.splitlines()[-1].startswith("6 of 7 images; 1 refused")


def test_scans_that_are_not_regular_files(tumor, tmp_path):
    (tmp_path / "P1").mkdir()
    for name in ("scan.tif", "scan_mask.tif"):
        os.mkfifo(tmp_path / "P1" / name)
    with pytest.raises(ValueError, match=r"P1/scan\.tif: .*it is a named pipe \(FIFO\)"):
        load(tumor, tmp_path)
