"""Images in, instances out: the detector behind `MaskRCNN.detect`."""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ..anchors.recent import Recent
from ..config import Config
from ..config_rules import parts
from ..config_rules.coordinates import box_margin
from ..images.frame import Frame
from ..network.graph_model import outputs_by_name
from ..network.heads.head import Found, Head
from ..network.sharing import share
from ..text import log
from ..types import Array, Detections
from .molding import (
    InferenceModel,
    anchors,
    batches,
    check_images,
    mold_input,
    network_inputs,
    unmold_boxes,
)
from .truncation import OF_THE_IMAGE, left_out, log_once, truncated_by, was_logged


class Detector:
    """Detects instances with an inference graph.

    Args:
        keras_model: the `GraphModel`.
        config: the `Config` that it was built with.
        get_anchors: function from a molded image's (H, W, C) to its anchors, float32 [A, 4],
            normalised; None computes them and caches those of the last few shapes.
        warn: whether to log, once per model and limit, that a limit cut the detections of an image.

    Attributes:
        keras_model, config, get_anchors, warn: as given.
        heads: list of the `Head`s that fill the results, except the box head.
        fields: names of the fields filled, box head included, such as ("boxes", "masks").
    """

    def __init__(
        self,
        keras_model: keras.Model,
        config: Config,
        get_anchors: Callable[[Any], Array] | None = None,
        warn: bool = True,
    ) -> None:
        self.keras_model = keras_model
        self.config = config
        self.warn = warn
        self.get_anchors = get_anchors or Recent(functools.partial(_normalised, config))
        self.heads: list[Head] = [
            kind(config) for kind in parts.heads(config) if kind.name != "box"
        ]
        self.fields: tuple[str, ...] = parts.filled_fields(config)

    def detect(
        self, images: Sequence[Array] | Array, dense: bool = True, verbose: bool | int = 0
    ) -> list[Detections]:
        """Detect the instances in images.

        Args:
            images: see `MaskRCNN.detect`.
            dense: whether masks are arrays [H, W, N] rather than `InstanceMasks`. A hundred
                detections in a 12-megapixel photograph take 1.2 GB as dense masks.
            verbose: 1 prints the intermediate arrays.

        Returns:
            one result per image, see `MaskRCNN.detect`.
        """
        images = check_images(images, self.config)
        if verbose:
            log(f"Processing {len(images)} images")
            for image in images:
                log("image", image)
        results: list[Detections] = []
        molded = ((image, *mold_input(image, self.config)) for image in images)
        for batch in batches(molded, self.config):
            outputs = self.predict(batch.images, batch.metas, verbose)
            results += self.results(outputs, batch.metas, batch.frames, dense)
        return results

    def detect_molded(
        self,
        molded_images: Sequence[Array] | Array,
        image_metas: Sequence[Array] | Array,
        verbose: bool | int = 0,
    ) -> list[Detections]:
        """See `MaskRCNN.detect_molded`.

        Args:
            molded_images: float array [N, H, W, C], the mean subtracted.
            image_metas: [N, 12 + NUM_CLASSES].
            verbose: 1 prints the intermediate arrays.

        Returns:
            one result per image, in pixels of the molded images.
        """
        if len(molded_images) != len(image_metas):
            raise ValueError(
                f"there are {len(molded_images)} molded images but {len(image_metas)} image metas: "
                "each image needs one."
            )
        results: list[Detections] = []
        size = self.config.BATCH_SIZE
        for first in range(0, len(molded_images), size):
            images = np.asarray(molded_images[first : first + size])
            metas = np.asarray(image_metas[first : first + size])
            outputs = self.predict(images, metas, verbose)
            shape = images[0].shape
            margin = box_margin(self.config)
            frame = Frame.of_window(shape, shape, (0, 0, *shape[:2]), margin)
            results += self.results(outputs, metas, [frame] * len(images))
        return results

    def predict(
        self, molded_images: Array, image_metas: npt.ArrayLike, verbose: bool | int = 0
    ) -> dict[str, Array]:
        """Run the network on a batch.

        Args:
            molded_images: float array [B, h, w, C], the mean subtracted.
            image_metas: [B, 12 + NUM_CLASSES].
            verbose: 1 prints the inputs.

        Returns:
            dict of output name to array [B, ...], see `graph.build_inference`.
        """
        inputs = network_inputs(self, molded_images, image_metas)
        if verbose:
            names = ("molded_images", "image_metas", "anchors")
            for name, array in zip(names, inputs, strict=True):
                log(name, array)
        with _silence_retracing_warning():
            outputs = self.keras_model.predict_on_batch(inputs)
        outputs = outputs_by_name(self.keras_model, outputs)
        return {name: np.asarray(values) for name, values in outputs.items()}

    def results(
        self,
        outputs: Mapping[str, Array],
        metas: Array,
        frames: Sequence[Frame],
        dense: bool = True,
    ) -> list[Detections]:
        """Convert the network's outputs to pixels of the images.

        Args:
            outputs: what `predict` returned for a batch.
            metas: [B, 12 + NUM_CLASSES], what `predict` was given.
            frames: of the B images.
            dense: see `detect`.

        Returns:
            one result per image, see `MaskRCNN.detect`.
        """
        results: list[Any] = []
        for row, frame in enumerate(frames):
            of_image = {name: values[row] for name, values in outputs.items()}
            rows, boxes, class_ids, scores = unmold_boxes(of_image["mrcnn_detection"], frame)
            found = Found(rows, class_ids, boxes, frame.original_shape, dense, frame)
            result: dict[Any, Any] = {"rois": boxes, "class_ids": class_ids, "scores": scores}
            for head in self.heads:
                result[head.field] = _checked(head, head.decode(of_image, found), len(boxes))
            limit = truncated_by(of_image, metas[row], self.config)
            result["truncated"] = limit
            if limit and self.warn and not was_logged(self.keras_model, limit):
                best = left_out(of_image, metas[row], self.config)
                log_once(self.keras_model, str(limit), best, self.config)
            results.append(result)
        return results


