"""The start of Keras and its backend: without their messages, and not in a forked process."""

import os
import sys
import tempfile


class ForkedError(RuntimeError):
    """A model would hang in this process, which was forked after one was made."""


def start_quietly() -> None:
    """Import Keras and make its backend start.

    TensorFlow prints lines about its CPU kernels and missing GPUs, some of them before it knows its
    log level. Commands call this first, so that their users see only what concerns them.

    Raises:
        ImportError: the backend is not installed; what was printed until then is shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" in sys.modules:
        return
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        try:
            os.dup2(hidden.fileno(), 2)
            import keras

            keras.ops.convert_to_numpy(keras.ops.zeros(1) + 1)
        except BaseException:
            hidden.seek(0)
            os.write(shown, hidden.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)
