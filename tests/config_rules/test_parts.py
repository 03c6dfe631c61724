"""The tables of parts, and which choices of parts are accepted."""

import functools
import subprocess
import sys
from types import SimpleNamespace

import keras
import pytest
from tiny import TinyConfig, backbone, backbone_shapes

from mrcnn.config_rules import parts
from mrcnn.network.backbones import Backbone, resnext
from mrcnn.network.backbones.mobilenet import MOBILENET_V3_LARGE
from mrcnn.network.backbones.resnet import RESNET50, RESNET101, RESNET152
from mrcnn.network.backbones.vgg import VGG16_BACKBONE
from mrcnn.network.heads import BoxHead, Head, KeypointHead, MaskHead
from mrcnn.network.poolers import PyramidROIAlign, ROIAlign, ROIPool, ROIWarp

RPN = ("rpn_class_loss", "rpn_bbox_loss")
BOX = ("mrcnn_class_loss", "mrcnn_bbox_loss")
NAMES = "'box', 'mask' or 'keypoint'"


class PointsHead(Head):
    name, field = "points", "keypoints"
    needs = ("keypoints", "masks")
    loss_names = ("points_loss", "visible_loss")


class Own(Backbone):
    def build(self, image, config):
        return []


def problems_of(**settings):
    """Return what is wrong with the settings that choose parts."""
    return list(parts.problems(type("Changed", (TinyConfig,), settings)()))


# The tables


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            parts.BACKBONES,
            {
                "resnet50": RESNET50,
                "resnet101": RESNET101,
                "resnet152": RESNET152,
                "resnext50_32x4d": resnext.RESNEXT50_32X4D,
                "resnext101_32x4d": resnext.RESNEXT101_32X4D,
                "resnext101_32x8d": resnext.RESNEXT101_32X8D,
                "resnext101_64x4d": resnext.RESNEXT101_64X4D,
                "vgg16": VGG16_BACKBONE,
                "mobilenet_v3_large": MOBILENET_V3_LARGE,
            },
        ),
        (
            parts.POOLERS,
            {
                "crop_and_resize": PyramidROIAlign,
                "roi_align": ROIAlign,
                "roi_pool": ROIPool,
                "roi_warp": ROIWarp,
                "align": PyramidROIAlign,
            },
        ),
        (parts.HEADS, {"box": BoxHead, "mask": MaskHead, "keypoint": KeypointHead}),
    ],
)
def test_every_name_is_a_part(table, expected):
    assert {name: parts.part(table, name) for name in table} == expected


def test_each_table_holds_parts_of_its_kind():
    for name in parts.BACKBONES:
        found = parts.part(parts.BACKBONES, name)
        assert isinstance(found, Backbone) and found.architecture == name
    for name in parts.POOLERS:
        assert issubclass(parts.part(parts.POOLERS, name), keras.layers.Layer)
    for name in parts.HEADS:
        found = parts.part(parts.HEADS, name)
        assert issubclass(found, Head) and found.name == name


def test_an_object_is_the_part_itself():
    own = Own()
    assert parts.part(parts.BACKBONES, own) is own
    assert parts.part(parts.HEADS, PointsHead) is PointsHead
    with pytest.raises(KeyError):
        parts.part(parts.HEADS, "points")


def test_the_rules_load_no_part():
    """Worker processes check a configuration without ever loading Keras."""
    script = (
        "import sys; from mrcnn.config import Config; "
        "Config.NAME, Config.NUM_CLASSES, Config.HEADS = 'a', 2, ('box',); "
        "print([name for name in ('keras', 'tensorflow') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.returncode) == ("[]\n", 0), run.stderr


# What follows from the heads


def heads_of(*heads):
    return SimpleNamespace(HEADS=heads)


def test_the_box_head_comes_first():
    assert parts.heads(heads_of("mask", PointsHead, "box")) == [BoxHead, MaskHead, PointsHead]
    assert parts.heads(heads_of("box")) == [BoxHead]


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (("box",), {}),
        (("box", "mask"), {"masks": "mask"}),
        (("box", PointsHead), {"keypoints": "points", "masks": "points"}),
        (("box", "mask", PointsHead), {"masks": "mask", "keypoints": "points"}),
        (("box", PointsHead, "mask"), {"keypoints": "points", "masks": "points"}),
    ],
)
def test_needed_fields_and_the_first_head_that_needs_them(heads, expected):
    found = parts.needed_fields(heads_of(*heads))
    assert list(found.items()) == list(expected.items())


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (("box",), (*RPN, *BOX)),
        (("box", "mask"), (*RPN, *BOX, "mrcnn_mask_loss")),
        (("mask", "box"), (*RPN, *BOX, "mrcnn_mask_loss")),
        (("box", PointsHead), (*RPN, *BOX, "points_loss", "visible_loss")),
    ],
)
def test_loss_names(heads, expected):
    assert parts.loss_names(heads_of(*heads)) == expected


