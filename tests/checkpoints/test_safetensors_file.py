"""The safetensors format."""

import json

import numpy as np
import pytest

from mrcnn.checkpoints import read

from .conftest import bfloat16, same
from .writers import write_safetensors

TYPES = {"float16": "F16", "float32": "F32", "float64": "F64", "int64": "I64", "bool": "BOOL"}


@pytest.fixture
def write(tmp_path):
    return lambda *arguments: write_safetensors(tmp_path / "a.safetensors", *arguments)


def entry(dtype="F32", shape=(1,), place=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(place)}


def test_reading(write, arrays):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in arrays.items():
        place = len(data), len(data) + array.nbytes
        header[name] = entry(TYPES[array.dtype.name], array.shape, place)
        data += array.tobytes()
    checkpoint = read(write(header, data))
    assert checkpoint.format == "safetensors"
    same(checkpoint.tensors, arrays)
    # A header may be of any length, and list the tensors in any order.
    text = json.dumps(dict(reversed(header.items()))).encode()
    for padding in range(256):
        if (len(text) + padding) % 256 in (0x1F, 0x50, 0x7B, 0x80, 0x89):
            tensors = read(write(text + b" " * padding, data)).tensors
            same(tensors, dict(reversed(arrays.items())))


@pytest.mark.parametrize(
    ("dtype", "code"), [("U8", "u1"), ("I8", "i1"), ("U16", "<u2"), ("I32", "<i4"), ("U64", "<u8")]
)
def test_integers(write, dtype, code):
    values = np.array([3, 100], code)
    tensors = read(write({"a": entry(dtype, (2,), (0, values.nbytes))}, values.tobytes())).tensors
    same(tensors, {"a": values})


def test_bfloat16(write):
    tensors = read(write({"a": entry("BF16", (3,), (0, 6))}, bfloat16(1, -2, 0.5))).tensors
    assert tensors["a"].dtype == np.float32 and tensors["a"].tolist() == [1, -2, 0.5]


@pytest.mark.parametrize(
    ("header", "data", "reason"),
    [
        ({"a": entry(shape=(10**6, 10**6))}, bytes(4), "4 bytes, not 4,000,000,000,000"),
        ({"a": entry(shape=(-1, -1))}, bytes(4), "plausible sizes"),
        ({"a": entry(shape=(1.0,))}, bytes(4), "plausible sizes"),
        ({"a": entry(shape=(1,) * 99)}, bytes(4), "99 dimensions"),
        ({"a": entry(place=(4, 8))}, bytes(8), "'a' begins at byte 4, not 0"),
        ({"a": entry(place=(-4, 0))}, bytes(4), "'a' begins at byte -4"),
        ({"a": entry(), "b": entry()}, bytes(4), "'b' begins at byte 0, not 4"),
        ({"a": entry()}, b"", "tensors have 4 bytes, but 0 are there"),
        ({"a": entry()}, bytes(9), "tensors have 4 bytes, but 9 are there"),
        ({"a": entry("F8_E4M3", (4,))}, bytes(4), "elements of type 'F8_E4M3'"),
        ({"a": entry("f4")}, bytes(4), "elements of type 'f4'"),
        ({"a": entry(place=(0, 4, 8))}, bytes(4), "lacks a type, a shape or a place"),
        ({"a": [1]}, b"", "lacks a type"),
        ({"__metadata__": {}}, b"", "no tensors"),
        ({}, b"", "no tensors"),
        (b"{]", b"", "header cannot be read"),
        (b'{"\xff":1}', b"", "header cannot be read"),
        (b'{"a":' + b"[" * 100_000, b"", "header cannot be read"),
        (b'{"a":1,"a":1}', b"", "'a' twice"),
        (b'{"a":{"shape":[],"shape":[]}}', b"", "'shape' twice"),
        (b'{"a":' + b"9" * 5000 + b"}", b"", "header cannot be read"),
    ],
)
def test_refused(write, refused, header, data, reason):
    assert reason in refused(write(header, data))


@pytest.mark.parametrize("length", [2**63, 2**40, 10**6, 66])
def test_headers_beyond_the_file(write, refused, length):
    text = json.dumps({"a": entry()}).encode()
    assert len(text) + 4 == 65
    assert "damaged: a header of" in refused(write(text, bytes(4), length))


def test_a_huge_header(write, refused):
    assert "a header of 5,000,002 bytes" in refused(write(b"{" + b" " * 5_000_000 + b"}"))
