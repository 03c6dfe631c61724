"""ResNet-50 and ResNet-101, as in matterport's Mask_RCNN and its weight files."""

from collections.abc import Sequence

from keras import layers

from ...config import Config
from ...types import Tensor
from ..layers import BatchNorm
from .backbone import Backbone

# Identity blocks of C4 after its first block, which halves the resolution.
C4_IDENTITY_BLOCKS = {"resnet50": 5, "resnet101": 22}


def identity_block(
    input_tensor: Tensor,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    use_bias: bool = True,
    train_bn: bool | None = True,
) -> Tensor:
    """A residual block whose shortcut is the input itself (He et al. 2015, figure 5).

    Args:
        input_tensor: [B, H, W, filters[2]].
        kernel_size: side of the middle convolution.
        filters: channels of the three convolutions.
        stage, block: number and letter, parts of the layers' names.
        use_bias: whether the convolutions have a bias.
        train_bn: `training` argument of the BatchNorm layers.

    Returns:
        Tensor [B, H, W, filters[2]].
    """
    x = _branch(input_tensor, kernel_size, filters, stage, block, (1, 1), use_bias, train_bn)
    return _merge(x, input_tensor, stage, block)


def conv_block(
    input_tensor: Tensor,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    strides: tuple[int, int] = (2, 2),
    use_bias: bool = True,
    train_bn: bool | None = True,
) -> Tensor:
    """A residual block with a convolution on the shortcut; the first block of a level.

    Args:
        input_tensor: [B, H, W, any].
        kernel_size, filters, stage, block, use_bias, train_bn: see `identity_block`.
        strides: (y, x) of the first 1x1 convolution and of the shortcut.

    Returns:
        Tensor [B, H / strides[0], W / strides[1], filters[2]].
    """
    x = _branch(input_tensor, kernel_size, filters, stage, block, strides, use_bias, train_bn)
    shortcut = layers.Conv2D(
        filters[2],
        (1, 1),
        strides=strides,
        use_bias=use_bias,
        name=f"res{stage}{block}_branch1",
    )(input_tensor)
    shortcut = BatchNorm(name=f"bn{stage}{block}_branch1")(shortcut, training=train_bn)
    return _merge(x, shortcut, stage, block)


def _branch(x, kernel_size, filters, stage, block, strides, use_bias, train_bn):
    name = f"{stage}{block}_branch2"
    x = layers.Conv2D(filters[0], (1, 1), strides, use_bias=use_bias, name=f"res{name}a")(x)
    x = BatchNorm(name=f"bn{name}a")(x, training=train_bn)
    x = layers.Activation("relu")(x)
    x = layers.Conv2D(
        filters[1], kernel_size, padding="same", use_bias=use_bias, name=f"res{name}b"
    )(x)
    x = BatchNorm(name=f"bn{name}b")(x, training=train_bn)
    x = layers.Activation("relu")(x)
    x = layers.Conv2D(filters[2], (1, 1), use_bias=use_bias, name=f"res{name}c")(x)
    return BatchNorm(name=f"bn{name}c")(x, training=train_bn)


def _merge(x: Tensor, shortcut: Tensor, stage: int, block: str) -> Tensor:
    x = layers.Add()([x, shortcut])
    return layers.Activation("relu", name=f"res{stage}{block}_out")(x)


def resnet_graph(
    input_image: Tensor, architecture: str, stage5: bool = False, train_bn: bool | None = True
) -> list[Tensor]:
    """ResNet-50 or ResNet-101 (He et al. 2015, table 1).

    Args:
        input_image: [B, H, W, channels], mean subtracted.
        architecture: "resnet50" or "resnet101".
        stage5: whether to build C5, which is None otherwise.
        train_bn: `training` argument of the BatchNorm layers.

    Returns:
        [C1, C2, C3, C4, C5], with strides 4, 4, 8, 16, 32 and 64, 256, 512, 1024, 2048 channels.

    Raises:
        ValueError: unknown architecture.

    Example:
        >>> import keras
        >>> from mrcnn.network.backbones.resnet import resnet_graph
        >>> features = resnet_graph(keras.Input((64, 64, 3)), "resnet50", stage5=True)
        >>> [feature.shape[1:] for feature in features]
        [(16, 16, 64), (16, 16, 256), (8, 8, 512), (4, 4, 1024), (2, 2, 2048)]
    """
    if architecture not in C4_IDENTITY_BLOCKS:
        raise ValueError(
            f"architecture is {architecture!r}: it must be {' or '.join(C4_IDENTITY_BLOCKS)}."
        )
    x = c1 = resnet_stem(input_image, train_bn)
    x = c2 = resnet_stage(x, 2, (64, 64, 256), 2, train_bn, strides=(1, 1))
    x = c3 = resnet_stage(x, 3, (128, 128, 512), 3, train_bn)
    x = c4 = resnet_stage(x, 4, (256, 256, 1024), C4_IDENTITY_BLOCKS[architecture], train_bn)
    c5 = resnet_stage(x, 5, (512, 512, 2048), 2, train_bn) if stage5 else None
    return [c1, c2, c3, c4, c5]


def resnet_stem(input_image: Tensor, train_bn: bool | None = True) -> Tensor:
    """The first layers of a ResNet: convolution and pooling.

    Args:
        input_image: [B, H, W, channels].
        train_bn: `training` argument of the BatchNorm layer.

    Returns:
        C1 [B, H / 4, W / 4, 64].
    """
    x = layers.ZeroPadding2D((3, 3))(input_image)
    x = layers.Conv2D(64, (7, 7), strides=(2, 2), name="conv1")(x)
    x = BatchNorm(name="bn_conv1")(x, training=train_bn)
    x = layers.Activation("relu")(x)
    return layers.MaxPooling2D((3, 3), strides=(2, 2), padding="same")(x)


def resnet_stage(
    x: Tensor,
    stage: int,
    filters: Sequence[int],
    identity_blocks: int,
    train_bn: bool | None = True,
    strides: tuple[int, int] = (2, 2),
) -> Tensor:
    """One level of a ResNet: a `conv_block` followed by identity blocks.

    With fewer blocks than in ResNet-50, ResNet-50 weights still load by name.

    Args:
        x: [B, H, W, any].
        stage: 2 to 5, part of the layers' names.
        filters: channels of a block's three convolutions.
        identity_blocks: number of identity blocks.
        train_bn: `training` argument of the BatchNorm layers.
        strides: (y, x) of the first block.

    Returns:
        Tensor [B, H / strides[0], W / strides[1], filters[2]].

    Example:
        >>> import keras
        >>> from mrcnn.network.backbones.resnet import resnet_stage
        >>> c2 = keras.Input((16, 16, 256))
        >>> resnet_stage(c2, 3, (128, 128, 512), identity_blocks=3).shape
        (None, 8, 8, 512)
    """
    x = conv_block(x, 3, filters, stage, "a", strides=strides, train_bn=train_bn)
    for index in range(identity_blocks):
        x = identity_block(x, 3, filters, stage, chr(ord("b") + index), train_bn=train_bn)
    return x


class ResNet(Backbone):
    """ResNet-50 or ResNet-101.

    Args:
        architecture: "resnet50" or "resnet101".
    """

    def __init__(self, architecture: str) -> None:
        self.architecture = architecture

    def build(self, image: Tensor, config: Config) -> list[Tensor]:
        """See `Backbone.build`.

        Args:
            image, config: see `Backbone.build`.
        """
        return resnet_graph(image, self.architecture, stage5=True, train_bn=config.TRAIN_BN)


RESNET50 = ResNet("resnet50")
RESNET101 = ResNet("resnet101")
