"""The bytes of a pickle: never more is read than there is."""

import io

import pytest

from mrcnn.checkpoints.pickle_stream import PickleStream


def stream(data):
    return PickleStream(io.BytesIO(data), len(data))


def test_reading():
    reader = stream(b"ab\x02xy\x01\x00line\nrest")
    assert reader.take(2) == b"ab"
    assert reader.counted("B") == b"xy"
    assert reader.number("<H") == 1
    assert reader.line() == b"line"
    assert reader.left == 4 and reader.skip(3) == 12 and reader.left == 1
    assert reader.take(1) == b"t" and reader.left == 0


@pytest.mark.parametrize("count", [4, 1 << 62, -1])
def test_more_than_there_is(count):
    for step in (stream(b"abc").take, stream(b"abc").skip):
        with pytest.raises(ValueError, match="at byte 0, but 3 do"):
            step(count)


def test_lines_end():
    with pytest.raises(ValueError, match="does not end"):
        stream(b"abc").line()
    with pytest.raises(ValueError, match="does not end"):
        stream(b"a" * 2000 + b"\n").line()
    assert len(stream(b"a" * 2000 + b"\n").line(3000)) == 2000


def test_a_file_that_became_shorter():
    with pytest.raises(ValueError, match="only 3 of 5 bytes"):
        PickleStream(io.BytesIO(b"abc"), 9).take(5)
