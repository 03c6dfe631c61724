"""Stop a training run whose loss or weights are no longer finite."""

import math
from collections.abc import Callable
from typing import Any, NoReturn

import keras
import numpy as np
from keras import ops

from ...loading.batches import BatchSequence
from ...text import some


class StopIfNotFinite(keras.callbacks.Callback):
    """Ends training at the first batch whose loss is NaN or infinite, and names its images.

    It checks the mean that Keras reports anyway, which a single NaN turns into NaN. The weights are
    checked just before they are saved, so that what was saved earlier stays good.

    Args:
        batch_sequence: the training batches.
        last_good: function that returns the path of the last checkpoint, or None.
    """

    def __init__(self, batch_sequence: BatchSequence, last_good: Callable[[], str | None]) -> None:
        super().__init__()
        self.batch_sequence = batch_sequence
        self.last_good = last_good

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the losses.

        Raises:
            FloatingPointError: one of them is not finite.
        """
        logs = logs or {}
        wrong = [name for name, value in logs.items() if not math.isfinite(value)]
        if wrong:
            self._stop(f"{', '.join(wrong)} became {logs[wrong[0]]} in this batch", batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the weights.

        Raises:
            FloatingPointError: one of them is not finite.
        """
        self.check_weights(len(self.batch_sequence) - 1)

    def check_weights(self, batch: int) -> None:
        """Check the weights after the batch at index `batch` of the sequence.

        Raises:
            FloatingPointError: one of them is not finite.
        """
        for variable in self.model.weights:
            if not np.isfinite(ops.convert_to_numpy(variable).astype(np.float32, copy=False)).all():
                self._stop(f"{variable.path} has non-finite values after this batch", batch)

    def _stop(self, what: str, batch: int) -> NoReturn:
        sequence, saved = self.batch_sequence, self.last_good()
        source = sequence.source
        ids = [source.image_id(number) for number in sequence.numbers(batch)]
        images = [f"{i} ({source.dataset.image_info[i].get('path')})" for i in ids]
        place = f"epoch {sequence.epoch + 1}, batch {sequence.skipped + batch + 1}"
        raise FloatingPointError(
            f"training stopped in {place}: {what}, which holds the images {some(images)}. Most "
            "often the learning rate is too high: try a tenth of it, LR_WARMUP_STEPS = 500 or a "
            "lower GRADIENT_CLIP_NORM. Look at these images with visualize.display_sample, and "
            "check the data with Dataset.check(); instead of MIXED_PRECISION 'float16', try "
            "'bfloat16'. "
            + (f"The last checkpoint is good: {saved}." if saved else "No checkpoint exists yet.")
        )
