"""Convert images to the network's input, and its output back to image pixels."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ..anchors.pyramid import pyramid_anchors
from ..config import Config
from ..config_rules.coordinates import box_margin
from ..geometry.boxes import norm_boxes
from ..images.frame import Frame
from ..images.normalising import mold_resized
from ..images.pixels import for_network
from ..images.resizing import check_sides
from ..instances.pasting import class_masks, unmold_masks
from ..types import Array
from .molded import with_mean


class InferenceModel(Protocol):
    """What detection needs from a `MaskRCNN` in inference mode; a `Detector` has it too."""

    @property
    def keras_model(self) -> Any:
        """The inference graph, a `GraphModel`."""

    @property
    def config(self) -> Config:
        """The settings that it was built with."""

    @property
    def get_anchors(self) -> Callable[[Any], Array]:
        """Function from a molded image's (H, W, C) to its anchors, see `Detector`."""


def check_images(images: Sequence[Array] | Array, config: Config) -> list[Array]:
    """Checked images as a list of arrays [H, W, IMAGE_CHANNEL_COUNT].

    Args:
        images: see `MaskRCNN.detect`; molded images are recognised, see `with_mean`.
        config: IMAGE_CHANNEL_COUNT, IMAGE_SCALING, IMAGE_NODATA, MEAN_PIXEL.

    Raises:
        ValueError, TypeError: see `MaskRCNN.detect`.
    """
    check_several(images)
    if not len(images):
        raise ValueError("images is an empty list: at least one image is needed.")
    return [check_image(image, config, index) for index, image in enumerate(images)]


def check_several(images: Iterable[Array]) -> None:
    """Check that images are several, not one.

    Args:
        images: see `MaskRCNN.detect`.

    Raises:
        ValueError: they are one array [H, W] or [H, W, C].
    """
    if isinstance(images, np.ndarray) and images.ndim in (2, 3):
        raise ValueError(
            f"images is one array of shape {images.shape}: it must be a list of images, "
            "[image] for a single one."
        )


def check_image(image: Any, config: Config, index: int) -> Array:
    """`check_images` for one image.

    Args:
        image: see `MaskRCNN.detect`.
        config: see `check_images`.
        index: of the image, for messages.

    Returns:
        [H, W, IMAGE_CHANNEL_COUNT].

    Raises:
        ValueError, TypeError: see `MaskRCNN.detect`.
    """
    return for_network(with_mean(_in_numpy(image), config), config, f"image {index}")


def _in_numpy(image):
    """Convert a tensor to an array; return anything else unchanged."""
    is_tensor = hasattr(image, "__array__") and not isinstance(image, np.ndarray)
    return np.asarray(image) if is_tensor else image


def mold_inputs(images: Sequence[Array] | Array, config: Config) -> tuple[Array, Array, Array]:
    """See `MaskRCNN.mold_inputs`; `config` is the model's."""
    molded = [mold_input(image, config) for image in check_images(images, config)]
    if config.IMAGE_RESIZE_MODE == "short_side":
        molded = _padded_alike(molded)
    shapes = sorted({image.shape for image, _ in molded})
    if len(shapes) > 1:
        raise ValueError(
            f"the molded images have the shapes {shapes}: all in a batch must be equal. Mold them "
            "one by one, or set IMAGE_RESIZE_MODE to 'square'."
        )
    molded_images, frames = zip(*molded, strict=True)
    metas = np.stack([meta_of(frame, config) for frame in frames])
    return np.stack(molded_images), metas, np.stack([frame.window for frame in frames])


def _padded_alike(molded: list[tuple[Array, Frame]]) -> list[tuple[Array, Frame]]:
    """Molded images, padded with zeros to the largest height and width."""
    height, width = np.max([image.shape[:2] for image, _ in molded], axis=0).tolist()
    padded = []
    for image, frame in molded:
        larger, padding = frame.padded(height, width)
        padded.append((np.pad(image, padding), larger))
    return padded


def mold_input(image: Array, config: Config) -> tuple[Array, Frame]:
    """Convert one image to the network's input.

    Args:
        image: [H, W, C], see `check_images`.
        config: the model's.

    Returns:
        molded_image: float32 [h, w, C], see `mold_resized`.
        frame: of the image.

    Raises:
        ValueError: IMAGE_RESIZE_MODE is "crop", or the molded image does not fit the pyramid.
    """
    if config.IMAGE_RESIZE_MODE == "crop":
        raise ValueError(
            "IMAGE_RESIZE_MODE is 'crop', which takes random crops for training: to detect in the "
            "whole image, it must be 'square', 'pad64' or 'none'."
        )
    molded, frame = Frame.of(image, config)
    check_sides(molded.shape, config.IMAGE_RESIZE_MODE)
    return mold_resized(molded, frame.window, config), frame


