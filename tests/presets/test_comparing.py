"""Settings of models and of the weights that they load."""

import numpy as np

from mrcnn import presets
from mrcnn.config import Config
from mrcnn.presets.comparing import differences, preset_of
from mrcnn.weights.foreign.kind import Kind


def test_presets():
    assert preset_of(Kind("torchvision", "fpn", {"HEADS": ("box",), "FPN_NORM": True})) is (
        presets.torchvision_fasterrcnn_resnet50_fpn_v2
    )


def test_differences():
    class Same(presets.detectron2_mask_rcnn_R_50_FPN, Config):
        NAME = "same"

    kind = Kind("detectron2", "fpn", {"HEADS": ("box", "mask")})
    config = Same()
    assert differences(config, kind) == ""
    config.PIXEL_STD = np.array([1.0, 1.0, 1.0])
    assert differences(config, kind) == ""
    config.SAMPLING_RATIO = 2
    assert "SAMPLING_RATIO is 2 (there 0)." in differences(config, kind)
    backbone = Kind("torchvision", None, {"BACKBONE": "resnet50"})
    config.RESNET_STRIDE_IN = "3x3"
    assert differences(config, backbone) == ""
    config.BACKBONE = "resnet101"
    found = differences(config, backbone)
    assert "BACKBONE is 'resnet101' (there 'resnet50')" in found
    config.FPN_NORM = True
    assert "FPN_NORM is True (there False)" in differences(config, kind)