def _checked(head: Head, values: Any, count: int) -> Any:
    """Check that a head decoded one value per detection; convert lists to arrays."""
    values = np.asarray(values) if isinstance(values, list | tuple) else values
    # Dense masks have the instances on the last axis.
    lengths = (len(values), getattr(values, "shape", (None,))[-1])
    if count not in lengths:
        raise ValueError(
            f"the head {head.name!r} gave {lengths[0]} {head.field} for {count} detections: one "
            "per detection is needed."
        )
    return values


def SharedDetector(training_model: keras.Model, config: Config) -> Detector:
    """A `Detector` that shares the weights of a training graph, to detect during training.

    It does not log when a limit cuts detections: a network that has barely begun to learn reaches
    any limit.

    Args:
        training_model, config: see `share`.

    Returns:
        `Detector`.

    Raises:
        ValueError: see `share`.
    """
    return Detector(share(training_model, config), config, warn=False)


def _normalised(config, shape):
    return anchors(config, shape)[1]


def detector_of(model: Any) -> Detector:
    """The `Detector` of a `MaskRCNN` in inference mode; `model` itself if it already is one."""
    if not hasattr(model, "get_anchors") or isinstance(model, Detector):
        return model
    return Detector(model.keras_model, model.config, model.get_anchors)


def detect_crops(model: InferenceModel, images: Sequence[Array]) -> list[Detections]:
    """Like `MaskRCNN.detect`, but the masks of an image are an `InstanceMasks`.

    Args:
        model: a `MaskRCNN` in inference mode, or a `Detector`.
        images: see `MaskRCNN.detect`.

    Returns:
        one result per image.
    """
    return detector_of(model).detect(images, dense=False)


def with_score(result: Mapping[str, Any], min_score: npt.ArrayLike) -> Detections:
    """Keep the detections of a result that reach a minimum score.

    Args:
        result: from `detect` or `detect_crops`.
        min_score: in [0, 1]; one for all classes, or [NUM_CLASSES], one for each by its id.

    Returns:
        a result of the same kind, with the same `truncated`; see also `truncation.cut_above`.

    Example:
        >>> from mrcnn.inference.detector import with_score
        >>> result = {"class_ids": np.array([1, 2]), "scores": np.array([0.9, 0.4])}
        >>> with_score(result, min_score=0.5)["class_ids"]
        array([1])
    """
    if np.ndim(min_score):
        min_score = np.asarray(min_score, np.float32)[result["class_ids"]]
    keep = result["scores"] >= min_score
    kept: Any = {}
    for name, part in result.items():
        if name == "masks" and isinstance(part, np.ndarray):
            kept[name] = part[..., keep]
        else:
            kept[name] = part if name in OF_THE_IMAGE else part[keep]
    return kept


@contextlib.contextmanager
def _silence_retracing_warning() -> Iterator[None]:
    """Silence TensorFlow's warning that each new image size retraces the graph."""

    def is_other_warning(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_other_warning)
    try:
        yield
    finally:
        logger.removeFilter(is_other_warning)
