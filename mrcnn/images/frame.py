"""How an image maps to the network's input, and back."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ..config_rules.coordinates import box_margin
from ..geometry.boxes import boxes_in_pixels, denorm_boxes, norm_boxes
from ..geometry.resampling import scaled_side
from ..instances.instances import InstanceField
from ..types import Array
from .meta import compose_image_meta
from .resizing import Crop, Padding, ResizeSettings, Rng, Window, resize_to_input

_Instances = TypeVar("_Instances", bound=InstanceField)


@dataclasses.dataclass(frozen=True)
class Frame:
    """Where an image lies in the network input made from it.

    Attributes:
        original_shape: (H, W, C) of the image.
        input_shape: (h, w, C) of the input.
        window: (y1, x1, y2, x2) pixels of the input that are not padding.
        scale, padding, crop: see `resize_image`. A frame made by `of_window` has none of them.
        margin: of boxes normalised to the input, 1 or 0, see `config_rules.coordinates`.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.images.frame import Frame
        >>> from mrcnn.instances import InstanceBoxes
        >>> image, frame = Frame.of(np.zeros((512, 1024, 3), np.uint8), Config())
        >>> image.shape, frame.window
        ((1024, 1024, 3), (256, 0, 768, 1024))
        >>> frame.place(InstanceBoxes([[0, 0, 10, 20]], (512, 1024))).boxes
        array([[256.,   0., 266.,  20.]], dtype=float32)
    """

    original_shape: tuple[int, ...]
    input_shape: tuple[int, ...]
    window: Window
    scale: float
    padding: Padding
    crop: Crop
    margin: int = 1

    @classmethod
    def of(
        cls,
        image: Array,
        config: ResizeSettings,
        rng: Rng = None,
        short_side: int | None = None,
        pad: bool = True,
    ) -> tuple[Array, Self]:
        """An image resized to the network's input, and its frame.

        Args:
            image: [H, W, C].
            config: see `resize_to_input`, and BOX_COORDINATES.
            rng: source of a crop's position, see `resize_image`.
            short_side: pixels, see `resize_image`.
            pad: False leaves out the padding of IMAGE_RESIZE_MODE "short_side", see `padded`.

        Returns:
            The image [h, w, C] and its frame.
        """
        resized, window, scale, padding, crop = resize_to_input(image, config, rng, short_side, pad)
        place = (window, scale, padding, crop, box_margin(config))
        return resized, cls(image.shape, resized.shape, *place)

    @classmethod
    def of_window(
        cls,
        original_shape: Sequence[int] | Array,
        input_shape: Sequence[int] | Array,
        window: Sequence[int] | Array,
        margin: int = 1,
    ) -> Self:
        """A frame that only maps from the input back to the image.

        Args:
            original_shape, input_shape, window, margin: see the class, in pixels.
        """
        y1, x1, y2, x2 = window
        unknown: Any = None
        shapes = tuple(original_shape), tuple(input_shape)
        return cls(*shapes, (y1, x1, y2, x2), unknown, unknown, None, margin)

    def padded(self, height: int, width: int) -> tuple[Self, Padding]:
        """The frame of an input that is padded further, below and on the right.

        Args:
            height, width: of the input in pixels, at least those of `input_shape`.

        Returns:
            The frame, and the padding to add, [(0, rows), (0, columns), (0, 0)] pixels.
        """
        rows, columns = height - self.input_shape[0], width - self.input_shape[1]
        (top, bottom), (left, right), channels = self.padding
        padding = [(top, bottom + rows), (left, right + columns), channels]
        shape = (height, width, *self.input_shape[2:])
        added = [(0, rows), (0, columns), (0, 0)]
        return dataclasses.replace(self, input_shape=shape, padding=padding), added

    def place(self, instances: _Instances) -> _Instances:
        """The image's `instances` (`Instances`, or one of their fields), moved to the input."""
        return instances.resize(self._factors(), self.padding, self.crop)

    def _factors(self) -> float | tuple[float, float]:
        """The scale, or those of height and width if rounding the sides made them differ."""
        (height, width), (y1, x1, y2, x2) = self.original_shape[:2], self.window
        size = scaled_side(height, self.scale), scaled_side(width, self.scale)
        if self.crop is not None or size == (y2 - y1, x2 - x1):
            return self.scale
        return (y2 - y1) / height, (x2 - x1) / width

    def meta(self, image_id: int, active_class_ids: Sequence[int] | Array) -> Array:
        """The frame as the meta vector that the network takes, float64 [12 + NUM_CLASSES].

        Args:
            image_id, active_class_ids: see `compose_image_meta`.
        """
        return compose_image_meta(
            image_id,
            self.original_shape,
            self.input_shape,
            self.window,
            self.scale,
            active_class_ids,
        )

    def boxes_back(self, boxes: npt.ArrayLike) -> Array:
        """Boxes in the input, mapped back to the image.

        Args:
            boxes: [N, 4], normalised to the input.

        Returns:
            int32 [N, 4] pixels of the image; in a small image they may have no area. With a margin
            of 0, float32, not rounded but clipped to the image.
        """
        if not self.margin:
            corners = self.points_back(self.in_input(boxes).reshape(-1, 2, 2))
            return np.clip(corners, 0, self.original_shape[:2]).reshape(-1, 4).astype(np.float32)
        y1, x1, y2, x2 = norm_boxes(np.asarray(self.window), self.input_shape[:2])
        origin = np.array([y1, x1, y1, x1], dtype=np.float32)
        size = np.array([y2 - y1, x2 - x1, y2 - y1, x2 - x1], dtype=np.float32)
        return denorm_boxes((np.asarray(boxes) - origin) / size, self.original_shape[:2])

    def in_input(self, boxes: npt.ArrayLike) -> Array:
        """Boxes in pixels of the network's input, not rounded.

        Args:
            boxes: [N, 4], normalised to the input.

        Returns:
            float32 [N, 4] pixels.
        """
        return boxes_in_pixels(boxes, self.input_shape[:2], self.margin)

    def points_back(self, points: npt.ArrayLike) -> Array:
        """Points in the input, mapped back to the image.

        Args:
            points: [..., 2] of (y, x) in pixels of the input.

        Returns:
            float32 [..., 2] of (y, x) in pixels of the image.
        """
        y1, x1, y2, x2 = (float(side) for side in self.window)
        height, width = self.original_shape[:2]
        scale = np.array([height / (y2 - y1), width / (x2 - x1)], np.float32)
        return (np.asarray(points, np.float32) - np.array([y1, x1], np.float32)) * scale
