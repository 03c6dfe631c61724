"""A small residual backbone whose new stages can be shallow, deep or grouped."""

from mrcnn.network.backbones import Backbone
from mrcnn.network.backbones.resnet import Form, resnet_stage, resnet_stem
from mrcnn.network.backbones.small_resnet import exposure

# Identity blocks of stage 4, as in ResNet-50 and ResNet-101.
SHALLOW, DEEP = 5, 22
# Channels of a block's three convolutions in stages 4 and 5.
_FILTERS = (64, 64, 256)
# A ResNeXt of 32 groups has twice the channels in its middle convolution, for the same work.
_GROUPS, _GROUPED_FILTERS = 32, (128, 128, 256)


class AblationBackbone(Backbone):
    """C1 to C3 of ResNet-50, and narrower stages 4 and 5.

    C1 to C3 can start with the weights of the nucleus sample, and stay frozen with layers="4+".
    The other stages start at random: their BatchNorm uses the statistics of the batch in training,
    whatever TRAIN_BN is, and their moving average in detection.
    Stage 5 can be the body of the heads (NECK "c4") or be dilated ("dc5").

    Args:
        blocks: number of identity blocks of stage 4.
        grouped: whether stages 4 and 5 are a ResNeXt's.

    Attributes:
        blocks, grouped: as given.
    """

    can_dilate = True

    def __init__(self, blocks=SHALLOW, grouped=False):
        self.blocks, self.grouped = blocks, grouped

    def __repr__(self):
        return f"AblationBackbone(blocks={self.blocks}, grouped={self.grouped})"

    def build(self, image, config):
        """See `Backbone.build`; with NECK "c4", C5 is None."""
        c1 = resnet_stem(exposure(image), False)
        c2 = resnet_stage(c1, 2, (64, 64, 256), 2, False, strides=(1, 1))
        c3 = resnet_stage(c2, 3, (128, 128, 512), 3, False)
        c4 = self._stage(c3, 4, self.blocks)
        if config.NECK == "c4":
            return [c1, c2, c3, c4, None]
        dilated = config.NECK == "dc5"
        stride, dilation = (1, 2) if dilated else (2, 1)
        return [c1, c2, c3, c4, self._stage(c4, 5, 1, stride, dilation)]

    def stage5(self, features, config):
        """C5 of RoI features; see `Backbone`."""
        return self._stage(features, 5, 1, config.C4_HEAD_STRIDE)

    def _stage(self, x, stage, blocks, stride=2, dilation=1):
        filters, form = _FILTERS, Form(dilation=dilation)
        if self.grouped:
            filters = _GROUPED_FILTERS
            form = Form("3x3", groups=_GROUPS, dilation=dilation)
        return resnet_stage(x, stage, filters, blocks, None, (stride, stride), form)
