"""Files for all images, joined from a part per image.

A part is a text file: JSON on the first line says what the joined file needs to know early, and the
rest belongs to the joined file as it is. So joining takes little memory, whatever the size.
"""

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from ..files.whole import replacing
from ..text import some
from ..types import PathLike


@contextlib.contextmanager
def text_file(path: PathLike) -> Iterator[TextIO]:
    """Write a text file in UTF-8, whole or not at all.

    Args:
        path: of the file.

    Yields:
        the open file.

    Raises:
        OSError: it cannot be written.
    """
    # Names of files need not be valid text on Linux.
    with (
        replacing(path) as part,
        open(part, "w", encoding="utf-8", errors="replace", newline="\n") as file,
    ):
        yield file


@contextlib.contextmanager
def part_of(path: PathLike, **head: Any) -> Iterator[TextIO]:
    """Write the part of an image, whole or not at all.

    Args:
        path: of the part.
        head: what its first line says, values that JSON can hold.

    Yields:
        the open file, after the first line.

    Raises:
        OSError: it cannot be written.
    """
    with text_file(path) as file:
        file.write(json.dumps(head) + "\n")
        yield file


def head_of(part: PathLike) -> dict[str, Any]:
    """What the first line of the part at the path `part` says."""
    with open(part, encoding="utf-8") as file:
        return json.loads(file.readline())


@contextlib.contextmanager
def rest_of(part: PathLike) -> Iterator[TextIO]:
    """Open the part at the path `part`, after its first line.

    Yields:
        the open file.
    """
    with open(part, encoding="utf-8", newline="\n") as file:
        file.readline()
        yield file


def copy_rest(part: PathLike, file: TextIO) -> None:
    """Copy what follows the first line of a part.

    Args:
        part: path of the part.
        file: where to write it.
    """
    with rest_of(part) as rest:
        shutil.copyfileobj(rest, file)


def class_names_of(heads: Iterable[Mapping[str, Any]]) -> list[str]:
    """The class names that all parts agree on, from the background's; [] without parts.

    Args:
        heads: of the parts, each with `class_names`.

    Raises:
        ValueError: they have different classes.

    Example:
        >>> from mrcnn.results.joined import class_names_of
        >>> class_names_of([{"class_names": ["BG", "cell"]}] * 2)
        ['BG', 'cell']
    """
    found: dict[tuple[str, ...], None] = {}
    for head in heads:
        found[tuple(head["class_names"])] = None
    if len(found) > 1:
        first, second, *_ = found
        raise ValueError(
            f"some images have the classes {some(first)} and others {some(second)}: the results "
            "are of different models and cannot be joined into one file."
        )
    return list(next(iter(found), ()))
