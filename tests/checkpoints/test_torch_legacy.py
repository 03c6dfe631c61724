"""PyTorch's files before version 1.6."""

import struct

import numpy as np
import pytest

from mrcnn.checkpoints import read

from .conftest import same
from .writers import Call, Name, ordered, pickled, storage, tensor, tensors_of, write_legacy


@pytest.fixture
def write(tmp_path):
    def write(*arguments, **kwargs):
        return write_legacy(tmp_path / "weights.pth", *arguments, **kwargs)

    return write


def test_a_state_dict(write, arrays):
    tensors, storages = tensors_of(arrays, None)
    for value in (ordered(tensors), {"model": tensors, "epoch": 3}):
        checkpoint = read(write(value, storages))
        assert checkpoint.format == "torch (before 1.6)"
        same(checkpoint.tensors, arrays)


def test_any_order_of_the_storages(write, arrays):
    tensors, storages = tensors_of(arrays, None)
    same(read(write(tensors, dict(reversed(storages.items())))).tensors, arrays)


def test_views(write):
    data = np.arange(6, dtype=np.float16)
    value = {
        "a": tensor(storage("HalfStorage", "k", 6, ("v", 2, 4)), 1, (2,), (1,)),
        "b": tensor(storage("HalfStorage", "k", 6, None), 1, (2, 2), (1, 2)),
    }
    tensors = read(write(value, {"k": data})).tensors
    assert tensors["a"].tolist() == [3, 4] and tensors["b"].tolist() == [[1, 3], [2, 4]]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([1], "list of storages is none"),
        ("0", "list of storages is none"),
        (["0", "0"], "'0', or it comes twice"),
        (["9"], "no tensor needs storage '9'"),
        ([], "24 bytes follow"),
    ],
)
def test_other_keys(write, refused, keys, reason):
    tensors, storages = tensors_of({"a": np.arange(4, dtype=np.float32)}, None)
    assert reason in refused(write(tensors, storages, keys=keys))


def test_a_storage_that_is_missing(write, refused):
    tensors, _ = tensors_of({"a": np.arange(4, dtype=np.float32)}, None)
    assert "'a': damaged: it lacks storage '0'" in refused(write(tensors, {}))


def test_a_storage_of_two_types(write, refused):
    value = {
        "a": tensor(storage("FloatStorage", "k", 1, None), 0, (1,), (1,)),
        "b": tensor(storage("DoubleStorage", "k", 1, None), 0, (1,), (1,)),
    }
    assert "two types" in refused(write(value, {"k": np.zeros(1)}))


@pytest.mark.parametrize("count", [2**62, 2**63 - 1, -1, 5])
def test_counts_beyond_the_file(write, refused, count):
    tensors, storages = tensors_of({"a": np.arange(4, dtype=np.float32)}, None)
    data = write(tensors, storages).read_bytes()
    assert "bytes should follow" in refused(data[:-24] + struct.pack("<q", count) + data[-16:])


def test_a_smaller_storage(write, refused):
    tensors, storages = tensors_of({"a": np.arange(4, dtype=np.float32)}, None)
    data = write(tensors, storages).read_bytes()
    assert "12 bytes, not 16" in refused(data[:-24] + struct.pack("<q", 3) + data[-16:-4])


def test_other_files(write, refused):
    data = write(Call(Name("os", "system"), ("ls",)), {}).read_bytes()
    assert "the file calls os.system" in refused(data)
    data = write({}, {}).read_bytes()
    assert "protocol 1002" in refused(data.replace(pickled(1001, 2), pickled(1002, 2)))
    assert "1 bytes follow its storages" in refused(data + b"x")
    assert "no tensors" in refused(data)
