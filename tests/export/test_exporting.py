"""Exported files, run by their runtimes, against Keras; and what `export` refuses."""

import json

import keras
import numpy as np
import pytest
from export_models import assert_same, images, model_of
from tiny import TinyConfig

import mrcnn
from mrcnn.export import exporting, onnx_file
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network.heads import MaskHead
from mrcnn.runtime.sidecar import sidecar_of

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    made = model_of("open", tmp_path_factory.mktemp("logs"))
    made.class_names = ["BG", "red", "blue"]
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exported")


@pytest.mark.parametrize("format", ["onnx", "openvino", "litert"])
def test_an_exported_model_finds_what_keras_finds(model, folder, format):
    path = model.export(folder / "shapes", format)
    assert path == folder / f"shapes{exporting.FORMATS[format].suffix}"
    assert_same(model, path, "open")
    content = json.loads(sidecar_of(path).read_text())
    assert content["format"] == format
    assert content["model"]["class_names"] == ["BG", "red", "blue"]
    assert content["model"]["config"]["DETECTION_MAX_INSTANCES"] == 6
    assert content["versions"]["mask-rcnn"] == mrcnn.__version__
    sides = [1 if format == "litert" else None, None, None, 3]
    assert content["input"] == {"name": "image", "dtype": "float32", "shape": sides}


def test_a_savedmodel(model, folder):
    import tensorflow as tf

    path = model.export(folder / "saved", "savedmodel")
    assert sorted(entry.name for entry in path.iterdir() if entry.is_file()) == [
        "fingerprint.pb",
        "mask_rcnn.json",
        "saved_model.pb",
    ]
    serve = tf.saved_model.load(path).signatures["serving_default"]
    assert [tensor.name for tensor in serve.inputs if tensor.dtype == tf.float32] == ["image:0"]
    padded = np.zeros((2, 64, 64, 3), np.float32)
    padded[:, 8:56] = images("open")
    padded[:, :8] = padded[:, 56:] = -1e9
    found = {name: value.numpy() for name, value in serve(image=padded).items()}
    assert found["boxes"].dtype == found["masks"].dtype == np.float32
    assert found["class_ids"].dtype == found["count"].dtype == np.int32
    for row, wanted in enumerate(model.detect(images("open"))):
        count = found["count"][row]
        assert count == len(wanted["scores"])
        np.testing.assert_allclose(found["scores"][row, :count], wanted["scores"], atol=1e-5)
        boxes = np.rint(found["boxes"][row, :count] - [8, 0, 8, 0])
        np.testing.assert_array_equal(boxes, wanted["rois"])
        assert not found["boxes"][row, count:].any() and not found["masks"][row, count:].any()


def test_a_failed_export_leaves_what_was_there(model, tmp_path, monkeypatch):
    path = tmp_path / "shapes.tflite"
    path.write_bytes(b"the old one")

    def fail(exported, written):
        written.write_bytes(b"half of the n")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(
        exporting.FORMATS, "litert", exporting.FORMATS["litert"]._replace(write=fail)
    )
    with pytest.raises(OSError, match="No space"):
        model.export(path, "litert")
    assert [entry.name for entry in tmp_path.iterdir()] == ["shapes.tflite"]
    assert path.read_bytes() == b"the old one"


def test_mixed_precision_is_off(tmp_path):
    config = TinyConfig()
    config.MIXED_PRECISION = "bfloat16"
    model = MaskRCNN("inference", config, str(tmp_path))
    exported = exporting.build_exported(exporting._exportable(config), (64, 64))
    assert model.keras_model.get_layer("res2a").compute_dtype == "bfloat16"
    assert {layer.compute_dtype for layer in exported.layers if layer.weights} == {"float32"}


def refused(model, path, format, message, error=ValueError):
    with pytest.raises(error, match=message):
        model.export(path, format)


def test_what_is_refused(model, tmp_path, monkeypatch):
    refused(model, tmp_path / "a", "onxx", "format is 'onxx': it must be 'savedmodel', 'onnx', ")
    refused(model, tmp_path / "a.h5", "onnx", "a.h5: the name of a model in the format 'onnx' ends")
    refused(model, tmp_path / "a.xml", "savedmodel", "a SavedModel is a folder, whose name has no")
    refused(model, tmp_path / "a", ["onnx"], r"format is \['onnx'\]: it must be ")
    refused(model, "", "onnx", "path is '.': it must end in the name of a file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    refused(model, tmp_path / "full", "savedmodel", "other content", FileExistsError)
    monkeypatch.setitem(
        exporting.FORMATS, "onnx", exporting.FORMATS["onnx"]._replace(packages=("tf3onnx",))
    )
    refused(model, tmp_path / "a", "onnx", r"pip install \"mask-rcnn\[export\]\"", ImportError)
    model = MaskRCNN("training", TinyConfig(), str(tmp_path))
    refused(model, tmp_path / "a", "onnx", r"export\(\) needs a model in inference mode")


def test_loops_are_refused_for_openvino(model, tmp_path, monkeypatch):
    import openvino
    from openvino.frontend import OpConversionFailure

    def refuse(path):
        raise OpConversionFailure("Conversion failed for Loop-18")

    monkeypatch.setattr(onnx_file, "write", lambda exported, path: None)
    monkeypatch.setattr(openvino, "convert_model", refuse)
    refused(model, tmp_path / "a", "openvino", "OpenVINO cannot convert the network. It refuses")
    assert not any(tmp_path.iterdir())


def test_names_of_heads():
    class Mine(MaskHead):
        """Decodes as its base does."""

    class Other(MaskHead):
        def decode(self, outputs, found):
            return found.boxes

    config = TinyConfig()
    config.HEADS = ["box", Mine]
    assert exporting._head_names(config) == ["box", "mask"]
    config.HEADS = [Other, "box"]
    assert exporting._head_names(config)[0] == "box"
    assert exporting._head_names(config)[1].endswith("Other>")


def test_layers_without_names_are_refused(model):
    exported = exporting.build_exported(model.config, (None, None))
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="conv1")])
    with pytest.raises(ValueError, match="the layer 'conv1' of the exported graph has no counter"):
        exporting._copy_weights(other, exported)


def test_dots_in_names_are_kept(tmp_path):
    assert exporting._with_suffix(tmp_path / "v1.2", "onnx").name == "v1.2.onnx"
    assert exporting._with_suffix(tmp_path / "v1.2", "savedmodel").name == "v1.2"
