"""What is noted about an image that is done, and whether its file is still the same."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Self

from ..types import PathLike


@dataclasses.dataclass(frozen=True, slots=True)
class Stamp:
    """What tells whether a file has changed.

    Attributes:
        path: absolute.
        size: in bytes.
        modified: time in nanoseconds.
    """

    path: str
    size: int
    modified: int

    @classmethod
    def of(cls, path: PathLike) -> Self:
        """The stamp of a file.

        Args:
            path: of the file.

        Raises:
            OSError: there is none.
        """
        found = os.stat(path)
        return cls(os.path.abspath(path), found.st_size, found.st_mtime_ns)

    def is_same(self, other: Self) -> bool:
        """Whether the content is the same, though the path may differ.

        Args:
            other: stamp of another file, or of the same one at another time.
        """
        return (self.size, self.modified) == (other.size, other.modified)


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """An image that is done.

    Attributes:
        name: of the image, see `inputs.Item`.
        stem: of its files of results, see `naming`.
        image: `Stamp` of the file as it was.
        made_by: digest of what made the results, see `ResultsFolder.start`.
        kinds: of files that were written.
        objects: their number.
        truncated: the setting that cut them, or "".
        remark: what the user should know about the image, or "".
        seconds: that the network took.
        written: time in nanoseconds.
    """

    name: str
    stem: str
    image: Stamp
    made_by: str
    kinds: tuple[str, ...]
    objects: int
    truncated: str
    remark: str
    seconds: float
    written: int

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The record in a file; None if it is damaged, or of another version.

        Args:
            path: of the file.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            content["image"] = Stamp(**content["image"])
            return cls(**{**content, "kinds": tuple(content["kinds"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
