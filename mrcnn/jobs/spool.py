"""A sequence on its way between two steps, kept on disk when it is long."""

import os
import pickle
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from ..types import PathLike

MEMORY = 64 * 2**20  # bytes, above which parts go to disk

_Part = TypeVar("_Part")


class Spool(Generic[_Part]):
    """A sequence that was read once, may be iterated several times, and stays small in memory.

    Args:
        parts: of the sequence; they are pickled.
        folder: for a temporary file, which has no name and vanishes with this object. None is the
            system's.
        memory: bytes, up to which there is no file.

    Raises:
        OSError: the disk is full.

    Example:
        >>> from mrcnn.jobs.spool import Spool
        >>> spool = Spool(number * number for number in range(4))
        >>> list(spool), list(spool)
        ([0, 1, 4, 9], [0, 1, 4, 9])
    """

    def __init__(
        self, parts: Iterable[_Part], folder: PathLike | None = None, memory: int = MEMORY
    ) -> None:
        where = None if folder is None else os.fspath(folder)
        self._file: Any = tempfile.SpooledTemporaryFile(memory, dir=where)  # noqa: SIM115
        try:
            for part in parts:
                pickle.dump(part, self._file, pickle.HIGHEST_PROTOCOL)
            self._end = self._file.tell()
            self._file.flush()
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[_Part]:
        at = 0
        while at < self._end:
            self._file.seek(at)
            part = pickle.load(self._file)
            at = self._file.tell()  # others may iterate in between
            yield part

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
