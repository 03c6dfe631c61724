"""The plain values in a pickle: numbers, text and bytes, each after a one-byte code."""

import codecs
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from .pickle_stream import PickleStream

# Longer text must be bytes in disguise, as protocol 2 writes them.
_LONG_TEXT = 1 << 16


def shown(value: Any) -> str:
    """A value from a file for an error message, of bounded length and without recursion."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str | bytes):
        return ascii(value[:60])
    if isinstance(value, int) and abs(value) < 1 << 64:
        return str(value)
    return f"a {type(value).__name__}"


def integer(line: bytes) -> int:
    """A line of protocol 0 as an integer, or as a bool, which it writes as 00 or 01."""
    if line in (b"00", b"01"):
        return line == b"01"
    if not re.fullmatch(rb"[+-]?[0-9]{1,600}L?", line):
        raise ValueError(f"damaged: {shown(line)} is not an integer")
    return int(line.removesuffix(b"L"))


def text(data: bytes) -> str:
    """Data in UTF-8 as text.

    Raises:
        ValueError: it is not UTF-8; or it is long and not Latin-1, and would take up to four times
            its size.
    """
    if len(data) > _LONG_TEXT and np.frombuffer(data, np.uint8).max() > 0xC3:
        raise ValueError(f"refused: text of {len(data):,} bytes that is not Latin-1")
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise ValueError(f"damaged: text that is not UTF-8 ({error.reason})") from error


def _real(line):
    try:
        return float(line)
    except ValueError as error:
        raise ValueError(f"damaged: {shown(line)} is not a number") from error


def _long(data):
    if len(data) > 255:
        raise ValueError(f"refused: an integer of {len(data):,} bytes")
    return int.from_bytes(data, "little", signed=True)


def _quoted(line):
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
        raise ValueError("damaged: text of a pickle without its quotes")
    try:
        return codecs.escape_decode(line[1:-1])[0].decode("latin-1")
    except ValueError as error:
        raise ValueError(f"damaged: text with a wrong escape ({error})") from error


def _escaped(line):
    if len(line) > _LONG_TEXT and re.search(rb"\\U|\\u(?!00)", line):
        raise ValueError(f"refused: text of {len(line):,} bytes that is not Latin-1")
    try:
        return line.decode("raw-unicode-escape")
    except UnicodeDecodeError as error:
        raise ValueError(f"damaged: text with a wrong escape ({error.reason})") from error


# Code of a value, and what reads it.
READERS: dict[bytes, Callable[[PickleStream], Any]] = {
    pickle.NONE: lambda stream: None,
    pickle.NEWTRUE: lambda stream: True,
    pickle.NEWFALSE: lambda stream: False,
    pickle.INT: lambda stream: integer(stream.line()),
    pickle.LONG: lambda stream: integer(stream.line()),
    pickle.BININT: lambda stream: stream.number("<i"),
    pickle.BININT1: lambda stream: stream.number("B"),
    pickle.BININT2: lambda stream: stream.number("<H"),
    pickle.LONG1: lambda stream: _long(stream.counted("B")),
    pickle.LONG4: lambda stream: _long(stream.counted("<i")),
    pickle.FLOAT: lambda stream: _real(stream.line()),
    pickle.BINFLOAT: lambda stream: stream.number(">d"),
    # Python 2's text is read as Latin-1, as Detectron2 does.
    pickle.STRING: lambda stream: _quoted(stream.line(stream.left)),
    pickle.BINSTRING: lambda stream: stream.counted("<i").decode("latin-1"),
    pickle.SHORT_BINSTRING: lambda stream: stream.counted("B").decode("latin-1"),
    pickle.UNICODE: lambda stream: _escaped(stream.line(stream.left)),
    pickle.BINUNICODE: lambda stream: text(stream.counted("<I")),
    pickle.SHORT_BINUNICODE: lambda stream: text(stream.counted("B")),
    pickle.BINUNICODE8: lambda stream: text(stream.counted("<Q")),
    pickle.BINBYTES: lambda stream: stream.counted("<I"),
    pickle.SHORT_BINBYTES: lambda stream: stream.counted("B"),
    pickle.BINBYTES8: lambda stream: stream.counted("<Q"),
    pickle.BYTEARRAY8: lambda stream: stream.counted("<Q"),
    pickle.EMPTY_LIST: lambda stream: [],
    pickle.EMPTY_TUPLE: lambda stream: (),
    pickle.EMPTY_DICT: lambda stream: {},
}
