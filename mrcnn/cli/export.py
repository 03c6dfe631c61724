"""Write a model in a format that runs without Keras and TensorFlow.

  mrcnn export --model nuclei --to openvino
      nuclei.xml and nuclei.bin: the fastest without TensorFlow, on CPUs

  mrcnn export --model best.h5 --to onnx --out cells.onnx
      for ONNX Runtime, in many languages and on many devices

  mrcnn export --model nuclei --to litert --set DETECTION_MAX_INSTANCES=100
      nuclei.tflite, for phones; the settings of detection become part of the graph

An exported model stands wherever a weights file may for detection:

  mrcnn detect images/ --model cells.onnx

In Python, mrcnn.runtime.load("cells.onnx").detect([image]). The .json file beside the model has its
classes and settings: copy both.
"""

import argparse
from pathlib import Path

from ..runtime import is_exported
from ..startup import start_quietly
from ..weights import zoo
from .model_file import find_model
from .python_lines import Lines
from .settings import add_settings, settings_of

# As in `export.FORMATS`, which needs Keras.
_FORMATS = ("savedmodel", "onnx", "openvino", "litert")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb.

    Args:
        parser: the verb's.
    """
    add = parser.add_argument
    add("name", nargs="?", metavar="MODEL", help="the same as --model")
    add("--model", help="a weights file, or the name of a model, see mrcnn models")
    add(
        "--to",
        "--format",
        dest="format",
        choices=_FORMATS,
        default="onnx",
        help="the format (default: onnx)",
    )
    add(
        "--out",
        type=Path,
        metavar="PATH",
        help="the file to write, or for savedmodel the folder (default: named after the model, in "
        "this folder)",
    )
    add(
        "--print-python",
        action="store_true",
        help="print Python lines that do the same, and stop",
    )
    add_settings(parser)


def execute(options: argparse.Namespace) -> None:
    """Export a model, and print where it is.

    Args:
        options: what the parser made of the command line.

    Raises:
        OSError, ValueError, ImportError: see `MaskRCNN.load` and `MaskRCNN.export`.
    """
    if (options.name is None) == (options.model is None):
        raise ValueError("give the model to export once: mrcnn export --model nuclei.")
    model = find_model(options.model or options.name)
    if is_exported(model):
        raise ValueError(f"{model} is exported already: give the weights file that it was made of.")
    out = options.out or Path(_stem(model))
    settings = settings_of(options)
    if options.print_python:
        lines = Lines()
        lines.use("mrcnn.model", "MaskRCNN")
        lines.add("model = MaskRCNN.load", model, **settings)
        lines.add("model.export", out, options.format)
        print(lines)
        return
    start_quietly()
    from ..mask_rcnn import MaskRCNN  # imports Keras and its backend

    print(MaskRCNN.load(model, **settings).export(out, options.format))


def _stem(model: str) -> str:
    return model.partition(":")[2] if zoo.is_name(model) else Path(model).stem
