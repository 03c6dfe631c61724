"""The COCO sample: subsets, official metrics, files to submit, and commands on a tiny dataset."""

import csv
import functools
import io
import json
import types
from contextlib import redirect_stdout

import keras
import numpy as np
import pytest
from conftest import load_sample
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tiny import TinyConfig
from weights.foreign.models import narrow

from mrcnn.config import Config
from mrcnn.instances.masks import InstanceMasks
from mrcnn.model import MaskRCNN
from mrcnn.weights.coco_names import COCO_81, COCO_91

pytestmark = pytest.mark.network

SIZE = (64, 80)
# COCO's metrics in pycocotools' order.
FIGURES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR", "ARs", "ARm", "ARl"]


@pytest.fixture(scope="module")
def coco():
    return load_sample("coco")


@pytest.fixture(scope="module")
def coco_dataset(coco):
    import coco_dataset

    return coco_dataset


@pytest.fixture(scope="module")
def coco_results(coco):
    import coco_results

    return coco_results


def box_entry(key, image_id, category_id, box, crowd=0):
    """Make a rectangular annotation, or crowd, from a box (y1, x1, y2, x2)."""
    y1, x1, y2, x2 = box
    if crowd:
        mask = np.zeros(SIZE, np.uint8, order="F")
        mask[y1:y2, x1:x2] = 1
        code = coco_mask.encode(mask)
        outline = {"size": list(SIZE), "counts": code["counts"].decode()}
    else:
        outline = [[x1, y1, x2, y1, x2, y2, x1, y2]]
    return {
        "id": key,
        "image_id": image_id,
        "category_id": category_id,
        "segmentation": outline,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (y2 - y1) * (x2 - x1),
        "iscrowd": crowd,
    }


def write_subset(folder, categories, subset, year, image_ids, annotations, name="{:012}.jpg"):
    """Write a subset as COCO lays it out; the value of an image's first pixel is its number."""
    images = folder / f"{'train' if subset == 'train' else 'val'}{year}"
    images.mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    content = {
        "images": [
            {"id": i, "file_name": name.format(i), "height": SIZE[0], "width": SIZE[1]}
            for i in image_ids
        ],
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in categories.items()],
    }
    path = folder / "annotations" / f"instances_{subset}{year}.json"
    path.write_text(json.dumps(content))
    for number, i in enumerate(image_ids):
        image = np.random.default_rng(i).integers(0, 255, (*SIZE, 3), np.uint8)
        image[0, 0] = number
        Image.fromarray(image).save(images / name.format(i), format="PNG")
    return path


def random_annotations(image_ids, seed, classes=(1, 18, 90)):
    """Make some rectangles in each image except the first, and a crowd in the second."""
    rng = np.random.default_rng(seed)
    entries = []
    for number, image_id in enumerate(image_ids[1:], 1):
        for _ in range(4):
            y, x = rng.integers(0, 40), rng.integers(0, 50)
            box = y, x, y + rng.integers(4, 24), x + rng.integers(4, 30)
            box = [int(side) for side in box]
            entries.append(box_entry(len(entries) + 1, image_id, int(rng.choice(classes)), box))
        if number == 1:
            entries.append(box_entry(len(entries) + 1, image_id, 1, (0, 0, 60, 70), crowd=1))
    return entries


VAL = [139, 285, 632, 724, 776, 785]
TRAIN = [9, 25, 30, 34]


@pytest.fixture
def folder(coco, tmp_path):
    """A COCO 2017 folder with six validation images and four training images."""
    folder = tmp_path / "coco"
    annotations = random_annotations(VAL, seed=0)
    write_subset(folder, coco.CATEGORIES, "val", 2017, VAL, annotations)
    write_subset(folder, coco.CATEGORIES, "train", 2017, TRAIN, random_annotations(TRAIN, seed=1))
    return folder


def load(coco, *args, **kwargs):
    dataset = coco.CocoDataset()
    truth = dataset.load_coco(*args, **kwargs)
    dataset.prepare()
    return (dataset, truth) if kwargs.get("return_coco") else dataset


def test_categories(coco):
    ids = list(coco.CATEGORIES)
    assert len(ids) == len(set(coco.CATEGORIES.values())) == 80
    assert ids == sorted(ids)
    missing = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    assert set(range(1, 91)) - set(ids) == missing
    chosen = {1: "person", 18: "dog", 44: "bottle", 67: "dining table", 90: "toothbrush"}
    assert chosen.items() <= coco.CATEGORIES.items()


