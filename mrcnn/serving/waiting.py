"""How long a request may take, and what ends it early: a time limit, or a client that hangs up."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from .refusals import Refused

# What nginx notes for a client that hung up; nobody reads it.
HUNG_UP = 499

T = TypeVar("T")


async def answered(request: Request, work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Wait for an answer as long as somebody waits for it.

    Args:
        request: whose body has been read.
        work: makes the answer; it is cancelled when the time is up or the client hangs up.
        seconds: within which it must be done.

    Returns:
        What `work` returns.

    Raises:
        Refused: the time is up, or the client hung up.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise Refused(HUNG_UP, "the client hung up.")
        raise Refused(504, f"the answer took longer than {seconds:g} s, which is the limit.")
    finally:
        for each in (task, gone):
            each.cancel()
        for each in (task, gone):
            with contextlib.suppress(BaseException):
                await each


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
