"""From the bytes of an image to what is found in it: the steps, in threads, and their limits."""

import asyncio
import concurrent.futures
import contextlib
import hashlib
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, TypeVar

from ..jobs.model import Model
from ..jobs.reading import Image
from ..results.objects import ImageFacts
from ..startup import ForkedError
from ..types import Array
from .bodies import Bodies
from .budget import Budget, Slots
from .findings import Finding, Findings
from .metrics import Metrics
from .network import Begun, Load, Network
from .refusals import Refused, busy
from .settings import ServerSettings
from .uploads import Upload

# Images of this many times the limit of one may be in memory.
_IMAGES = 2
# Images that are detected in tiles at the same time.
_LARGE = 2

_TICK = 0.02  # seconds

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Service:
    """Detection for many clients at a time.

    Args:
        settings: of the server.
        load: function from a job to its `Model`.

    Attributes:
        settings: as given.
        metrics: `Metrics`.
        bodies: `Bodies`, which receives uploads.
        network: `Network`, once `start` is through; else None.
        problem: why there is none, or "".
        error: why `start` failed; None if it did not.
        stopping: whether new requests are refused.
    """

    def __init__(self, settings: ServerSettings, load: Load = Model) -> None:
        self.settings, self._load = settings, load
        self.metrics = Metrics()
        self.bodies = Bodies(settings.max_bytes, settings.body_seconds)
        self.network: Network | None = None
        self.problem = "the model is not loaded yet."
        self.error: Exception | None = None
        self.stopping = False
        self._slots = Slots(
            settings.queue,
            lambda: self.network.seconds if self.network else 1.0,
            self.metrics.in_flight,
        )
        self._findings = Findings(settings.cache)

    async def start(self) -> None:
        """Load the model.

        A model that would hang here, because of a fork, does not end the server: its answers say
        so.

        Raises:
            FileNotFoundError, OSError, ValueError: the model cannot be loaded.
        """
        self._pixels = Budget(_IMAGES * self.settings.max_pixels)
        threads = max(2, os.cpu_count() or 1)
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, "image")
        self._large = concurrent.futures.ThreadPoolExecutor(_LARGE, "large image")
        try:
            self.network = await self.run(Network, self.settings, self.metrics, self._load)
            await self.run(self.network.warm_up)
        except ForkedError as error:
            self.problem = " ".join(str(error).split())
            logger.error(self.problem)
        except Exception as error:
            self.error = error
            raise
        else:
            self.problem = ""

    def refuse_new(self) -> None:
        """From now on, new requests are refused; what was accepted is finished."""
        self.stopping = True

    async def stop(self) -> None:
        """Finish what was accepted, and end the threads."""
        self.refuse_new()
        while self._slots.taken:
            await asyncio.sleep(_TICK)
        if self.network is not None and self.network.process == os.getpid():
            await self.run(self.network.close)
        self._pool.shutdown()
        self._large.shutdown()

    def ready(self) -> Network:
        """The network.

        Raises:
            Refused: there is none in this process.
        """
        network = self.network
        if network is None or self.problem:
            raise busy(self.problem, 10)
        if network.process != os.getpid():
            raise busy(
                f"the model was made in process {network.process}, which then forked this process "
                f"({os.getpid()}): it would hang here. Make the model in the worker process, see "
                "docs/serving.md.",
                60,
            )
        return network

    def admit(self) -> Network:
        """The network, for a new request that still has to arrive.

        Raises:
            Refused: the server is stopping, the queue is full, or there is no network.
        """
        if self.stopping:
            raise busy("the server is stopping.")
        network = self.ready()
        self._slots.check()
        return network

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """In a `with`, a place in the queue, for a request that has arrived.

        Raises:
            Refused: see `admit`.
        """
        self.admit()
        with self._slots.one():
            yield

    async def answer(
        self,
        data: bytes,
        name: str,
        with_pixels: bool,
        write: Callable[[Finding, Image | None], T],
    ) -> T:
        """Detect in an image file, unless it is known what is in it, and write the answer.

        Args:
            data: bytes of the file.
            name: of the image, for messages.
            with_pixels: whether `write` needs the image even if it is known what is in it.
            write: function of the finding and the image, which takes its time.

        Returns:
            What `write` returned.

        Raises:
            Refused: it is no image, or the network does not take it.
        """
        digest = await self.run(lambda: hashlib.sha256(data).digest())
        known = self._findings.get(digest)
        if known is not None:
            self.metrics.cache_hits.inc()
            if not with_pixels:
                return await self.run(write, known, None)
        async with self.image(data, name) as image:
            if known is None:
                known = await self._found(image, name)
                self._findings.put(digest, known)
            return await self.run(write, known, image)

    @contextlib.asynccontextmanager
    async def image(self, data: bytes, name: str) -> AsyncIterator[Image]:
        """In an `async with`, the decoded image of a file.

        Args:
            data: bytes of the file.
            name: of the image, for messages.

        Raises:
            Refused: it is no image that can be used.
        """
        network = self.ready()
        upload = Upload(name)
        try:
            pixels = await self.run(upload.store, data, self.settings.max_pixels)
            async with self.memory(pixels):
                yield await self.run(upload.read, network.job)
        finally:
            upload.close()

    def memory(self, pixels: int) -> contextlib.AbstractAsyncContextManager[None]:
        """In an `async with`, memory for an image; later images wait.

        Args:
            pixels: number of its pixels.
        """
        return self._pixels.part(min(pixels, self.settings.max_pixels))

    async def detect(self, pixels: Array, name: str) -> Mapping[str, Any]:
        """Detect in an image.

        Args:
            pixels: [H, W] or [H, W, C] of any type.
            name: of the image, for messages.

        Returns:
            See `BaseDetector.detect`; masks are `InstanceMasks`.

        Raises:
            Refused: the network does not take the image.
        """
        stop = threading.Event()
        try:
            begun: Begun = await self.run(self.ready().begin, pixels, name, stop)
            if begun.predicted is None:
                return await self._in(self._large, begun.finish, None)
            return await self.run(begun.finish, await asyncio.wrap_future(begun.predicted))
        except (TypeError, ValueError) as error:
            raise Refused(422, " ".join(str(error).split())) from error
        finally:
            stop.set()

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function in a thread of the pool.

        Args:
            function: to run.
            arguments: for it.

        Returns:
            What it returned.
        """
        return await self._in(self._pool, function, *arguments)

    async def _in(
        self, pool: concurrent.futures.Executor, function: Callable[..., T], *arguments: Any
    ) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)

    async def _found(self, image: Image, name: str) -> Finding:
        start = time.perf_counter()
        result = await self.detect(image.chosen, name)
        shape = image.pixels.shape
        return Finding(
            result,
            round(time.perf_counter() - start, 3),
            ImageFacts(
                name,
                (shape[0], shape[1]),
                self.ready().class_names,
                channel_names=image.channel_names,
                pixel_size=image.pixel_size,
            ),
            image.remark,
            {
                "channels": shape[2] if len(shape) > 2 else 1,
                "dtype": str(image.pixels.dtype),
            },
        )