def test_a_subset(coco, folder):
    dataset, truth = load(coco, str(folder), "val", year=2017, return_coco=True)
    assert isinstance(truth, COCO)
    assert dataset.num_classes == coco.CocoConfig.NUM_CLASSES == 81
    assert dataset.class_names[:3] == ["BG", "person", "bicycle"]
    assert [dataset.get_source_class_id(i, "coco") for i in (12, 80)] == [13, 90]
    # The first image has no annotation, but still counts.
    assert [info["id"] for info in dataset.image_info] == VAL == sorted(truth.imgs)
    assert dataset.load_mask(0)[0].shape == (*SIZE, 0)
    masks, class_ids = dataset.load_mask(1)
    assert class_ids.tolist()[-1] == -1
    assert masks[:, :, -1].sum() == 60 * 70
    assert load(coco, folder, "train").num_images == 4


def test_some_categories(coco, folder):
    dataset = load(coco, folder, "val", class_ids=[90, 1])
    assert dataset.class_names == ["BG", "toothbrush", "person"]
    assert dataset.map_source_class_id("coco.1") == 2
    with_them = [i for i in dataset.image_ids if len(dataset.load_mask(i)[1])]
    assert dataset.num_images == len(with_them) < len(VAL)
    assert load(coco, folder, "val", class_ids=[]).num_classes == 81
    dataset = load(coco, folder, "val", class_map={"person": None})
    assert "person" not in dataset.class_names
    with pytest.raises(ValueError, match="`only` names 12: the categories are person"):
        load(coco, folder, "val", class_ids=[12])


def test_subsets_of_2014_in_one_dataset(coco, tmp_path):
    name = "COCO_val2014_{:012}.jpg"
    ids = [42, 73, 74]
    for subset in ("train", "valminusminival", "minival"):
        entries = random_annotations(ids, seed=0)
        write_subset(tmp_path, coco.CATEGORIES, subset, 2014, ids, entries, name)
        ids = [i + 100 for i in ids]
    train, val = coco.load_training(tmp_path, "2014")
    assert [info["id"] for info in train.image_info] == [42, 73, 74, 142, 173, 174]
    assert [info["id"] for info in val.image_info] == [242, 273, 274]
    assert train.class_names == val.class_names
    assert train.image_info[3]["path"].endswith("/val2014/COCO_val2014_000000000142.jpg")
    np.testing.assert_array_equal(
        train.load_mask(4)[1], load(coco, tmp_path, "train", 2014).load_mask(1)[1]
    )
    limited = coco.load_training(tmp_path, "2014", limit=2)
    assert [part.num_images for part in limited] == [2, 2]


def test_images_of_the_test_have_no_instances(coco, folder):
    content = {
        "images": [{"id": 7, "file_name": "000000000007.jpg", "height": 64, "width": 80}],
        "categories": [{"id": i, "name": name} for i, name in coco.CATEGORIES.items()],
    }
    path = folder / "annotations" / "image_info_test-dev2017.json"
    path.write_text(json.dumps(content))
    with pytest.raises(FileNotFoundError, match=r"test2017 does not exist"):
        load(coco, folder, "test-dev")
    (folder / "test2017").mkdir()
    dataset = load(coco, folder, "test-dev")
    assert (dataset.num_classes, dataset.num_images) == (81, 1)
    assert dataset.image_info[0]["path"] == str(folder / "test2017" / "000000000007.jpg")
    assert len(dataset.load_mask(0)[1]) == 0
    few = load(coco, folder, "test-dev", class_ids=[18])
    assert few.class_names == ["BG", "dog"]
    with pytest.raises(ValueError, match="has no category 12: it has 1, 2, 3"):
        load(coco, folder, "test-dev", class_ids=[12])


@pytest.mark.parametrize(
    ("subset", "year", "error", "message"),
    [
        (
            "validation",
            2017,
            ValueError,
            "subset is 'validation': it must be one of train, val, minival",
        ),
        ("val", "2015", ValueError, "year is '2015': it must be 2014 or 2017"),
        (
            "val",
            2014,
            FileNotFoundError,
            r"instances_val2014\.json does not exist\. Fetch it with --download",
        ),
        ("minival", 2014, FileNotFoundError, "COCO does not publish it: place it there by hand"),
        ("test", 2017, FileNotFoundError, r"image_info_test2017\.json does not exist"),
    ],
)
def test_what_is_not_there(coco, folder, subset, year, error, message):
    with pytest.raises(error, match=message):
        load(coco, folder, subset, year)


