"""How an image maps to the network's input, and back."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ..geometry.boxes import denorm_boxes, norm_boxes
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

    @classmethod
    def of(
        cls,
        image: Array,
        config: ResizeSettings,
        rng: Rng = None,
        short_side: int | None = None,
    ) -> tuple[Array, Self]:
        """An image resized to the network's input, and its frame.

        Args:
            image: [H, W, C].
            config: see `resize_to_input`.
            rng: source of a crop's position, see `resize_image`.
            short_side: pixels, see `resize_image`.

        Returns:
            The image [h, w, C] and its frame.
        """
        resized, window, scale, padding, crop = resize_to_input(image, config, rng, short_side)
        return resized, cls(image.shape, resized.shape, window, scale, padding, crop)

    @classmethod
    def of_window(
        cls,
        original_shape: Sequence[int] | Array,
        input_shape: Sequence[int] | Array,
        window: Sequence[int] | Array,
    ) -> Self:
        """A frame that only maps from the input back to the image.

        Args:
            original_shape, input_shape, window: see the class, in pixels.
        """
        y1, x1, y2, x2 = window
        unknown: Any = None
        return cls(
            tuple(original_shape), tuple(input_shape), (y1, x1, y2, x2), unknown, unknown, None
        )

    def place(self, instances: _Instances) -> _Instances:
        """The image's `instances` (`Instances`, or one of their fields), moved to the input."""
        return instances.resize(self.scale, self.padding, self.crop)

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

    def boxes_back(self, boxes: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Boxes in the input, mapped back to the image.

        Args:
            boxes: [N, 4], normalised to the input.

        Returns:
            int32 [N, 4] pixels of the image; in a small image they may have no area.
        """
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
        height, width = (side - 1 for side in self.input_shape[:2])
        boxes = np.asarray(boxes, np.float32) * np.array([height, width] * 2, np.float32)
        return boxes + np.array([0, 0, 1, 1], np.float32)

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
