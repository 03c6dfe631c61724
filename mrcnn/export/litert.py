"""LiteRT files, formerly TensorFlow Lite: for phones and small computers, one image at a time."""

import tempfile
from pathlib import Path

import keras

from . import savedmodel


def write(model: keras.Model, path: Path) -> None:
    """Write a .tflite file.

    Args:
        model: from `build_exported`, for one image.
        path: of the file.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        savedmodel.write(model, Path(folder), "litert")
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["serving_default"]
        )
        path.write_bytes(converter.convert())