def meta_of(frame: Frame, config: Config) -> Array:
    """The meta vector of an image at inference, float64 [12 + NUM_CLASSES].

    Args:
        frame: of the image.
        config: NUM_CLASSES. The image id is 0, and no class is active.
    """
    return frame.meta(0, np.zeros([config.NUM_CLASSES], dtype=np.int32))


def unmold_detections(
    detections: Array,
    mrcnn_mask: Array,
    original_image_shape: Sequence[int] | Array,
    image_shape: Sequence[int] | Array,
    window: Sequence[int] | Array,
    config: Config | None = None,
) -> tuple[Array, Array, Array, Array]:
    """See `MaskRCNN.unmold_detections`.

    Args:
        detections, mrcnn_mask, original_image_shape, image_shape, window: see
            `MaskRCNN.unmold_detections`.
        config: BOX_COORDINATES and MASK_PASTING; None: as in the reference.

    Returns:
        boxes [N, 4] pixels, int32, or float32 with BOX_COORDINATES "continuous"; class_ids int32
        [N], scores float32 [N], masks bool [H, W, N].
    """
    margin = box_margin(config) if config else 1
    frame = Frame.of_window(original_image_shape, image_shape, window, margin)
    rows, boxes, class_ids, scores = unmold_boxes(detections, frame)
    masks = class_masks(mrcnn_mask, rows, class_ids)  # [N, h, w]
    rule = config.MASK_PASTING if config else "reference"
    return boxes, class_ids, scores, unmold_masks(masks, boxes, original_image_shape, rule)


def unmold_boxes(detections: Array, frame: Frame) -> tuple[Array, Array, Array, Array]:
    """Convert the detections of one image to the image's pixels.

    Args:
        detections: [D, 6] of (y1, x1, y2, x2, class id, score), normalised; rows from the first
            class 0 on are padding.
        frame: of the image.

    Returns:
        rows: int [N], indices of the kept detections; in a small image boxes may shrink to nothing.
        boxes: [N, 4] pixels, see `Frame.boxes_back`.
        class_ids: int32 [N].
        scores: float32 [N].
    """
    ends = np.flatnonzero(detections[:, 4] == 0)
    found = detections[: ends[0] if len(ends) else len(detections)]
    boxes = frame.boxes_back(found[:, :4])
    rows = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
    return rows, boxes[rows], found[rows, 4].astype(np.int32), found[rows, 5]


def anchors(config: Config, image_shape: Sequence[int] | Array) -> tuple[Array, Array]:
    """Anchors in pixels float64 [A, 4], and normalised float32 [A, 4]; see `pyramid_anchors`."""
    pixels = pyramid_anchors(config, image_shape)
    return pixels, norm_boxes(pixels, image_shape[:2], box_margin(config))


def network_inputs(
    model: InferenceModel, molded_images: Array, image_metas: npt.ArrayLike
) -> list[Array]:
    """Build the inference graph's three inputs for a batch.

    Args:
        model: whose `get_anchors` to use.
        molded_images: [B, H, W, C], the mean subtracted.
        image_metas: [B, 12 + NUM_CLASSES].

    Returns:
        list of the images, their metas and the anchors [B, A, 4], normalised; all float32.
    """
    one = model.get_anchors(molded_images[0].shape)
    batch_anchors = np.repeat(one[np.newaxis], len(molded_images), axis=0)
    return [
        np.asarray(molded_images, np.float32),
        np.asarray(image_metas, np.float32),
        batch_anchors,
    ]


class Batch(NamedTuple):
    """Molded images of equal shape, for one call of the network.

    Attributes:
        given: the B images before molding.
        images: float32 [B, h, w, C], the mean subtracted.
        metas: float64 [B, 12 + NUM_CLASSES].
        frames: of the B images.
    """

    given: tuple[Any, ...]
    images: Array
    metas: Array
    frames: tuple[Frame, ...]


def batches(
    molded: Iterable[tuple[Any, Array, Frame]], config: Config, size: int | None = None
) -> Iterator[Batch]:
    """Batch molded images of equal shape, in order.

    Args:
        molded: an image, and the molded image and the frame that `mold_input` made of it.
        config: the model's.
        size: maximum number of images in a batch; None is BATCH_SIZE.

    Yields:
        Each batch as soon as it is full, or the next image has another shape.
    """
    size = config.BATCH_SIZE if size is None else size
    waiting: list[tuple[Any, Array, Frame]] = []
    for image in molded:
        if waiting and waiting[0][1].shape != image[1].shape:
            yield _batch(waiting, config)
            waiting = []
        waiting.append(image)
        if len(waiting) == size:
            yield _batch(waiting, config)
            waiting = []
    if waiting:
        yield _batch(waiting, config)


def _batch(molded, config):
    given, images, frames = zip(*molded, strict=True)
    metas = np.stack([meta_of(frame, config) for frame in frames])
    return Batch(given, np.stack(images), metas, frames)
