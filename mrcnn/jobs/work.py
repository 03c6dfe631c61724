"""What the processes of a cluster do: detect in an image, or in a tile of a large one."""

import contextlib
import dataclasses
import functools
import importlib
import pickle
import platform
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..images.tile_scaling import TileScaling
from ..inference.tiles import Grid
from ..inference.tiling import stitched
from .inputs import Item
from .job import DetectJob
from .model import Model
from .naming import Task
from .one_image import Opened
from .reading import Image
from .records import Record
from .results_folder import ResultsFolder, digest_of
from .stages import Failed, Stages

# A function from a job to its model.
Load = Callable[[DetectJob], Any]

# Tiles of an image that are in work at the same time, for each thread of the cluster.
AHEAD = 2
# How often a tile is tried whose process was killed.
TRIES = 3

_network = threading.Lock()
# Of one thread: opening an image needs its model.
_loading = threading.RLock()


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """A function from a task to what became of its image; it goes to other processes.

    The model stays loaded for the next image. Several threads of a process may call it at the same
    time: one has the network, while others read and write.

    Attributes:
        job: what to do, with absolute paths.
        made_by: see `ResultsFolder`.
        load: function from the job to its model.
    """

    job: DetectJob
    made_by: str
    load: Load = Model

    def __call__(self, task: Task) -> Record | Failed:
        """Detect in an image and write its results.

        Args:
            task: the image.

        Returns:
            What became of it.

        Raises:
            OSError: the disk is full.
            ValueError, FileNotFoundError: the model cannot be loaded, or is another one here.
        """
        folder = ResultsFolder(self.job.out, self.made_by)
        stages = Stages(self.job, self.model(), folder, tiles=self._tiles)
        [opened] = stages.open([task])
        # The tiles of an image are tasks of their own, which need the network.
        in_tiles = isinstance(opened, Opened) and opened.tiles is not None
        with contextlib.nullcontext() if in_tiles else _network:
            found = stages.detect([opened])
        [outcome] = stages.write(found)
        return outcome

    def model(self) -> Any:
        """The model, loaded by the first call in a process."""
        with _loading:
            return _loaded(pickle.dumps(self))

    def tile(self, item: Item, box: tuple[int, int, int, int]) -> Mapping[str, Any]:
        """Detect in a tile of an image.

        Args:
            item: the image.
            box: (y1, x1, y2, x2) pixels, the tile.

        Returns:
            See `BaseDetector.detect`, in pixels of the tile.
        """
        model = self.model()
        with _loading:
            image, scaled = _opened(pickle.dumps((self, item)))
        y1, x1, y2, x2 = box
        pixels = scaled(image.chosen[y1:y2, x1:x2])
        with _network:
            [result] = model.detector([pixels])
        return result

    def _tiles(self, image: Opened) -> Iterator[Mapping[str, Any]]:
        """The results of an image whose tiles are detected by all processes."""
        grid = Grid(image.image.chosen.shape, *(image.tiles or (0, 0)))
        across = self.model().detector.config.NMS_ACROSS_CLASSES
        # While it waits for them, this task does not count as one of the process's threads.
        with importlib.import_module("distributed").worker_client() as client:
            yield from stitched(self._in_order(client, grid, image.task.item), grid, across)

    def _in_order(
        self, client: Any, grid: Iterable[Any], item: Item
    ) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        """The tiles of an image with their results, of which a few are begun in advance."""
        killed = importlib.import_module("distributed").KilledWorker
        waiting: deque[tuple[Any, Any]] = deque()

        def begun(tile: Any) -> Any:
            return client.submit(self.tile, item, tile.box, pure=False)

        def ended(tile: Any, future: Any) -> tuple[Any, Mapping[str, Any]]:
            for _ in range(TRIES - 1):
                try:
                    return tile, future.result()
                except killed:
                    future = begun(tile)
            return tile, future.result()

        most = AHEAD * sum(client.nthreads().values())
        for tile in grid:
            waiting.append((tile, begun(tile)))
            if len(waiting) > most:
                yield ended(*waiting.popleft())
        while waiting:
            yield ended(*waiting.popleft())


@functools.lru_cache(maxsize=2)
def _loaded(work: bytes) -> Any:
    """The model of a pickled `Work`, which has no hash."""
    made: Work = pickle.loads(work)
    model = made.load(made.job)
    if digest_of(made.job.recipe(model.file.digest)) != made.made_by:
        raise ValueError(f"{platform.node()} has other weights at {model.file.path}.")
    return model


@functools.lru_cache(maxsize=2)
def _opened(work_and_item: bytes) -> tuple[Image, TileScaling]:
    """An image, and what scales its tiles."""
    work, item = pickle.loads(work_and_item)
    image = Image(work.job, item)
    return image, TileScaling(image.chosen, work.model().detector.config, item.name)
