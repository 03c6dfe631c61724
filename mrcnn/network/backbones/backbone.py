"""The backbone interface: image to feature maps, and what other code must know about the layers."""


class Backbone:
    """Base class of all backbones; `Config.BACKBONE` takes an instance.

    Its feature maps C2..C5 have strides 4 to 32. A subclass must name its layers, because weight
    files identify them by name.

    Attributes:
        strides: image pixels per cell of C2..C5.
        stem: name of the convolution that sees the pixels; its RGB weights can be spread over
            another number of channels.
        trainable: dict of "3+", "4+" and "5+" to a regular expression that matches the layers
            that train under this name, in addition to those that train with "heads".
        fresh: regular expression that matches layers without pretrained weights, which train with
            "heads"; None if there are none.
        pixel_order: "RGB" or "BGR", the channel order that its weights were trained with.
        pixel_std: divisor of the pixels after the mean is subtracted: a number, or one per channel
            in the image's channel order; None for no division.
    """

    strides = (4, 8, 16, 32)
    stem = "conv1"
    trainable = {
        f"{first}+": "|".join(rf"(res{stage}.*)|(bn{stage}.*)" for stage in range(first, 6))
        for first in (3, 4, 5)
    }
    fresh = None
    pixel_order = "RGB"
    pixel_std = None

    def build(self, image, config):
        """Create the layers.

        Args:
            image: float tensor [B, H, W, channels], mean subtracted.
            config: a `Config`, for TRAIN_BN.

        Returns:
            [C1, C2, C3, C4, C5]; C1 is not used.
        """
        raise NotImplementedError(f"{type(self).__name__} has no build().")


class FunctionBackbone(Backbone):
    """A BACKBONE function as in matterport's Mask_RCNN, with layers named like a ResNet's.

    Args:
        function: (input_image, stage5=True, train_bn=...) -> [C1, C2, C3, C4, C5].
    """

    # small5 of `small_resnet` is not a layer of ResNet-50, so it has no pretrained weights.
    fresh = r"small5.*"

    def __init__(self, function):
        self.function = function

    def build(self, image, config):
        """See `Backbone.build`.

        Args:
            image, config: see `Backbone.build`.
        """
        return self.function(image, stage5=True, train_bn=config.TRAIN_BN)
