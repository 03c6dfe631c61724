"""Squares, circles and triangles on a plain background, drawn on demand."""

import numpy as np
from skimage import draw

from mrcnn import utils

CLASSES = ("square", "circle", "triangle")
# A shape is left out if its box has more than this IoU with the box of a shape above it.
_MAX_BOX_IOU = 0.3


class ShapesDataset(utils.Dataset):
    """Images that are stored as a few numbers and drawn from them on each access."""

    def load_shapes(self, count, height, width, seed=0):
        """Add random images.

        Args:
            count: number of images.
            height, width: size of each image in pixels.
            seed: random seed; the same seed always gives the same images.
        """
        for number, name in enumerate(CLASSES, 1):
            self.add_class("shapes", number, name)
        rng = np.random.default_rng(seed)
        for number in range(count):
            bg_color, shapes = self.random_image(height, width, rng)
            self.add_image(
                "shapes",
                image_id=number,
                path=None,
                width=width,
                height=height,
                bg_color=bg_color,
                shapes=shapes,
            )

    def load_image(self, image_id):
        """Draw an image, uint8 [H, W, 3]."""
        info = self.image_info[image_id]
        image = np.full((info["height"], info["width"], 3), info["bg_color"], np.uint8)
        for shape, color, dims in info["shapes"]:
            image = self.draw_shape(image, shape, dims, color)
        return image

    def load_mask(self, image_id):
        """The visible part of each shape, bool [H, W, N], and the class ids, int32 [N]."""
        info = self.image_info[image_id]
        size = info["height"], info["width"]
        free, masks = np.ones(size, bool), []
        for shape, _, dims in info["shapes"][::-1]:
            mask = self.draw_shape(np.zeros(size, np.uint8), shape, dims, 1).astype(bool)
            masks.append(mask & free)
            free &= ~mask
        class_ids = [self.class_names.index(shape) for shape, _, _ in info["shapes"]]
        return np.stack(masks[::-1], axis=-1), np.array(class_ids, np.int32)

    def image_reference(self, image_id):
        """The image's shapes."""
        info = self.image_info[image_id]
        return info["shapes"] if info["source"] == "shapes" else super().image_reference(image_id)

    def draw_shape(self, image, shape, dims, color):
        """Draw a shape on an image, in place.

        Args:
            image: [H, W] or [H, W, 3].
            shape: one of `CLASSES`.
            dims: (x, y, s), the centre and half the size, in pixels.
            color: value of its pixels.

        Returns:
            the image.
        """
        x, y, s = dims
        size = image.shape[:2]
        if shape == "square":
            inside = draw.rectangle((y - s, x - s), (y + s, x + s), shape=size)
        elif shape == "circle":
            inside = draw.disk((y, x), s, shape=size)
        else:
            half = s / np.sin(np.radians(60))
            inside = draw.polygon([y - s, y + s, y + s], [x, x - half, x + half], shape=size)
        image[tuple(inside)] = color
        return image

    def random_shape(self, height, width, rng):
        """Choose a random shape whose centre is at least 20 pixels from the image's edges.

        Returns:
            name, colour (red, green, blue), dims (x, y, s) as `draw_shape` takes them.
        """
        border = min(20, height // 4, width // 4)
        color = tuple(rng.integers(0, 256, 3).tolist())
        y = int(rng.integers(border, height - border))
        x = int(rng.integers(border, width - border))
        s = int(rng.integers(border, max(height // 4, border + 1)))
        return str(rng.choice(CLASSES)), color, (x, y, s)

    def random_image(self, height, width, rng):
        """Choose a background colour and one to four shapes, none much hidden by those above it.

        Returns:
            colour (red, green, blue), and a list of results of `random_shape`.
        """
        bg_color = tuple(rng.integers(0, 256, 3).tolist())
        shapes = [self.random_shape(height, width, rng) for _ in range(rng.integers(1, 5))]
        boxes = [[y - s, x - s, y + s, x + s] for _, _, (x, y, s) in shapes]
        last_first = np.arange(len(boxes))[::-1]
        kept = utils.non_max_suppression(np.array(boxes), last_first[::-1], _MAX_BOX_IOU)
        return bg_color, [shapes[i] for i in sorted(kept)]
