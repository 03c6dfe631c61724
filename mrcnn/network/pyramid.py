"""The feature pyramid (Lin et al. 2016, figure 3)."""

from keras import layers

from ..types import Tensor
from .blocks import Norm


def feature_pyramid(
    c2: Tensor, c3: Tensor, c4: Tensor, c5: Tensor, size: int, norm: Norm | None = None
) -> list[Tensor]:
    """Top-down pathway with lateral connections.

    Args:
        c2, c3, c4, c5: backbone features [B, H / stride, W / stride, any], strides 4 to 32.
        size: channels of every level.
        norm: the BatchNorm after each convolution; None for none.

    Returns:
        [P2, P3, P4, P5, P6], each [B, H / stride, W / stride, size], strides 4 to 64.
    """
    p5 = _convolution(c5, size, 1, "fpn_c5p5", norm)
    p4 = _top_down(p5, c4, size, 4, norm)
    p3 = _top_down(p4, c3, size, 3, norm)
    p2 = _top_down(p3, c2, size, 2, norm)
    pyramid = [
        _convolution(x, size, 3, f"fpn_p{level}", norm)
        for level, x in enumerate([p2, p3, p4, p5], start=2)
    ]
    # Only the RPN's largest anchors use P6.
    return [*pyramid, layers.MaxPooling2D((1, 1), strides=2, name="fpn_p6")(pyramid[-1])]


def _top_down(above: Tensor, lateral: Tensor, size: int, level: int, norm: Norm | None) -> Tensor:
    upsampled = layers.UpSampling2D((2, 2), name=f"fpn_p{level + 1}upsampled")(above)
    lateral = _convolution(lateral, size, 1, f"fpn_c{level}p{level}", norm)
    return layers.Add(name=f"fpn_p{level}add")([upsampled, lateral])


def _convolution(x: Tensor, size: int, side: int, name: str, norm: Norm | None) -> Tensor:
    use_bias = norm is None or not norm.replaces_bias
    x = layers.Conv2D(size, side, padding="same", use_bias=use_bias, name=name)(x)
    return norm.layer(f"{name}_bn")(x) if norm else x
