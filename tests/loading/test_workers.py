import concurrent.futures
import multiprocessing
import os

import keras
import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes

from mrcnn.augment import Flips, simple_copy_paste
from mrcnn.loading.batches import BatchSequence
from mrcnn.loading.source import SampleSource
from mrcnn.loading.workers import WorkerPool

pytestmark = pytest.mark.network


class Dying(InMemory):
    """A dataset that ends the process that reads it."""

    def load_image(self, image_id):
        os._exit(3)


def source(kind=InMemory, augmentation=None):
    samples = shapes(5)
    return SampleSource(kind(samples), TinyConfig(), augmentation=augmentation, seed=3)


@pytest.mark.parametrize("start_method", ["spawn", "forkserver", "fork"])
def test_samples_are_those_of_one_process(start_method, capfd):
    samples = source(augmentation=Flips(0.5, 0.5))
    samples.config.MAX_GT_INSTANCES = 1  # of two
    pool = WorkerPool(samples, 2, start_method)
    try:
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            made = list(threads.map(pool.sample, range(6)))
    finally:
        pool.close()
    # Both processes leave instances out, and one of them logs it. (A fork has pytest's handlers.)
    said = capfd.readouterr().err.count("has 2 instances, but MAX_GT_INSTANCES is 1")
    assert said == (start_method != "fork")
    for number, sample in enumerate(made):
        for name, value in samples.sample(number).items():
            np.testing.assert_array_equal(sample[name], value)


def test_batches_are_the_same_in_threads_and_processes():
    in_threads = BatchSequence(source(), steps=3)
    in_processes = BatchSequence(source(), steps=3, workers=2, processes="fork")
    try:
        in_threads.set_epoch(1)
        in_processes.set_epoch(1)
        for (one,), (other,) in zip(in_threads, in_processes, strict=True):
            for name, value in one.items():
                np.testing.assert_array_equal(other[name], value)
    finally:
        in_processes.close()


def test_jitter_and_copies_are_the_same_in_processes():
    samples = source(augmentation=simple_copy_paste())
    samples.config.TRAIN_SCALE_JITTER = (0.5, 2.0)
    pool = WorkerPool(samples, 2, "spawn")
    try:
        made = [pool.sample(number) for number in (5, 0, 3)]
    finally:
        pool.close()
    fresh = source(augmentation=simple_copy_paste())
    fresh.config.TRAIN_SCALE_JITTER = (0.5, 2.0)
    for number, sample in zip((5, 0, 3), made, strict=True):
        for name, value in fresh.sample(number).items():
            np.testing.assert_array_equal(sample[name], value)


class Undying(InMemory):
    """A dataset that a fresh process cannot rebuild, too large for a pipe's buffer."""

    def __reduce__(self):
        return _fail, (bytes(1 << 20),)


def _fail(content):
    raise AttributeError("no such class here")


def test_a_source_that_cannot_be_read_does_not_hang():
    pool = WorkerPool(source(Undying), 1, "spawn")
    with pytest.raises(RuntimeError, match="a loader process ended"):
        pool.sample(0)
    pool.close()


def test_a_process_that_ends_is_an_error():
    pool = WorkerPool(source(Dying), 1, "fork")
    with pytest.raises(RuntimeError, match=r'a loader process ended.*"__main__"'):
        pool.sample(0)
    pool.close()


def _be_killed(pipe):
    pool = WorkerPool(source(), 1, "fork")
    pool.sample(0)
    pipe.send("at work")
    os._exit(3)


def test_processes_end_when_training_is_killed():
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    training = context.Process(target=_be_killed, args=(there,))
    training.start()
    there.close()
    assert here.recv() == "at work"
    training.join()
    assert here.poll(30)  # end of file: the pool's process has the other end open, too
    with pytest.raises(EOFError):
        here.recv()


def test_what_cannot_be_pickled_is_refused():
    with pytest.raises(TypeError, match=r"^LOADER_PROCESSES is 'spawn', but .* cannot be pickled"):
        WorkerPool(source(augmentation=lambda image, masks: (image, masks)), 1, "spawn")


def test_keras_layers_stay_in_threads():
    with pytest.raises(ValueError, match=r"^LOADER_PROCESSES is 'fork'.*Keras layers"):
        WorkerPool(source(augmentation=keras.layers.RandomFlip()), 1, "fork")
