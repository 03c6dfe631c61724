"""Where an image lies in the network's input, and how large boxes are there in pixels."""

from ..config import Config
from ..config_rules.coordinates import box_margin
from ..images.meta import parse_image_meta_graph
from ..ops import norm_boxes_graph
from ..types import Tensor


def windows_of(image_meta: Tensor, config: Config) -> Tensor:
    """The part of each image's input that is not padding.

    Args:
        image_meta: float tensor [B, 12 + NUM_CLASSES].
        config: for BOX_COORDINATES.

    Returns:
        Float tensor [B, 1, 4], normalised.
    """
    meta = parse_image_meta_graph(image_meta)
    sizes = meta["image_shape"][:, None, :2]
    return norm_boxes_graph(meta["window"][:, None], sizes, box_margin(config))


def sides_exceed(boxes: Tensor, image_meta: Tensor, pixels: float, config: Config) -> Tensor:
    """Whether both sides of boxes are longer than a number of pixels of the network's input.

    Args:
        boxes: float tensor [B, N, 4], normalised.
        image_meta: float tensor [B, 12 + NUM_CLASSES].
        pixels: at least 0.
        config: for BOX_COORDINATES.

    Returns:
        Bool tensor [B, N]; False for boxes without area, whatever the number.
    """
    margin = box_margin(config)
    sizes = parse_image_meta_graph(image_meta)["image_shape"][:, None, :2]  # [B, 1, 2]
    sides = boxes[..., 2:] - boxes[..., :2]  # [B, N, 2]
    enough = (sides > 0) & (sides * (sizes - margin) + margin > pixels)
    return enough[..., 0] & enough[..., 1]