def test_codes_and_masks_of_annotations(coco):
    entry = box_entry(1, 139, 1, (10, 20, 30, 50))
    mask = coco.CocoDataset().annToMask(entry, *SIZE)
    assert (mask.dtype, mask.sum()) == (np.uint8, 20 * 30)
    assert mask[10:30, 20:50].all()
    code = coco.CocoDataset().annToRLE(box_entry(1, 139, 1, (10, 20, 30, 50), crowd=1), *SIZE)
    np.testing.assert_array_equal(coco_mask.decode(code), mask)


@pytest.fixture
def archives(coco_dataset, monkeypatch):
    """List of the (archive, checksum) pairs fetched; nothing is downloaded."""
    fetched = []

    def fetch(url, folder, checksum):
        name = url.removeprefix("https://s3.amazonaws.com/images.cocodataset.org/")
        fetched.append((name, checksum))
        if name.startswith("zips/"):
            (folder / name[5:-4]).mkdir(parents=True)

    monkeypatch.setattr(coco_dataset, "fetch_archive", fetch)
    return fetched


@pytest.mark.parametrize(
    ("subset", "year", "names"),
    [
        ("train", 2017, ["annotations/annotations_trainval2017.zip", "zips/train2017.zip"]),
        ("val", "2014", ["annotations/annotations_trainval2014.zip", "zips/val2014.zip"]),
        ("test-dev", 2017, ["annotations/image_info_test2017.zip", "zips/test2017.zip"]),
    ],
)
def test_download(coco, coco_dataset, archives, tmp_path, subset, year, names):
    coco.CocoDataset().auto_download(tmp_path, subset, year)
    assert archives == [(name, coco_dataset.ARCHIVES[name]) for name in names]
    assert all(len(checksum) == len("sha256:") + 64 for _, checksum in archives)


def test_only_missing_files_are_downloaded(coco, folder, archives):
    load(coco, folder, "val", auto_download=True)
    assert archives == []
    coco.CocoDataset().auto_download(folder, "val", 2014)
    assert [name[:4] for name, _ in archives] == ["anno", "zips"]
    archives.clear()
    with pytest.raises(FileNotFoundError, match="COCO does not publish it"):
        coco.CocoDataset().auto_download(folder, "minival", 2014)
    assert archives == []


def test_the_users_own_images(coco, tmp_path):
    for name in ("000000000139.jpg", "COCO_val2014_000000000285.png", "holiday_2024.jpg"):
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    dataset = coco.CocoDataset()
    dataset.load_images(tmp_path)
    dataset.prepare()
    assert [info["id"] for info in dataset.image_info] == [139, 285, "holiday_2024.jpg"]
    assert dataset.class_names[1:] == list(coco.CATEGORIES.values())
    assert dataset.load_mask(2)[0].shape == (6, 8, 0)
    dataset = coco.CocoDataset()
    dataset.load_images(str(tmp_path / "holiday_2024.jpg"))
    assert len(dataset.image_info) == 1
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        coco.CocoDataset().load_images(tmp_path / "nowhere")


def test_rows_of_detections(coco, folder):
    dataset = load(coco, folder, "val")
    masks = np.zeros((*SIZE, 2), bool)
    masks[3:9, 5:25, 0] = masks[30:40, 0:80, 1] = True
    found = {
        "rois": np.array([[3, 5, 9, 25], [30, 0, 41, 80]], np.int32),
        "class_ids": np.array([80, 12], np.int32),
        "scores": np.array([0.75, 0.5], np.float32),
    }
    rows = coco.build_coco_results(dataset, [139], **found, masks=masks)
    assert json.loads(json.dumps(rows)) == rows
    assert [list(row) for row in rows] == [
        ["image_id", "category_id", "bbox", "score", "segmentation"]
    ] * 2
    assert [row["image_id"] for row in rows] == [139, 139]
    assert [row["category_id"] for row in rows] == [90, 13]
    assert [row["bbox"] for row in rows] == [[5, 3, 20, 6], [0, 30, 80, 11]]
    assert [row["score"] for row in rows] == [0.75, 0.5]
    codes = [row["segmentation"] for row in rows]
    np.testing.assert_array_equal(coco_mask.decode(codes), masks)
    assert coco.build_coco_results(dataset, [139], None, None, None, None) == []
    crops = InstanceMasks.from_dense(masks)
    assert coco.build_coco_results(dataset, [139], **found, masks=crops) == rows


