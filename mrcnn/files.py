"""Files that appear whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """A file beside `path` to write to, moved there when the `with` block ends.

    If the block fails the file is removed, and what was at `path` before stays.

    Args:
        path: where the file belongs; its folder must exist.

    Yields:
        Path of the file to write.
    """
    path = Path(path)
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        yield Path(part)
        with open(part, "rb+") as written:
            os.fsync(written.fileno())
        # mkstemp makes files that only their owner may read.
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(part)
        raise


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
