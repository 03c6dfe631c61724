"""The members of a zip file, whose sizes and names are checked before anything is read."""

import contextlib
import errno
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from ..types import Array
from .limits import ALLOWANCE, COMPRESSION, MAX_DIRECTORY
from .pickle_values import shown

_CHUNK = 1 << 20

# The end of a zip file, with the longest comment, where its directory is announced.
_LONGEST_END = 1 << 17

# What zipfile raises for damaged files.
_DAMAGED = (
    ArithmeticError,
    EOFError,
    LookupError,
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class _Reader(io.BufferedReader):
    """zipfile reads the directory at once, of the size that the file declares."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = _LONGEST_END
        if size > MAX_DIRECTORY:
            raise ValueError(f"a directory of {size:,} bytes")
        return super().read(size)


class ZipMembers:
    """An open zip file; use it in a `with` statement.

    Args:
        path: of the file.

    Attributes:
        names: of the members, in the file's order, without folders.
        total: bytes of all members, unpacked.

    Raises:
        ValueError: it is damaged; has names twice, encrypted members or paths outside it; or
            unpacks to implausibly many bytes.
    """

    def __init__(self, path: Path) -> None:
        size = path.stat().st_size
        self._file = _Reader(io.FileIO(path))
        try:
            with _damage():
                self._zip = zipfile.ZipFile(self._file)
            self._members: dict[str, zipfile.ZipInfo] = {}
            for info in self._zip.infolist():
                if not info.filename.endswith("/"):
                    self._add(info)
            packed = sum(info.compress_size for info in self._members.values())
            self.total = sum(info.file_size for info in self._members.values())
            if packed > size or self.total > COMPRESSION * size + ALLOWANCE:
                raise ValueError(
                    f"refused: its members have {self.total:,} bytes, implausible for a file of "
                    f"{size:,}"
                )
        except BaseException:
            self._file.close()
            raise
        self.names = list(self._members)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def size(self, name: str) -> int:
        """Bytes of the member of this name, unpacked.

        Raises:
            ValueError: there is none of this name.
        """
        if name not in self._members:
            raise ValueError(f"damaged: it lacks {shown(name)}")
        return self._members[name].file_size

    def read(self, name: str) -> Array:
        """The member of this name, uint8 [N].

        Raises:
            ValueError: it is damaged: its size or checksum is another.
        """
        data = np.empty(self.size(name), np.uint8)
        place = 0
        with _damage(name), self._zip.open(self._members[name]) as member:
            while chunk := member.read(min(_CHUNK, len(data) - place)):
                data[place : place + len(chunk)] = np.frombuffer(chunk, np.uint8)
                place += len(chunk)
        if place != len(data):
            raise ValueError(f"damaged: {shown(name)} has {place:,} of {len(data):,} bytes")
        return data

    def _add(self, info):
        name = info.filename
        if name in self._members:
            raise ValueError(f"damaged: {shown(name)} appears twice")
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise ValueError(f"refused: {shown(name)} is not a path inside the file")
        if info.flag_bits & 1:
            raise ValueError(f"refused: {shown(name)} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"refused: {shown(name)} is compressed by other means than deflate")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            raise ValueError(f"damaged: {shown(name)} has two different sizes")
        self._members[name] = info


@contextlib.contextmanager
def _damage(name: str | None = None) -> Iterator[None]:
    """Whatever zipfile says of a damaged file, as one `ValueError`."""
    what = "the zip file" if name is None else shown(name)
    try:
        yield
    except _DAMAGED as error:
        raise ValueError(f"damaged: {what} cannot be read ({error})") from error
    except OSError as error:
        # zipfile seeks where a damaged file sends it.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(f"damaged: {what} cannot be read ({error})") from error
