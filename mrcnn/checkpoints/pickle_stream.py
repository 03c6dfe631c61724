"""The bytes of a pickle: never more is read, or held, than there is."""

import struct
from typing import Any, BinaryIO

# Longest line that is a name or a number.
_SHORT = 1 << 10


class PickleStream:
    """Reads a pickle from a file.

    Args:
        file: at the first byte of the pickle.
        size: of the bytes from there to the end of the file.

    Attributes:
        left: how many of them are not read yet.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.left = self.size = size

    def take(self, count: int) -> bytes:
        """The next `count` bytes.

        Raises:
            ValueError: the file ends before.
        """
        self._check(count)
        data = self._file.read(count)
        if len(data) != count:
            raise ValueError(f"damaged: only {len(data):,} of {count:,} bytes could be read")
        self.left -= count
        return data

    def skip(self, count: int) -> int:
        """Pass over the next `count` bytes, and return where in the file they lie.

        Raises:
            ValueError: the file ends before.
        """
        self._check(count)
        place = self._file.tell()
        self._file.seek(count, 1)
        self.left -= count
        return place

    def number(self, form: str) -> Any:
        """The next number, `form` as in `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def counted(self, form: str) -> bytes:
        """The next bytes, which follow their count, of `form` as in `struct`."""
        return self.take(self.number(form))

    def line(self, limit: int = _SHORT) -> bytes:
        """The next line, without its end.

        Raises:
            ValueError: it does not end within `limit` bytes.
        """
        data = self._file.readline(min(limit, self.left))
        if not data.endswith(b"\n"):
            raise ValueError(f"damaged: the line at {self._place()} does not end")
        self.left -= len(data)
        return data[:-1]

    def _check(self, count: int) -> None:
        if not 0 <= count <= self.left:
            raise ValueError(
                f"damaged: {count:,} bytes should follow at {self._place()}, but {self.left:,} do"
            )

    def _place(self) -> str:
        return f"byte {self.size - self.left:,}"
