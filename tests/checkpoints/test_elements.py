"""Element types of tensors, and their bytes as arrays."""

import numpy as np
import pytest

from mrcnn.checkpoints.elements import (
    as_elements,
    element_count,
    finished,
    item_size,
    kind_of,
)

from .conftest import bfloat16


@pytest.mark.parametrize(
    ("code", "kind", "order"),
    [("<f4", "f4", "<"), (">f8", "f8", ">"), ("|u1", "u1", "<"), ("b1", "b1", "<")],
)
def test_codes(code, kind, order):
    assert kind_of(code) == (kind, order)


@pytest.mark.parametrize(
    "code", ["O", "|O8", "V2", "<U3", "S5", "c8", "f3", "f16", "M8[s]", "f4,f4", "i4\n", "", "3f4"]
)
def test_other_codes_are_refused(code):
    with pytest.raises(ValueError, match="not plain numbers"):
        kind_of(code)


def test_sizes():
    assert [item_size(kind) for kind in ("bf16", "f8", "i2", "b1")] == [2, 8, 2, 1]
    assert element_count(()) == 1 and element_count((2, 3)) == 6 and element_count([5, 0]) == 0


@pytest.mark.parametrize(
    "shape",
    [(-1,), (1.0,), ("a",), (True,), (2**60,), (2**30, 2**30), (0, 2**30, 2**30), (1,) * 33],
)
def test_implausible_shapes(shape):
    with pytest.raises(ValueError, match="a tensor"):
        element_count(shape)


def test_real_numbers_become_float32():
    values = finished(as_elements(bfloat16(1, -2.5, 1e30), "bf16", "<"), "bf16")
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, [1, -2.5, 1e30], rtol=1 / 128)
    assert values[1] == -2.5
    big = finished(as_elements(bfloat16(3)[::-1], "bf16", ">"), "bf16")
    assert big.tolist() == [3]
    double = finished(as_elements(np.array([0.1, 1e300]).tobytes(), "f8", "<"), "f8")
    assert double.dtype == np.float32 and double.tolist() == [np.float32(0.1), np.inf]


def test_other_numbers_keep_their_type():
    swapped = finished(as_elements(np.array([1, -2], ">i4").tobytes(), "i4", ">"), "i4")
    assert swapped.dtype == np.dtype(np.int32) and swapped.dtype.isnative
    assert swapped.tolist() == [1, -2]
    truth = finished(as_elements(b"\0\1\7", "b1", "<"), "b1")
    assert truth.dtype == bool and truth.view(np.uint8).tolist() == [0, 1, 1]


def test_what_is_stored_so_already_is_not_copied():
    data = np.arange(6, dtype=np.float32)
    values = finished(as_elements(data, "f4", "<").reshape(2, 3), "f4")
    assert np.shares_memory(values, data) and not values.flags.writeable
    assert data.flags.writeable
    turned = finished(data.reshape(2, 3).T, "f4")
    assert turned.flags.c_contiguous and turned.tolist() == data.reshape(2, 3).T.tolist()
    bytes_ = np.arange(9, dtype=np.uint8)
    assert finished(as_elements(bytes_[1:], "f4", "<"), "f4").flags.aligned


def test_no_elements():
    assert finished(as_elements(b"", "f2", "<").reshape(0, 3), "f2").shape == (0, 3)
