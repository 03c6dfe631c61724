"""Detection in images that come one after the other: a folder, a video, a camera.

    for result in detect_stream(model, frames()):
        ...

While the network works on one batch, the next is read and molded, and the results of the one before
are pasted back into their images. Memory depends on the batch, not on the number of images.
"""

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..config_rules.values import is_integer
from ..types import Array, Detections
from .base_detector import BaseDetector
from .detector import detector_of
from .molding import Batch, InferenceModel, batches, check_image, check_several, mold_input
from .pipeline import Pipeline

# Batches in work at the same time: one each that is read, in the network, unmolded, and waiting.
AHEAD = 4

# What detects in a stream: a model, or a function from images to one result for each.
Detect = InferenceModel | Callable[[list[Array]], Sequence[Mapping[str, Any]]]


def detect_stream(
    detect: Detect, images: Iterable[Array], batch: int | None = None, dense: bool = True
) -> Generator[Detections, None, None]:
    """Detect in a sequence of images of any length, even an endless one.

    The images are read in a thread, a few batches ahead of the results. The batches are those that
    `detect` would make, and so are the results.

    Args:
        detect: a `MaskRCNN` in inference mode, a `Detector`, or a function from a list of images to
            a list of results, such as one from `tta.turned`.
        images: see `MaskRCNN.detect`; a generator is read as needed. Each image must be an array of
            its own: a camera that writes into one array must be copied.
        batch: number of images per call of the network. Results come when a batch is full, so 1
            is best for a live picture. None is the model's BATCH_SIZE, or 1 with a function.
        dense: see `BaseDetector.detect`; it does not matter with a function.

    Returns:
        generator of one result per image, in order. Closing it ends the threads.

    Raises:
        ValueError: `batch` is not a positive integer, or `images` is a single image.
        Exception: what `images`, `MaskRCNN.detect` or the function raises, in the place of the
            result: those of all images before it, or before its batch, come first.

    Example:
        >>> from mrcnn.inference.stream import detect_stream
        >>> def count(images):  # stands for a model
        ...     return [{"count": int(image.max())} for image in images]
        >>> images = (np.full((8, 8, 3), number, np.uint8) for number in range(3))
        >>> [result["count"] for result in detect_stream(count, images, batch=2)]
        [0, 1, 2]
    """
    pairs = detect_pairs(detect, images, batch, dense)

    def results() -> Generator[Detections, None, None]:
        with contextlib.closing(pairs):
            for _, result in pairs:
                yield result

    return results()


def detect_pairs(
    detect: Detect, images: Iterable[Array], batch: int | None = None, dense: bool = True
) -> Generator[tuple[Array, Detections], None, None]:
    """`detect_stream` that gives each image back with its result, to draw on it.

    Args:
        detect, images, batch, dense: see `detect_stream`.

    Returns:
        generator of (image, result), the image as it was given.

    Raises:
        ValueError, Exception: see `detect_stream`.
    """
    if batch is not None and not (is_integer(batch) and batch > 0):
        raise ValueError(f"batch is {batch!r}: it must be a whole number from 1.")
    check_several(images)
    if hasattr(detect, "get_anchors"):
        return _pairs(*_of_model(detector_of(detect), images, batch, dense))
    return _pairs(*_of_function(detect, images, batch or 1))


def _pairs(pipeline, source):
    """Yield what the batches of a pipeline hold, then raise what ended its source."""
    with contextlib.closing(iter(pipeline)) as made:
        for given, results in made:
            yield from zip(given, results, strict=True)
            del given, results  # not kept while the next batch is awaited
    if source.error is not None:
        raise source.error


class _UpToError:
    """Iterator over an iterable that ends where it raises, so that what came before makes a batch.

    Attributes:
        error: what was raised, or None.
    """

    def __init__(self, items: Iterable[Any]) -> None:
        self.error: BaseException | None = None
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._items
        except GeneratorExit:
            raise
        except BaseException as error:
            self.error = error


def _of_model(
    detector: BaseDetector, images: Iterable[Array], size: int | None, dense: bool
) -> tuple[Pipeline, _UpToError]:
    """Read and mold a batch; run the network; convert its outputs."""
    config = detector.config
    molded = (
        (image, *mold_input(check_image(image, config, index), config))
        for index, image in enumerate(images)
    )
    source = _UpToError(molded)
    made = batches(source, config, size)

    def predict(batch: Batch) -> tuple[Batch, Mapping[str, Array]]:
        return batch, detector.predict(batch.images, batch.metas)

    def unmold(predicted: tuple[Batch, Mapping[str, Array]]) -> Any:
        batch, outputs = predicted
        return batch.given, detector.results(outputs, batch.metas, batch.frames, dense)

    return Pipeline(lambda: next(made, None), predict, unmold, ahead=AHEAD), source


def _of_function(
    detect: Callable[[list[Array]], Sequence[Mapping[str, Any]]],
    images: Iterable[Array],
    size: int,
) -> tuple[Pipeline, _UpToError]:
    """Read a batch; detect in it."""
    source = _UpToError(images)
    ahead = iter(source)

    def read() -> list[Array] | None:
        return list(itertools.islice(ahead, size)) or None

    def found(given: list[Array]) -> Any:
        results = detect(given)
        if len(results) != len(given):
            raise ValueError(
                f"detect gave {len(results)} results for {len(given)} images: one per image is "
                "needed."
            )
        return given, results

    return Pipeline(read, found, ahead=AHEAD), source
