"""The image in the body of a request: received within limits of bytes and time."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from .refusals import Refused, busy

# Bodies of that many times the limit may arrive at the same time.
_AT_A_TIME = 4
# Of a body that is too long, as many times the limit are read and thrown away.
_DRAINED = 4
_FIELD = "image"
_LONGEST_NAME = 200


class Bodies:
    """Receives the bodies of requests.

    Args:
        max_bytes: most bytes of a body.
        seconds: within which it must arrive.

    Attributes:
        max_bytes, seconds: as given.
        arriving: bytes in memory of the bodies that are still arriving.
    """

    def __init__(self, max_bytes: int, seconds: float) -> None:
        self.max_bytes, self.seconds, self.arriving = max_bytes, seconds, 0

    async def receive(self, request: Request) -> bytes:
        """Receive a body.

        Args:
            request: whose body has not been read.

        Raises:
            Refused: it is too long, too slow or encoded; or too many others are arriving.
            ClientDisconnect: the client hung up.
        """
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused(415, "the body is compressed: send it without Content-Encoding.")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self.max_bytes:
            await self._drain(request)
            raise self._too_long()
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    self.arriving += len(chunk)
                    if size > self.max_bytes:
                        parts.clear()
                        await self._drain(request)
                        raise self._too_long()
                    if self.arriving > _AT_A_TIME * self.max_bytes:
                        raise busy("too many images arrive at the same time: try again later.")
                    parts.append(chunk)
        except TimeoutError:
            raise Refused(
                408,
                f"the request did not arrive within {self.seconds:g} s.",
                {"Connection": "close"},
            ) from None
        finally:
            self.arriving -= size
        return b"".join(parts)

    def _too_long(self) -> Refused:
        return Refused(
            413,
            f"the upload has more than {self.max_bytes} bytes, which is the limit.",
            {"Connection": "close"},
        )

    async def _drain(self, request: Request) -> None:
        """Let a client finish, within limits: many read no answer before they have sent all."""
        if request.headers.get("expect", "").lower() == "100-continue":
            return
        left = _DRAINED * self.max_bytes
        with contextlib.suppress(TimeoutError, ClientDisconnect):
            async with asyncio.timeout(self.seconds):
                while left > 0:
                    message = await request.receive()
                    left -= max(1, len(message.get("body", b"")))
                    if message["type"] == "http.disconnect" or not message.get("more_body"):
                        return


async def image_of(request: Request, body: bytes) -> tuple[bytes, str]:
    """The image file in a request, and its name.

    Args:
        request: whose type says whether the body is multipart/form-data, with the file in the field
            `image`, or the file itself.
        body: what was received.

    Returns:
        The file's bytes; and its name, which the query `name` or the form gives, or "image". It is
        for showing only: no folder is part of it.

    Raises:
        Refused: there is no file.
    """
    name = request.query_params.get("name", "")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        body, own = await _file_of(request, body)
        name = name or own
    if not body:
        raise Refused(415, "the body is empty: it must be an image file.")
    return body, plain_name(name)


async def _file_of(request: Request, body: bytes) -> tuple[bytes, str]:
    """The file in a form, and the name that the form gives it."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=16)
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, UnicodeError) as error:
        reason = getattr(error, "message", "") or "it is damaged"
        raise Refused(400, f"the form cannot be read: {str(reason).rstrip('.')}.") from None
    try:
        file: Any = form.get(_FIELD)
        if file is None or isinstance(file, str):
            raise Refused(400, f"the form has no file in a field {_FIELD!r}.")
        return await file.read(), file.filename or ""
    finally:
        await form.close()


def plain_name(name: str) -> str:
    """A file's name as it is shown in results: without folders and unprintable characters.

    Args:
        name: from outside.

    Example:
        >>> from mrcnn.serving.bodies import plain_name
        >>> plain_name("../../etc/passwd"), plain_name("C:\\\\data\\\\a.png"), plain_name("..")
        ('passwd', 'a.png', 'image')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(letter for letter in last if letter.isprintable()).strip()[:_LONGEST_NAME]
    return plain if plain.strip(".") else "image"
