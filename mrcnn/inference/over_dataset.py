"""The one loop that reads, checks, detects and skips over the images of a data set."""

import dataclasses
import logging
import time
from typing import Any

import numpy as np
from tqdm import tqdm

from ..datasets.reading import place_of, read_instances
from ..images.pixels import as_channels

logger = logging.getLogger(__name__)


@dataclasses.dataclass(slots=True)
class Detected:
    """An image of a data set, what is there and what was found.

    Attributes:
        image_id: int, index of the image in the data set.
        image: [H, W, C] as `Dataset.load_image` gave it.
        instances: `Instances`, or what `read` gave; None if no truth was read.
        result: dict, see `MaskRCNN.detect`.
        seconds: float, how long the detection took; those of a batch are shared out evenly.
    """

    image_id: int
    image: np.ndarray
    instances: Any
    result: dict
    seconds: float


def over_dataset(
    detect,
    dataset,
    image_ids,
    *,
    fields=None,
    read=None,
    config=None,
    batch_size=None,
    unread=None,
    desc="Detecting",
    leave=True,
    progress=True,
):
    """Detect in the images of a data set, batch by batch.

    An image that cannot be read, that the network does not take, or whose instances cannot be read
    or do not fit it, is left out. No more than a batch is kept at a time.

    Args:
        detect: function of a list of images [H, W, C] that gives a list of results, such as
            `functools.partial(detect_crops, model)`.
        dataset: a prepared `Dataset`.
        image_ids: ints, indices in the data set, in the order in which they are gone through.
        fields: what is read of the instances, see `read_instances`; () reads nothing, and None
            reads masks where an image has them, else boxes.
        read: function (image_id, shape of the image) that gives the truth in place of
            `read_instances`, such as `CocoMetrics.read_truth`. What it raises leaves the image out.
        config: that of the model, to see that it takes the images; None checks nothing.
        batch_size: most images that `detect` gets at once; None is BATCH_SIZE of `config`, or 1.
        unread: list to add to: for each image that is left out a dict of image_id, path (str or
            None) and reason. None warns of each instead.
        desc, leave: of the progress bar, see tqdm.
        progress: whether to show the bar; it hides where no one looks.

    Yields:
        `Detected` of each image that could be read, in order.

    Raises:
        ValueError: `detect` did not give one result for each image.
    """
    image_ids = [int(i) for i in image_ids]
    size = batch_size or (config.BATCH_SIZE if config else 1)
    read = _reader(dataset, fields) if read is None else read
    quiet = None if progress else True
    with tqdm(total=len(image_ids), desc=desc, unit="image", leave=leave, disable=quiet) as bar:
        for first in range(0, len(image_ids), size):
            batch = []
            for image_id in image_ids[first : first + size]:
                try:
                    image = dataset.load_image(image_id)
                    _check(image, config, place_of(dataset, image_id))
                    batch.append((image_id, image, read(image_id, image.shape)))
                except Exception as error:
                    _leave_out(dataset, image_id, error, unread)
                    bar.update()
            if batch:
                for found in _detect(detect, batch):
                    yield found
                    bar.update()


def _reader(dataset, fields):
    """Function (image_id, shape of the image) that reads instances, or None without fields."""

    def read(image_id, shape):
        chosen = fields
        if chosen is None:
            chosen = ("masks",) if dataset.has("masks", image_id) else ("boxes",)
        return read_instances(dataset, image_id, shape, chosen) if chosen else None

    return read


def _check(image, config, where):
    """See that the network takes an image: what `check_images` does, with the image's own name."""
    if config is not None:
        as_channels(image, config.IMAGE_CHANNEL_COUNT, where, config.IMAGE_SCALING)


def _leave_out(dataset, image_id, error, unread):
    reason = f"{type(error).__name__}: {error}"
    if unread is None:
        logger.warning("%s is left out: %s", place_of(dataset, image_id), reason)
        return
    path = dataset.image_info[image_id].get("path")
    path = None if path is None else str(path)
    unread.append({"image_id": image_id, "path": path, "reason": reason})


def _detect(detect, batch):
    """A list of `Detected` of (image id, image, truth)."""
    images = [image for _, image, _ in batch]
    begin = time.perf_counter()
    results = detect(images)
    seconds = (time.perf_counter() - begin) / len(images)
    if len(results) != len(images):
        raise ValueError(
            f"detect gave {len(results)} results for {len(images)} images: one for each is needed."
        )
    return [Detected(*row, result, seconds) for row, result in zip(batch, results, strict=True)]
