"""A small backbone, for weights that are easy to share and for training on a CPU.

Stages 1 to 3 and the first half of stage 4 are ResNet-50's, so that ImageNet's weights load by
name. What it leaves out looks at objects of some hundred pixels.
"""

import numpy as np
from keras import layers

from .resnet import resnet_stage, resnet_stem


def small_resnet(input_image, stage5=True, train_bn=False):
    """Half a ResNet-50 for `Config.BACKBONE`.

    Args:
        input_image: [B, H, W, channels], the mean subtracted.
        stage5: there is always one, of one convolution.
        train_bn: `training` of the BatchNorm layers.

    Returns:
        [C1, C2, C3, C4, C5] of strides 4, 4, 8, 16 and 32 and 64, 256, 512, 1024 and 256 channels.
    """
    c1 = resnet_stem(exposure(input_image), train_bn)
    c2 = resnet_stage(c1, 2, (64, 64, 256), 2, train_bn, strides=(1, 1))
    c3 = resnet_stage(c2, 3, (128, 128, 512), 3, train_bn)
    c4 = resnet_stage(c3, 4, (256, 256, 1024), 2, train_bn)
    x = layers.Conv2D(128, 1, activation="relu", name="small5_reduce")(c4)
    c5 = layers.Conv2D(256, 3, 2, padding="same", activation="relu", name="small5")(x)
    return [c1, c2, c3, c4, c5]


def exposure(image):
    """The image with the mean and contrast that ImageNet's photographs have.

    Of two exposures of one field the brighter may be a hundred times the darker; the network sees
    them alike. An image that is flat to about one grey level stays flat. What an image is padded
    with counts as part of it.

    Args:
        image: [B, H, W, C].

    Returns:
        [B, H, W, C] of mean 0 and, over all channels together, standard deviation 64.
    """
    norm = layers.GroupNormalization(
        1, epsilon=1.0, center=False, scale=False, dtype="float32", name="exposure"
    )
    return layers.Rescaling(64.0, dtype="float32", name="exposure_scale")(norm(image))


def small_resnet_shape(image_shape):
    """Height and width of P2 to P6, for `Config.COMPUTE_BACKBONE_SHAPE`.

    Args:
        image_shape: (height, width) of the network's input in pixels; further entries are ignored.

    Returns:
        int [5, 2], rounded up.
    """
    return np.array([[-(-side // s) for side in image_shape[:2]] for s in (4, 8, 16, 32, 64)])
