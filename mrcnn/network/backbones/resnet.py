"""ResNets as in matterport's Mask_RCNN and its weight files, and in torchvision's form."""

import string
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import keras
from keras import layers

from ...config import Config
from ...types import Tensor
from ..layers import BatchNorm
from .backbone import Backbone
from .grouped import GroupedConv2D

# Identity blocks of C2 to C5 after the first block of each (He et al. 2015, table 1).
IDENTITY_BLOCKS = {
    "resnet50": (2, 3, 5, 2),
    "resnet101": (2, 3, 22, 2),
    "resnet152": (2, 7, 35, 2),
}


@dataclass(frozen=True)
class Form:
    """What distinguishes the residual blocks of ResNets and ResNeXts.

    Attributes:
        stride_in: the convolution that halves the resolution: "1x1", the first one, as in He et
            al. 2015 and matterport's Mask_RCNN, or "3x3", as in torchvision.
        groups: groups of the 3x3 convolution.
        pad_both: whether the stem's pooling is padded by one cell on each side, as in torchvision
            and Detectron2; otherwise only below and on the right, as in matterport's Mask_RCNN.
            A 3x3 convolution with a stride is always padded on each side.
        dilation: that of the 3x3 convolution.
        epsilon: added to the variance by every BatchNorm.
        use_bias: whether the convolutions, each of which a BatchNorm follows, have a bias.
    """

    stride_in: str = "1x1"
    groups: int = 1
    pad_both: bool = False
    dilation: int = 1
    epsilon: float = 1e-3
    use_bias: bool = True


REFERENCE = Form()


def identity_block(
    input_tensor: Tensor,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    use_bias: bool = True,
    train_bn: bool | None = True,
    form: Form = REFERENCE,
) -> Tensor:
    """A residual block whose shortcut is the input itself (He et al. 2015, figure 5).

    Args:
        input_tensor: [B, H, W, filters[2]].
        kernel_size: side of the middle convolution.
        filters: channels of the three convolutions.
        stage, block: number and letter, parts of the layers' names.
        use_bias: whether the convolutions have a bias, if the `form` has them.
        train_bn: `training` argument of the BatchNorm layers.
        form: see `Form`.

    Returns:
        Tensor [B, H, W, filters[2]].
    """
    x = _branch(input_tensor, kernel_size, filters, stage, block, (1, 1), use_bias, train_bn, form)
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
    form: Form = REFERENCE,
) -> Tensor:
    """A residual block with a convolution on the shortcut; the first block of a level.

    Args:
        input_tensor: [B, H, W, any].
        kernel_size, filters, stage, block, use_bias, train_bn, form: see `identity_block`.
        strides: (y, x) of the shortcut and of the convolution that `form` chooses.

    Returns:
        Tensor [B, H / strides[0], W / strides[1], filters[2]].
    """
    x = _branch(input_tensor, kernel_size, filters, stage, block, strides, use_bias, train_bn, form)
    shortcut = layers.Conv2D(
        filters[2],
        (1, 1),
        strides=strides,
        use_bias=use_bias and form.use_bias,
        name=f"res{stage}{block}_branch1",
    )(input_tensor)
    shortcut = _norm(shortcut, f"bn{stage}{block}_branch1", train_bn, form)
    return _merge(x, shortcut, stage, block)


