"""Places in the queue, and memory for pixels."""

import asyncio

import pytest

from mrcnn.serving.budget import Budget, Slots
from mrcnn.serving.metrics import Metrics
from mrcnn.serving.refusals import Refused


def test_slots_are_given_back():
    gauge = Metrics().in_flight
    slots = Slots(2, lambda: 4.0, gauge)
    with slots.one(), slots.one():
        assert gauge._value.get() == 2
        with pytest.raises(Refused, match="the queue is full, with 2 images") as raised:
            slots.check()
        assert (raised.value.status, raised.value.headers) == (503, {"Retry-After": "4"})
    with pytest.raises(KeyError), slots.one():
        raise KeyError
    slots.check()
    assert gauge._value.get() == 0


def test_whoever_wants_more_waits_in_order():
    async def run():
        budget, got = Budget(10), []
        release = asyncio.Event()

        async def want(amount, name):
            async with budget.part(amount):
                got.append(name)
                await release.wait()

        tasks = []
        for amount, name in ((6, "first"), (6, "second"), (1, "third")):
            tasks.append(asyncio.ensure_future(want(amount, name)))
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        # The third would fit, but would let large images wait for ever.
        assert got == ["first"]
        tasks[1].cancel()
        await asyncio.sleep(0.01)
        assert got == ["first", "third"]
        release.set()
        await asyncio.wait(tasks)
        async with budget.part(10):
            pass

    asyncio.run(asyncio.wait_for(run(), 10))
