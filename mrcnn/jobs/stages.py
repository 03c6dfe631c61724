"""The three steps of `one_image` for batches of images, of which some may fail."""

import dataclasses
import errno
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from ..images.video import is_video
from .job import DetectJob
from .model import Model
from .naming import Task
from .one_image import (
    Detected,
    DetectTiles,
    Opened,
    detect_tiles,
    detect_whole,
    open_image,
    write,
)
from .records import Record
from .results_folder import ResultsFolder
from .video import detect_video

# Errors that every further image would meet, too.
FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclasses.dataclass(frozen=True, slots=True)
class Failed:
    """An image that cannot be used.

    Attributes:
        task: which it is.
        reason: why, in one line.
    """

    task: Task
    reason: str


class Stages:
    """Opens images, detects in them and writes their files.

    An image that fails in one step is a `Failed` from then on. Each step may have a thread of its
    own. A video is read, detected in and written frame by frame in the second step.

    Args:
        job: what to do.
        model: the job's.
        folder: for the results.
        quiet: whether the progress inside videos and large images is not shown.
        tiles: see `detect_tiles`.
    """

    def __init__(
        self,
        job: DetectJob,
        model: Model,
        folder: ResultsFolder,
        quiet: bool = True,
        tiles: DetectTiles | None = None,
    ) -> None:
        self.job, self.model, self.folder, self.quiet = job, model, folder, quiet
        self.tiles = tiles

    def open(self, tasks: Sequence[Task]) -> list[Opened | Task | Failed]:
        """Read and mold images; videos stay as they are.

        Args:
            tasks: images and videos.

        Returns:
            list of `Opened`, `Task` (a video) or `Failed`, one per task, in order.
        """
        return [
            task
            if is_video(task.item.path)
            else _attempt(task, open_image, self.job, self.model, task)
            for task in tasks
        ]

    def detect(self, images: Sequence[Opened | Task | Failed]) -> list[Detected | Record | Failed]:
        """Run the network, on successive images of equal shape in one call.

        Args:
            images: list of what `open` returned.

        Returns:
            list of `Detected`, `Record` (a video) or `Failed`, one per image, in order.
        """
        made: list[Detected | Record | Failed] = []
        for shape, group in itertools.groupby(images, _molded_shape):
            batch: list[Any] = list(group)
            if shape is None:
                made += [self._video(each) if isinstance(each, Task) else each for each in batch]
            else:
                made += self._detect(batch, in_tiles=shape == ())
        return made

    def write(self, found: Sequence[Detected | Record | Failed]) -> list[Record | Failed]:
        """Write the files of images.

        Args:
            found: what `detect` returned.

        Returns:
            list of `Record` or `Failed`, one per image, in order.

        Raises:
            OSError: the disk is full, which is no fault of an image.
        """
        return [
            each
            if isinstance(each, Failed | Record)
            else _attempt(each.opened.task, write, self.job, self.model, self.folder, each)
            for each in found
        ]

    def _video(self, task: Task) -> Record | Failed:
        job, model, folder = self.job, self.model, self.folder
        return _attempt(task, detect_video, job, model, folder, task, self.quiet)

    def _detect(self, batch: list[Opened], in_tiles: bool) -> list[Detected | Failed]:
        if in_tiles:
            how = self.tiles, self.quiet
            return [
                _attempt(image.task, detect_tiles, self.model, self.folder, image, *how)
                for image in batch
            ]
        found: Any = _attempt(batch[0].task, detect_whole, self.model, batch)
        if not isinstance(found, Failed):
            return found
        if len(batch) == 1:
            return [found]
        # A batch may be too large for the memory where single images are not.
        return [each for image in batch for each in self._detect([image], in_tiles)]


def _molded_shape(image: Opened | Task | Failed) -> tuple[int, ...] | None:
    """The shape of what the network is given; () for tiles, and None for a video or nothing."""
    if not isinstance(image, Opened):
        return None
    return () if image.molded is None else image.molded[0].shape


def _attempt(task: Task, step: Callable[..., Any], *arguments: Any) -> Any:
    """What a step makes of an image; a `Failed` if it raises what is a fault of the image."""
    try:
        return step(*arguments)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FATAL:
            raise
        return Failed(task, _reason(error, task))


def _reason(error: Exception, task: Task) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, OSError | ValueError | ImportError):
        text = f"{type(error).__name__}: {text}"
    # The name is enough, and the same on every machine.
    return text.replace(str(task.item.path), task.item.name)
