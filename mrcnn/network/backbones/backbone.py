"""What a backbone is: layers from an image to feature maps, and what others must know of them."""


class Backbone:
    """Base of all backbones; `Config.BACKBONE` takes an instance.

    Its feature maps C2..C5 have the strides 4 to 32. A subclass gives its layers names, by which
    weight files know them.

    Attributes:
        strides: pixels of the image that a cell of C2..C5 stands for.
        stem: name of the convolution that sees the pixels: weights for RGB are spread over other
            numbers of channels there.
        trainable: dict of "3+", "4+" and "5+" to regular expressions of the names of the layers
            that train under these names, besides those that train with "heads".
        fresh: regular expression of the names of layers that nobody has trained, which train with
            "heads"; None without any.
        pixel_order: "RGB" or "BGR", that of the channels that its weights were trained with.
        pixel_std: what a pixel is divided by after the mean is subtracted: a number, or one for
            each channel in the order of the image; None for nothing.
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
        """Make the layers.

        Args:
            image: float tensor [B, H, W, channels], the mean subtracted.
            config: a `Config`, for TRAIN_BN.

        Returns:
            [C1, C2, C3, C4, C5]; nothing looks at C1.
        """
        raise NotImplementedError(f"{type(self).__name__} has no build().")


class FunctionBackbone(Backbone):
    """A function as the reference takes it for BACKBONE, its layers named as a ResNet's.

    Args:
        function: (input_image, stage5=True, train_bn=...) -> [C1, C2, C3, C4, C5].
    """

    # small5 of `small_resnet` is no layer of ResNet-50, so nobody has trained it before.
    fresh = r"small5.*"

    def __init__(self, function):
        self.function = function

    def build(self, image, config):
        """See `Backbone.build`.

        Args:
            image, config: see `Backbone.build`.
        """
        return self.function(image, stage5=True, train_bn=config.TRAIN_BN)