def perturbed(dataset, seed=0):
    """Make a detector that finds most of the images' instances, somewhat inaccurately."""
    by_number = [dataset.load_instances(i) for i in dataset.image_ids]
    rng = np.random.default_rng(seed)

    def detect(model, images):
        [image] = images
        masks, class_ids = by_number[image[0, 0, 0]]
        class_ids = np.concatenate([abs(class_ids)] * 2)
        boxes = np.concatenate([masks.boxes] * 2) + rng.integers(-2, 3, (2 * len(masks), 4))
        boxes = np.clip(boxes, 0, [*SIZE, *SIZE])
        seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, class_ids = boxes[seen], class_ids[seen]
        crops = [rng.random((y2 - y1, x2 - x1)) < 0.9 for y1, x1, y2, x2 in boxes]
        result = {
            "rois": boxes,
            "class_ids": np.where(rng.random(len(boxes)) < 0.8, class_ids, 1).astype(np.int32),
            "scores": rng.random(len(boxes)).round(1).astype(np.float32),
            "masks": InstanceMasks(crops, boxes[:, :2], image.shape),
        }
        return [result]

    return detect


@pytest.fixture
def model(coco):
    return types.SimpleNamespace(config=coco.CocoInferenceConfig())


def by_pycocotools(truth, path, kind, image_ids):
    with redirect_stdout(io.StringIO()):
        evaluator = COCOeval(truth, truth.loadRes(str(path)), kind)
        evaluator.params.imgIds = image_ids
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator.stats


def test_metrics_are_those_of_the_submitted_files(
    coco, coco_results, folder, model, tmp_path, monkeypatch, capsys
):
    dataset, truth = load(coco, folder, "val", return_coco=True)
    # The third image is a different one, the fourth not an image: nothing else changes.
    detector = perturbed(dataset)
    Image.new("RGB", SIZE).save(folder / "val2017" / "000000000632.jpg", format="PNG")
    (folder / "val2017" / "000000000724.jpg").write_bytes(b"\xff\xd8\xff")
    monkeypatch.setattr(coco_results, "detect_crops", detector)
    monkeypatch.setattr(coco, "RESULTS_DIR", tmp_path / "results")
    capsys.readouterr()
    result, written = coco.evaluate(model, dataset, truth)
    out = capsys.readouterr().out
    assert "image 632 (" in out
    assert (
        "is left out: ValueError: it is 80x64, but its annotations say 64x80 (height x width)"
        in out
    )
    assert "image 724 (" in out
    assert "2 images could not be read and do not count" in out
    assert [row["image_id"] for row in result["unread"]] == [632, 724]

    read = [139, 285, 776, 785]
    figures = {}
    for kind, name in (("segm", "results.json"), ("bbox", "results_bbox.json")):
        stats = by_pycocotools(truth, written / name, kind, read)
        figures[kind] = [result["coco"][kind][name] for name in FIGURES]
        expected = np.where(stats == -1, np.nan, stats)
        np.testing.assert_allclose(figures[kind], expected, atol=1e-12)
        assert 0.1 < figures[kind][0] < 0.9
        rows = json.loads((written / name).read_text())
        assert {row["image_id"] for row in rows} == set(read) - {139}
        field = {"segm": "segmentation", "bbox": "bbox"}[kind]
        assert set(rows[0]) == {"image_id", "category_id", field, "score"}
    assert f"bbox  AP {figures['bbox'][0]:.3f}  AP50 {figures['bbox'][1]:.3f}" in out
    assert (result["images"], result["detections"]) == (4, len(rows))
    saved = json.loads((written / "evaluation.json").read_text())
    assert saved["coco"]["segm"]["AP"] == figures["segm"][0]
    assert set(saved["coco"]["segm"]["per_class"]) == set(dataset.class_names[1:])
    assert (written / "precision_recall.png").exists()


def test_images_of_one_id_are_not_mixed_up(coco, folder, model):
    dataset, truth = load(coco, folder, "val", return_coco=True)
    dataset.load_coco(folder, "val")
    dataset.image_info[-1]["path"] = "elsewhere.jpg"
    dataset.prepare()
    with pytest.raises(ValueError, match=r"has the id \d+, like .*: ids tell images apart in the"):
        coco.evaluate_coco(model, dataset, truth)


def test_annotations_with_little_in_them(coco, coco_results, folder, model, monkeypatch):
    dataset, truth = load(coco, folder, "val", return_coco=True)
    monkeypatch.setattr(coco_results, "detect_crops", perturbed(dataset))
    full = {kind: coco.evaluate_coco(model, dataset, truth, kind) for kind in ("bbox", "segm")}
    path = folder / "annotations" / "instances_val2017.json"
    content = json.loads(path.read_text())
    for row in content["annotations"]:
        for name in ("id", "area", "bbox", "iscrowd"):
            if name != "iscrowd" or not row[name]:
                del row[name]
    for image in content["images"]:
        del image["height"], image["width"]
    path.write_text(json.dumps(content))
    dataset, truth = load(coco, folder, "val", return_coco=True)
    monkeypatch.setattr(coco_results, "detect_crops", perturbed(dataset))
    for kind, figures in full.items():
        assert 0.1 < figures["AP"] < 0.9
        assert coco.evaluate_coco(model, dataset, truth, kind) == pytest.approx(
            figures, nan_ok=True
        )


