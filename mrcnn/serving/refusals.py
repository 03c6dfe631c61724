"""What the server refuses, with the HTTP status and the sentence that the client gets."""

from collections.abc import Mapping


class Refused(Exception):
    """A request that gets an error as its answer.

    Args:
        status: HTTP status code.
        message: one sentence for the client.
        headers: further headers of the answer.

    Attributes:
        status, message, headers: as given.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.headers = dict(headers or {})


def busy(message: str, seconds: int = 1) -> Refused:
    """A refusal for now: 503 with `Retry-After`.

    Args:
        message: one sentence.
        seconds: after which the client may try again.

    Example:
        >>> from mrcnn.serving.refusals import busy
        >>> busy("the queue is full.", 3).headers
        {'Retry-After': '3'}
    """
    return Refused(503, message, {"Retry-After": str(seconds)})
