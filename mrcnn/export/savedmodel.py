"""SavedModels: TensorFlow's own format, for TensorFlow Serving and `tf.saved_model.load`."""

from pathlib import Path

import keras

from ..ops.target import exporting


def write(model: keras.Model, path: Path, target: str | None = None) -> None:
    """Write a SavedModel with the endpoint "serving_default".

    Args:
        model: from `build_exported`.
        path: folder to make.
        target: format that it will be converted to, see `ops.target`; None to run in TensorFlow.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec(model.input_shape, "float32", name="image")]

    def detect(image):
        return model(image, training=False)

    archive = keras.export.ExportArchive()
    archive.track(model)
    with exporting(target or "savedmodel"):
        archive.add_endpoint("serving_default", detect, signature)
        archive.write_out(path, verbose=False)
