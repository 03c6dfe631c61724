"""Batches of what waits for the network."""

import threading

import numpy as np
import pytest

from mrcnn.serving.batching import Batcher
from mrcnn.serving.metrics import Metrics

SMALL, LARGE = np.zeros((8, 8, 1)), np.zeros((16, 16, 1))


class Network:
    """Returns the frames it is given; the first batch waits until `go` is set."""

    def __init__(self):
        self.go, self.entered, self.batches = threading.Event(), threading.Event(), []

    def __call__(self, images, frames):
        self.batches.append((images[0].shape[0], list(frames)))
        self.entered.set()
        assert self.go.wait(10)
        if "bad" in frames:
            raise ValueError("bad image")
        return frames


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def batcher(network):
    made = Batcher(network, 2, Metrics())
    yield made
    network.go.set()
    made.close()


def test_what_waits_goes_together_in_order(network, batcher):
    futures = [batcher.submit(SMALL, "first")]
    assert network.entered.wait(10)
    for image, frame in ((SMALL, "a"), (LARGE, "b"), (LARGE, "c"), (SMALL, "d"), (SMALL, "e")):
        futures.append(batcher.submit(image, frame))
    network.go.set()
    assert [future.result(10) for future in futures] == ["first", "a", "b", "c", "d", "e"]
    # Those of equal shape, and nobody waits longer than for one batch of others.
    assert network.batches == [(8, ["first"]), (8, ["a", "d"]), (16, ["b", "c"]), (8, ["e"])]
    assert batcher.seconds > 0


def test_what_is_cancelled_never_reaches_the_network(network, batcher):
    batcher.submit(SMALL, "first")
    assert network.entered.wait(10)
    dropped, kept = batcher.submit(SMALL, "dropped"), batcher.submit(SMALL, "kept")
    assert dropped.cancel()
    network.go.set()
    assert kept.result(10) == "kept"
    assert network.batches == [(8, ["first"]), (8, ["kept"])]


def test_an_error_belongs_to_its_batch(network, batcher):
    network.go.set()
    with pytest.raises(ValueError, match="bad image"):
        batcher.submit(SMALL, "bad").result(10)
    assert batcher.submit(SMALL, "good").result(10) == "good"


def test_closing_finishes_what_waits(network):
    batcher = Batcher(network, 1, Metrics())
    futures = [batcher.submit(SMALL, name) for name in "abc"]
    network.go.set()
    batcher.close()
    assert [future.result(0) for future in futures] == ["a", "b", "c"]
    with pytest.raises(RuntimeError, match="stopping"):
        batcher.submit(SMALL, "late")
