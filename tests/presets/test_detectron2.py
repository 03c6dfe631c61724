from mrcnn import presets
from mrcnn.config import Config


def made(name):
    return type(name, (getattr(presets, f"detectron2_{name}"), Config), {"NAME": name})()


def test_schedules():
    assert presets.detectron2_mask_rcnn_R_50_FPN_3x is presets.detectron2_mask_rcnn_R_50_FPN
    assert made("mask_rcnn_R_50_FPN_1x").LR_STEPS == (60, 80)
    assert made("mask_rcnn_R_50_FPN_3x").LR_STEPS == (210, 250)
    assert made("mask_rcnn_X_101_32x8d_FPN_1x").BACKBONE == "resnext101_32x8d"


def test_one_map():
    c4, dc5 = made("mask_rcnn_R_50_C4"), made("mask_rcnn_R_50_DC5")
    assert [(c.NECK, c.RPN_CHANNELS, c.POOL_SIZE) for c in (c4, dc5)] == [
        ("c4", 1024, 14), ("dc5", 2048, 7),
    ]  # fmt: skip
    assert c4.MASK_SHAPE == [14, 14] and dc5.MASK_SHAPE == [28, 28]
    assert c4.RPN_ANCHOR_SCALES == ((32, 64, 128, 256, 512),) and c4.BACKBONE_STRIDES == [16]


def test_pixels():
    assert made("mask_rcnn_R_101_FPN").PIXEL_STD == 1.0
    assert made("mask_rcnn_X_101_32x8d_FPN").PIXEL_STD == (58.395, 57.12, 57.375)
    assert made("keypoint_rcnn_R_50_FPN").NUM_CLASSES == 2
