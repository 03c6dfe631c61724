"""Detection in one image, in three steps: open it, run the network, write its files.

The steps may run in different threads, so that they overlap for successive images.
"""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..images.frame import Frame
from ..images.pixels import for_network
from ..inference.tiles import Grid
from ..inference.tiling import tiled_parts
from ..inference.truncation import cut_above
from ..results.kinds import KINDS, of_item
from ..results.objects import ImageFacts, Objects
from ..types import Array
from .job import DetectJob
from .model import Model
from .naming import Task
from .reading import Image
from .records import Record
from .results_folder import PARTS, ResultsFolder
from .spool import Spool
from .tiles import tiles_of


@dataclasses.dataclass(slots=True)
class Opened:
    """An image ready for the network.

    Attributes:
        task: which it is.
        image: `Image`, its file.
        tiles: (side, overlap) in pixels, or None for the whole image.
        molded: of the whole image, what `ScaledDetector.mold` returned.
    """

    task: Task
    image: Image
    tiles: tuple[int, int] | None
    molded: tuple[Array, Frame] | None = None


@dataclasses.dataclass(slots=True)
class Detected:
    """An image and what was found in it.

    Attributes:
        opened: the image.
        parts: function that gives its objects; the first call may still paste masks.
        seconds: that the network took.
    """

    opened: Opened
    parts: Callable[[], "Kept"]
    seconds: float


def open_image(job: DetectJob, model: Model, task: Task) -> Opened:
    """Read an image, and mold it unless it goes in tiles.

    Args:
        job: how to read it.
        model: the job's.
        task: the image.

    Returns:
        `Opened`.

    Raises:
        OSError, ValueError: it cannot be read, or the network does not take it.
    """
    image = Image(job, task.item)
    try:
        tiles = tiles_of(job, image.chosen.shape, model.detector, model.file.card.object_size)
        if tiles is not None:
            return Opened(task, image, tiles)
        image.load()
        scaled = for_network(image.chosen, model.detector.config, task.item.name)
        return Opened(task, image, None, model.detector.mold(scaled))
    except BaseException:
        image.close()
        raise


def detect_whole(model: Model, images: Sequence[Opened]) -> list[Detected]:
    """Run the network on a batch of whole images of equal molded shape.

    Args:
        model: the job's.
        images: `Opened`, to detect in.

    Returns:
        one `Detected` per image, in order.
    """
    start = time.perf_counter()
    molded, frames = zip(*(image.molded for image in images if image.molded), strict=True)
    outputs, metas = model.detector.predict(molded, frames)
    seconds = (time.perf_counter() - start) / len(images)
    found = []
    for row, image in enumerate(images):
        image.molded = None
        of_image = {name: values[row : row + 1] for name, values in outputs.items()}
        results = functools.partial(
            model.detector.results, of_image, metas[row : row + 1], [frames[row]]
        )
        found.append(Detected(image, functools.partial(_kept, results, model), seconds))
    return found


def _kept(results: Callable[[], Iterable[Mapping[str, Any]]], model: Model) -> "Kept":
    return Kept(results(), model)


# A function from an image with `tiles` to the results of its parts, see `tiled_parts`.
DetectTiles = Callable[[Opened], Iterable[Mapping[str, Any]]]


def detect_tiles(
    model: Model,
    folder: ResultsFolder,
    image: Opened,
    detect: DetectTiles | None = None,
    quiet: bool = True,
) -> Detected:
    """Detect in the tiles of an image.

    Args:
        model: the job's.
        folder: for a temporary file, if there are many objects.
        image: `Opened`, to detect in, with `tiles`.
        detect: None detects in one tile after the other.
        quiet: whether no progress is shown then.

    Returns:
        `Detected`.
    """
    start = time.perf_counter()
    results = _one_by_one(model, image, quiet) if detect is None else detect(image)
    kept = Kept(results, model, folder.path / PARTS)
    return Detected(image, lambda: kept, time.perf_counter() - start)


def _one_by_one(model: Model, image: Opened, quiet: bool) -> Iterator[Mapping[str, Any]]:
    tile, overlap = image.tiles or (0, 0)
    config, pixels = model.detector.config, image.image.chosen
    batch, across = config.BATCH_SIZE, config.NMS_ACROSS_CLASSES
    rows = Grid(pixels.shape, tile, overlap).rows
    with tqdm(
        total=rows,
        desc=image.task.item.name,
        unit="row of tiles",
        leave=False,
        disable=quiet or None,
    ) as bar:
        for part in tiled_parts(model.detector, pixels, tile, overlap, batch, config, across):
            bar.update()
            yield part


class Kept(Spool[Objects]):
    """The objects of an image that the job keeps, numbered from 1.

    Args:
        results: of the whole image or its parts, see `MaskRCNN.detect`; read once.
        model: whose `min_score` and `class_ids` decide.
        folder: see `Spool`.

    Attributes:
        count: number of objects.
        truncated: the setting that cut the detections, or "".
    """

    def __init__(
        self, results: Iterable[Mapping[str, Any]], model: Model, folder: Path | None = None
    ) -> None:
        self.count, self.truncated = 0, ""
        super().__init__((self._keep(result, model) for result in results), folder)

    def _keep(self, result: Mapping[str, Any], model: Model) -> Objects:
        self.truncated = self.truncated or cut_above(result, model.min_score)
        objects = Objects.of_result(result)
        keep = objects.scores >= model.min_score
        if model.class_ids:
            keep &= np.isin(objects.class_ids, model.class_ids)
        objects = objects[keep]
        objects.numbers = np.arange(len(objects)) + self.count + 1
        self.count += len(objects)
        return objects


def write(job: DetectJob, model: Model, folder: ResultsFolder, found: Detected) -> Record:
    """Write the files of an image, each whole or not at all, and note that it is done.

    Args:
        job: which files.
        model: the job's.
        folder: for the files.
        found: the image.

    Returns:
        `Record` of what was done.

    Raises:
        OSError: a file cannot be written.
        ValueError: there is no file of these kinds for an image.
    """
    task, image = found.opened.task, found.opened.image
    kinds = of_item(job.kinds, is_video=False)
    if not kinds:
        raise ValueError(f"{task.item.name} is an image, and mp4 is for videos.")
    facts = ImageFacts(
        task.item.name,
        (image.pixels.shape[0], image.pixels.shape[1]),
        model.class_names,
        task.item.path,
        image.pixels,
        image.channel_names,
        image.pixel_size,
        shown=image.chosen,
    )
    with contextlib.closing(image), contextlib.closing(found.parts()) as parts:
        for kind in kinds:
            path = folder.file(kind, task.stem)
            path.parent.mkdir(parents=True, exist_ok=True)
            KINDS[kind].name_classes(folder.path / kind, model.class_names)
            KINDS[kind].write(path, facts, parts)
    record = Record(
        task.item.name,
        task.stem,
        task.image,
        folder.made_by,
        kinds,
        parts.count,
        parts.truncated,
        image.remark,
        round(found.seconds, 3),
        time.time_ns(),
    )
    folder.add(record)
    return record
