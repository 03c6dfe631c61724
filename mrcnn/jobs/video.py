"""Detection in a video: its frames are read, detected in and written one by one."""

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from tqdm import tqdm

from ..images.channels import addressed, index_of
from ..images.video import Video, VideoFrame
from ..results import table, video
from ..results.kinds import of_item
from ..results.objects import ImageFacts, Objects
from ..types import Array
from .job import DetectJob
from .model import Model
from .naming import Task
from .one_image import Kept
from .records import Record
from .results_folder import ResultsFolder
from .tiles import tiles_of


def detect_video(
    job: DetectJob, model: Model, folder: ResultsFolder, task: Task, quiet: bool = True
) -> Record:
    """Detect in a video and write its files: a table of the objects in each frame, and an MP4.

    An object keeps its number from frame to frame, see `FrameNumbers`. Reading, the network and
    writing overlap, and memory does not grow with the length of the video.

    Args:
        job: what to do.
        model: the job's.
        folder: for the files, each of which appears whole or not at all.
        task: the video.
        quiet: whether no progress is shown.

    Returns:
        What was done. Its `objects` are the different ones.

    Raises:
        ImportError: PyAV is not installed.
        OSError: the files cannot be written.
        ValueError: it is not a video; or the job asks for planes, or for no file that there is for
            a video.
    """
    name, kinds = task.item.name, of_item(job.kinds, is_video=True)
    if not kinds:
        raise ValueError(f"{name} is a video, for which there are csv, overlay and mp4.")
    if job.plane is not None or job.projection is not None:
        raise ValueError(f"{name} is a video, which has no planes and no projection.")
    detector = _Detector(job, model)
    numbers, truncated = video.FrameNumbers(), ""
    with contextlib.ExitStack() as files:
        source = files.enter_context(Video(task.item.path))
        found = files.enter_context(contextlib.closing(_found(job, detector, source)))
        first = next(found, None)
        if first is None:
            raise ValueError(f"{name} has no frame that can be decoded.")
        sinks = [
            files.enter_context(_sink(kind, folder, task, source, _facts(model, task, first[0])))
            for kind in kinds
        ]
        bar = files.enter_context(
            tqdm(total=source.count, desc=name, unit="frame", leave=False, disable=quiet or None)
        )
        for number, (frame, result) in enumerate(itertools.chain([first], found)):
            with contextlib.closing(Kept([result], model)) as kept:
                [objects] = kept
                truncated = truncated or kept.truncated
            numbers.number(objects)
            facts = _facts(model, task, frame)
            for sink in sinks:
                sink(number, frame, facts, objects)
            bar.update()
    parts = f"{source.lost} part{'s' * (source.lost > 1)}"
    record = Record(
        name,
        task.stem,
        task.image,
        folder.made_by,
        kinds,
        numbers.count,
        truncated,
        f"{name}: {parts} of the video could not be decoded" if source.lost else "",
        round(detector.seconds, 3),
        time.time_ns(),
    )
    folder.add(record)
    return record


class _Detector:
    """A function from frames to results, in tiles if they are large.

    Attributes:
        seconds: that it took so far.
    """

    def __init__(self, job: DetectJob, model: Model) -> None:
        self.job, self.model, self.seconds = job, model, 0.0

    def __call__(self, frames: Sequence[Array]) -> Sequence[Any]:
        from ..inference.tiling import tiled  # imports Keras

        start, detector = time.perf_counter(), self.model.detector
        size = self.model.file.card.object_size
        tiles = tiles_of(self.job, frames[0].shape, detector, size)
        if tiles is None:
            results = detector(frames)
        else:
            config = detector.config
            across = config.NMS_ACROSS_CLASSES
            results = tiled(detector, *tiles, config.BATCH_SIZE, config, across)(frames)
        self.seconds += time.perf_counter() - start
        return results


def _found(
    job: DetectJob, detector: _Detector, source: Video
) -> Generator[tuple[VideoFrame, Any], None, None]:
    """Yield the frames of a video, each with its result."""
    from ..inference.stream import detect_stream  # imports Keras

    waiting: deque[VideoFrame] = deque()

    def chosen() -> Iterator[Array]:
        for frame in source:
            waiting.append(frame)
            if job.channel is None:
                yield frame.pixels
            else:
                names = addressed([], frame.pixels.shape[2])
                yield frame.pixels[..., index_of(job.channel, names, source.path)]

    size = detector.model.detector.config.BATCH_SIZE
    with contextlib.closing(detect_stream(detector, chosen(), size)) as results:
        for result in results:
            yield waiting.popleft(), result


def _facts(model: Model, task: Task, frame: VideoFrame) -> ImageFacts:
    height, width = frame.pixels.shape[:2]
    item = task.item
    return ImageFacts(item.name, (height, width), model.class_names, item.path, frame.pixels)


@contextlib.contextmanager
def _sink(
    kind: str, folder: ResultsFolder, task: Task, source: Video, first: ImageFacts
) -> Iterator[Callable[[int, VideoFrame, ImageFacts, Objects], None]]:
    """In a `with`, a function that adds a frame, by its number, to a file of results."""
    path = folder.file(kind, task.stem)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "csv":
        with table.writing(path, first, table.FRAME) as add_row:
            yield lambda number, frame, facts, objects: add_row(
                facts,
                objects,
                frame=number,
                seconds="" if frame.seconds is None else float(frame.seconds),
            )
    else:
        with video.writing(path, source.rate) as add_frame:
            yield lambda number, frame, facts, objects: add_frame(facts, objects, frame.seconds)
