"""ResNeXt (Xie et al. 2016): ResNets whose 3x3 convolutions are grouped."""

from typing import Any

import keras

from .resnet import Form, ResNet


@keras.saving.register_keras_serializable(package="mrcnn")
class ResNeXt(ResNet):
    """A ResNeXt in torchvision's and Detectron2's form, with the stride in the 3x3 convolution.

    Its layers are named like a ResNet's. A grouped kernel is [3, 3, C / groups, C].

    Args:
        depth: 50 or 101.
        groups: groups of each 3x3 convolution, 32 or 64.
        width: channels of each group in C2; each level doubles them.

    Attributes:
        architecture: its name, such as "resnext50_32x4d".

    Example:
        >>> import keras
        >>> from mrcnn.config import Config
        >>> from mrcnn.network.backbones.resnext import RESNEXT50_32X4D
        >>> features = RESNEXT50_32X4D.build(keras.Input((64, 64, 3)), Config())
        >>> [feature.shape[1:] for feature in features]
        [(16, 16, 64), (16, 16, 256), (8, 8, 512), (4, 4, 1024), (2, 2, 2048)]
    """

    def __init__(self, depth: int, groups: int, width: int) -> None:
        form = Form(stride_in="3x3", groups=groups, pad_both=True)
        super().__init__(f"resnet{depth}", form)
        self.architecture = self.imagenet = f"resnext{depth}_{groups}x{width}d"
        self.depth, self.groups, self.width = depth, groups, width
        self.first_width = groups * width

    def get_config(self) -> dict[str, Any]:
        """See `Backbone.get_config`."""
        return {"depth": self.depth, "groups": self.groups, "width": self.width}


RESNEXT50_32X4D = ResNeXt(50, 32, 4)
RESNEXT101_32X4D = ResNeXt(101, 32, 4)
RESNEXT101_32X8D = ResNeXt(101, 32, 8)
RESNEXT101_64X4D = ResNeXt(101, 64, 4)
