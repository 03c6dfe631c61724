"""Images in, instances out: the detector behind `MaskRCNN.detect`."""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..anchors.recent import Recent
from ..config import Config
from ..config_rules import parts
from ..text import log
from ..types import Array, Detections
from .base_detector import BaseDetector
from .molding import InferenceModel, anchors, network_inputs
from .truncation import OF_THE_IMAGE


class Detector(BaseDetector):
    """Detects instances with an inference graph.

    Args:
        keras_model: the `GraphModel`.
        config: the `Config` that it was built with.
        get_anchors: function from a molded image's (H, W, C) to its anchors, float32 [A, 4],
            normalised; None computes them and caches those of the last few shapes.
        warn: whether to log, once per model and limit, that a limit cut the detections of an image.

    Attributes:
        keras_model, get_anchors: as given. For the others, see `BaseDetector`.
    """

    def __init__(
        self,
        keras_model: Any,
        config: Config,
        get_anchors: Callable[[Any], Array] | None = None,
        warn: bool = True,
    ) -> None:
        heads = [kind(config) for kind in parts.heads(config) if kind.name != "box"]
        super().__init__(config, heads, warn)
        self.keras_model = keras_model
        self.get_anchors = get_anchors or Recent(functools.partial(_normalised, config))
        self.fields = parts.filled_fields(config)

    @property
    def logged_by(self) -> Any:
        """The graph, which several detectors may share."""
        return self.keras_model

    def predict(
        self, molded_images: Array, image_metas: npt.ArrayLike, verbose: bool | int = 0
    ) -> dict[str, Array]:
        """See `BaseDetector.predict`."""
        from ..network.graph_model import outputs_by_name  # imports Keras

        inputs = network_inputs(self, molded_images, image_metas)
        if verbose:
            names = ("molded_images", "image_metas", "anchors")
            for name, array in zip(names, inputs, strict=True):
                log(name, array)
        with _silence_retracing_warning():
            outputs = self.keras_model.predict_on_batch(inputs)
        outputs = outputs_by_name(self.keras_model, outputs)
        return {name: np.asarray(values) for name, values in outputs.items()}


def SharedDetector(training_model: Any, config: Config) -> Detector:
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
    from ..network.sharing import share  # imports Keras

    return Detector(share(training_model, config), config, warn=False)


def _normalised(config, shape):
    return anchors(config, shape)[1]


def detector_of(model: Any) -> BaseDetector:
    """The `Detector` of a `MaskRCNN` in inference mode; `model` itself if it already is one."""
    if not hasattr(model, "get_anchors") or isinstance(model, BaseDetector):
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
