"""What may be in memory at the same time, as numbers of requests and pixels."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Iterator

from prometheus_client import Gauge

from .refusals import busy

_LONGEST_RETRY = 60  # seconds


class Slots:
    """A bounded number of places for requests; nobody waits for one.

    Args:
        most: places.
        seconds: function that returns how long a request takes, roughly.
        gauge: shows how many are taken.

    Attributes:
        taken: number of places that are taken.
    """

    def __init__(self, most: int, seconds: Callable[[], float], gauge: Gauge) -> None:
        self._most, self._seconds, self._gauge = most, seconds, gauge
        self.taken = 0

    def check(self) -> None:
        """Check that there is a place.

        Raises:
            Refused: all are taken.
        """
        if self.taken >= self._most:
            wait = math.ceil(self._seconds() * self.taken / 2)
            raise busy(
                f"the queue is full, with {self.taken} images: try again later.",
                min(max(1, wait), _LONGEST_RETRY),
            )

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """In a `with`, one place.

        Raises:
            Refused: all are taken.
        """
        self.check()
        self.taken += 1
        self._gauge.set(self.taken)
        try:
            yield
        finally:
            self.taken -= 1
            self._gauge.set(self.taken)


class Budget:
    """A shared amount. Requests for more than is left wait for it, in order.

    Args:
        most: the amount.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def part(self, amount: int) -> AsyncIterator[None]:
        """In an `async with`, a part of the amount.

        Args:
            amount: at most all of it.
        """
        async with self._turn:
            while self._left < amount:
                self._changed.clear()
                await self._changed.wait()
            self._left -= amount
        try:
            yield
        finally:
            self._left += amount
            self._changed.set()