def test_evaluate_coco(coco, coco_results, folder, model, monkeypatch, capsys):
    dataset, truth = load(coco, folder, "val", return_coco=True)
    seen, detect = [], perturbed(dataset)

    def detector(model, images):
        seen.append(int(images[0][0, 0, 0]))
        return detect(model, images)

    monkeypatch.setattr(coco_results, "detect_crops", detector)
    figures = coco.evaluate_coco(model, dataset, truth, "segm", limit=3)
    assert seen == [0, 1, 2]
    out = capsys.readouterr().out
    assert f"segm  AP {figures['AP']:.3f}" in out
    assert "bbox" not in out
    assert list(figures)[:3] == ["AP", "AP50", "AP75"]
    seen.clear()
    coco.evaluate_coco(model, dataset, truth, image_ids=[5, 1])
    assert seen == [5, 1]
    assert "bbox  AP" in capsys.readouterr().out
    with pytest.raises(ValueError, match="eval_type is 'keypoints': it must be bbox or segm"):
        coco.evaluate_coco(model, dataset, truth, "keypoints")


def test_classes_missing_from_the_dataset_do_not_count(
    coco, coco_results, folder, model, monkeypatch
):
    dataset, truth = load(coco, folder, "val", class_ids=[18], return_coco=True)
    perfect = {dataset.image_info[i]["id"]: dataset.load_instances(i) for i in dataset.image_ids}

    def detector(model, images):
        masks, class_ids = perfect[VAL[images[0][0, 0, 0]]]
        scores = np.ones(len(masks), np.float32)
        return [{"rois": masks.boxes, "class_ids": class_ids, "scores": scores, "masks": masks}]

    monkeypatch.setattr(coco_results, "detect_crops", detector)
    result = coco.measure(model, dataset, truth)
    assert result["coco"]["segm"]["AP"] == result["coco"]["bbox"]["AP"] == pytest.approx(1)


def test_no_file_is_half_written(coco, coco_results, tmp_path):
    row = {"image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1], "score": 0.5, "segmentation": {}}
    with pytest.raises(KeyError), coco_results.result_files(tmp_path) as write:
        write([row, row])
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError), coco_results.result_files(tmp_path) as write:
        write([{**row, "score": float("nan")}])
    assert list(tmp_path.iterdir()) == []
    with coco_results.result_files(tmp_path) as write:
        write([])
    assert json.loads((tmp_path / "results.json").read_text()) == []
    with coco_results.result_files(tmp_path) as write:
        write([row])
        write([row, row])
    assert len(json.loads((tmp_path / "results_bbox.json").read_text())) == 3


def test_an_evaluation_without_an_image_leaves_no_results(
    coco, folder, model, tmp_path, monkeypatch
):
    dataset, truth = load(coco, folder, "val", return_coco=True)
    monkeypatch.setattr(coco, "RESULTS_DIR", tmp_path / "results")
    for path in (folder / "val2017").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="none of the 6 images could be read"):
        coco.evaluate(model, dataset, truth)
    assert list(tmp_path.glob("results/*/*")) == []


@pytest.mark.parametrize(
    ("epochs", "layers", "ends", "rates"),
    [
        (160, ["heads", "4+", "all"], [40, 120, 160], [1e-3, 1e-3, 1e-4]),
        (3, ["heads"], [3], [1e-3]),
        (41, ["heads", "4+"], [40, 41], [1e-3, 1e-3]),
        (200, ["heads", "4+", "all"], [40, 120, 200], [1e-3, 1e-3, 1e-4]),
    ],
)
def test_stages(coco, epochs, layers, ends, rates):
    found = coco.stages(epochs, 1e-3)
    assert found[:2] == (layers, ends)
    assert found[2] == pytest.approx(rates)


def test_training(coco):
    calls = []
    model = types.SimpleNamespace(
        config=coco.CocoConfig(),
        train=lambda *args, **options: calls.append((args, options)),
    )
    coco.train(model, "train", "val", resume=True)
    [(args, options)] = calls
    assert args == ("train", "val")
    assert options["epochs"] == [40, 120, 160]
    flips = options["augmentation"]
    assert (flips.horizontal, flips.vertical, flips.transpose) == (0.5, 0, 0)
    assert options["resume"] is True


