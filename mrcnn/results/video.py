"""A video with the outline and the number of every object."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import numpy as np

from ..images import video
from ..types import PathLike
from .objects import ImageFacts, Objects
from .overlay import draw
from .planes import link_planes

# Least intersection over union of an object in two frames: less than in the planes of a stack,
# because a small object may move by half its size.
MIN_IOU = 0.2


@contextlib.contextmanager
def writing(
    path: PathLike, rate: Fraction | float
) -> Iterator[Callable[[ImageFacts, Objects, Fraction | None], None]]:
    """In a `with`, a function that adds a frame to an MP4, which appears at the end.

    Outlines have a colour per class; if there is only one class besides the background, a colour
    per number. The video has the size of the frames, see `images.video.writing`.

    Args:
        path, rate: see `images.video.writing`.

    Yields:
        function of an `ImageFacts` with `pixels`, its `Objects`, and its time in seconds, or None.

    Raises:
        ImportError, OSError, ValueError: see `images.video.writing`.
    """
    with video.writing(path, rate) as add:
        yield lambda frame, objects, seconds: add(
            np.asarray(draw(frame, [objects], by_number=True)), seconds
        )


def write(path: PathLike, image: ImageFacts, parts: Iterable[Objects]) -> None:
    """Raise ValueError: an image has no video.

    Args:
        path, image, parts: not used.
    """
    raise ValueError(f"{image.name} is an image, and mp4 is for videos.")


class FrameNumbers:
    """Numbers the objects of a video, so that an object keeps its number from frame to frame.

    Each frame is linked to the one before it, as `link_planes` links planes. An object that is
    missing in a frame, or moves by most of its size, has another number after it.

    Attributes:
        count: number of different objects so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._before: Objects | None = None

    def number(self, objects: Objects) -> None:
        """Set the numbers of the objects of the next frame.

        Args:
            objects: with any numbers.
        """
        numbers = np.zeros(len(objects), np.int64)
        if self._before is not None:
            place = link_planes([self._before, objects], MIN_IOU)[1] - 1
            known = place < len(self._before)
            numbers[known] = self._before.numbers[place[known]]
        new = numbers == 0
        numbers[new] = np.arange(np.count_nonzero(new)) + self.count + 1
        self.count += int(np.count_nonzero(new))
        objects.numbers, self._before = numbers, objects
