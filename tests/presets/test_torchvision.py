from mrcnn import presets
from mrcnn.config import Config


def made(name):
    return type(name, (getattr(presets, f"torchvision_{name}"), Config), {"NAME": name})()


def test_differences_between_the_models():
    mask, faster = made("maskrcnn_resnet50_fpn"), made("fasterrcnn_resnet50_fpn")
    keypoints, v2 = made("keypointrcnn_resnet50_fpn"), made("maskrcnn_resnet50_fpn_v2")
    assert [c.HEADS for c in (mask, faster, keypoints)] == [
        ("box", "mask"), ("box",), ("box", "keypoint"),
    ]  # fmt: skip
    assert [c.NUM_CLASSES for c in (mask, faster, keypoints, v2)] == [91, 91, 2, 91]
    assert (v2.RPN_CONVOLUTIONS, v2.BOX_HEAD_CONVOLUTIONS, v2.BOX_HEAD_LAYERS) == (2, 4, 1)
    assert (v2.BOX_HEAD_NORM, v2.MASK_HEAD_NORM, v2.FPN_NORM) == ("convolutions", True, True)
    assert (mask.BOX_HEAD_NORM, mask.MASK_HEAD_NORM, mask.FPN_NORM) == (None, False, False)


def test_the_image():
    config = made("maskrcnn_resnet50_fpn")
    assert (config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM, config.IMAGE_SIDE_MULTIPLE) == (
        800,
        1333,
        32,
    )
    assert tuple(round(255 * m, 3) for m in (0.485, 0.456, 0.406)) == config.MEAN_PIXEL
    assert tuple(round(255 * s, 3) for s in (0.229, 0.224, 0.225)) == config.PIXEL_STD