def test_configurations(coco):
    for config in (coco.CocoConfig(), coco.CocoInferenceConfig()):
        config.validate()
    assert (config.BATCH_SIZE, config.DETECTION_MIN_CONFIDENCE) == (1, 0)
    assert coco.CocoConfig().NAME == "coco"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "train needs --dataset=DIR"),
        (["evaluate", "--image=x"], "evaluate takes no --image"),
        (["detect"], "detect takes either --image=FILE_OR_FOLDER or --dataset=DIR"),
        (["detect", "--image=x", "--dataset=y"], "detect takes either"),
        (["train", "--dataset=x", "--subset=val"], "train takes no --subset"),
        (["evaluate", "--dataset=x", "--subset=test-dev"], "no annotations to compare with"),
        (["detect", "--image=x", "--weights=imagenet"], "was not trained on COCO"),
        (["detect", "--image=x", "--min-score=2"], "2 is not between 0 and 1"),
        (["train", "--dataset=x", "--epochs=0"], "0 is less than 1"),
        (["train", "--dataset=x", "--year=2015"], "invalid choice"),
    ],
)
def test_command_line_refuses(coco, capsys, arguments, message):
    with pytest.raises(SystemExit):
        coco.main(arguments)
    assert message in capsys.readouterr().err


def test_command_line_of_the_reference(coco):
    assert coco.parse(["evaluate", "--dataset=x", "--model=last"]).weights == "last"
    args = coco.parse(["evaluate", "--dataset=x"])
    assert (args.weights, args.year, args.subset) == ("coco", "2017", "val")
    assert coco.parse(["evaluate", "--dataset=x", "--year=2014"]).subset == "minival"


class Tiny(TinyConfig):
    NAME = "coco"
    NUM_CLASSES = 81
    VALIDATION_EVERY = 0


class TinyInference(Tiny):
    IMAGES_PER_GPU = 1


@pytest.fixture
def tiny(coco, tmp_path, monkeypatch):
    """Make the commands build a tiny network and write to `tmp_path`."""
    monkeypatch.setattr(coco, "CocoConfig", Tiny)
    monkeypatch.setattr(coco, "CocoInferenceConfig", TinyInference)
    monkeypatch.setattr(coco, "RESULTS_DIR", tmp_path / "results")


def test_one_message_ends_the_command(coco, tiny, folder, tmp_path):
    with pytest.raises(SystemExit, match=r"instances_val2017\.json does not exist"):
        coco.main(["evaluate", f"--dataset={tmp_path / 'nowhere'}", "--weights=last"])
    arguments = [f"--dataset={folder}", "--weights=best", f"--logs={tmp_path / 'logs'}"]
    with pytest.raises(SystemExit, match="logs"):
        coco.main(["evaluate", *arguments])


def test_pictures(coco, coco_results, folder, model, tmp_path, monkeypatch):
    dataset = load(coco, folder, "val")
    monkeypatch.setattr(coco, "RESULTS_DIR", tmp_path)
    drawn = []
    monkeypatch.setattr(coco.visualize, "display_instances", lambda *args, **kw: drawn.append(args))
    monkeypatch.setattr(coco_results, "detect_crops", perturbed(dataset))
    written = coco.detect(model, dataset, min_score=0.5)
    rows = json.loads((written / "results.json").read_text())
    assert len(drawn) == len(VAL)
    _, boxes, masks, class_ids, names, scores = drawn[1]
    sure = [row for row in rows if row["image_id"] == VAL[1] and row["score"] >= 0.5]
    assert 0 < len(sure) < sum(row["image_id"] == VAL[1] for row in rows)
    assert masks.shape == (*SIZE, len(sure))
    assert len(boxes) == len(class_ids) == len(sure)
    assert scores.min() >= 0.5
    assert names == dataset.class_names
    counts = list(csv.DictReader((written / "counts.csv").open()))
    assert [row["image"] for row in counts] == [f"{i:012}.jpg" for i in VAL]
    assert int(counts[1]["objects"]) == len(sure) and counts[1]["reason"] == ""
    coco.detect(model, dataset.subset([1]), pictures=False)
    assert len(drawn) == len(VAL)


