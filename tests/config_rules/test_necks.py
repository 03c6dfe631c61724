import copy

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.config_rules import necks


class Named(Config):
    NAME = "necks"
    NUM_CLASSES = 2
    BACKBONE = "resnet50"


def config_of(**settings):
    return Named.from_dict(settings)


def lines(config):
    with pytest.raises(ValueError) as failed:
        config.validate()
    return str(failed.value).splitlines()[1:]


@pytest.mark.parametrize(
    ("neck", "stride", "mask_side"), [("c4", 16, 14), ("c5", 32, 28), ("dc5", 16, 28)]
)
def test_one_map_has_one_stride_and_all_scales(neck, stride, mask_side):
    class OneMap(Named):
        NECK = neck

    for config in (OneMap(), config_of(NECK=neck)):
        config.validate()
        assert [stride] == config.BACKBONE_STRIDES
        assert config.RPN_ANCHOR_SCALES == ((32, 64, 128, 256, 512),)
        assert [mask_side, mask_side] == config.MASK_SHAPE


def test_a_pyramid_keeps_its_settings():
    config = config_of(MASK_POOL_SIZE=7, MASK_SHAPE=[14, 14])
    config.POOL_SIZE = 8
    config.validate()
    assert config.BACKBONE_STRIDES == [4, 8, 16, 32, 64]
    assert config.RPN_ANCHOR_SCALES == (32, 64, 128, 256, 512)
    assert config.MASK_SHAPE == [14, 14]


def test_replaced_settings_return_with_the_pyramid():
    config = config_of(NECK="c4")
    config.NECK = "dc5"
    assert config.BACKBONE_STRIDES == [16] and config.MASK_SHAPE == [28, 28]
    config.NECK = "fpn"
    config.validate()
    assert config.BACKBONE_STRIDES == [4, 8, 16, 32, 64]
    assert config.RPN_ANCHOR_SCALES == (32, 64, 128, 256, 512)


def test_a_shallow_copy_does_not_take_the_replaced_settings_along():
    config = config_of(NECK="c4")
    other = copy.copy(config)
    other.NECK = "fpn"
    assert other.BACKBONE_STRIDES == [4, 8, 16, 32, 64]
    assert config.BACKBONE_STRIDES == [16]
    config.NECK = "fpn"
    config.validate()
    assert config.BACKBONE_STRIDES == [4, 8, 16, 32, 64]
    assert config.RPN_ANCHOR_SCALES == (32, 64, 128, 256, 512)


def test_later_settings_follow_too():
    config = config_of(NECK="c4")
    config.RPN_ANCHOR_SCALES = np.array([64, 128, 256])
    assert config.RPN_ANCHOR_SCALES == ((64, 128, 256),)
    config.POOL_SIZE = 14
    assert config.MASK_SHAPE == [28, 28]
    config.C4_HEAD_STRIDE = 2
    assert config.MASK_SHAPE == [14, 14]
    config.BACKBONE = "vgg16"
    assert config.MASK_SHAPE == [28, 28]


def test_replaced_settings_survive_saving_and_copying():
    config = config_of(NECK="c4", POOL_SIZE=14, C4_HEAD_STRIDE=2)
    for again in (Named.from_dict(config.to_dict()), copy.deepcopy(config)):
        again.validate()
        assert again.to_dict().keys() == config.to_dict().keys()
        assert again.RPN_ANCHOR_SCALES == ((32, 64, 128, 256, 512),)
        assert (again.BACKBONE_STRIDES, again.MASK_SHAPE) == ([16], [14, 14])
    plain = type("Plain", (Named,), {"NECK": "c4"}).from_dict(config_of().to_dict())
    assert plain.BACKBONE_STRIDES == [4, 8, 16, 32, 64] and plain.MASK_SHAPE == [28, 28]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"NECK": "c3"}, "- NECK is 'c3': it must be 'fpn', 'c4', 'c5' or 'dc5'."),
        ({"NECK": None}, "- NECK is None: it must be 'fpn', 'c4', 'c5' or 'dc5'."),
        ({"C4_HEAD_STRIDE": 3}, "- C4_HEAD_STRIDE is 3: it must be 1 or 2."),
        (
            {"NECK": "c4", "TOP_DOWN_PYRAMID_SIZE": 128},
            "- TOP_DOWN_PYRAMID_SIZE is 128, but NECK 'c4' has no pyramid: leave it at 256, or set "
            "NECK to 'fpn'.",
        ),
        (
            {"NECK": "c5", "ROI_POOLER": "roi_align", "ROI_LEVEL_RULE": "torchvision"},
            "- ROI_LEVEL_RULE is 'torchvision', but NECK 'c5' has no pyramid: leave it at 'round', "
            "or set NECK to 'fpn'.",
        ),
        (
            {"NECK": "dc5", "FPN_NORM": True},
            "- FPN_NORM is True, but NECK 'dc5' has no pyramid: leave it at False, or set NECK to "
            "'fpn'.",
        ),
        (
            {"IMAGE_RESIZE_MODE": "short_side", "IMAGE_SIDE_MULTIPLE": 48},
            "- IMAGE_SIDE_MULTIPLE is 48: with NECK 'fpn' it must be a multiple of 32, the stride "
            "of C5, because the pyramid adds each level to one of twice its size.",
        ),
        (
            {"NECK": "dc5", "BACKBONE": "vgg16"},
            "- NECK is 'dc5', but the last stage of this BACKBONE cannot be dilated: use a ResNet "
            "or ResNeXt, or set NECK to 'c4' or 'c5'.",
        ),
        (
            {"NECK": "c4", "BACKBONE_STRIDES": [32]},
            "- BACKBONE_STRIDES is [32]: the map of NECK 'c4' has the stride 16.",
        ),
        (
            {"NECK": "c4", "MASK_SHAPE": [20, 20]},
            "- MASK_SHAPE is [20, 20]: the mask head doubles the 7x7 cells that stage 5 makes of "
            "POOL_SIZE (7), so it must be [14, 14].",
        ),
    ],
)
def test_what_does_not_fit_is_refused(settings, line):
    assert lines(config_of(**settings)) == [line]


