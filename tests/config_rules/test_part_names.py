"""Parts of the network by name, as files of settings hold them."""

import pytest

from mrcnn.config_rules.part_names import named, part_of_package
from mrcnn.network.backbones.resnet import RESNET50
from mrcnn.network.backbones.small_resnet import small_resnet, small_resnet_shape
from mrcnn.network.heads.mask import MaskHead
from mrcnn.network.poolers.roi_align import ROIAlign


class OwnHead:
    name = "own"


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("BACKBONE", RESNET50, "resnet50"),
        ("BACKBONE", "resnet50", "resnet50"),
        ("BACKBONE", small_resnet, small_resnet),
        ("ROI_POOLER", ROIAlign, "roi_align"),
        ("HEADS", ("box", MaskHead, OwnHead), ["box", "mask", OwnHead]),
        ("OPTIMIZER", MaskHead, MaskHead),
        ("STEPS", (1, 2), (1, 2)),
    ],
)
def test_names_of_parts(setting, value, name):
    assert named(setting, value) == name


@pytest.mark.parametrize(
    ("setting", "name", "part"),
    [
        ("BACKBONE", "small_resnet", small_resnet),
        ("COMPUTE_BACKBONE_SHAPE", "small_resnet_shape", small_resnet_shape),
        ("HEADS", "MaskHead", MaskHead),
        ("ROI_POOLER", "ROIAlign", ROIAlign),
        ("BACKBONE", "small_resnet_shape", None),
        ("BACKBONE", "MaskRCNN", None),
        ("OPTIMIZER", "small_resnet", None),
    ],
)
def test_parts_of_the_package(setting, name, part):
    assert part_of_package(setting, name) is part
