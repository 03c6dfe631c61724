"""The loop over a dataset's images: read, check, detect, and skip what cannot be read."""

import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from ..config import Config
from ..datasets.dataset import Dataset
from ..datasets.reading import place_of, read_instances
from ..images.pixels import for_network
from ..types import Array

logger = logging.getLogger(__name__)


@dataclasses.dataclass(slots=True)
class Detected:
    """An image of a dataset with its ground truth and its detections.

    Attributes:
        image_id: index of the image in the dataset.
        image: [H, W, C] as `Dataset.load_image` returned it.
        instances: `Instances`, or what `read` returned; None if no ground truth was read.
        result: see `MaskRCNN.detect`.
        seconds: detection time; the time of a batch is divided evenly among its images.
    """

    image_id: int
    image: Array
    instances: Any
    result: Mapping[str, Any]
    seconds: float


def over_dataset(
    detect: Callable[[list[Array]], Sequence[Mapping[str, Any]]],
    dataset: Dataset,
    image_ids: Iterable[int],
    *,
    fields: Sequence[str] | None = None,
    read: Callable[[int, tuple[int, ...]], Any] | None = None,
    config: Config | None = None,
    batch_size: int | None = None,
    unread: list[dict[str, Any]] | None = None,
    skip_failures: bool = False,
    desc: str = "Detecting",
    leave: bool = True,
    progress: bool = True,
) -> Iterator[Detected]:
    """Run detection on the images of a dataset, batch by batch.

    An image is skipped if it or its instances cannot be read, if the network does not accept it, or
    if the instances do not fit it. At most one batch is kept in memory.

    Args:
        detect: function from a list of images [H, W, C] to a list of results, such as
            `functools.partial(detect_crops, model)`.
        dataset: a prepared `Dataset`.
        image_ids: indices in the dataset, in processing order.
        fields: instance fields to read, see `read_instances`; () reads nothing, and None reads
            masks where an image has them, else boxes.
        read: function (image_id, image shape) that returns the ground truth in place of
            `read_instances`, such as `CocoMetrics.read_truth`. If it raises, the image is skipped.
        config: the model's config, to check that the network accepts the images; None checks
            nothing.
        batch_size: maximum number of images per call of `detect`; None is BATCH_SIZE of `config`,
            or 1.
        unread: list that receives, for each skipped image, a dict of image_id, path (str or None)
            and reason. None logs a warning for each instead.
        skip_failures: whether an image on which `detect` fails is also skipped; if it fails on a
            batch, the images of the batch are detected one by one.
        desc, leave: of the progress bar, see tqdm.
        progress: whether to show the bar; it is hidden if the output is not a terminal.

    Yields:
        `Detected` for each image that could be read, in order.

    Raises:
        ValueError: `detect` did not return one result per image.
    """
    ids = [int(i) for i in image_ids]
    size = batch_size or (config.BATCH_SIZE if config else 1)
    read = _reader(dataset, fields) if read is None else read
    quiet = None if progress else True
    with tqdm(total=len(ids), desc=desc, unit="image", leave=leave, disable=quiet) as bar:

        def skip(image_id: int, error: Exception) -> None:
            _skip(dataset, image_id, error, unread)
            bar.update()

        for first in range(0, len(ids), size):
            batch: list[tuple[int, Array, Any]] = []
            for image_id in ids[first : first + size]:
                try:
                    image = dataset.load_image(image_id)
                    _check(image, config, place_of(dataset, image_id))
                    batch.append((image_id, image, read(image_id, image.shape)))
                except Exception as error:
                    skip(image_id, error)
            if batch:
                for found in _detect(detect, batch, skip if skip_failures else None):
                    yield found
                    bar.update()


def _reader(
    dataset: Dataset, fields: Sequence[str] | None
) -> Callable[[int, tuple[int, ...]], Any]:
    """Function (image_id, image shape) that reads instances; without fields it returns None."""

    def read(image_id: int, shape: tuple[int, ...]) -> Any:
        chosen = fields
        if chosen is None:
            chosen = ("masks",) if dataset.has("masks", image_id) else ("boxes",)
        return read_instances(dataset, image_id, shape, chosen) if chosen else None

    return read


def _check(image: Array, config: Config | None, where: str) -> None:
    """Check that the network accepts an image, as `check_images` does; errors call it `where`."""
    if config is not None:
        for_network(image, config, where)


def _skip(
    dataset: Dataset, image_id: int, error: Exception, unread: list[dict[str, Any]] | None
) -> None:
    reason = f"{type(error).__name__}: {error}"
    if unread is None:
        logger.warning("%s is skipped: %s", place_of(dataset, image_id), reason)
        return
    path = dataset.image_info[image_id].get("path")
    path = None if path is None else str(path)
    unread.append({"image_id": image_id, "path": path, "reason": reason})


def _detect(
    detect: Callable[[list[Array]], Sequence[Mapping[str, Any]]],
    batch: Sequence[tuple[int, Array, Any]],
    skip: Callable[[int, Exception], None] | None,
) -> list[Detected]:
    """List of `Detected` for a batch of (image id, image, ground truth).

    Where `detect` fails, `skip` is called with an image's id and the error; if it is None,
    the error is raised.
    """
    images = [image for _, image, _ in batch]
    start = time.perf_counter()
    try:
        results = detect(images)
    except Exception as error:
        if skip is None:
            raise
        if len(batch) > 1:
            return [found for row in batch for found in _detect(detect, [row], skip)]
        skip(batch[0][0], error)
        return []
    seconds = (time.perf_counter() - start) / len(images)
    if len(results) != len(images):
        raise ValueError(
            f"detect gave {len(results)} results for {len(images)} images: one per image is needed."
        )
    return [Detected(*row, result, seconds) for row, result in zip(batch, results, strict=True)]
