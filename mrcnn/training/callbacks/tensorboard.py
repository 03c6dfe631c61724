"""TensorBoard logs; if they cannot be written, training continues without them."""

import logging
from collections.abc import Callable
from typing import Any

import keras

logger = logging.getLogger(__name__)


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras's callback, except that it stops writing after its first failure, with a warning.

    TensorFlow's writer does not recover from a full disk, even when there is room again.
    """

    is_broken: bool = False

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the validation losses."""
        self._try(super().on_test_end, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch's logs."""
        self._try(super().on_epoch_end, epoch, logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the files."""
        self._try(super().on_train_end, logs)

    def _try(self, function: Callable[..., None], *args: Any) -> None:
        if self.is_broken:
            return
        try:
            function(*args)
        except Exception as error:  # TensorFlow's own types
            self.is_broken = True
            logger.warning("no more TensorBoard logs in %s: %s", self.log_dir, error)
