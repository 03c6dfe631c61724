"""Settings of models and of the weights that they load."""

import numpy as np
import pytest

from mrcnn import presets
from mrcnn.config import Config
from mrcnn.presets.comparing import differences, differing, name_of, preset_of, settings_of
from mrcnn.weights.foreign.kind import Kind


def test_presets():
    assert preset_of(Kind("torchvision", "fpn", {"HEADS": ("box",), "FPN_NORM": True})) is (
        presets.torchvision_fasterrcnn_resnet50_fpn_v2
    )


def of_detectron2(neck, backbone, *heads):
    return Kind("detectron2", neck, {"HEADS": ("box", *heads), "BACKBONE": backbone})


@pytest.mark.parametrize(
    ("kind", "preset", "name"),
    [
        (
            of_detectron2("fpn", "resnext101_32x8d", "mask"),
            *["detectron2_mask_rcnn_X_101_32x8d_FPN"] * 2,
        ),
        (
            of_detectron2("fpn", "resnext101_32x8d"),
            *("detectron2_faster_rcnn_R_50_FPN", "detectron2_faster_rcnn_X_101_32x8d_FPN"),
        ),
        (
            of_detectron2("fpn", "resnext101_32x8d", "keypoint"),
            *("detectron2_keypoint_rcnn_R_50_FPN", "detectron2_keypoint_rcnn_X_101_32x8d_FPN"),
        ),
        (
            of_detectron2("c4", "resnext101_32x8d", "mask"),
            *("detectron2_mask_rcnn_R_50_C4", "detectron2_mask_rcnn_X_101_32x8d_C4"),
        ),
        (
            of_detectron2("dc5", "resnet101", "mask"),
            *("detectron2_mask_rcnn_R_50_DC5", "detectron2_mask_rcnn_R_101_DC5"),
        ),
        (
            Kind("torchvision", "fpn", {"HEADS": ("box", "mask"), "BACKBONE": "resnet101"}),
            *("torchvision_maskrcnn_resnet50_fpn", "torchvision_maskrcnn_resnet101_fpn"),
        ),
    ],
)
def test_presets_and_names(kind, preset, name):
    assert (preset_of(kind).__name__, name_of(kind)) == (preset, name)


def test_every_resnext_of_detectron2_has_its_pixels():
    found = settings_of(of_detectron2("c4", "resnext101_32x8d", "mask"))
    assert (found["RESNET_STRIDE_IN"], found["PIXEL_STD"]) == ("3x3", (58.395, 57.12, 57.375))
    assert "PIXEL_STD" not in settings_of(of_detectron2("c4", "resnet101", "mask"))


def test_which_settings_agree():
    class Same(presets.detectron2_faster_rcnn_R_50_FPN, Config):
        NAME = "same"
        BACKBONE = "resnext101_32x8d"
        PIXEL_STD = (58.395, 57.12, 57.375)

    kind = of_detectron2("fpn", "resnext101_32x8d")
    found = differences(Same(), kind)
    assert "adapt them: RESNET_STRIDE_IN is '1x1' (there '3x3'). The settings of" in found
    assert found.endswith(
        "FPN with BACKBONE 'resnext101_32x8d', RESNET_STRIDE_IN '3x3', PIXEL_STD "
        "(58.395, 57.12, 57.375) agree."
    )


def test_an_epsilon_of_0_is_right_for_published_weights():
    class First(presets.torchvision_maskrcnn_resnet50_fpn, Config):
        NAME = "first"
        BATCH_NORM_EPSILON = 0.0

    kind = Kind("torchvision", "fpn", {"HEADS": ("box", "mask")})
    assert differing(First(), kind) == []
    expected = ["BATCH_NORM_EPSILON is 0.0 (there 1e-05)"]
    assert differing(First(), kind, published=False) == expected


def test_a_backbone_that_is_a_function_agrees_with_itself():
    class Own(presets.torchvision_maskrcnn_resnet50_fpn, Config):
        NAME = "own"
        BACKBONE = staticmethod(len)

    kind = Kind("torchvision", "fpn", {"BACKBONE": len})
    assert differing(Own(), kind) == []


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