def _branch(x, kernel_size, filters, stage, block, strides, use_bias, train_bn, form):
    name, use_bias = f"{stage}{block}_branch2", use_bias and form.use_bias
    first, middle = (strides, (1, 1)) if form.stride_in == "1x1" else ((1, 1), strides)
    x = layers.Conv2D(filters[0], (1, 1), first, use_bias=use_bias, name=f"res{name}a")(x)
    x = _norm(x, f"bn{name}a", train_bn, form)
    x = layers.Activation("relu")(x)
    padding = "same"
    if middle != (1, 1):
        x, padding = layers.ZeroPadding2D((kernel_size - 1) // 2)(x), "valid"
    options = {"padding": padding, "use_bias": use_bias, "name": f"res{name}b"}
    options["dilation_rate"] = form.dilation
    if form.groups > 1:
        conv = GroupedConv2D(filters[1], kernel_size, middle, groups=form.groups, **options)
    else:
        conv = layers.Conv2D(filters[1], kernel_size, middle, **options)
    x = _norm(conv(x), f"bn{name}b", train_bn, form)
    x = layers.Activation("relu")(x)
    x = layers.Conv2D(filters[2], (1, 1), use_bias=use_bias, name=f"res{name}c")(x)
    return _norm(x, f"bn{name}c", train_bn, form)


def _norm(x: Tensor, name: str, train_bn: bool | None, form: Form) -> Tensor:
    return BatchNorm(epsilon=form.epsilon, name=name)(x, training=train_bn)


def _merge(x: Tensor, shortcut: Tensor, stage: int, block: str) -> Tensor:
    x = layers.Add()([x, shortcut])
    return layers.Activation("relu", name=f"res{stage}{block}_out")(x)


def resnet_graph(
    input_image: Tensor,
    architecture: str,
    stage5: bool = False,
    train_bn: bool | None = True,
    form: Form = REFERENCE,
) -> list[Tensor]:
    """ResNet-50, ResNet-101 or ResNet-152 (He et al. 2015, table 1).

    Args:
        input_image: [B, H, W, channels], mean subtracted.
        architecture: "resnet50", "resnet101" or "resnet152".
        stage5: whether to build C5, which is None otherwise.
        train_bn: `training` argument of the BatchNorm layers.
        form: see `Form`.

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
    if architecture not in IDENTITY_BLOCKS:
        raise ValueError(
            f"architecture is {architecture!r}: it must be {' or '.join(IDENTITY_BLOCKS)}."
        )
    blocks = IDENTITY_BLOCKS[architecture]
    features = residual_levels(input_image, blocks[: 4 if stage5 else 3], 64, train_bn, form)
    return features if stage5 else [*features, None]


def residual_levels(
    image: Tensor,
    identity_blocks: Sequence[int],
    width: int,
    train_bn: bool | None,
    form: Form,
    dilated: bool = False,
) -> list[Tensor]:
    """The levels of a ResNet or ResNeXt.

    Args:
        image: [B, H, W, channels], mean subtracted.
        identity_blocks: number of identity blocks of C2 and each later level, up to four levels.
        width: channels of C2's first two convolutions; each level doubles them.
        train_bn: `training` argument of the BatchNorm layers.
        form: see `Form`.
        dilated: whether C5 keeps the stride of C4, with convolutions of dilation 2.

    Returns:
        [C1, C2, ...], with strides 4, 4, 8, 16, 32 and 64, 256, 512, 1024, 2048 channels.
    """
    features = [resnet_stem(image, train_bn, form)]
    for stage, count in enumerate(identity_blocks, 2):
        factor = 2 ** (stage - 2)
        filters = (width * factor, width * factor, 256 * factor)
        strides = (1, 1) if stage == 2 else (2, 2)
        if dilated and stage == 5:
            strides, form = (1, 1), replace(form, dilation=2)
        features.append(resnet_stage(features[-1], stage, filters, count, train_bn, strides, form))
    return features


def resnet_stem(
    input_image: Tensor, train_bn: bool | None = True, form: Form = REFERENCE
) -> Tensor:
    """The first layers of a ResNet: convolution and pooling.

    Args:
        input_image: [B, H, W, channels].
        train_bn: `training` argument of the BatchNorm layer.
        form: see `Form`.

    Returns:
        C1 [B, H / 4, W / 4, 64].
    """
    x = layers.ZeroPadding2D((3, 3))(input_image)
    x = layers.Conv2D(64, (7, 7), strides=(2, 2), use_bias=form.use_bias, name="conv1")(x)
    x = _norm(x, "bn_conv1", train_bn, form)
    x = layers.Activation("relu")(x)
    if not form.pad_both:
        return layers.MaxPooling2D((3, 3), strides=(2, 2), padding="same")(x)
    # After the ReLU, a padding of 0 never wins.
    return layers.MaxPooling2D((3, 3), strides=(2, 2))(layers.ZeroPadding2D(1)(x))


def resnet_stage(
    x: Tensor,
    stage: int,
    filters: Sequence[int],
    identity_blocks: int,
    train_bn: bool | None = True,
    strides: tuple[int, int] = (2, 2),
    form: Form = REFERENCE,
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
        form: see `Form`.

    Returns:
        Tensor [B, H / strides[0], W / strides[1], filters[2]].

    Example:
        >>> import keras
        >>> from mrcnn.network.backbones.resnet import resnet_stage
        >>> c2 = keras.Input((16, 16, 256))
        >>> resnet_stage(c2, 3, (128, 128, 512), identity_blocks=3).shape
        (None, 8, 8, 512)
    """
    x = conv_block(x, 3, filters, stage, "a", strides=strides, train_bn=train_bn, form=form)
    for index in range(1, identity_blocks + 1):
        x = identity_block(x, 3, filters, stage, block_letter(index), train_bn=train_bn, form=form)
    return x


def block_letter(index: int) -> str:
    """The letter of a block in the names of its layers: "a" to "z", then "aa", "ab", ...

    Args:
        index: 0 for the first block of a level.

    Example:
        >>> from mrcnn.network.backbones.resnet import block_letter
        >>> block_letter(0), block_letter(25), block_letter(26), block_letter(35)
        ('a', 'z', 'aa', 'aj')
    """
    first, second = divmod(index, 26)
    letters = string.ascii_lowercase
    return (letters[first - 1] if first else "") + letters[second]


@keras.saving.register_keras_serializable(package="mrcnn")
class ResNet(Backbone):
    """A ResNet in the form that the settings choose.

    Args:
        architecture: "resnet50", "resnet101" or "resnet152".
        form: a form of its own, whatever RESNET_STRIDE_IN is; None: that of matterport's Mask_RCNN
            with "1x1", that of torchvision with "3x3". Its epsilon and biases are always those of
            the settings, and its pooling unless RESNET_POOL_PADDING is None.
    """

    can_dilate = True

    def __init__(self, architecture: str, form: Form | None = None) -> None:
        self.architecture, self.form = architecture, form
        self.imagenet = architecture
        self.identity_blocks: tuple[int, ...] = IDENTITY_BLOCKS[architecture]
        self.first_width: int = 64

    def get_config(self) -> dict[str, Any]:
        """See `Backbone.get_config`."""
        return {"architecture": self.architecture, "form": self.form and asdict(self.form)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """See `Backbone.from_config`.

        Args:
            config: from `get_config`.
        """
        if form := config.get("form"):
            config = {**config, "form": Form(**form)}
        return cls(**config)

    def form_of(self, config: Config) -> Form:
        """The form of its blocks.

        Args:
            config: for RESNET_STRIDE_IN, RESNET_POOL_PADDING, BATCH_NORM_EPSILON and
                NORM_REPLACES_BIAS.
        """
        stride_in, padding = config.RESNET_STRIDE_IN, config.RESNET_POOL_PADDING
        form = self.form or Form(stride_in, pad_both=stride_in == "3x3")
        return replace(
            form,
            pad_both=form.pad_both if padding is None else padding == "both",
            epsilon=float(config.BATCH_NORM_EPSILON),
            use_bias=not config.NORM_REPLACES_BIAS,
        )

    def build(self, image: Tensor, config: Config) -> list[Tensor | None]:
        """See `Backbone.build`; with NECK "c4", C5 is None.

        Args:
            image, config: see `Backbone.build`.
        """
        count = 3 if config.NECK == "c4" else 4
        features = residual_levels(
            image,
            self.identity_blocks[:count],
            self.first_width,
            config.TRAIN_BN,
            self.form_of(config),
            dilated=config.NECK == "dc5",
        )
        return [*features, None] if config.NECK == "c4" else features

    def stage5(self, features: Tensor, config: Config) -> Tensor:
        """Stage 5 on RoI features.

        Args:
            features: [N, h, w, 1024].
            config: for C4_HEAD_STRIDE, TRAIN_BN and the form of the blocks.

        Returns:
            Tensor [N, h / C4_HEAD_STRIDE, w / C4_HEAD_STRIDE, 2048], rounded up.
        """
        width = 8 * self.first_width
        return resnet_stage(
            features,
            5,
            (width, width, 2048),
            self.identity_blocks[3],
            config.TRAIN_BN,
            (config.C4_HEAD_STRIDE, config.C4_HEAD_STRIDE),
            self.form_of(config),
        )


RESNET50 = ResNet("resnet50")
RESNET101 = ResNet("resnet101")
RESNET152 = ResNet("resnet152")
