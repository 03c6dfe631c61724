"""The level of a RoI by the rules of other frameworks (FPN, equation 1), and its box there."""

from keras import ops

from ...ops import boxes_in_pixels_graph
from ...types import Tensor
from .align import log2_graph

# A rule rounds log2(sqrt(area) / 224) down after adding these: (to the logarithm, to the ratio).
_ADDED = {"torchvision": (1e-6, 0.0), "detectron2": (0.0, 1e-8)}


def floor_level(boxes: Tensor, rule: str) -> Tensor:
    """The pyramid level of each box, by the rule of another framework.

    - "torchvision": `floor(4 + log2(sqrt(area) / 224) + 1e-6)`.
    - "detectron2": `floor(4 + log2(sqrt(area) / 224 + 1e-8))`.

    Args:
        boxes: float tensor [B, R, 4] in pixels.
        rule: "torchvision" or "detectron2".

    Returns:
        Int32 tensor [B, R], clipped to 2..5.

    Example:
        >>> from mrcnn.network.poolers.levels import floor_level
        >>> boxes = np.array([[[0, 0, 111, 112], [0, 0, 223, 224], [0, 0, 224, 224]]], "float32")
        >>> np.array(floor_level(boxes, "torchvision"))
        array([[2, 3, 4]], dtype=int32)
    """
    size = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    to_logarithm, to_ratio = _ADDED[rule]
    relative = ops.sqrt(size[..., 0] * size[..., 1]) / 224.0 + to_ratio
    level = ops.floor(4.0 + log2_graph(relative) + to_logarithm)
    return ops.cast(ops.clip(level, 2.0, 5.0), "int32")


def in_pixels(boxes: Tensor, image_shape: Tensor, margin: float = 1.0) -> Tensor:
    """`boxes_in_pixels_graph`, without what float32 loses on the way there and back.

    A coordinate that is a whole number of pixels, or of sixteenths, comes back exactly.

    Args:
        boxes: float tensor [B, R, 4], normalised.
        image_shape: float tensor [B, 2 or more], (height, width, ...) in pixels.
        margin: 1 or 0, see `config_rules.coordinates`.

    Returns:
        Float tensor [B, R, 4].
    """
    size = ops.cast(image_shape[:, None, :2], "float32")  # [B, 1, 2]
    pixels = boxes_in_pixels_graph(boxes, size, margin)
    # In float32, normalising and converting back are off by up to span * 2^-23. That would decide
    # where RoIPool rounds to and how many points adaptive sampling takes. All else stays as it is:
    # rounding it would move the sampling points by more than float32 does.
    span = ops.concatenate([size, size], axis=2) - margin
    near = ops.round(pixels * 16.0) / 16.0
    return ops.where(ops.abs(pixels - near) <= span * 2.0**-23, near, pixels)


def scale_of(features: Tensor, image_shape: Tensor) -> Tensor:
    """Cells of a map per pixel of the image, along y and x: 1 / stride.

    A map of an image whose size is not a multiple of the stride is rounded up, so that the ratio
    of the sizes is only near the scale. The scale is the nearest power of two.

    Args:
        features: tensor [B, H, W, C].
        image_shape: float tensor [B, 2 or more], (height, width, ...) in pixels.

    Returns:
        Float tensor [B, 2].
    """
    shape = ops.shape(features)
    cells = ops.cast(ops.stack([shape[1], shape[2]]), "float32")
    ratio = cells / ops.cast(image_shape[:, :2], "float32")
    # 2 ** x is not exact on every device; a table of halvings is.
    halvings = ops.cast(-ops.round(log2_graph(ratio)), "int32")
    return ops.take(ops.convert_to_tensor([0.5**n for n in range(16)]), ops.clip(halvings, 0, 15))
