"""HTTP connections with limits: their number, and the patience with slow clients."""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with limits that it does not have.

    A client has `seconds` to send the headers of a request, and to take what it is sent, and there
    are at most `connections` at a time. Whoever exceeds one is cut off, or gets a 503.
    """

    seconds = 30.0
    connections_at_most = 256

    _heads: asyncio.TimerHandle | None = None
    _writes: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client connects by a `transport`."""
        super().connection_made(transport)
        if len(self.connections) > self.connections_at_most:
            self._refuse(503, "there are too many connections: try again later.")
            return
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """The client sends `data`."""
        if self._is_idle() and self._heads is None:
            self._await_head()
        super().data_received(data)
        if not self._is_idle() and self._heads is not None:
            self._heads.cancel()
            self._heads = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over, perhaps by an error `exc`."""
        for timer in (self._heads, self._writes):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client takes no more for now."""
        super().pause_writing()
        self._await_progress()

    def resume_writing(self) -> None:
        """The client takes more again."""
        super().resume_writing()
        if self._writes is not None:
            self._writes.cancel()
            self._writes = None

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is no HTTP, `msg` says why."""
        self._refuse(400, "the request is no valid HTTP, or its headers are too long.")

    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._heads = self.loop.call_later(self.seconds, self._give_up)

    def _await_progress(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._writes = self.loop.call_later(self.seconds, self._check_progress, left)

    def _check_progress(self, before: int) -> None:
        if self.transport.get_write_buffer_size() < before:
            self._await_progress()
        else:
            self.transport.abort()

    def _give_up(self) -> None:
        self._heads = None
        if self._is_idle():
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        """Answer before there is a request, and close."""
        body = json.dumps({"error": message}).encode()
        head = (
            f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n"
        )
        head += "Retry-After: 1\r\n" if status == 503 else ""
        self.transport.write(head.encode() + b"\r\n" + body)
        self.transport.close()


def patient(seconds: float, connections: int) -> type[PatientProtocol]:
    """The protocol with other limits.

    Args:
        seconds, connections: see `PatientProtocol`.
    """
    limits = {"seconds": seconds, "connections_at_most": connections}
    return type("PatientProtocol", (PatientProtocol,), limits)
