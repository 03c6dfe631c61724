"""Detection with an exported model, as with the model that it was made from.

Neither Keras nor TensorFlow is imported.
"""

import dataclasses
import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..anchors.pyramid import anchors_by_level
from ..config import Config
from ..config_rules.coordinates import box_margin
from ..config_rules.values import either, is_integer
from ..decoding.fields import located, pasted
from ..decoding.found import Found
from ..geometry.boxes import norm_boxes
from ..images.meta import parse_image_meta
from ..images.normalising import PADDING
from ..inference.base_detector import BaseDetector
from ..text import log
from ..types import Array, PathLike
from ..weights.card import Card
from .sessions import SESSIONS, Session, Unusable
from .sidecar import read_sidecar, sidecar_of

logger = logging.getLogger(__name__)

PRECISIONS = ("float32", "bfloat16")

# Outputs of the inference graph, which `truncated` is made of, by their names there.
_PROPOSALS = {
    "ROI": "proposals",
    "mrcnn_class": "proposal_scores",
    "mrcnn_bbox": "proposal_deltas",
}


def is_exported(path: PathLike) -> bool:
    """Whether a path has the suffix of an exported model that `load` reads."""
    return Path(path).suffix.lower() in SESSIONS


def load(path: PathLike, threads: int | None = None, precision: str = "float32") -> "RuntimeModel":
    """Load an exported model.

    Args:
        path: of the .onnx, .xml (OpenVINO) or .tflite (LiteRT) file that `MaskRCNN.export` wrote.
        threads: number of threads to compute with; None leaves it to the runtime.
        precision: "float32"; or "bfloat16", with OpenVINO, where the CPU computes it: faster, but
            not exact: scores differ by up to 0.06, and boxes by a pixel.

    Returns:
        The model, ready to detect.

    Raises:
        FileNotFoundError: the file, or the .json file beside it, is missing.
        ImportError: the runtime is not installed; the message has the command that installs it.
        ValueError: the file is of another kind or version, or damaged; or the precision is not
            possible.

    Example:
        >>> from mrcnn import runtime
        >>> model = runtime.load("nuclei.onnx")  # doctest: +SKIP
        >>> model.detect([image])[0]["class_ids"]  # doctest: +SKIP
        array([1, 1, 1], dtype=int32)
    """
    path = Path(path)
    if threads is not None and not (is_integer(threads) and threads > 0):
        raise ValueError(f"threads is {threads!r}: it must be a whole number from 1, or None.")
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}: it must be {either(PRECISIONS)}.")
    if not is_exported(path):
        hint = " A SavedModel needs TensorFlow: tf.saved_model.load()." if path.is_dir() else ""
        raise ValueError(f"{path} is no exported model: its name ends in {either(SESSIONS)}.{hint}")
    kind = SESSIONS[path.suffix.lower()]
    if precision not in kind.precisions:
        raise ValueError(
            f"precision is {precision!r}, but {path.name} runs in 'float32': 'bfloat16' is for "
            "OpenVINO."
        )
    sidecar = read_sidecar(path)
    if sidecar.format != kind.format:
        raise ValueError(
            f"{sidecar_of(path)} belongs to a model in the format {sidecar.format!r}, not to "
            f"{path.name}."
        )
    config = sidecar.config(path)
    try:
        session = kind(path, threads, precision)
    except (ImportError, Unusable):
        raise
    except Exception as error:  # each runtime has errors of its own
        raise ValueError(f"{path} cannot be loaded: {' '.join(str(error).split())}") from error
    model = RuntimeModel(session, config, sidecar.card, sidecar.input_shape)
    fields = [each.output for each in DECODERS if each.name in config.HEADS]
    needed = {"boxes", "class_ids", "scores", "count", *fields}
    if missing := sorted(needed - set(session.names)):
        raise ValueError(
            f"{path} has no outputs {missing}: {sidecar_of(path)} belongs to another model."
        )
    if custom := sidecar.custom_heads:
        logger.warning(
            "%s has heads of your own, %s: run() returns their outputs, and results lack them.",
            *(path, ", ".join(custom)),
        )
    return model


