"""An exported model in use: its checks, its batches, and what it does not import."""

import json
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from export_models import images, model_of

from mrcnn import runtime
from mrcnn.config import Config
from mrcnn.inference import tiling
from mrcnn.runtime.model import RuntimeModel
from mrcnn.runtime.sidecar import sidecar_of
from mrcnn.weights.card import Card


class Session:
    """A graph that finds one box, [20, 4, 36, 20], in each image, and keeps what it was given."""

    def run(self, image):
        self.image = image
        count = len(image)
        boxes = np.zeros((count, 2, 4), np.float32)
        boxes[:, 0] = 20, 4, 36, 20
        return {
            "boxes": boxes,
            "class_ids": np.array([[1, 0]] * count, np.int32),
            "scores": np.array([[0.9, 0]] * count, np.float32),
            "count": np.ones(count, np.int32),
            "masks": np.ones((count, 2, 4, 4), np.float32),
            "proposals": np.zeros((count, 3, 4), np.float32),
            "proposal_scores": np.zeros((count, 3, 2), np.float32),
            "proposal_deltas": np.zeros((count, 3, 2, 4), np.float32),
        }


def config_of(**settings):
    return Config.from_dict(
        {"NUM_CLASSES": 2, "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64, **settings}
    )


@pytest.fixture
def model():
    card = Card(class_names=["BG", "cell"])
    return RuntimeModel(Session(), config_of(), card, (None, 64, 64, 3))


def test_pixels_come_back_and_padding_is_marked(model):
    image = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)
    [result] = model.detect([image])
    given = model.session.image
    assert given.dtype == np.float32
    np.testing.assert_allclose(given[0, 16:48], image, atol=1e-4)
    assert (given[0, :16] == -1e9).all() and (given[0, 48:] == -1e9).all()
    # The first row of the image is row 16 of the input.
    assert result["rois"].tolist() == [[4, 4, 20, 20]]
    assert result["scores"].tolist() == [np.float32(0.9)]
    assert result["masks"].shape == (32, 64, 1) and result["masks"][4:20, 4:20].all()
    assert result["masks"].sum() == 16 * 16
    assert result["truncated"] == ""
    assert model.class_names == ["BG", "cell"]


def test_the_deviation_is_undone():
    config = config_of(PIXEL_STD=[50.0, 60.0, 70.0])
    model = RuntimeModel(Session(), config, Card(), (None, 64, 64, 3))
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    model.detect([image])
    np.testing.assert_allclose(model.session.image[0], image, atol=1e-4)


def test_several_images_and_tiles(model):
    results = model.detect([np.zeros((64, 64, 3), np.uint8)] * 3)
    assert [len(result["scores"]) for result in results] == [1, 1, 1]
    # Tiles begin at columns 0 and 56.
    [result] = tiling.detect(model, [np.zeros((64, 120, 3), np.uint8)], tile=64, overlap=4)
    assert sorted(result["rois"].tolist()) == [[20, 4, 36, 20], [20, 60, 36, 76]]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_run_takes_pixels(model, dtype):
    found = model.run(np.full((2, 64, 64, 3), 7, dtype))
    assert model.session.image.dtype == np.float32 and (model.session.image == 7).all()
    assert found["boxes"].shape == (2, 2, 4)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((64, 64, 3), np.uint8), ValueError, r"\(64, 64, 3\): it must be \[batch, 64, 64"),
        (np.zeros((1, 64, 32, 3), np.uint8), ValueError, r"must be \[batch, 64, 64, 3\]"),
        (np.zeros((1, 64, 64, 4), np.uint8), ValueError, r"must be \[batch, 64, 64, 3\]"),
        (np.zeros((0, 64, 64, 3), np.uint8), ValueError, r"must be \[batch, 64, 64, 3\]"),
        (np.zeros((1, 64, 64, 3), np.int64), TypeError, "dtype int64: it must be float32 or uint8"),
        (np.zeros((1, 64, 64, 3), bool), TypeError, "dtype bool"),
        ("cells.png", TypeError, "dtype <U9"),
    ],
)
def test_run_refuses_other_arrays(model, image, error, message):
    with pytest.raises(error, match=message):
        model.run(image)


