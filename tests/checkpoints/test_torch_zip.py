"""PyTorch's files since version 1.6."""

import tracemalloc
import zipfile

import numpy as np
import pytest

from mrcnn.checkpoints import read

from .conftest import same
from .writers import Call, Name, ordered, storage, tensor, tensors_of, write_zip


@pytest.fixture
def write(tmp_path):
    def write(value, storages=None, **kwargs):
        storages = {"0": np.arange(4, dtype=np.float32)} if storages is None else storages
        return write_zip(tmp_path / "weights.pth", value, storages, **kwargs)

    return write


@pytest.mark.parametrize("byteorder", ["little", "big", None])
def test_a_state_dict(write, arrays, byteorder):
    tensors, storages = tensors_of(arrays)
    state = {"_metadata": {"": {"version": 2}}}
    checkpoint = read(write(ordered(tensors, state), storages, byteorder=byteorder))
    assert checkpoint.format == "torch" and checkpoint.author is None
    same(checkpoint.tensors, arrays)


@pytest.mark.parametrize("key", ["model", "state_dict", "model_state_dict"])
def test_a_training_checkpoint(write, arrays, key):
    tensors, storages = tensors_of(arrays)
    del storages["3"]  # nothing but the weights is read
    momentum = {"state": {0: {"momentum_buffer": tensors.pop("norm.num_batches_tracked")}}}
    extra = {"__author__": "me", "matching_heuristics": True}
    checkpoint = read(write({"optimizer": momentum, "epoch": 3, key: tensors, **extra}, storages))
    assert checkpoint.author == "me" and checkpoint.matching_heuristics is True
    del arrays["norm.num_batches_tracked"]
    same(checkpoint.tensors, arrays)


def test_other_folders_and_compression(write, arrays):
    tensors, storages = tensors_of(arrays)
    for root in ("resnet50", "a/b"):
        same(read(write(tensors, storages, root=root)).tensors, arrays)
    path = write(tensors, storages, compression=zipfile.ZIP_DEFLATED)
    same(read(path).tensors, arrays)


def test_shared_storages(write):
    shared = storage("FloatStorage", "0", 4)
    value = {"a": tensor(shared, 0, (4,), (1,)), "b": tensor(shared, 1, (2,), (1,))}
    tensors = read(write(value)).tensors
    assert tensors["a"].tolist() == [0, 1, 2, 3] and tensors["b"].tolist() == [1, 2]
    assert np.shares_memory(tensors["a"], tensors["b"])


def test_expanded_tensors_are_bounded(write, refused):
    one = storage("FloatStorage", "0", 4)
    tensors = read(write({"a": tensor(one, 2, (3, 1000), (0, 0))})).tensors
    assert tensors["a"].shape == (3, 1000) and (tensors["a"] == 2).all()
    for shape, strides in [((10**6, 10**6), (0, 0)), ((5 * 10**6,), (0,)), ((10**12,), (0,))]:
        path = write({"a": tensor(one, 0, shape, strides)})
        tracemalloc.start()
        assert "'a': refused: it needs more than 16," in refused(path)
        assert tracemalloc.get_traced_memory()[1] < 1e6
        tracemalloc.stop()
    many = {str(number): tensor(one, 0, (10**6,), (0,)) for number in range(10)}
    assert "'4': refused: it needs more" in refused(write(many))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": tensor(storage("FloatStorage", "0", 9), 0, (9,), (1,))}, "16 bytes, not 36"),
        ({"a": tensor(storage("DoubleStorage", "0", 4), 0, (1,), (1,))}, "16 bytes, not 32"),
        ({"a": tensor(storage("FloatStorage", "7", 4), 0, (4,), (1,))}, "lacks 'archive/data/7'"),
        (
            {"a": tensor(storage("FloatStorage", "../version", 4), 0, (4,), (1,))},
            "lacks 'archive/data/../version'",
        ),
        ({"a": Call(Name("posix", "system"), ("ls",))}, "the file calls posix.system"),
        ([1], "holds a list"),
    ],
)
def test_refused(write, refused, value, reason):
    assert reason in refused(write(value))


def test_byte_orders(write, refused, arrays):
    assert "byte order is b'middle'" in refused(write(*tensors_of(arrays), byteorder="middle"))
    assert "something long" in refused(write(*tensors_of(arrays), byteorder="b" * 99))


def test_other_archives(tmp_path, refused):
    path = tmp_path / "a.pt"
    for extra in ("constants.pkl", "code/__torch__.py"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", b"\x80\x02}.")
            archive.writestr(f"a/{extra}", b"")
        assert "torch.jit.load(PATH).state_dict()" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.")
        archive.writestr("b/data.pkl", b"\x80\x02}.")
    assert "2 pickles" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.x")
    assert "1 bytes follow its pickle" in refused(path)
