"""How an image sits in the network's input, and the way back."""

import dataclasses

import numpy as np

from ..geometry.boxes import denorm_boxes, norm_boxes
from .meta import compose_image_meta
from .resizing import resize_to_input


@dataclasses.dataclass(frozen=True)
class Frame:
    """Where an image is in the input that was made of it.

    Attributes:
        original_shape: (H, W, C) of the image.
        input_shape: (h, w, C) of the input.
        window: (y1, x1, y2, x2) pixels of the input that are no padding.
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
        """The input that a configuration makes of an image, and its frame.

        Args:
            image: [H, W, C].
            config: a `Config`, see `resize_to_input`.
            rng: of the place of a crop, see `resize_image`.

        Returns:
            image [h, w, C] and `Frame`.
        """
        resized, window, scale, padding, crop = resize_to_input(image, config, rng)
        return resized, cls(image.shape, resized.shape, window, scale, padding, crop)

    @classmethod
    def of_window(cls, original_shape, input_shape, window):
        """A frame that only leads from the input back to the image.

        Args:
            original_shape, input_shape, window: see the class, in pixels.
        """
        return cls(tuple(original_shape), tuple(input_shape), tuple(window), None, None, None)

    def place(self, instances):
        """The `instances` of the image (`Instances`, or one of their fields) in the input."""
        return instances.resize(self.scale, self.padding, self.crop)

    def meta(self, image_id, active_class_ids):
        """The vector that the network is given of it, float64 [12 + NUM_CLASSES].

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
        """Boxes of the input as boxes of the image.

        Args:
            boxes: [N, 4], normalised to the input.

        Returns:
            int32 [N, 4] pixels of the image; of a small image they may have no area.
        """
        y1, x1, y2, x2 = norm_boxes(np.asarray(self.window), self.input_shape[:2])
        origin = np.array([y1, x1, y1, x1], dtype=np.float32)
        size = np.array([y2 - y1, x2 - x1, y2 - y1, x2 - x1], dtype=np.float32)
        return denorm_boxes((boxes - origin) / size, self.original_shape[:2])
