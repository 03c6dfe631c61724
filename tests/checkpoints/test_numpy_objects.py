"""NumPy's arrays in a pickle."""

import collections
import io
import pickle

import numpy as np
import pytest

from mrcnn.checkpoints.numpy_objects import OrderedDict, numpy_names
from mrcnn.checkpoints.pickle_stream import PickleStream
from mrcnn.checkpoints.pickles import load

from .conftest import same
from .writers import Call, Name, Raw, pickled, steps

BYTES = b"\0\0\x80?"


def loaded(data):
    return load(PickleStream(io.BytesIO(data), len(data)), numpy_names(len(data)))


def dtype(code="f4", order="<", extra=(None, None, None)):
    state = (3, order, *extra, -1, -1, 0)
    return Call(Name("numpy", "dtype"), (code, False, True), state)


def array(state, core="numpy.core"):
    arguments = (Name("numpy", "ndarray"), (0,), b"b")
    return Call(Name(f"{core}.multiarray", "_reconstruct"), arguments, state)


STATE = (1, (1,), dtype(), False, BYTES)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_as_numpy_pickles_them(arrays, protocol):
    del arrays["empty"]  # protocol 2 calls bytes() for it
    arrays |= {
        "fortran": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        "big": np.arange(3, dtype=">f8"),
        "scalar": np.float32(3.5),
        "count": np.uint8(7),
    }
    found = loaded(pickle.dumps(arrays, protocol))
    same({name: value.read() for name, value in found.items()}, arrays)
    for name, value in found.items():
        assert value.byte_count() == arrays[name].nbytes


def test_both_names_of_the_core():
    for core in ("numpy.core", "numpy._core"):
        made = loaded(pickled(array((1, (1,), dtype(), False, BYTES), core)))
        assert made.read().tolist() == [1]


def test_arrays_of_python_2():
    made = loaded(pickled(array(((1,), dtype(), False, BYTES.decode("latin-1")))))
    assert made.read().tolist() == [1]


def test_ordered_dicts():
    made = loaded(pickle.dumps(collections.OrderedDict(a=1, b=2), 4))
    assert made == {"a": 1, "b": 2} and list(made) == ["a", "b"]
    pairs = Call(Name("collections", "OrderedDict"), ([["b", 1], ("a", 2)],), {"_metadata": {}})
    assert list(loaded(pickled(pairs)).items()) == [("b", 1), ("a", 2)]
    assert not vars(OrderedDict())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (array((1, (1,), dtype("O8"), False, [1])), "elements of type 'O8'"),
        (array((1, (1,), dtype("V4"), False, BYTES)), "elements of type 'V4'"),
        (array((1, (2,), dtype("f4,f4"), False, BYTES)), "elements of type 'f4,f4'"),
        (array((1, (1,), dtype(extra=(None, ("a",), {})), False, BYTES)), "with fields"),
        (array((1, (1,), dtype(order="x"), False, BYTES)), "unusual types"),
        (Call(Name("numpy", "dtype"), ([("a", "f4")],)), "not a plain number"),
        (Call(Name("numpy", "dtype"), ("f4", 7, True)), "not a plain number"),
        (array((1, (10**6, 10**6), dtype(), False, BYTES)), "4 bytes, not 4,000,000,000,000"),
        (array((1, (-1, -1), dtype(), False, BYTES)), "plausible sizes"),
        (array((1, (2**900,), dtype(), False, BYTES)), "plausible sizes"),
        (array((1, (0, 2**60), dtype(), False, b"")), "plausible sizes"),
        (array((1, (1,) * 1000, dtype(), False, BYTES)), "1000 dimensions"),
        (array((1, [1], dtype(), False, BYTES)), "without a shape"),
        (array((1, (1,), "f4", False, BYTES)), "without a shape or an element type"),
        (array((1, (1,), dtype(), False, [1.0])), "an array of a list"),
        (array((1, (1,), dtype(), "yes", BYTES)), "unknown state"),
        (array({"a": 1}), "unknown state"),
        (array((1, (1,), dtype(), False, "\u1234")), "text that is not Latin-1"),
        (Call(array((1, (1,), dtype(), False, BYTES)), ()), "calls a StoredArray"),
        (
            Raw(steps(array(STATE)) + steps(STATE) + b"b"),
            "filled twice",
        ),
        (
            Call(
                Name("numpy.core.multiarray", "_reconstruct"),
                (Name("numpy", "ndarray"), (10**12,), b"b"),
            ),
            "_reconstruct of something other",
        ),
        (Call(Name("numpy.core.multiarray", "scalar"), (dtype(), b"123")), "3 bytes, not 4"),
        (Call(Name("numpy.core.multiarray", "scalar"), (dtype(),)), "not a number"),
        (
            Call(Name("numpy._core.numeric", "_frombuffer"), (BYTES, dtype(), (10**9,), "C")),
            "4 bytes, not 4,000,000,000",
        ),
        (
            Call(Name("numpy._core.numeric", "_frombuffer"), (BYTES, dtype(), (1,), "K")),
            "_frombuffer of something other",
        ),
        (Call(Name("_codecs", "encode"), ("x", "zlib_codec")), "other than Latin-1"),
        (Call(Name("_codecs", "encode"), ("x", "latin1", "replace")), "other than Latin-1"),
        (Call(Name("collections", "OrderedDict"), (5,)), "not a list"),
        (Call(Name("collections", "OrderedDict"), ([1],)), "other things than pairs"),
        (Call(Name("collections", "OrderedDict"), ([], 1)), "not a list"),
        (Call(Name("collections", "OrderedDict"), (), {"__class__": 1}), "other than _metadata"),
        (
            Call(Name("collections", "OrderedDict"), (), {"_metadata": 1, "keys": 2}),
            "other than _metadata",
        ),
        (Call(Name("collections", "OrderedDict"), (), (None, {"a": 1})), "other than _metadata"),
    ],
)
def test_refused(value, reason):
    with pytest.raises(ValueError, match=reason):
        loaded(pickled(value))


def test_an_array_without_data():
    with pytest.raises(ValueError, match="without data"):
        loaded(pickled(array(None))).byte_count()


def test_an_element_type_that_changes_later():
    # The order of the bytes is that at the time when the array was filled.
    filled = steps(array((1, (1,), Raw(steps(dtype()) + b"q\x09"), False, BYTES)))
    later = b"h\x09" + steps((3, ">", None, None, None, -1, -1, 0)) + b"b0"
    assert loaded(b"\x80\x03" + filled + later + b".").read().tolist() == [1]


def test_repeated_encoding_counts():
    text = steps("a" * 10_000)
    data = (
        b"\x80\x02c_codecs\nencode\nq\0" + text + steps("latin1") + b"\x86q\x01" + b"h\0h\x01R" * 9
    )
    with pytest.raises(ValueError, match=r"more than 10,\d+ bytes of encoded text"):
        loaded(data + b".")
