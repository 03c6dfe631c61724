"""The model as the server uses it: an image in, its objects out, one thread for the network."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

import numpy as np

from ..config_rules.detection_rules import lowest_min_score
from ..images.pixels import for_network
from ..images.tile_scaling import TileScaling
from ..inference.tiles import Grid, Tile
from ..inference.tiling import joined, stitched
from ..jobs.job import DetectJob
from ..jobs.model import Model, card_of
from ..jobs.tiles import tiles_of
from ..runs.settings import restored
from ..runtime import is_exported
from ..startup import start_quietly
from ..types import Array
from ..weights.card import Card
from .batching import Batcher
from .metrics import Metrics
from .settings import ServerSettings

# Where nothing else is said, objects with a lower score are left out.
_SCORE = 0.5
_BATCH_OF_GPU = 4
# Of the image in pixels that compiles a graph whose input has any size.
_SIDE = 512
# Batches of tiles that are begun in advance.
_AHEAD = 2

# A function from a job to its model.
Load = Callable[[DetectJob], Any]


class Network:
    """A loaded model, its thread and what it says about itself.

    Args:
        settings: of the server.
        metrics: of the server.
        load: function from a job to its `Model`.

    Attributes:
        job: the `DetectJob` that stands for the settings.
        config: of the model.
        class_names: from the background's.
        min_score: objects with a lower score are left out by default.
        lowest_score: objects with a lower score are not looked for.
        licence: of the weights, or "".
        batch: most images in a batch.
        process: id of the process that made it.

    Raises:
        FileNotFoundError, OSError, ValueError: the model cannot be loaded.
        ForkedError: it would hang here, see `network.process.check_new_model`.
    """

    def __init__(self, settings: ServerSettings, metrics: Metrics, load: Load = Model) -> None:
        self.process = os.getpid()
        self.job = job_of(settings)
        self._model = load(self.job)
        self._detector = self._model.detector
        self.config = self._detector.config
        card = self._model.file.card
        self.class_names: list[str] = list(self._model.class_names)
        self.min_score = _default(settings.min_score, _default(card.min_score, _SCORE))
        classes = {"NUM_CLASSES": self.config.NUM_CLASSES}
        self.lowest_score = _lowest_score({**classes, **self.job.settings})
        self.licence = card.licence or ""
        has_gpu = not is_exported(settings.model) and _has_gpu()
        self.batch = settings.batch or (_BATCH_OF_GPU if has_gpu else 1)
        self._batcher = Batcher(self._predict, self.batch, metrics)

    @property
    def seconds(self) -> float:
        """Moving average of what the network took for an image."""
        return self._batcher.seconds

    def warm_up(self) -> None:
        """Run batches of each size once, which compiles the graph for them."""
        side = self.config.IMAGE_MAX_DIM or _SIDE
        if not self._detector.is_own_scale:
            side = max(1, int(side / self._detector.scale_of((side, side))))
        blank = np.zeros((side, side, self.config.IMAGE_CHANNEL_COUNT), np.uint8)
        molded, frame = self._detector.mold(blank)
        for size in range(1, self.batch + 1):
            self._predict([molded] * size, [frame] * size)

    def begin(self, pixels: Array, name: str, stop: threading.Event) -> "Begun":
        """Begin to detect in an image.

        Args:
            pixels: [H, W] or [H, W, C] of any type.
            name: for messages.
            stop: set when nobody waits any more.

        Returns:
            `Begun`.

        Raises:
            TypeError, ValueError: the network does not take the image.
            CancelledError: `stop` was set.
        """
        expected = self._model.file.card.object_size
        tiles = tiles_of(self.job, pixels.shape, self._detector, expected)
        if tiles is None:
            molded = self._detector.mold(for_network(pixels, self.config, name))
            if stop.is_set():
                raise CancelledError
            return Begun(self._batcher.submit(*molded), self._results)
        scaling = TileScaling(pixels, self.config, name)
        return Begun(None, lambda _: self._in_tiles(pixels, tiles, scaling, stop))

    def close(self) -> None:
        """End the thread, after what it has been given."""
        self._batcher.close()

    def _predict(self, molded: Sequence[Array], frames: Sequence[Any]) -> list[Any]:
        outputs, metas = self._detector.predict(molded, frames)
        return [
            ({name: v[i : i + 1] for name, v in outputs.items()}, metas[i : i + 1], [frame])
            for i, frame in enumerate(frames)
        ]

    def _results(self, predicted: Any) -> Mapping[str, Any]:
        [result] = self._detector.results(*predicted)
        return result

    def _in_tiles(
        self,
        pixels: Array,
        tiles: tuple[int, int],
        scaling: Callable[[Any], Array],
        stop: threading.Event,
    ) -> Mapping[str, Any]:
        grid = Grid(pixels.shape, *tiles)

        def in_order() -> Iterator[tuple[Tile, Mapping[str, Any]]]:
            waiting: deque[tuple[Tile, Future[Any]]] = deque()
            try:
                for tile in grid:
                    if stop.is_set():
                        raise CancelledError
                    y1, x1, y2, x2 = tile.box
                    molded = self._detector.mold(scaling(pixels[y1:y2, x1:x2]))
                    waiting.append((tile, self._batcher.submit(*molded)))
                    if len(waiting) > _AHEAD * self.batch:
                        first, future = waiting.popleft()
                        yield first, self._results(future.result())
                while waiting:
                    first, future = waiting.popleft()
                    yield first, self._results(future.result())
            finally:
                for _, future in waiting:
                    future.cancel()

        return joined(stitched(in_order(), grid, self.config.NMS_ACROSS_CLASSES))


class Begun:
    """Detection in an image that has begun.

    Args:
        predicted: future of what the network gives; None if `finish` waits for the network.
        finish: function of that which returns the result, see `BaseDetector.detect`; takes time.

    Attributes:
        predicted, finish: as given.
    """

    def __init__(
        self, predicted: Future[Any] | None, finish: Callable[[Any], Mapping[str, Any]]
    ) -> None:
        self.predicted, self.finish = predicted, finish


def job_of(settings: ServerSettings) -> DetectJob:
    """The job that stands for a server's settings.

    Args:
        settings: of the server.

    Raises:
        FileNotFoundError, OSError: there is no such model.
        ValueError: a setting is impossible.
    """
    own = dict(settings.settings)
    if settings.lowest_score is not None:
        own["DETECTION_MIN_CONFIDENCE"] = settings.lowest_score
    elif "DETECTION_MIN_CONFIDENCE" not in own:
        its = _lowest_score(_card(settings.model).config or {})
        # What an exported model leaves out is part of its graph.
        most = its if is_exported(settings.model) else _SCORE
        least = min(its, most, _default(settings.min_score, most))
        own["DETECTION_MIN_CONFIDENCE"] = least
    return DetectJob(
        model=settings.model,
        out="results",  # nothing is written
        settings=own,
        max_instances=settings.max_instances,
        channel=settings.channel,
        scale=settings.scale,
        object_size=settings.object_size,
        tile=settings.tile,  # type: ignore[arg-type]
        overlap=settings.overlap,
    )


def _lowest_score(settings: Mapping[str, Any]) -> float:
    """The lowest score that a detection of any class needs."""
    names = ("DETECTION_MIN_CONFIDENCE", "NUM_CLASSES")
    given = {name: value for name, value in settings.items() if name in names}
    if "DETECTION_MIN_CONFIDENCE" not in given:
        return _SCORE
    return lowest_min_score(restored(given))


def _card(model: str) -> Card:
    try:
        return card_of(model)
    except ValueError:  # no card, or another format: loading says whether it matters
        return Card()


def _default(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _has_gpu() -> bool:
    start_quietly()
    import keras

    return bool(keras.distribution.list_devices("gpu"))
