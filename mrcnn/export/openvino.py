"""OpenVINO files, from an ONNX file: the fastest without TensorFlow, on CPUs."""

import tempfile
from pathlib import Path

import keras

from . import onnx_file


def write(model: keras.Model, path: Path) -> None:
    """Write an .xml file, and the .bin file with its weights beside it.

    Args:
        model: from `build_exported`.
        path: of the .xml file.

    Raises:
        ValueError: OpenVINO cannot convert the graph: it refuses loops.
    """
    import openvino
    from openvino.frontend import OpConversionFailure

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        onnx_path = Path(folder) / "model.onnx"
        onnx_file.write(model, onnx_path)
        try:
            made = openvino.convert_model(onnx_path)
        except OpConversionFailure as error:
            if "Loop" not in str(error):
                raise
            raise ValueError(
                "OpenVINO cannot convert the network. It refuses the loops of soft suppression "
                "(DETECTION_NMS) and of a ROI_POOLER other than 'crop_and_resize' and 'roi_align' "
                "with averages: export to 'onnx' instead."
            ) from error
        # In half precision, which is the default, scores would differ in the third digit.
        openvino.save_model(made, path, compress_to_fp16=False)
