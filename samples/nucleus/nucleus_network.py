"""The small network of the nucleus sample: half a ResNet-50 under a narrow pyramid.

9 million weights, 18 MB in half precision. Stages 1 to 3 and the first half of stage 4 are
ResNet-50's, so that ImageNet's weights load by name; nuclei are small, and what stage 5 would see
of them is nothing.
"""

import numpy as np
from keras import layers

from mrcnn import backbones


def small_backbone(input_image, stage5=True, train_bn=False):
    """Features of strides 4, 4, 8, 16 and 32.

    Args:
        input_image: [B, H, W, 3], the mean subtracted.
        stage5: there is always one.
        train_bn: `training` of the BatchNorm layers.

    Returns:
        [C1, C2, C3, C4, C5] of 64, 256, 512, 1024 and 256 channels.
    """
    c1 = backbones.resnet_stem(exposure(input_image), train_bn)
    c2 = backbones.resnet_stage(c1, 2, (64, 64, 256), 2, train_bn, strides=(1, 1))
    c3 = backbones.resnet_stage(c2, 3, (128, 128, 512), 3, train_bn)
    c4 = backbones.resnet_stage(c3, 4, (256, 256, 1024), 2, train_bn)
    x = layers.Conv2D(128, 1, activation="relu", name="small5_reduce")(c4)
    c5 = layers.Conv2D(256, 3, 2, padding="same", activation="relu", name="small5")(x)
    return [c1, c2, c3, c4, c5]


def exposure(image):
    """The image with the mean and contrast that ImageNet's photographs have.

    Of two exposures of one field the brighter may be a hundred times the darker; the network sees
    them alike. An image that is flat to about one grey level stays flat.

    Args:
        image: [B, H, W, 3].

    Returns:
        [B, H, W, 3] of mean 0 and, over all channels together, standard deviation 64.
    """
    norm = layers.GroupNormalization(
        1, epsilon=1.0, center=False, scale=False, dtype="float32", name="exposure"
    )
    return layers.Rescaling(64.0, dtype="float32", name="exposure_scale")(norm(image))


def small_backbone_shape(image_shape):
    """Height and width of P2 to P6, [5, 2]."""
    return np.array([[-(-side // s) for side in image_shape[:2]] for s in (4, 8, 16, 32, 64)])