class RuntimeModel(BaseDetector):
    """An exported model. It may be used in several threads.

    Args:
        session: runs the graph.
        config: the settings that the graph was built with, without its parts.
        card: what is known about the model.
        input_shape: (batch, height, width, channels) of the graph's input; None where it is open.

    Attributes:
        config, card, input_shape: as given.
        class_names: name of each class, the background first; None if unknown.
    """

    def __init__(
        self,
        session: Session,
        config: Config,
        card: Card,
        input_shape: tuple[int | None, ...],
    ) -> None:
        super().__init__(config, [each(config) for each in DECODERS if each.name in config.HEADS])
        self.session = session
        self.card = card
        self.input_shape = input_shape
        self.class_names = card.class_names
        self._lock = threading.Lock()

    def run(self, image: npt.ArrayLike) -> dict[str, Array]:
        """Run the graph.

        Args:
            image: float32 or uint8 [B, H, W, C], RGB in 0..255, resized as `MaskRCNN.mold_inputs`
                does, but not normalised. Pixels of -1e9 are padding.

        Returns:
            dict of output name to array, see `MaskRCNN.export`.

        Raises:
            TypeError: the dtype is neither float32 nor uint8.
            ValueError: the shape does not fit.
        """
        image = np.asarray(image)
        if image.dtype not in (np.float32, np.uint8):
            raise TypeError(f"the image has dtype {image.dtype}: it must be float32 or uint8.")
        fits = (
            image.ndim == 4
            and 0 not in image.shape
            and all(
                side in (None, given)
                for side, given in zip(self.input_shape[1:], image.shape[1:], strict=True)
            )
        )
        if not fits:
            names = ("batch", "height", "width", "channels")
            wanted = [side or name for side, name in zip(self.input_shape, names, strict=True)]
            raise ValueError(
                f"the image has shape {image.shape}: it must be [{', '.join(map(str, wanted))}]."
            )
        self._check_open_sides(image.shape)
        with self._lock:
            return self.session.run(image.astype(np.float32, copy=False))

    def _check_open_sides(self, shape: tuple[int, ...]) -> None:
        config = self.config
        multiple = config.IMAGE_SIDE_MULTIPLE if config.IMAGE_RESIZE_MODE == "short_side" else 64
        for side, given in zip(self.input_shape[1:3], shape[1:3], strict=True):
            if side is None and given % multiple:
                raise ValueError(
                    f"the image has shape {shape}: its height and width must be multiples of "
                    f"{multiple}."
                )

    def predict(
        self, molded_images: Array, image_metas: npt.ArrayLike, verbose: bool | int = 0
    ) -> dict[str, Array]:
        """See `BaseDetector.predict`; masks are those of the detected classes."""
        config, metas = self.config, parse_image_meta(image_metas)
        std = np.asarray(config.PIXEL_STD, np.float32)
        pixels = np.asarray(molded_images, np.float32) * std
        pixels += np.asarray(config.MEAN_PIXEL, np.float32)
        for image, (y1, x1, y2, x2) in zip(pixels, metas["window"], strict=True):
            for padding in (image[:y1], image[y2:], image[:, :x1], image[:, x2:]):
                padding[:] = PADDING
        if verbose:
            log("image", pixels)
        found = self.run(pixels)
        size = pixels.shape[1:3]
        boxes = norm_boxes(found["boxes"], size, box_margin(config))
        rows = [boxes, found["class_ids"][..., None], found["scores"][..., None]]
        detections = np.concatenate(rows, axis=-1).astype(np.float32)
        detections[found["class_ids"] == 0] = 0
        anchors = int(anchors_by_level(config, size).sum())
        proposed = {name: found[ours] for name, ours in _PROPOSALS.items() if ours in found}
        return {
            **found,
            **proposed,
            "mrcnn_detection": detections,
            "rpn_class": np.broadcast_to(np.float32(0), (len(pixels), anchors, 2)),
        }


@dataclasses.dataclass(frozen=True)
class _Masks:
    config: Config
    name = "mask"
    field = output = "masks"

    def decode(self, outputs: dict[str, Array], found: Found) -> Any:
        return pasted(outputs["masks"][found.rows], found, self.config.MASK_PASTING)


@dataclasses.dataclass(frozen=True)
class _Keypoints:
    config: Config
    name = "keypoint"
    field = "keypoints"
    output = "keypoint_maps"

    def decode(self, outputs: dict[str, Array], found: Found) -> Any:
        boxes = outputs["mrcnn_detection"][found.rows, :4]
        maps = outputs["keypoint_maps"][found.rows]
        return located(maps, boxes, found, self.config.KEYPOINT_SCORES)


# The decoders of exported heads; the outputs of custom heads are only in what `run` returns.
DECODERS: tuple[type[Any], ...] = (_Masks, _Keypoints)