@pytest.mark.parametrize(
    ("name", "value"),
    [("C4_HEAD_STRIDE", 0), ("C4_HEAD_STRIDE", "2"), ("C4_HEAD_STRIDE", None), ("POOL_SIZE", "7")],
)
def test_invalid_sizes_are_reported_once(name, value):
    [line] = lines(config_of(NECK="c4", **{name: value}))
    assert line.startswith(f"- {name} is {value!r}: it must be")


def test_a_list_is_not_a_neck():
    assert lines(config_of(NECK=["c4"])) == [
        "- NECK is ['c4']: it must be 'fpn', 'c4', 'c5' or 'dc5'."
    ]


def test_a_number_is_not_a_list_of_scales():
    assert lines(config_of(NECK="c4", RPN_ANCHOR_SCALES=32)) == [
        "- RPN_ANCHOR_SCALES is 32: it must be a list of numbers, for the one map of NECK 'c4'."
    ]
    assert lines(config_of(NECK="c5", BACKBONE_STRIDES=32)) == [
        "- BACKBONE_STRIDES is 32: it must be a list of numbers, for the one map of NECK 'c5'."
    ]


def test_strides_of_a_pyramid_are_refused_without_one():
    assert lines(config_of(NECK="c4", BACKBONE_STRIDES=[4, 8, 16, 32])) == [
        "- BACKBONE_STRIDES has 4 entries: NECK 'c4' has no pyramid, so it must be the stride of "
        "its one map, such as [16]. Leave it out, or set NECK to 'fpn'."
    ]


def test_scales_of_several_levels_are_refused_without_a_pyramid():
    found = lines(config_of(NECK="c4", RPN_ANCHOR_SCALES=((8, 16), (32, 64))))
    assert found == [
        "- RPN_ANCHOR_SCALES is ((8, 16), (32, 64)): NECK 'c4' has one map, so give its scales as "
        "one list, such as (32, 64, 128, 256, 512) or, as a property, ((32, 64, 128, 256, 512),)."
    ]


def test_levels_need_equal_numbers_of_scales():
    config_of(RPN_ANCHOR_SCALES=((8, 9), (16, 18), (32, 36), (64, 72), (128, 144))).validate()
    scales = ((8, 9), 16, 32, 64, 128)
    assert lines(config_of(RPN_ANCHOR_SCALES=scales)) == [
        f"- RPN_ANCHOR_SCALES is {scales}: its levels have 1 to 2 scales, but each must have the "
        "same number, because one RPN serves them."
    ]


def test_unused_settings_are_remarked_on():
    assert necks.remarks(config_of()) == necks.remarks(config_of(NECK="c4")) == []
    assert necks.remarks(config_of(NECK="c5", C4_HEAD_STRIDE=2)) == [
        "C4_HEAD_STRIDE is 2, but NECK 'c5' has no stage 5 for its heads, so it is not used."
    ]
    settings = {
        "NECK": "c4",
        "MASK_POOL_SIZE": 10,
        "BOX_HEAD_LAYERS": 1,
        "FPN_CLASSIF_FC_LAYERS_SIZE": 512,
    }
    assert [line.split(",")[0] for line in necks.remarks(config_of(**settings))] == [
        "MASK_POOL_SIZE is 10",
        "BOX_HEAD_LAYERS is 1",
        "FPN_CLASSIF_FC_LAYERS_SIZE is 512",
    ]


def test_strides_of_a_function_come_from_the_setting():
    def mine(image, stage5=True, train_bn=None):
        raise NotImplementedError

    pyramid = config_of(BACKBONE=mine, BACKBONE_STRIDES=[2, 4, 8, 16, 32])
    assert necks.backbone_strides(pyramid) == (2, 4, 8, 16)
    one = config_of(BACKBONE=mine, NECK="c4", BACKBONE_STRIDES=[8])
    assert necks.backbone_strides(one) == (2, 4, 8, 16)
    assert necks.backbone_strides(config_of(BACKBONE=mine, NECK="c5")) == (4, 8, 16, 32)
