"""The nucleus sample: run lengths, dataset, command line, and the images that come with it."""

import importlib.util
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "samples" / "nucleus"
DATA = FOLDER / "data"
UNSEEN = "60cb718759bff13f81c4055a7679e81326f78b6a193a2d856546097c949b20ff"


@pytest.fixture(scope="module")
def nucleus():
    spec = importlib.util.spec_from_file_location("samples.nucleus.nucleus", FOLDER / "nucleus.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_image(folder, image_id, masks=None):
    """An image of 4x6 pixels and, unless None, its masks, as files of the dataset."""
    (folder / image_id / "images").mkdir(parents=True)
    pixels = np.zeros((4, 6, 4), np.uint8)
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
    with pytest.raises(ValueError, match=r"pairs|leaves a mask of 2x3"):
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
    for image_id in ("aaa", UNSEEN):
        write_image(tmp_path / "stage1_train", image_id)
    write_image(tmp_path / "stage1_test", "ttt")
    subsets = {"train": ["aaa"], "val": [UNSEEN], "stage1_train": [UNSEEN, "aaa"]}
    subsets["stage1_test"] = ["ttt"]
    for subset, expected in subsets.items():
        dataset = load(nucleus, tmp_path, subset)
        assert [info["id"] for info in dataset.image_info] == expected
        assert dataset.image_reference(0) == expected[0]
        assert dataset.load_image(0).shape == (4, 6, 3)
    assert len(set(nucleus.VAL_IMAGE_IDS)) == 25


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
    write_image(tmp_path / "stage1_train", "aaa")
    with pytest.raises(ValueError, match="subset val"):
        load(nucleus, tmp_path, "val")
    dataset = load(nucleus, tmp_path, "train")
    with pytest.raises(FileNotFoundError, match=r"aaa.*masks"):
        dataset.load_mask(0)
    (tmp_path / "stage1_train" / "aaa" / "masks").mkdir()
    with pytest.raises(ValueError, match=r"aaa.*no PNG"):
        dataset.load_mask(0)


def test_command_line_ends_with_one_message(nucleus, tmp_path, capsys):
    arguments = ["train", f"--dataset={tmp_path}", "--weights=imagenet"]
    with pytest.raises(SystemExit, match="stage1_train"):
        nucleus.main(arguments)
    with pytest.raises(SystemExit):
        nucleus.main(["detect", *arguments[1:]])
    assert "--subset" in capsys.readouterr().err


class StandIn:
    """Takes the place of `MaskRCNN`: notes how it is trained and finds one nucleus."""

    def __init__(self, config):
        self.config = config
        self.calls = []

    def train(self, dataset_train, dataset_val, **options):
        self.calls.append((dataset_train.num_images, dataset_val.num_images, options))

    def detect(self, images):
        masks = np.zeros((*images[0].shape[:2], 1), bool)
        masks[2:4, 1] = True
        rois = np.array([[2, 1, 4, 2]], np.int32)
        found = {"rois": rois, "class_ids": np.array([1]), "scores": np.array([0.9])}
        return [{**found, "masks": masks}]


def test_schedule(nucleus):
    model = StandIn(nucleus.NucleusConfig())
    nucleus.train(model, DATA, "train")
    assert [call[:2] for call in model.calls] == [(10, 2)] * 2
    steps = [(options["layers"], options["epochs"]) for _, _, options in model.calls]
    assert steps == [("heads", 20), ("all", 40)]
    assert all(options["learning_rate"] == 0.001 for _, _, options in model.calls)


def test_detect_writes_the_submission_and_pictures(nucleus, tmp_path, monkeypatch):
    monkeypatch.setattr(nucleus, "RESULTS_DIR", tmp_path / "results")
    for image_id in ("aaa", "bbb"):
        write_image(tmp_path / "stage1_test", image_id)
    folder = nucleus.detect(StandIn(nucleus.NucleusInferenceConfig()), tmp_path, "stage1_test")
    lines = (folder / "submit.csv").read_text().splitlines()
    assert lines == ["ImageId,EncodedPixels", "aaa, 7 2", "bbb, 7 2"]
    assert {path.name for path in folder.glob("*.png")} == {"aaa.png", "bbb.png"}


def test_configurations(nucleus):
    config = nucleus.NucleusConfig()
    config.validate()
    assert config.IMAGE_SHAPE.tolist() == [512, 512, 3]
    assert (config.STEPS_PER_EPOCH, config.VALIDATION_STEPS) == (105, 4)
    inference = nucleus.NucleusInferenceConfig()
    inference.validate()
    assert (inference.BATCH_SIZE, inference.IMAGE_RESIZE_MODE) == (1, "pad64")


def test_committed_images(nucleus):
    train, val = (load(nucleus, DATA, subset) for subset in ("train", "val"))
    assert (train.num_images, val.num_images) == (10, 2)
    counts = []
    for dataset in (train, val):
        for image_id in dataset.image_ids:
            assert dataset.load_image(image_id).shape == (256, 256, 3)
            masks, class_ids = dataset.load_mask(image_id)
            assert masks.shape == (256, 256, len(class_ids))
            assert masks.any(axis=(0, 1)).all()
            counts.append(len(class_ids))
    assert sum(counts[:10]) == 366
    assert counts[10:] == [27, 37]