# Which choices are accepted


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"BACKBONE": "resnet50", "COMPUTE_BACKBONE_SHAPE": None},
        {"BACKBONE": Own(), "COMPUTE_BACKBONE_SHAPE": None},
        {"ROI_POOLER": "align"},
        {"ROI_POOLER": "crop_and_resize"},
        {"ROI_POOLER": "roi_align"},
        {"ROI_POOLER": "roi_pool"},
        {"ROI_POOLER": "roi_warp"},
        {"ROI_POOLER": PyramidROIAlign},
        {"ROI_POOLER": functools.partial(PyramidROIAlign)},
        {"HEADS": ["mask", "box"]},
        {"HEADS": (BoxHead, MaskHead)},
        {"HEADS": ("box",)},
        {"HEADS": ("box", PointsHead)},
        {"LOSS_WEIGHTS": {}},
        {"HEADS": ("box", PointsHead), "LOSS_WEIGHTS": {"points_loss": 2, "rpn_bbox_loss": 1}},
    ],
    ids=lambda settings: ", ".join(settings) or "default",
)
def test_choices_that_work(settings):
    assert problems_of(**settings) == []


@pytest.mark.parametrize("value", ["resnet18", "", None, 50, [], {}])
def test_not_a_backbone(value):
    message = (
        f"BACKBONE is {value!r}: it must be 'resnet50', 'resnet101', 'resnet152', "
        "'resnext50_32x4d', 'resnext101_32x4d', 'resnext101_32x8d', 'resnext101_64x4d', 'vgg16', "
        "'mobilenet_v3_large', a Backbone or a function."
    )
    assert problems_of(BACKBONE=value) == [message]
    assert parts.backbone_problem(value) == message


@pytest.mark.parametrize(
    ("backbone", "name"),
    [(keras.applications.ResNet50V2, "ResNet50V2"), (keras.Sequential(name="mine"), "mine")],
)
def test_a_model_of_keras_is_wrapped(backbone, name):
    assert problems_of(BACKBONE=backbone, COMPUTE_BACKBONE_SHAPE=backbone_shapes) == [
        f"BACKBONE is Keras's {name}: wrap it in a KerasBackbone (mrcnn.network.backbones) with "
        "the names of the layers that give C2 to C5."
    ]


@pytest.mark.parametrize("backbone", ["resnet50", "resnet152", "resnext50_32x4d", Own()])
def test_the_stride_may_be_in_the_3x3(backbone):
    assert problems_of(BACKBONE=backbone, RESNET_STRIDE_IN="3x3") == []


@pytest.mark.parametrize(
    ("backbone", "name"),
    [("vgg16", "vgg16"), ("mobilenet_v3_large", "mobilenet_v3_large"), (backbone, "backbone")],
)
def test_only_resnets_have_two_forms(backbone, name):
    assert problems_of(BACKBONE=backbone, RESNET_STRIDE_IN="3x3") == [
        f"RESNET_STRIDE_IN is '3x3': with the BACKBONE {name} it must be '1x1', because only "
        "'resnet50', 'resnet101' and 'resnet152' have both forms."
    ]
    assert problems_of(BACKBONE=backbone) == []


@pytest.mark.parametrize("value", ["3", None, 3, [], {}])
def test_not_a_convolution_for_the_stride(value):
    assert problems_of(RESNET_STRIDE_IN=value) == [
        f"RESNET_STRIDE_IN is {value!r}: it must be '1x1' or '3x3'."
    ]


def test_a_backbone_is_an_instance():
    assert problems_of(BACKBONE=Own) == ["BACKBONE is the class Own: give an instance of it."]


