"""PyTorch's tensors in a pickle."""

import functools
import io

import numpy as np
import pytest

from mrcnn.checkpoints.pickle_stream import PickleStream
from mrcnn.checkpoints.pickles import load
from mrcnn.checkpoints.torch_objects import KINDS, Storages, storage, torch_names

from . import writers
from .conftest import bfloat16
from .writers import Call, Name, Persistent, pickled, tensor


class Held(Storages):
    """Storages in memory; counts how often each is fetched."""

    def __init__(self, order="<", **storages):
        super().__init__(order)
        self.held, self.fetched = storages, []

    def byte_count(self, key):
        return len(self.held[key])

    def fetch(self, key):
        self.fetched.append(key)
        return np.frombuffer(self.held[key], np.uint8)


def loaded(value, storages=None):
    storages = storages or Held(a=np.arange(12, dtype="<f4").tobytes())
    data = pickled(value, 2)
    stream = PickleStream(io.BytesIO(data), len(data))
    return load(stream, torch_names(len(data)), functools.partial(storage, storages))


def stored(count=12, *view, kind="FloatStorage", key="a"):
    return writers.storage(kind, key, count, *view)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (12,), (1,)),
        (0, (3, 4), (4, 1)),
        (0, (4, 3), (1, 4)),  # transposed
        (1, (2, 3), (4, 1)),  # a part
        (0, (2, 2), (6, 2)),
        (5, (), ()),
        (11, (1,), (7,)),
        (2, (3, 5), (1, 0)),  # expanded
        (12, (0, 3), (3, 1)),
        (0, (4, 4), (2, 1)),  # overlapping
    ],
)
def test_views(offset, shape, strides):
    values = np.arange(12, dtype=np.float32)
    made = loaded(tensor(stored(), offset, shape, strides))
    places = [offset + int(np.dot(index, strides)) for index in np.ndindex(shape)]
    expected = values[np.array(places, int)].reshape(shape)
    np.testing.assert_array_equal(made.read(), expected, strict=True)
    assert made.byte_count() == expected.nbytes and made.read().flags.c_contiguous


@pytest.mark.parametrize("order", "<>")
def test_every_storage(order):
    for name, kind in KINDS.items():
        if kind == "bf16":
            raw = bfloat16(1, 0)
            raw = raw if order == "<" else raw[1::-1] + raw[:1:-1]
        else:
            raw = np.array([1, 0], order + kind).tobytes()
        made = loaded(tensor(stored(2, kind=name), 0, (2,), (1,)), Held(order, a=raw)).read()
        assert made.tolist() == [1, 0]
        assert made.dtype == (np.float32 if "f" in kind else np.dtype(kind))


@pytest.mark.parametrize(
    "function", [("torch._utils", "_rebuild_parameter"), ("torch.nn.parameter", "Parameter")]
)
def test_parameters(function):
    value = tensor(stored(), 0, (2,), (1,))
    hooks = Call(Name("collections", "OrderedDict"), ())
    for arguments in ((value,), (value, True), (value, True, hooks)):
        assert loaded(Call(Name(*function), arguments)).read().tolist() == [0, 1]
    # PyTorch 0.1
    old = Call(Name("torch._utils", "_rebuild_tensor"), (stored(), 1, (2,), (1,)))
    made = loaded(Call(Name(*function), (old,), (True, False, hooks)))
    assert made.read().tolist() == [1, 2]


def test_a_view_of_a_storage():
    made = loaded(tensor(stored(12, ("b", 4, 3)), 1, (2,), (1,)))
    assert made.read().tolist() == [5, 6]
    assert loaded(tensor(stored(12, None), 1, (2,), (1,))).read().tolist() == [1, 2]


def test_a_storage_is_fetched_once_until_it_is_released():
    storages = Held(a=np.arange(3, dtype="<f4").tobytes())
    one, two = loaded(
        (tensor(stored(3), 0, (3,), (1,)), tensor(stored(3), 1, (2,), (1,))), storages
    )
    assert np.shares_memory(one.read(), two.read())
    assert storages.fetched == ["a"] and one.key == two.key == "a"
    two.release()
    assert one.read().tolist() == [0, 1, 2] and storages.fetched == ["a", "a"]


