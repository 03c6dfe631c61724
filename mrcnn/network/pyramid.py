"""The feature pyramid (Lin et al. 2016, figure 3)."""

from keras import layers

from ..types import Tensor


def feature_pyramid(c2: Tensor, c3: Tensor, c4: Tensor, c5: Tensor, size: int) -> list[Tensor]:
    """Top-down pathway with lateral connections.

    Args:
        c2, c3, c4, c5: backbone features [B, H / stride, W / stride, any], strides 4 to 32.
        size: channels of every level.

    Returns:
        [P2, P3, P4, P5, P6], each [B, H / stride, W / stride, size], strides 4 to 64.
    """
    p5 = layers.Conv2D(size, (1, 1), name="fpn_c5p5")(c5)
    p4 = _top_down(p5, c4, size, 4)
    p3 = _top_down(p4, c3, size, 3)
    p2 = _top_down(p3, c2, size, 2)
    pyramid = [
        layers.Conv2D(size, (3, 3), padding="same", name=f"fpn_p{level}")(x)
        for level, x in enumerate([p2, p3, p4, p5], start=2)
    ]
    # Only the RPN's largest anchors use P6.
    return [*pyramid, layers.MaxPooling2D((1, 1), strides=2, name="fpn_p6")(pyramid[-1])]


def _top_down(above: Tensor, lateral: Tensor, size: int, level: int) -> Tensor:
    upsampled = layers.UpSampling2D((2, 2), name=f"fpn_p{level + 1}upsampled")(above)
    lateral = layers.Conv2D(size, (1, 1), name=f"fpn_c{level}p{level}")(lateral)
    return layers.Add(name=f"fpn_p{level}add")([upsampled, lateral])