@pytest.mark.parametrize(("mode", "multiple"), [("pad64", 64), ("short_side", 32)])
def test_open_sides_are_multiples(mode, multiple):
    config = config_of(IMAGE_RESIZE_MODE=mode, IMAGE_SIDE_MULTIPLE=32)
    model = RuntimeModel(Session(), config, Card(), (None, None, None, 3))
    model.run(np.zeros((1, multiple, 3 * multiple, 3), np.uint8))
    for shape in ((1, 100, 64, 3), (1, 64, 100, 3)):
        with pytest.raises(ValueError, match=f"must be multiples of {multiple}"):
            model.run(np.zeros(shape, np.uint8))


def test_a_box_head_of_your_own_has_no_proposal_scores(model):
    run = model.session.run
    model.session.run = lambda image: {
        name: value for name, value in run(image).items() if not name.startswith("proposal_")
    }
    [result] = model.detect([np.zeros((64, 64, 3), np.uint8)])
    assert (len(result["scores"]), result["truncated"]) == (1, "")


def test_detect_refuses_what_the_keras_model_refuses(model):
    with pytest.raises(ValueError, match="must be a list of images"):
        model.detect(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="at least one image is needed"):
        model.detect([])


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("a.h5", {}, ValueError, r"a\.h5 is no exported model: its name ends in '\.onnx'"),
        ("a.onnx", {}, FileNotFoundError, r"a\.onnx: there is no such exported model"),
        ("a.onnx", {"precision": "int8"}, ValueError, "precision is 'int8': it must be 'float32'"),
        ("a.onnx", {"precision": "bfloat16"}, ValueError, r"a\.onnx runs in 'float32'"),
        ("a.onnx", {"threads": 0}, ValueError, "threads is 0: it must be a whole number from 1"),
        ("a.onnx", {"threads": "2"}, ValueError, "threads is '2'"),
    ],
)
def test_load_refuses(tmp_path, name, options, error, message):
    with pytest.raises(error, match=message):
        runtime.load(tmp_path / name, **options)


@pytest.mark.network
class TestWithARuntime:
    @pytest.fixture(scope="class")
    def path(self, tmp_path_factory):
        folder = tmp_path_factory.mktemp("exported")
        return model_of("default", folder).export(folder / "shapes", "onnx")

    def test_without_keras(self, path):
        code = (
            "import sys, numpy as np\n"
            "from mrcnn import runtime\n"
            f"model = runtime.load({str(path)!r}, threads=1)\n"
            "[result] = model.detect([np.zeros((48, 64, 3), np.uint8)])\n"
            "assert result['masks'].shape[:2] == (48, 64)\n"
            "heavy = {'keras', 'tensorflow', 'jax', 'torch'}\n"
            "print(sorted(heavy & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout == "[]\n", done.stderr

    def test_several_threads(self, path):
        model = runtime.load(path)
        wanted = model.detect(images("default"))
        found = []

        def detect():
            found.append(model.detect(images("default")))

        threads = [threading.Thread(target=detect) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        for results in found:
            np.testing.assert_array_equal(results[0]["masks"], wanted[0]["masks"])
        assert len(found) == 4

    def test_a_damaged_graph(self, path, tmp_path):
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes()[:1000])
        sidecar_of(copy).write_bytes(sidecar_of(path).read_bytes())
        with pytest.raises(ValueError, match=r"shapes\.onnx cannot be loaded: "):
            runtime.load(copy)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"format": "litert"}, "belongs to a model in the format 'litert', not to shapes.onnx"),
            ({"heads": ["box", "mask", "keypoint"]}, r"has no outputs \['keypoint_maps'\]"),
        ],
    )
    def test_the_sidecar_of_another_model(self, path, tmp_path, changes, message):
        copy = tmp_path / path.name
        shutil.copy(path, copy)
        content = json.loads(sidecar_of(path).read_text())
        content["model"]["config"]["HEADS"] = changes.pop("heads", ["box", "mask"])
        sidecar_of(copy).write_text(json.dumps({**content, **changes}))
        with pytest.raises(ValueError, match=message):
            runtime.load(copy)

    def test_heads_of_your_own_are_named(self, path, tmp_path, caplog):
        copy = tmp_path / path.name
        shutil.copy(path, copy)
        content = json.loads(sidecar_of(path).read_text())
        content["model"]["config"]["HEADS"] = ["box", "mask", "<mine.Area>"]
        sidecar_of(copy).write_text(json.dumps(content))
        assert runtime.load(copy).fields == ("boxes", "masks")
        assert "has heads of your own, <mine.Area>: run() returns their outputs" in caplog.text
