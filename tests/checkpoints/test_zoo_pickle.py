"""Plain pickles of arrays."""

import pickle
import tracemalloc

import numpy as np
import pytest

from mrcnn.checkpoints import read

from .conftest import same


@pytest.fixture
def write(tmp_path):
    def write(value, protocol=2):
        path = tmp_path / "weights.pkl"
        path.write_bytes(pickle.dumps(value, protocol))
        return path

    return write


@pytest.mark.parametrize("protocol", range(6))
def test_the_model_zoo(write, arrays, protocol):
    del arrays["empty"]
    checkpoint = read(write({"model": arrays, "__author__": "Detectron2 Model Zoo"}, protocol))
    assert checkpoint.format == "model-zoo pickle"
    assert checkpoint.author == "Detectron2 Model Zoo" and not checkpoint.matching_heuristics
    same(checkpoint.tensors, arrays)


def test_weights_beside_a_description(write, arrays):
    del arrays["empty"]
    value = {"model": {"name": "mask"}, "state_dict": arrays}
    same(read(write(value, 4)).tensors, arrays)


def test_names_that_match_by_heuristics(write, arrays):
    value = {"model": arrays, "__author__": "torchvision", "matching_heuristics": True}
    assert read(write(value, 4)).matching_heuristics is True


@pytest.mark.parametrize("nested", [True, False])
def test_caffe2(write, nested):
    blobs = {"conv1_w": np.ones(2, np.float32), "conv1_b": np.zeros(1), "lr": 0.1}
    value = blobs | {"conv1_w_momentum": np.ones(2), "fc_b_momentum": np.ones(1)}
    checkpoint = read(write({"blobs": value, "cfg": "MODEL: ..."} if nested else value, 4))
    assert (checkpoint.format, checkpoint.author) == ("caffe2", "Caffe2")
    assert checkpoint.matching_heuristics
    del blobs["lr"]
    same(checkpoint.tensors, blobs)


def test_refused(write, refused, arrays):
    assert "the entry 'a' is None" in refused(write({"model": {"a": None}, "__author__": ""}))
    assert "holds no tensors" in refused(write({"model": {}, "__author__": ""}))
    assert "elements of type 'O8'" in refused(write({"model": {"a": np.array([{}])}}))
    assert "a list, not a dict" in refused(write([np.ones(2)]))
    del arrays["empty"]
    data = write({"model": arrays}).read_bytes()
    assert "2 bytes follow its pickle" in refused(data + b"N.")


def test_an_array_of_many_names(write, refused):
    array = np.zeros(10**6, np.float32)
    tensors = read(write({"model": {"a": array, "b": array}, "__author__": ""}, 4)).tensors
    assert np.shares_memory(tensors["a"], tensors["b"])
    names = {str(number): array for number in range(1000)}
    assert "'6': refused: it needs more" in refused(write({"model": names}, 4))


def test_memory(write):
    path = write({"model": {str(k): np.ones(500_000, np.float32) for k in range(10)}}, 4)
    tracemalloc.start()
    read(path)
    assert tracemalloc.get_traced_memory()[1] < 1.2 * path.stat().st_size
    tracemalloc.stop()
