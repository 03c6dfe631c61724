"""`mrcnn export`, and exported models in other verbs, in processes of their own."""

import json
import subprocess
import sys

import pytest
from export_models import model_of
from PIL import Image
from tiny import shapes

from mrcnn import runtime
from mrcnn.cli import export, info, main
from mrcnn.export import FORMATS
from mrcnn.mask_rcnn import MaskRCNN


def run(*words):
    """The exit code, 0 or the message."""
    with pytest.raises(SystemExit) as caught:
        main.main([str(word) for word in words])
    return caught.value.code


@pytest.fixture
def asked(monkeypatch):
    """What `MaskRCNN.load` and `export` are asked for, in place of doing it."""
    calls = []

    class Model:
        def export(self, path, format):
            calls.append((path, format))
            return path.with_suffix(".made")

    def load(model, **settings):
        calls.append((model, settings))
        return Model()

    monkeypatch.setattr(MaskRCNN, "load", load)
    return calls


def test_the_file_is_named_after_the_model(asked, capsys):
    assert run("export", "nuclei") == 0
    assert [asked[0], (str(asked[1][0]), asked[1][1])] == [("nuclei", {}), ("nuclei", "onnx")]
    assert capsys.readouterr().out == "nuclei.made\n"


def test_options(asked, tmp_path):
    out = tmp_path / "cells.xml"
    words = ["--model", "nuclei", "--to", "openvino", "--out", out]
    assert run("export", *words, "--set", "DETECTION_MAX_INSTANCES=7") == 0
    assert asked == [("nuclei", {"DETECTION_MAX_INSTANCES": 7}), (out, "openvino")]


@pytest.mark.parametrize("words", [[], ["nuclei", "--model", "nuclei"]])
def test_one_model_is_needed(words):
    assert "give the model to export once: mrcnn export --model nuclei" in run("export", *words)


def test_python_lines(capsys):
    assert run("export", "nuclei", "--format", "litert", "--print-python") == 0
    assert capsys.readouterr().out == (
        "from mrcnn.model import MaskRCNN\n\n"
        'model = MaskRCNN.load("nuclei")\nmodel.export("nuclei", "litert")\n'
    )


def test_the_formats_are_those_that_are_exported():
    assert tuple(FORMATS) == export._FORMATS


def test_a_name_of_published_weights():
    assert export._stem("torchvision:maskrcnn_resnet50_fpn") == "maskrcnn_resnet50_fpn"
    assert export._stem("runs/v1.2.h5") == "v1.2"


@pytest.mark.network
class TestAnExportedModel:
    @pytest.fixture(scope="class")
    def path(self, tmp_path_factory):
        folder = tmp_path_factory.mktemp("exported")
        model = model_of("default", folder)
        model.class_names = ["BG", "red", "blue"]
        return model.export(folder / "shapes", "onnx")

    def test_info(self, path):
        known = info.describe(str(path))
        assert known["exported"].startswith("onnx, ")
        assert known["classes"] == "red, blue"
        assert known["input"] == "any x 64 x 64 x 3 (images, height, width, channels)"
        assert known["heads"] == "box, mask"

    def test_detect_without_keras(self, path, tmp_path):
        [(image, _, _)] = shapes(1)
        Image.fromarray(image).save(tmp_path / "one.png")
        out = tmp_path / "found"
        words = ["detect", str(tmp_path / "one.png"), "--model", str(path), "--out", str(out)]
        code = (
            "import sys\n"
            "from mrcnn.cli import main\n"
            "try:\n"
            f"    main.main({[*words, '--to', 'coco,labels']!r})\n"
            "finally:\n"
            "    print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "[]"
        found = json.loads((out / "coco.json").read_text())["annotations"]
        [wanted] = runtime.load(path).detect([image])
        assert len(found) == len(wanted["scores"]) > 0
        assert sorted(each["category_id"] for each in found) == sorted(wanted["class_ids"])

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--set", "RPN_NMS_THRESHOLD=0.5"], "exported with RPN_NMS_THRESHOLD 0.7, not 0.5"),
            (["--max-instances", "9"], "with DETECTION_MAX_INSTANCES 6, not 9: export it again"),
        ],
    )
    def test_other_settings_are_refused(self, path, tmp_path, words, message):
        Image.new("RGB", (64, 64)).save(tmp_path / "one.png")
        out = ["--out", tmp_path / "found"]
        assert message in run("detect", tmp_path / "one.png", "--model", path, *out, *words)