def test_every_file_has_a_row(coco, coco_results, model, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "own"
    folder.mkdir()
    Image.new("RGB", (8, 6)).save(folder / "b.png")
    (folder / "a.jpg").write_bytes(b"no image")
    (folder / "c.gif").touch()
    dataset = coco.CocoDataset()
    dataset.load_images(folder)
    dataset.prepare()

    def detect(model, images):
        masks = InstanceMasks([np.ones((2, 2), bool)], [(0, 0)], (6, 8))
        found = {"rois": masks.boxes, "class_ids": np.array([1]), "scores": np.array([0.8])}
        return [{**found, "masks": masks, "truncated": "POST_NMS_ROIS_INFERENCE"}]

    monkeypatch.setattr(coco_results, "detect_crops", detect)
    monkeypatch.setattr(coco, "RESULTS_DIR", tmp_path / "results")
    written = coco.detect(model, dataset, given=folder)
    rows = list(csv.DictReader((written / "counts.csv").open()))
    assert [tuple(row.values())[:3] for row in rows] == [
        ("a.jpg", "", ""),
        ("b.png", "1", "POST_NMS_ROIS_INFERENCE"),
        ("c.gif", "", ""),
    ]
    assert "a.jpg" in rows[0]["reason"] and ".gif is not read" in rows[2]["reason"]
    assert len(json.loads((written / "results.json").read_text())) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "1 of 3 images; 2 refused, 1 cut by a limit: see counts.csv"


def test_train_evaluate_detect(coco, tiny, folder, tmp_path, capsys):
    weights = tmp_path / "first.h5"
    keras.utils.set_random_seed(3)  # not all initial weights find something
    MaskRCNN("training", Tiny(), str(tmp_path)).keras_model.save_weights(str(weights))
    arguments = [f"--dataset={folder}", f"--logs={tmp_path / 'logs'}", "--limit=2"]
    coco.main(["train", *arguments, f"--weights={weights}", "--epochs=1"])
    assert list((tmp_path / "logs").glob("coco*/mask_rcnn_coco_0001.h5"))

    capsys.readouterr()
    coco.main(["evaluate", *arguments, "--weights=best"])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith(("bbox  AP", "segm  AP")) for line in lines) == 2
    assert any(line.startswith("2 images, ") for line in lines)
    [path] = (tmp_path / "results").glob("evaluate_*/results.json")
    truth = COCO(str(folder / "annotations" / "instances_val2017.json"))
    assert len(truth.loadRes(str(path)).anns) == len(json.loads(path.read_text())) > 0

    image = folder / "val2017" / "000000000724.jpg"
    arguments = [f"--image={image}", f"--logs={tmp_path / 'logs'}", "--weights=last"]
    coco.main(["detect", *arguments, "--min-score=0", "--native"])
    [path] = (tmp_path / "results").glob("detect_*/results.json")
    [picture] = path.parent.glob("*.png")
    assert picture.name == "000000000724.jpg.png"
    with Image.open(picture) as drawn, Image.open(image) as photograph:
        assert drawn.size == photograph.size
    rows = json.loads(path.read_text())
    assert {row["image_id"] for row in rows} == {724}
    assert {row["category_id"] for row in rows} <= set(coco.CATEGORIES)


def found_by(names, **fields):
    """A model that finds each of these classes once, in their order, a pixel apart."""
    count = len(names) - 1
    boxes = np.arange(count, dtype=np.float32)[:, None] + np.float32([0, 0, 2.5, 2.5])
    result = {"rois": boxes, "class_ids": np.arange(1, count + 1)}
    result |= {"scores": np.linspace(1, 0.1, count), "truncated": "", **fields}
    config = Config.from_dict({"NUM_CLASSES": len(names), "IMAGES_PER_GPU": 1})
    values = {"class_names": list(names), "fields": ("boxes", *fields), "config": config}
    model = types.SimpleNamespace(**values)
    return model, lambda model, images: [result]


@pytest.mark.parametrize("names", [COCO_91, COCO_81], ids=["torchvision", "detectron2"])
def test_classes_of_other_projects(coco, coco_results, folder, names, monkeypatch):
    dataset = load(coco, folder, "val")
    model, detect = found_by(names)
    monkeypatch.setattr(coco_results, "detect_crops", detect)
    [result] = coco_results.detector(model, dataset)([None])
    assert result["class_ids"].tolist() == list(range(1, 81))
    rows = coco.build_coco_results(dataset, [139], **result)
    assert [row["category_id"] for row in rows] == list(coco.CATEGORIES)
    # The rows are still those of their classes: the last one has the lowest score.
    last = len(names) - 2
    assert rows[-1]["bbox"] == [last, last, 2.5, 2.5]
    assert rows[-1]["score"] == pytest.approx(0.1)
    assert "segmentation" not in rows[0]