def test_other_values():
    assert loaded(Call(Name("torch", "Size"), ((2, 3),))) == (2, 3)
    assert loaded(Call(Name("torch", "device"), ("cuda", 0))) == "cuda"
    assert loaded(Name("torch", "bfloat16")).name == "bfloat16"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (tensor(stored(), 0, (10**12,), (1,)), "reaches to element 999,999,999,999 of a storage"),
        (
            tensor(stored(), 0, (13,), (1,)),
            r"shape \(13,\) reaches to element 12 of a storage of 12",
        ),
        (tensor(stored(), 12, (1,), (1,)), "reaches to element 12"),
        (tensor(stored(), 0, (2, 2), (11, 1)), "reaches to element 12"),
        (tensor(stored(12, ("b", 4, 3)), 3, (1,), (1,)), "element 3 of a storage of 3"),
        (tensor(stored(), -1, (1,), (1,)), "negative"),
        (tensor(stored(), 3, (2,), (-1,)), "negative"),
        (tensor(stored(), 0, (1,), (2**80,)), "implausible"),
        (tensor(stored(), 0, (1,), (True,)), "implausible"),
        (tensor(stored(), 0, (-1,), (1,)), "plausible sizes"),
        (tensor(stored(), 0, (1,) * 33, (1,) * 33), "33 dimensions"),
        (tensor(stored(), 0, (1, 1), (1,)), "2 dimensions has 1 steps"),
        (tensor(5, 0, (1,), (1,)), "not made of a storage"),
        (tensor(stored(), 0, [1], (1,)), "not made of a storage"),
        (tensor(tensor(stored(), 0, (1,), (1,)), 0, (1,), (1,)), "not made of a storage"),
        (
            Call(
                Name("torch._utils", "_rebuild_tensor_v2"),
                (stored(), 0, (1,), (1,), False, None, {"neg": True}),
            ),
            "a tensor marked 'neg'",
        ),
        (Call(Name("torch._utils", "_rebuild_parameter"), (3,)), "not made of a tensor"),
        (
            Call(Name("torch.nn.parameter", "Parameter"), (tensor(stored(), 0, (1,), (1,)),), (1,)),
            "state of a tensor",
        ),
        (Call(Name("torch", "Size"), ((2**80,),)), "plausible sizes"),
        (Call(Name("torch", "Size"), (3,)), "not made of numbers"),
        (Call(Name("torch", "device"), ()), "without a name"),
        (Call(Name("torch", "FloatStorage"), (10**9,)), "calls torch.FloatStorage"),
        (stored(-1), "not a storage"),
        (stored(2**60), "not a storage"),
        (stored(4, ("b", 3, 2)), "not a storage"),
        (stored(4, ("b", -1, 2)), "not a storage"),
        (stored(key=3), "not a storage"),
        (stored(kind="float32"), "not a storage"),
        (Persistent(("module", "a", "b", "c")), "not a storage"),
        (Persistent(("storage", "FloatStorage", "a", "cpu", 1)), "not a storage"),
        (Persistent("storage"), "'storage' instead of"),
        (Name("torch._utils", "_rebuild_qtensor"), "_rebuild_qtensor .quantised"),
        (Name("torch._utils", "_rebuild_sparse_tensor"), "_rebuild_sparse_tensor .sparse"),
        (Name("torch._utils", "_rebuild_meta_tensor_no_storage"), "meta tensors"),
        (Name("torch._utils", "_rebuild_device_tensor_from_numpy"), "calls torch._utils._rebuild"),
        (Name("torch", "QInt8Storage"), "calls torch.QInt8Storage"),
        (Name("torch", "ComplexFloatStorage"), "calls torch.ComplexFloatStorage"),
        (Name("torch", "load"), "calls torch.load"),
        (Name("torch.hub", "load"), "calls torch.hub.load"),
        (Name("torchvision.models.resnet", "ResNet"), "calls torchvision.models.resnet.ResNet"),
    ],
)
def test_refused(value, reason):
    with pytest.raises(ValueError, match=reason):
        loaded(value)


@pytest.mark.parametrize("count", [11, 13, 10**9])
def test_a_storage_of_another_size(count):
    with pytest.raises(ValueError, match=f"48 bytes, not {4 * count:,}"):
        loaded(tensor(stored(count), 0, (1,), (1,))).byte_count()
