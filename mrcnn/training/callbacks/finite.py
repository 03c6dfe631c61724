"""Stops a training whose loss or weights are no numbers any more."""

import math

import keras
import numpy as np
from keras import ops

from ...text import some


class StopIfNotFinite(keras.callbacks.Callback):
    """Ends training at the first batch whose loss is NaN or infinite, and says what was in it.

    It looks at the mean that Keras reports anyway, which a single NaN turns to NaN. The weights are
    looked at when they are about to be saved, so that what was saved before stays good.

    Args:
        batch_sequence: `BatchSequence` of training.
        last_good: function () -> path of what was saved last, or None.
    """

    def __init__(self, batch_sequence, last_good):
        super().__init__()
        self.batch_sequence = batch_sequence
        self.last_good = last_good

    def on_train_batch_end(self, batch, logs=None):
        """Look at the losses.

        Raises:
            FloatingPointError: one of them is not finite.
        """
        wrong = [name for name, value in (logs or {}).items() if not math.isfinite(value)]
        if wrong:
            self._stop(f"{', '.join(wrong)} became {logs[wrong[0]]} in this batch", batch)

    def on_epoch_end(self, epoch, logs=None):
        """Look at the weights.

        Raises:
            FloatingPointError: one of them is not finite.
        """
        self.check_weights(len(self.batch_sequence) - 1)

    def check_weights(self, batch):
        """Look at the weights after the batch of index `batch` in the sequence.

        Raises:
            FloatingPointError: one of them is not finite.
        """
        for variable in self.model.weights:
            if not np.isfinite(ops.convert_to_numpy(variable).astype(np.float32, copy=False)).all():
                self._stop(
                    f"{variable.path} has values that are no numbers after this batch", batch
                )

    def _stop(self, what, batch):
        sequence, saved = self.batch_sequence, self.last_good()
        source = sequence.source
        ids = [source.image_id(number) for number in sequence.numbers(batch)]
        images = [f"{i} ({source.dataset.image_info[i].get('path')})" for i in ids]
        place = f"epoch {sequence.epoch + 1}, batch {sequence.skipped + batch + 1}"
        raise FloatingPointError(
            f"training stopped in {place}: {what}, of the images {some(images)}. Most often the "
            "learning rate is too high: try a tenth of it, LR_WARMUP_STEPS = 500 or a lower "
            "GRADIENT_CLIP_NORM. Look at these images with visualize.display_sample, and let "
            "Dataset.check() look at the data; instead of MIXED_PRECISION 'float16' try "
            "'bfloat16'. "
            + (f"What was saved before is good: {saved}." if saved else "Nothing was saved yet.")
        )
