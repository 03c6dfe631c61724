"""How an image maps to the network's input, and back."""

import dataclasses

import numpy as np

from ..geometry.boxes import denorm_boxes, norm_boxes
from .meta import compose_image_meta
from .resizing import resize_to_input


@dataclasses.dataclass(frozen=True)
class Frame:
    """Where an image lies in the network input made from it.

    Attributes:
        original_shape: (H, W, C) of the image.
        input_shape: (h, w, C) of the input.
        window: (y1, x1, y2, x2) pixels of the input that are not padding.
        scale, padding, crop: see `resize_image`.
    """

    original_shape: tuple
    input_shape: tuple
    window: tuple
    scale: float
    padding: list
    crop: tuple | None

    @classmethod
    def of(cls, image, config, rng=None):
        """An image resized to the network's input, and its frame.

        Args:
            image: [H, W, C].
            config: a `Config`, see `resize_to_input`.
            rng: source of a crop's position, see `resize_image`.

        Returns:
            image [h, w, C] and `Frame`.
        """
        resized, window, scale, padding, crop = resize_to_input(image, config, rng)
        return resized, cls(image.shape, resized.shape, window, scale, padding, crop)

    @classmethod
    def of_window(cls, original_shape, input_shape, window):
        """A frame that only maps from the input back to the image.

        Args:
            original_shape, input_shape, window: see the class, in pixels.
        """
        return cls(tuple(original_shape), tuple(input_shape), tuple(window), None, None, None)

    def place(self, instances):
        """The image's `instances` (`Instances`, or one of their fields), moved to the input."""
        return instances.resize(self.scale, self.padding, self.crop)

    def meta(self, image_id, active_class_ids):
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

    def boxes_back(self, boxes):
        """Boxes in the input, mapped back to the image.

        Args:
            boxes: [N, 4], normalised to the input.

        Returns:
            int32 [N, 4] pixels of the image; in a small image they may have no area.
        """
        y1, x1, y2, x2 = norm_boxes(np.asarray(self.window), self.input_shape[:2])
        origin = np.array([y1, x1, y1, x1], dtype=np.float32)
        size = np.array([y2 - y1, x2 - x1, y2 - y1, x2 - x1], dtype=np.float32)
        return denorm_boxes((boxes - origin) / size, self.original_shape[:2])
