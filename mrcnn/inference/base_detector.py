"""Images in, instances out, whatever runs the network."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..config import Config
from ..config_rules.coordinates import box_margin
from ..decoding.found import Found
from ..images.frame import Frame
from ..text import log
from ..types import Array, Detections
from .molding import batches, check_images, mold_input, unmold_boxes
from .truncation import left_out, log_once, truncated_by, was_logged


class Decoder(Protocol):
    """Fills a field of the results; a `Head` is one."""

    name: Any
    field: Any

    def decode(self, outputs: dict[str, Array], found: Found) -> Any:
        """See `Head.decode`."""


class BaseDetector(abc.ABC):
    """Detects instances; a subclass runs the network.

    Args:
        config: the model's `Config`.
        decoders: they fill the fields of the results, except boxes, class ids and scores.
        warn: whether to log, once per model and limit, that a limit cut the detections of an image.

    Attributes:
        config, decoders, warn: as given.
        fields: names of the fields filled, boxes included, such as ("boxes", "masks").
    """

    def __init__(self, config: Config, decoders: Sequence[Decoder], warn: bool = True) -> None:
        self.config = config
        self.decoders = list(decoders)
        self.warn = warn
        self.fields: tuple[str, ...] = ("boxes", *(decoder.field for decoder in decoders))

    @abc.abstractmethod
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

    @property
    def logged_by(self) -> Any:
        """The object that remembers which limits were logged."""
        return self

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
            for head in self.decoders:
                result[head.field] = _checked(head, head.decode(of_image, found), len(boxes))
            limit = truncated_by(of_image, metas[row], self.config)
            result["truncated"] = limit
            if limit and self.warn and not was_logged(self.logged_by, limit):
                best = left_out(of_image, metas[row], self.config)
                log_once(self.logged_by, str(limit), best, self.config)
            results.append(result)
        return results


def _checked(head: Decoder, values: Any, count: int) -> Any:
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
