import pytest

from mrcnn.weights.foreign import ForeignWeights

from .models import manifest, shapes_only


def settings(name):
    return ForeignWeights(shapes_only(manifest(name))).kind.settings


def test_version_2():
    assert settings("torchvision_maskrcnn_resnet50_fpn_v2") == {
        "BACKBONE": "resnet50",
        "HEADS": ("box", "mask"),
        "NUM_CLASSES": 91,
        "TOP_DOWN_PYRAMID_SIZE": 256,
        "FPN_NORM": True,
        "RPN_CHANNELS": 256,
        "RPN_CONVOLUTIONS": 2,
        "RPN_LOGITS": 1,
        "POOL_SIZE": 7,
        "FPN_CLASSIF_FC_LAYERS_SIZE": 1024,
        "BOX_HEAD_LAYERS": 1,
        "BOX_HEAD_CONVOLUTIONS": 4,
        "BOX_HEAD_CHANNELS": 256,
        "BOX_HEAD_NORM": "convolutions",
        "MASK_HEAD_CHANNELS": 256,
        "MASK_HEAD_NORM": True,
    }


def test_keypoints():
    found = settings("detectron2_keypoint_rcnn_R_50_FPN_3x")
    names = ("HEADS", "NUM_CLASSES", "NUM_KEYPOINTS", "KEYPOINT_HEAD_LAYERS", "BOX_HEAD_NORM")
    assert [found[name] for name in names] == [("box", "keypoint"), 2, 17, 8, None]
    assert found["KEYPOINT_HEAD_CHANNELS"] == 512


@pytest.mark.parametrize(
    ("name", "backbone"),
    [("R_50_C4", "resnet50"), ("X_101_32x8d_FPN", "resnext101_32x8d")],
)
def test_backbones(name, backbone):
    assert settings(f"detectron2_mask_rcnn_{name}_3x")["BACKBONE"] == backbone
