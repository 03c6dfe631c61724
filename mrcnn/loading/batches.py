"""From a data set to batches."""

import keras

from .source import stack
from .workers import WorkerPool


class BatchSequence(keras.utils.PyDataset):
    """Batches for `fit`: inputs of the training graph by name.

    An epoch has `steps` batches, however many images there are, and the next goes on where it
    ended.

    Args:
        source: `SampleSource`.
        steps: batches an epoch.
        workers: threads, or processes, that make batches ahead of time.
        processes: None makes them in threads; "spawn", "forkserver" or "fork" in processes that are
            started in this way (see `WorkerPool`; call `close` in the end).
        share: (host, hosts): which part of the rows of each batch it gives, of how many equal ones.
        kwargs: `max_queue_size` of `PyDataset`.

    Attributes:
        epoch: number of the epoch whose batches it gives, see `set_epoch`. If it stays, every
            epoch has the same batches, as validation should.
        skipped: batches of the epoch that it leaves out, because they are done already.
    """

    def __init__(self, source, steps, workers=1, processes=None, share=(0, 1), **kwargs):
        # Keras's own processes would be forked from TensorFlow's threads anew in every epoch. Here
        # its threads wait for processes that stay.
        super().__init__(workers=workers, **kwargs)
        self.source = source
        self.pool = WorkerPool(source, workers, processes) if processes else None
        self.steps = steps
        self.epoch = 0
        self.skipped = 0
        self.share = share

    def __len__(self):
        return self.steps - self.skipped

    def __getitem__(self, index):
        """A tuple of one dict: input name to array [B, ...]."""
        numbers, (host, hosts) = self.numbers(index), self.share
        rows = len(numbers) // hosts
        numbers = numbers[host * rows : (host + 1) * rows]
        samples = list(map((self.pool or self.source).sample, numbers))
        return ({f"input_{name}": array for name, array in stack(samples).items()},)

    def numbers(self, index):
        """Numbers of the samples in batch `index` of the epoch, that of all hosts; a range."""
        size = self.source.config.BATCH_SIZE
        first = (self.epoch * self.steps + self.skipped + index) * size
        return range(first, first + size)

    def set_epoch(self, epoch, logs=None):
        """Give the batches of an epoch; to be called when it begins.

        (`PyDataset.on_epoch_end` would not do: Keras calls it before the first epoch as well.)

        Args:
            epoch: number of the epoch, from 0.
            logs: not used; Keras hands them to what it calls.
        """
        self.epoch = epoch

    def close(self):
        """End the processes, if there are any."""
        if self.pool:
            self.pool.close()
