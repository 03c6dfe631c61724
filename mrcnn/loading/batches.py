"""From a dataset to batches."""

from collections.abc import Callable
from typing import Any

import keras

from ..types import Array
from .alike import padded_alike
from .source import SampleSource, stack
from .workers import WorkerPool


class BatchSequence(keras.utils.PyDataset):
    """Batches for `fit`: inputs of the training graph by name.

    An epoch has `steps` batches, however many images there are. The next epoch continues where it
    ended.

    Args:
        source: makes the samples.
        steps: batches per epoch.
        workers: number of threads or processes that make batches ahead of time.
        processes: None for threads; "spawn", "forkserver" or "fork" for processes that are started
            in this way (see `WorkerPool`; call `close` at the end).
        share: (host, hosts): each batch's rows are split into `hosts` equal parts, of which part
            `host` is returned.
        rois: with USE_RPN_ROIS False, a function from a batch, a dict of input name to array [B,
            ...], to its RoIs [B, R, 4] in pixels, which become `input_roi`. Several threads call
            it.
        kwargs: `max_queue_size` of `PyDataset`.

    Attributes:
        epoch: number of the epoch whose batches are returned, see `set_epoch`. If it does not
            change, every epoch has the same batches, as validation should.
        skipped: number of the epoch's first batches to leave out, because they are already done.
    """

    def __init__(
        self,
        source: SampleSource,
        steps: int,
        workers: int = 1,
        processes: str | None = None,
        share: tuple[int, int] = (0, 1),
        rois: Callable[[dict[str, Array]], Array] | None = None,
        **kwargs: Any,
    ) -> None:
        # Keras would fork its own processes from TensorFlow's threads in every epoch. Here, its
        # threads wait for processes that stay alive.
        super().__init__(workers=workers, **kwargs)
        self.source = source
        self.pool = WorkerPool(source, workers, processes) if processes else None
        self.steps = steps
        self.epoch = 0
        self.skipped = 0
        self.share = share
        self.rois = rois

    def __len__(self) -> int:
        return self.steps - self.skipped

    def __getitem__(self, index: int) -> tuple[dict[str, Array]]:
        """Return a batch, a tuple of one dict of input name to array [B, ...]."""
        numbers, (host, hosts) = self.numbers(index), self.share
        rows = len(numbers) // hosts
        numbers = numbers[host * rows : (host + 1) * rows]
        made = list(map((self.pool or self.source).sample, numbers))
        samples = padded_alike(made, numbers, self.source)
        batch = {f"input_{name}": array for name, array in stack(samples).items()}
        if self.rois is not None:
            batch["input_roi"] = self.rois(batch)
        return (batch,)

    def numbers(self, index: int) -> range:
        """Return the sample numbers of the epoch's batch `index`, for all hosts together."""
        size = self.source.config.BATCH_SIZE
        first = (self.epoch * self.steps + self.skipped + index) * size
        return range(first, first + size)

    def set_epoch(self, epoch: int, logs: Any = None) -> None:
        """Switch to the batches of an epoch. Call it when the epoch starts.

        (`PyDataset.on_epoch_end` would not do: Keras also calls it before the first epoch.)

        Args:
            epoch: number of the epoch, from 0.
            logs: not used; Keras passes them to its callbacks.
        """
        self.epoch = epoch

    def close(self) -> None:
        """End the processes, if any."""
        if self.pool:
            self.pool.close()
