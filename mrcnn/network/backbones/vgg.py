"""VGG-16 (Simonyan and Zisserman 2014), the backbone of Faster R-CNN."""

import keras
from keras import layers

from ...config import Config
from ...types import Tensor
from .backbone import Backbone

# Convolutions and channels of each block.
_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


@keras.saving.register_keras_serializable(package="mrcnn")
class VGG16(Backbone):
    """VGG-16 without its fully connected layers; layers are named as in `keras.applications.VGG16`.

    C2 to C4 are the last convolutions at their strides: conv3_3 (256 channels), conv4_3 and conv5_3
    (512 each). C4 is the map that Faster R-CNN uses. C5 is the last pooling (512). C1, which
    nothing uses, is the second pooling.

    Freezing follows VGG's own blocks, as in Faster R-CNN: "3+" trains conv3_1 and up, "4+" conv4_1
    and up, "5+" conv5_1 and up.
    """

    architecture = "vgg16"
    stem = "block1_conv1"
    imagenet = "vgg16"
    trainable = {"3+": r"block[345]_.*", "4+": r"block[45]_.*", "5+": r"block5_.*"}

    def build(self, image: Tensor, config: Config) -> list[Tensor]:
        """See `Backbone.build`.

        Args:
            image, config: see `Backbone.build`.

        Example:
            >>> import keras
            >>> from mrcnn.config import Config
            >>> from mrcnn.network.backbones.vgg import VGG16
            >>> features = VGG16().build(keras.Input((64, 64, 3)), Config())
            >>> [feature.shape[1:] for feature in features]
            [(16, 16, 128), (16, 16, 256), (8, 8, 512), (4, 4, 512), (2, 2, 512)]
        """
        x, lasts, pools = image, [], []
        for block, (count, filters) in enumerate(_BLOCKS, 1):
            for number in range(1, count + 1):
                # Keras's default would shrink the signal from layer to layer.
                x = layers.Conv2D(
                    filters,
                    3,
                    padding="same",
                    activation="relu",
                    kernel_initializer="he_normal",
                    name=f"block{block}_conv{number}",
                )(x)
            lasts.append(x)
            x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
            pools.append(x)
        return [pools[1], *lasts[2:], pools[4]]


VGG16_BACKBONE = VGG16()
