"""From the value of a pickle to named arrays."""

import numpy as np
import pytest

from mrcnn.checkpoints.limits import Budget
from mrcnn.checkpoints.numpy_objects import ElementType, StoredArray
from mrcnn.checkpoints.state_dict import about, read_tensors, weights_in
from mrcnn.checkpoints.torch_objects import Storage, StoredTensor

from .test_torch_objects import Held


def array(*values):
    made = StoredArray(str.encode)
    made.fill((len(values),), ElementType("f4"), False, np.array(values, "<f4").tobytes())
    return made


def test_where_the_weights_are():
    weights = {"a": array(1)}
    for key in ("model", "state_dict", "model_state_dict", "blobs"):
        assert weights_in({"epoch": 3, key: weights, "best": array(2)}) is weights
    assert weights_in(weights) is weights
    assert weights_in({"model": array(1)})["model"]
    assert weights_in({"model": {"name": "mask"}, "state_dict": weights}) is weights
    assert weights_in({"model": {"name": "mask"}, "ema": weights}) is weights
    assert weights_in({"optimizer": {"a": array(2)}, "model": weights}) is weights
    assert weights_in({"config": {"lr": 1}, "network": weights}) is weights
    assert weights_in({"model": {}}) == {}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1], "holds a list, not a dict"),
        (None, "holds None"),
        ({}, "no tensors.* found nothing"),
        ({"epoch": 3, "loss": 0.5}, "found 'epoch', 'loss'"),
        ({"a": [array(1)]}, "found 'a'"),
    ],
)
def test_no_weights(value, reason):
    with pytest.raises(ValueError, match=reason):
        weights_in(value)


def test_reading():
    arrays = read_tensors({"b": array(1, 2), "a": array(3)}, Budget(12, "bytes"))
    assert list(arrays) == ["b", "a"] and arrays["b"].tolist() == [1, 2]
    with pytest.raises(ValueError, match="'a': refused: it needs more than 11 bytes"):
        read_tensors({"b": array(1, 2), "a": array(3)}, Budget(11, "bytes"))


@pytest.mark.parametrize("empty", [None, b"", {}, array()])
def test_empty_states_of_modules_are_skipped(empty):
    entries = {"a": array(1), "head._extra_state": empty}
    assert list(read_tensors(entries, Budget(4, "bytes"))) == ["a"]
    with pytest.raises(ValueError, match=r"no tensors"):
        read_tensors({"_extra_state": empty}, Budget(4, "bytes"))


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({}, "no tensors"),
        ({"a": "b"}, "the entry 'a' is 'b', not a tensor"),
        ({"a": {"b": 1}}, "the entry 'a' is a dict"),
        ({"a._extra_state": {"b": 1}}, "the entry 'a._extra_state' is a dict"),
        ({3: array(1)}, "the entry 3 is a StoredArray"),
        ({"a": StoredArray(str.encode)}, "'a': damaged: an array without data"),
    ],
)
def test_other_entries(entries, reason):
    with pytest.raises(ValueError, match=reason):
        read_tensors(entries, Budget(100, "bytes"))


def test_a_shared_storage_is_fetched_once_and_released():
    storages = Held(a=np.arange(4, dtype="<f2").tobytes(), b=bytes(2))
    whole = Storage(storages, "a", "f2", 4, (0, 4))
    entries = {
        "one": StoredTensor(whole, 0, (4,), (1,)),
        "other": StoredTensor(Storage(storages, "b", "f2", 1, (0, 1)), 0, (1,), (1,)),
        "two": StoredTensor(whole, 1, (2,), (1,)),
    }
    arrays = read_tensors(entries, Budget(100, "bytes"))
    assert arrays["one"].tolist() == [0, 1, 2, 3] and arrays["two"].tolist() == [1, 2]
    assert storages.fetched == ["a", "b"] and not storages._read


def test_nothing_is_fetched_if_it_is_too_much():
    storages = Held(a=bytes(4))
    huge = StoredTensor(Storage(storages, "a", "f4", 1, (0, 1)), 0, (10**6, 10**6), (0, 0))
    with pytest.raises(ValueError, match="'b': refused"):
        read_tensors({"a": array(1), "b": huge}, Budget(10**9, "bytes"))
    assert not storages.fetched


def test_about():
    assert about({"__author__": "me", "matching_heuristics": True}) == ("me", True)
    assert about({}) == (None, False)
    assert about({"__author__": 3, "matching_heuristics": [1]}) == (None, False)
