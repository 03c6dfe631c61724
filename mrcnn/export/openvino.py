"""OpenVINO files, from an ONNX file: the fastest on Intel's and AMD's CPUs."""

import tempfile
from pathlib import Path

import keras

from . import onnx_file


def write(model: keras.Model, path: Path) -> None:
    """Write an .xml file, and the .bin file with its weights beside it.

    Args:
        model: from `build_exported`.
        path: of the .xml file.
    """
    import openvino

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        onnx_path = Path(folder) / "model.onnx"
        onnx_file.write(model, onnx_path)
        # In half precision, which is the default, scores would differ in the third digit.
        openvino.save_model(openvino.convert_model(onnx_path), path, compress_to_fp16=False)
