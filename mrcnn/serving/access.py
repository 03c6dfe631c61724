"""What every request goes through: the token, errors as JSON, metrics and a line in the log."""

import hmac
import logging
import time

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import Metrics
from .refusals import Refused
from .waiting import HUNG_UP

logger = logging.getLogger(__name__)

# Work without the token: the page, which asks for it, and what a supervisor asks.
_OPEN = ("/page/", "/v2/health/")


class Access:
    """ASGI middleware around the whole application.

    Args:
        app: the application.
        token: that clients must send, or "".
        metrics: of the server.
    """

    def __init__(self, app: ASGIApp, token: str, metrics: Metrics) -> None:
        self.app, self._token, self._metrics = app, token.encode(), metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever happens."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status, size = time.perf_counter(), 0, 0

        async def noting(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                # A browser must not take an answer for a page.
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._answer(scope, receive, noting)
        except Exception as error:
            if not status:
                await _refusal(error)(scope, receive, noting)
            else:
                logger.warning("%s: %s", scope["path"], error or type(error).__name__)
        finally:
            self._note(scope, status, time.perf_counter() - start, size)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if self._token and path != "/" and not path.startswith(_OPEN):
            given = Request(scope).headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, b"Bearer " + self._token):
                raise Refused(
                    401,
                    "this server asks for a token: send the header Authorization: Bearer TOKEN.",
                    {"WWW-Authenticate": "Bearer"},
                )
        await self.app(scope, receive, send)

    def _note(self, scope: Scope, status: int, seconds: float, size: int) -> None:
        # Not the path: clients must not be able to make any number of series.
        route = getattr(scope.get("endpoint"), "__name__", "other")
        self._metrics.requests.labels(route, status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        host = (scope.get("client") or ["-"])[0]
        path = "".join(each if each.isprintable() else "?" for each in scope["path"][:200])
        logger.info(
            "%s %s %s %d %.3f s %d bytes", host, scope["method"], path, status, seconds, size
        )


def _refusal(error: Exception) -> Response:
    """The answer to a request that failed."""
    headers: dict[str, str] = {}
    if isinstance(error, Refused):
        status, message, headers = error.status, error.message, error.headers
    elif isinstance(error, HTTPException):
        status, message = error.status_code, f"{str(error.detail).rstrip('.')}."
        headers = dict(error.headers or {})
    elif isinstance(error, ClientDisconnect):
        status, message = HUNG_UP, "the client hung up."
    elif isinstance(error, MemoryError):
        status, message = 413, "the image needs more memory than there is."
    else:
        logger.error("an error of the server", exc_info=error)
        status, message = 500, "the server failed; its log says why."
    return JSONResponse({"error": message}, status, headers)
