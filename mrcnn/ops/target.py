"""What a graph is being traced for: to run here, or to be converted to another format."""

import contextlib
import contextvars
from collections.abc import Iterator

_TARGET: contextvars.ContextVar[str | None] = contextvars.ContextVar("target", default=None)


@contextlib.contextmanager
def exporting(target: str) -> Iterator[None]:
    """Trace graphs of operations that the converter of a format knows.

    Args:
        target: the format, a key of CONVERTED in `ops.kernels`.

    Example:
        >>> from mrcnn.ops.target import current, exporting
        >>> with exporting("onnx"):
        ...     current()
        'onnx'
    """
    token = _TARGET.set(target)
    try:
        yield
    finally:
        _TARGET.reset(token)


def current() -> str | None:
    """The format that the graph is traced for; None to run here."""
    return _TARGET.get()
