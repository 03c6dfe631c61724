"""Detection at another scale than the model's own, with masks at the image's own resolution."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..config import Config
from ..config_rules.coordinates import box_margin
from ..geometry.resampling import scaled_side
from ..images.frame import Frame
from ..images.interpolation import interpolate
from ..images.normalising import mold_resized
from ..images.resizing import (
    check_sides,
    input_geometry,
    resize_image,
    resize_options,
)
from ..types import Array, Detections
from .detector import detector_of
from .molding import InferenceModel, batches, check_images, meta_of, mold_input


class ScaledDetector:
    """A function from images to results, like `detect_crops`, that enlarges or shrinks images.

    Its three steps can also be called one by one, in different threads.

    Args:
        model: a `MaskRCNN` in inference mode, or a `Detector`.
        factor: by which images are enlarged on top of what the model's settings do.
        input_scale: factor by which images are enlarged in all, whatever the settings; None uses
            `factor`.

    Attributes:
        config: the model's `Config`.

    Example:
        >>> from mrcnn.inference.scaled import ScaledDetector
        >>> detect = ScaledDetector(model, factor=0.5)  # doctest: +SKIP
        >>> [result] = detect([image])  # doctest: +SKIP
    """

    def __init__(
        self, model: InferenceModel, factor: float = 1.0, input_scale: float | None = None
    ) -> None:
        self.detector = detector_of(model)
        self.config: Config = self.detector.config
        self.factor, self.input_scale = factor, input_scale

    def __call__(self, images: Sequence[Array]) -> list[Detections]:
        """Detect in images; masks are `InstanceMasks`."""
        results: list[Detections] = []
        checked = check_images(images, self.config)
        molded = ((image, *self.mold(image)) for image in checked)
        for batch in batches(molded, self.config):
            outputs = self.detector.predict(batch.images, batch.metas)
            results += self.results(outputs, batch.metas, batch.frames)
        return results

    @property
    def is_own_scale(self) -> bool:
        """Whether images are resized as the model does by itself."""
        return self.factor == 1 and self.input_scale is None

    def scale_of(self, shape: Sequence[int]) -> float:
        """The factor by which an image is resized for the network.

        Args:
            shape: (height, width, ...) of the image in pixels.
        """
        if self.input_scale is not None:
            return self.input_scale
        own, _, _ = input_geometry(shape[0], shape[1], **resize_options(self.config))
        return own * self.factor

    def mold(self, image: Array) -> tuple[Array, Frame]:
        """Convert an image to the network's input.

        Args:
            image: [H, W, C], see `check_images`.

        Returns:
            See `mold_input`.

        Raises:
            ValueError: with IMAGE_RESIZE_MODE "square", the scaled image exceeds IMAGE_MAX_DIM.
        """
        if self.is_own_scale:
            return mold_input(image, self.config)
        return _mold(image, self.scale_of(image.shape), self.config)

    def predict(
        self, molded: Sequence[Array], frames: Sequence[Frame]
    ) -> tuple[dict[str, Array], Array]:
        """Run the network on molded images of equal shape.

        Args:
            molded, frames: from `mold`.

        Returns:
            outputs: see `Detector.predict`.
            metas: of the images, for `results`.
        """
        metas = np.stack([meta_of(frame, self.config) for frame in frames])
        return self.detector.predict(np.stack(molded), metas), metas

    def results(self, outputs: Any, metas: Array, frames: Sequence[Frame]) -> list[Detections]:
        """Convert what `predict` returned to results in pixels of the images.

        Args:
            outputs, metas: what it returned, for B images.
            frames: what it was given.

        Returns:
            one result per image, see `BaseDetector.detect`; masks are `InstanceMasks`.
        """
        return self.detector.results(outputs, metas, frames, dense=False)


def _mold(image: Array, scale: float, config: Config) -> tuple[Array, Frame]:
    """`mold_input` at a given scale."""
    height, width = (scaled_side(side, scale) for side in image.shape[:2])
    own, limit = config.IMAGE_RESIZE_MODE, config.IMAGE_MAX_DIM
    square = own == "square"
    if square and limit and max(height, width) > limit:
        raise ValueError(
            f"the image is {image.shape[0]} x {image.shape[1]} pixels, and {height} x {width} at "
            f"this scale, which exceeds IMAGE_MAX_DIM, {limit}: detect in tiles of at most "
            f"{int(limit / scale)} pixels."
        )
    resized = interpolate(image, (height, width), config.IMAGE_RESAMPLING)
    # The image has its size already, so that each mode only pads it.
    if own == "short_side":
        padded, window, _, padding, crop = resize_image(
            resized, min(height, width), mode=own, multiple=config.IMAGE_SIDE_MULTIPLE
        )
    else:
        mode = "square" if square else "pad64"
        padded, window, _, padding, crop = resize_image(resized, max_dim=limit, mode=mode)
    check_sides(padded.shape, own)
    # The results are pasted into the image as it was, not as it was resized.
    place = (image.shape, padded.shape, window, scale, padding, crop)
    return mold_resized(padded, window, config), Frame(*place, margin=box_margin(config))
