"""Files that appear whole or not at all, and folders that are new."""

import contextlib
import datetime
import itertools
import os
import re
import uuid
from pathlib import Path

# Name of a file that is being written.
PART = re.compile(r"\..+\.[0-9a-f]{8}\.part")


@contextlib.contextmanager
def replacing(path):
    """A file beside `path` to write to, moved there when the `with` block ends.

    If the block fails the file is removed, and what was at `path` before stays.

    Args:
        path: where the file belongs; its folder must exist. Behind a link, the file that it leads
            to is replaced.

    Yields:
        Path of the file to write.
    """
    path = Path(os.path.realpath(path))
    # Not tempfile's, which only its owner may read.
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    part.touch(exist_ok=False)
    try:
        yield part
        with open(part, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(part)
        raise


def new_folder(parent, name):
    """A folder that was not there, named after what it holds and the time.

    Args:
        parent: created if it is not there.
        name: such as "evaluate".

    Returns:
        Path `parent/evaluate_20261120T140500`, or with _2, _3, ... behind where that is taken.

    Raises:
        OSError: it cannot be made.
    """
    first = Path(parent) / f"{name}_{datetime.datetime.now():%Y%m%dT%H%M%S}"
    for number in itertools.count(1):
        folder = first if number == 1 else first.with_name(f"{first.name}_{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