def test_a_model_of_people(coco, coco_results, folder, tmp_path, monkeypatch, capsys):
    dataset, truth = load(coco, folder, "val", return_coco=True)
    model, _ = found_by(["BG", "person"])

    def detect(model, images):
        i = VAL[images[0][0, 0, 0]]
        rows = [row for row in truth.imgToAnns[i] if row["category_id"] == 1]
        boxes = np.array([row["bbox"] for row in rows], np.float32).reshape(-1, 4)
        corners = boxes[:, [1, 0]]
        rois = np.concatenate([corners, corners + boxes[:, [3, 2]]], axis=1)
        return [{"rois": rois, "class_ids": np.ones(len(rows), int), "scores": np.ones(len(rows))}]

    monkeypatch.setattr(coco_results, "detect_crops", detect)
    monkeypatch.setattr(coco, "RESULTS_DIR", tmp_path / "results")
    result, written = coco.evaluate(model, dataset, truth)
    assert list(result["coco"]) == ["bbox"]
    assert result["coco"]["bbox"]["AP"] == pytest.approx(1)
    assert list(result["coco"]["bbox"]["per_class"]) == ["person"]
    people = sum(row["category_id"] == 1 and not row["iscrowd"] for row in truth.anns.values())
    assert result["instances"] == people > 0
    assert (written / "results_bbox.json").exists() and not (written / "results.json").exists()
    assert "note: the model finds 1 of the classes; the others do not" in capsys.readouterr().out


def test_classes_that_coco_has_not(coco, coco_results, folder):
    model, _ = found_by(["BG", "nucleus"])
    with pytest.raises(ValueError, match="the model finds nucleus, none of which the dataset has"):
        coco_results.detector(model, load(coco, folder, "val"))


def test_one_command_for_weights_of_other_projects(coco, coco_results, folder, monkeypatch):
    made = []

    def make(*arguments):
        made.append(arguments)
        return model

    monkeypatch.setattr(MaskRCNN, "from_pretrained", make)
    model, detect = found_by(COCO_81)
    monkeypatch.setattr(coco_results, "detect_crops", detect)
    arguments = ["evaluate", f"--dataset={folder}", "--weights=detectron2:mask_rcnn_R_50_FPN_3x"]
    with monkeypatch.context() as patch:
        patch.setattr(coco, "evaluate", lambda *given: made.append(given[0]))
        coco.main([*arguments, "--logs=runs"])
    assert made == [("detectron2:mask_rcnn_R_50_FPN_3x", "inference", "runs"), model]
    model.class_names, model.config.NUM_CLASSES = None, 3
    with pytest.raises(SystemExit, match=r"R_50_FPN_3x has 3 classes .* which are not COCO's 80"):
        coco.main(arguments)


@pytest.mark.slow
def test_a_file_of_torchvision(coco, folder, tmp_path, monkeypatch, capsys):
    def predictor(name, outputs, *shape):
        weight, bias = np.zeros((outputs, *shape), np.float32), np.zeros(outputs, np.float32)
        return {f"roi_heads.{name}.weight": weight, f"roi_heads.{name}.bias": bias}

    changes = predictor("box_predictor.cls_score", 91, 32)
    changes["roi_heads.box_predictor.cls_score.bias"][90] = 5  # everything is a toothbrush
    changes |= predictor("box_predictor.bbox_pred", 4 * 91, 32)
    changes |= predictor("mask_predictor.mask_fcn_logits", 91, 16, 1, 1)
    # Random kernels let the values of fifty layers overflow, and boxes shrink to nothing.
    silent = [name for name in narrow() if "body" in name or "rpn.head.bbox_pred" in name]
    kernels = {name: narrow()[name] for name in silent if narrow()[name].ndim == 4}
    changes |= {name: np.zeros_like(value) for name, value in kernels.items()}
    np.savez(tmp_path / "model.npz", **narrow(**changes))
    make = functools.partial(MaskRCNN.from_pretrained, IMAGE_MIN_DIM=64, IMAGE_MAX_DIM=96)
    monkeypatch.setattr(MaskRCNN, "from_pretrained", make)
    monkeypatch.setattr(coco, "RESULTS_DIR", tmp_path / "results")
    arguments = [f"--dataset={folder}", "--limit=2"]
    coco.main(["evaluate", *arguments, f"--weights={tmp_path / 'model.npz'}"])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith(("bbox  AP", "segm  AP")) for line in lines) == 2
    [path] = (tmp_path / "results").glob("evaluate_*/results.json")
    rows = json.loads(path.read_text())
    assert {row["category_id"] for row in rows} == {90}
