"""`tf.identity` for the symbolic tensors of a Keras model, as in old notebooks."""

from typing import Any

import keras


def install() -> None:
    """Let `tf.identity(layer.output)` return a symbolic tensor, for `run_graph`.

    TensorFlow's functions do not take Keras 3's tensors. All but this one stay as they are: use
    `keras.ops` instead. On other backends, and with a TensorFlow that cannot be extended like this,
    nothing is changed; `layer.output` itself will do there.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    try:
        dispatcher: Any = tf.__internal__.dispatch.GlobalOpDispatcher
    except AttributeError:
        return

    class Identity(dispatcher):
        """Handles `tf.identity` of a `KerasTensor`, which would fail otherwise."""

        def handle(self, op: Any, args: Any, kwargs: Any) -> Any:
            tensor = args[0] if args else kwargs.get("input")
            if getattr(op, "__name__", "") != "identity" or not keras.utils.is_keras_tensor(tensor):
                return self.NOT_SUPPORTED
            return keras.layers.Identity(autocast=False)(tensor)

    Identity().register()