def test_strides_that_are_not_the_backbones():
    coarse = type("Coarse", (Own,), {"strides": (8, 16, 32, 64)})()
    assert problems_of(BACKBONE=coarse) == [
        "BACKBONE_STRIDES starts with [4, 8, 16, 32]: the BACKBONE's are [8, 16, 32, 64]."
    ]
    assert problems_of(BACKBONE=coarse, BACKBONE_STRIDES=(8, 16, 32, 64, 128)) == []
    [line] = problems_of(BACKBONE="resnet50", BACKBONE_STRIDES=[4, 8, 16, 16, 64])
    assert line == (
        "BACKBONE_STRIDES starts with [4, 8, 16, 16]: the BACKBONE's are [4, 8, 16, 32]."
    )


@pytest.mark.parametrize("strides", [[4, 8, 16, 32, 32], (2, 8, 16, 32, 64), [4, 8, 16, 16, 32]])
def test_strides_that_do_not_double(strides):
    assert problems_of(BACKBONE_STRIDES=strides) == [
        f"BACKBONE_STRIDES is {list(strides)}: each must be twice the one before, because each "
        "level of the pyramid is half as large."
    ]


def test_a_function_needs_the_sizes_of_its_features():
    assert problems_of(BACKBONE=backbone, COMPUTE_BACKBONE_SHAPE=backbone_shapes) == []
    for shapes in (None, [[16, 16]] * 5):
        assert problems_of(BACKBONE=backbone, COMPUTE_BACKBONE_SHAPE=shapes) == [
            f"COMPUTE_BACKBONE_SHAPE is {shapes!r}: with a function as BACKBONE it must be a "
            "function (image_shape) -> [[height, width], ...] of P2..P6."
        ]
    assert parts.is_function(backbone)
    assert not any(map(parts.is_function, ("resnet50", RESNET50, Own())))


@pytest.mark.parametrize("value", ["pool", "", None, 7, [], {}])
def test_not_a_pooler(value):
    assert problems_of(ROI_POOLER=value) == [
        f"ROI_POOLER is {value!r}: it must be 'crop_and_resize', 'roi_align', 'roi_pool' or "
        "'roi_warp', or a Keras layer class that is called like PyramidROIAlign."
    ]


def test_the_settings_of_a_pooler_are_its_arguments():
    changed = {"SAMPLING_RATIO": 2, "ROI_ALIGN_AGGREGATION": "max", "ROI_ALIGN_ALIGNED": False}
    settings = {"ROI_POOLER": "roi_align", "ROI_LEVEL_RULE": "torchvision", **changed}
    pooler = parts.pooler(type("Changed", (TinyConfig,), settings)())((7, 14), name="pool")
    assert isinstance(pooler, ROIAlign) and pooler.name == "pool"
    assert pooler.pool_shape == (7, 14) and pooler.level_rule == "torchvision"
    assert (pooler.sampling_ratio, pooler.aggregation, pooler.aligned) == (2, "max", False)
    own = functools.partial(PyramidROIAlign)
    assert parts.pooler(type("Changed", (TinyConfig,), {"ROI_POOLER": own})()) is own


class Unnamed(PointsHead):
    name = None


class Fieldless(PointsHead):
    field = ""


class Duck:
    name, field = "duck", "ducks"


@pytest.mark.parametrize("value", [None, 3, {"box": 1}, BoxHead])
def test_heads_must_be_a_tuple(value):
    assert problems_of(HEADS=value) == [
        f"HEADS is {value!r}: it must be a tuple of {NAMES}, or your own classes."
    ]


def test_a_forgotten_comma():
    assert problems_of(HEADS=("box")) == [
        f"HEADS is 'box': it must be a tuple of {NAMES}, or your own classes, such as ('box',)."
    ]


@pytest.mark.parametrize("name", ["keypoints", "Box", ""])
def test_a_head_with_an_unknown_name(name):
    assert problems_of(HEADS=("box", name)) == [
        f"HEADS has {name!r}: it must be {NAMES}, or your own class."
    ]


@pytest.mark.parametrize(
    "value", [Unnamed, Fieldless, Duck, int, None, 3, ["mask"], MaskHead(None)]
)
def test_not_a_head(value):
    assert problems_of(HEADS=("box", value)) == [
        f"HEADS has {value!r}: it must be a subclass (not an instance) of mrcnn.network.heads.Head "
        "with a name and a field."
    ]


