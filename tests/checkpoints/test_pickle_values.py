"""The plain values in a pickle."""

import io
import pickle
import struct
import tracemalloc

import pytest

from mrcnn.checkpoints.pickle_stream import PickleStream
from mrcnn.checkpoints.pickle_values import shown, text
from mrcnn.checkpoints.pickles import load


def loaded(data):
    return load(PickleStream(io.BytesIO(data), len(data)), {})


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, 255, 65535, -3, 2**31 - 1, 2**80, -(2**900), 0.1, -1e300),
        *("", "ab", "é\\\n'\"", "日本", "x" * 300, (), (1,), (1, 2), (1, 2, 3, 4)),
        *([], [1, [2]], {}, {"a": 1}, {"a": (None, [True]), 3: "b", None: 0, True: 5}),
    ],
)
def test_as_python_reads_them(value, protocol):
    found = loaded(pickle.dumps(value, protocol))
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("value", [b"", b"ab", b"x" * 70_000])
def test_bytes(value, protocol):
    assert loaded(pickle.dumps(value, protocol)) == value


def test_python_2_text_is_latin_1():
    assert loaded(b"S'a\\xe9\\n'\n.") == "aé\n"
    assert loaded(b"U\x02a\xe9.") == loaded(b"T\x02\0\0\0a\xe9.") == "aé"
    assert loaded(b"I01\n.") is True and loaded(b"L12L\n.") == 12


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Ix\n.", "not an integer"),
        (b"I" + b"9" * 700 + b"\n.", "not an integer"),
        (b"I" + b"9" * 10**6 + b"\n.", "does not end"),
        (b"Fx\n.", "not a number"),
        (b"Sab\n.", "without its quotes"),
        (b"\x8b\xff\xff\xff\x7f.", "2,147,483,647 bytes should follow"),
        (b"\x8b\xff\xff\xff\xff.", "-1 bytes should follow"),
        (b"\x8b\x00\x01\x00\x00" + bytes(256) + b".", "an integer of 256 bytes"),
        (b"T\xff\xff\xff\xff.", "-1 bytes should follow"),
        (b"\x8d" + b"\xff" * 8, "18,446,744,073,709,551,615 bytes should follow"),
        (b"\x8e" + struct.pack("<Q", 1 << 40) + b"ab.", "1,099,511,627,776 bytes should follow"),
        (b"\x96" + struct.pack("<Q", 1 << 62), "bytes should follow"),
        (b"X\x01\0\0\0\xff.", "damaged: text that is not UTF-8"),
        (b"V\\u12\n.", "damaged: text with a wrong escape"),
        (b"S'\\x1'\n.", "damaged: text with a wrong escape"),
    ],
)
def test_damaged_values(data, reason):
    with pytest.raises(ValueError, match=reason):
        loaded(data)


def test_long_text_takes_no_more_than_its_size():
    long = "a" * 10**6 + "😀"
    pickles = [pickle.dumps(long, 2), pickle.dumps(long, 0)]
    tracemalloc.start()
    for data in pickles:
        with pytest.raises(ValueError, match="not Latin-1"):
            loaded(data)
    assert tracemalloc.get_traced_memory()[1] < 3.5e6
    tracemalloc.stop()
    assert loaded(pickle.dumps("é" * 10**5, 2)) == loaded(pickle.dumps("é" * 10**5, 0))
    assert text(b"a\xed\xa0\x80") == "a\ud800"


def test_values_in_messages_are_short():
    nested = ()
    for _ in range(10**5):
        nested = (nested,)
    assert shown(nested) == "a tuple"
    assert shown(2**2000) == "a int" and shown(-5) == "-5" and shown(None) == "None"
    assert len(shown("é" * 1000)) < 300 and shown("a\n") == r"'a\n'"
