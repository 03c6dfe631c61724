"""What ends a request early."""

import asyncio

import pytest

from mrcnn.serving.refusals import Refused
from mrcnn.serving.waiting import answered


class Request:
    """A client that hangs up after some seconds."""

    def __init__(self, seconds=60.0):
        self.seconds = seconds

    async def receive(self):
        await asyncio.sleep(self.seconds)
        return {"type": "http.disconnect"}


def run(work, request=None, seconds=5.0):
    ended = []

    async def noted():
        try:
            return await work()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    try:
        return asyncio.run(answered(request or Request(), noted(), seconds)), ended
    except Refused as refused:
        return refused, ended


def test_an_answer():
    async def work():
        return 7

    assert run(work) == (7, [])


def test_an_error():
    async def work():
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(work)


def test_the_time_is_up_and_the_client_hangs_up():
    async def work():
        await asyncio.sleep(60)

    late, ended = run(work, seconds=0.02)
    assert late.status == 504 and "0.02 s" in late.message and ended == ["cancelled"]
    gone, ended = run(work, Request(0.02))
    assert gone.status == 499 and ended == ["cancelled"]
