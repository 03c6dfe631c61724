"""Tell a regular file from what only looks like one: opening a named pipe would wait for ever."""

import errno
import os
import stat
from typing import TypeVar

from ..types import PathLike

_Path = TypeVar("_Path", bound=PathLike)

_KINDS = (
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def regular_file(path: _Path) -> _Path:
    """The `path` itself, after a check that it is a regular file or a link to one.

    Nothing is opened: opening a named pipe waits for a writer, and reading a device such as
    /dev/zero never ends.

    Args:
        path: of the file to open.

    Raises:
        FileNotFoundError: it does not exist.
        IsADirectoryError: it is a folder.
        OSError: it is a named pipe, a socket or a device.

    Example:
        >>> import os
        >>> from mrcnn.files.regular import regular_file
        >>> os.mkfifo("photo.png")
        >>> regular_file("photo.png")
        Traceback (most recent call last):
        ...
        OSError: [Errno 22] it is a named pipe (FIFO): it must be a regular file: 'photo.png'
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "a special file")
        reason = f"it is {kind}: it must be a regular file"
        raise OSError(errno.EINVAL, reason, str(path))
    return path
