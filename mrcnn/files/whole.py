"""Files that appear complete or not at all, and uniquely named folders."""

import contextlib
import datetime
import errno
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from ..types import PathLike

# File-system errors that do not name the file when a write fails.
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

# Name of a file that is being written.
PART = re.compile(r"\..+\.[0-9a-f]{8}\.part")


@contextlib.contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """Write to a temporary file beside `path`, moved there when the `with` block ends.

    If the block fails, the temporary file is removed, and an existing file at `path` is kept.

    Args:
        path: where the file belongs; its folder must exist. If it is a link, the file that it
            points to is replaced.

    Yields:
        Path of the file to write.

    Raises:
        OSError: the file cannot be created, written or moved. If the disk is full, the error names
            `path`.

    Example:
        >>> from mrcnn.files import replacing
        >>> with replacing("names.txt") as part:
        ...     _ = part.write_text("cat, dog")
        >>> open("names.txt").read()
        'cat, dog'
    """
    path = Path(os.path.realpath(path))
    # Not from tempfile, whose files only the owner may read.
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    part.touch(exist_ok=False)
    try:
        yield part
        with open(part, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(part)
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            error.filename = str(path)
        raise


def new_folder(parent: PathLike, name: str) -> Path:
    """Create a new folder, named after its content and the time.

    Args:
        parent: created if it does not exist.
        name: such as "evaluate".

    Returns:
        Path `parent/evaluate_20261120T140500`, with _2, _3, ... appended if that exists.

    Raises:
        OSError: it cannot be created.
    """
    first = Path(parent) / f"{name}_{datetime.datetime.now():%Y%m%dT%H%M%S}"
    folder, number = first, 1
    while True:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
        number += 1
        folder = first.with_name(f"{first.name}_{number}")