def test_every_wrong_head_is_reported():
    lines = problems_of(HEADS=("keypoints", Duck, "box", 3))
    assert [line.split(":")[0] for line in lines] == [
        "HEADS has 'keypoints'",
        f"HEADS has {Duck!r}",
        "HEADS has 3",
    ]


@pytest.mark.parametrize("heads", [(), ("mask",), ("mask", PointsHead)])
def test_without_boxes(heads):
    [line] = problems_of(HEADS=heads)
    assert line == (
        f"HEADS is {heads}: 'box' must be one of them, because detections are proposals that the "
        "box head has classified and refined."
    )


class OtherMasks(PointsHead):
    name, field = "contour", "masks"


class Scores(PointsHead):
    name, field = "quality", "scores"


@pytest.mark.parametrize(
    ("heads", "first", "second", "field"),
    [
        (("box", "mask", OtherMasks), "mask", "contour", "masks"),
        (("box", Scores), "box", "quality", "scores"),
    ],
)
def test_two_heads_for_one_field(heads, first, second, field):
    assert problems_of(HEADS=heads) == [
        f"HEADS has {first!r} and {second!r}, which both fill the field {field!r} of the results: "
        "leave one of them out."
    ]


class OtherBoxes(BoxHead):
    """A head that replaces the one from which it derives."""


@pytest.mark.parametrize(
    ("heads", "name"),
    [
        (("box", "mask", "mask"), "mask"),
        (("box", "mask", MaskHead), "mask"),
        (("box", OtherBoxes), "box"),
        ((BoxHead, BoxHead), "box"),
    ],
)
def test_two_heads_with_one_name(heads, name):
    assert problems_of(HEADS=heads) == [
        f"HEADS names {name!r} twice: each head must have a unique name."
    ]
    assert problems_of(HEADS=(OtherBoxes, "mask")) == []


class Areas(Head):
    name, field, loss_names = "area", "areas", ("points_loss",)


class Anchors(Head):
    name, field, loss_names = "anchor", "anchors", ("rpn_bbox_loss",)


def test_two_losses_with_one_name():
    assert problems_of(HEADS=("box", PointsHead, Areas)) == [
        "HEADS has 'points' and 'area', which both have a loss 'points_loss'."
    ]
    assert problems_of(HEADS=("box", Anchors)) == [
        "HEADS has 'rpn' and 'anchor', which both have a loss 'rpn_bbox_loss'."
    ]


class Choosy(PointsHead):
    @classmethod
    def problems(cls, config):
        return [f"POINTS is {config.POINTS}.", "and more"] if config.POINTS < 1 else []


def test_heads_look_at_their_own_settings():
    assert problems_of(HEADS=("box", Choosy), POINTS=0) == ["POINTS is 0.", "and more"]
    assert problems_of(HEADS=("box", Choosy), POINTS=1) == []
    # Without a mask head, its settings are not checked.
    assert problems_of(HEADS=("box",), MASK_SHAPE=[9, 9]) == []
    [line] = problems_of(HEADS=("box", "mask"), MASK_SHAPE=[9, 9])
    assert line.startswith("MASK_SHAPE is [9, 9]: ")


def test_weights_of_losses_that_are_not_there():
    weights = {"rpn_class_loss": 1, "points_loss": 1}
    assert problems_of(LOSS_WEIGHTS=weights) == [
        f"LOSS_WEIGHTS names ['points_loss']: the losses are {', '.join(RPN + BOX)}, "
        "mrcnn_mask_loss.",
        "LOSS_WEIGHTS has no weights for ['rpn_bbox_loss', 'mrcnn_class_loss', 'mrcnn_bbox_loss', "
        "'mrcnn_mask_loss'].",
    ]
    # The five losses of matterport's Mask_RCNN are known whatever the heads: the default names all.
    assert problems_of(HEADS=("box",), LOSS_WEIGHTS=dict(TinyConfig.LOSS_WEIGHTS)) == []


def test_everything_is_reported_at_once():
    lines = problems_of(BACKBONE=0, ROI_POOLER=0, HEADS=0)
    assert [line.split()[0] for line in lines] == ["BACKBONE", "ROI_POOLER", "HEADS"]
