"""Weights of other projects by our names."""

import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.weights.foreign import ForeignWeights, open_foreign
from mrcnn.weights.foreign.source import IMAGENET_STD

from .models import (
    MANIFESTS,
    caffe2_name,
    manifest,
    narrow,
    resnet,
    shapes_only,
    torchvision_name,
)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", MANIFESTS)
def test_every_tensor_is_used(name, legacy):
    tensors = shapes_only(manifest(name), legacy)
    source = ForeignWeights(tensors)
    used = [part.name for parts in source.table.values() for part in parts]
    counters = [tensor for tensor in tensors if tensor.endswith("num_batches_tracked")]
    assert source.unknown == []
    assert len(used) == len(set(used)) == len(tensors) - len(counters)
    assert source.kind.project == name.split("_")[0]
    assert source.is_bgr() == name.startswith("detectron2")
    # Whether they fit our layers is tested with whole networks.
    assert all(source.shapes(layer) for layer in source.layer_names)


def test_detectron2s_background_moves_first():
    tensors = shapes_only(manifest("detectron2_mask_rcnn_R_50_FPN_3x"))
    predictor = "roi_heads.box_predictor"
    tensors[f"{predictor}.cls_score.bias"] = np.arange(81, dtype=np.float32)
    tensors[f"{predictor}.bbox_pred.bias"] = np.arange(320, dtype=np.float32)
    tensors["roi_heads.mask_head.predictor.bias"] = np.arange(1, 81, dtype=np.float32)
    source = ForeignWeights(tensors)
    assert source.arrays("mrcnn_class_logits")[1].tolist() == [80, *range(80)]
    assert source.arrays("mrcnn_bbox_fc")[1][:8].tolist() == [0, 0, 0, 0, 1, 0, 3, 2]
    assert source.arrays("mrcnn_mask")[1].tolist() == list(range(81))


def test_anchors_of_several_sizes():
    tensors = shapes_only(manifest("detectron2_mask_rcnn_R_50_C4_3x"))
    # Sizes outside, ratios inside: 10 times the size's number plus the ratio's.
    scores = np.float32([10 * size + ratio for size in range(5) for ratio in range(3)])
    tensors["proposal_generator.rpn_head.objectness_logits.bias"] = scores
    logits = ForeignWeights(tensors).arrays("rpn_model")[3]
    assert logits[:6].tolist() == [0, 10, 20, 30, 40, 1]


def test_a_missing_tensor():
    tensors = shapes_only(manifest("torchvision_maskrcnn_resnet50_fpn"))
    del tensors["roi_heads.mask_predictor.mask_fcn_logits.bias"]
    with pytest.raises(
        ValueError, match=r"a model of torchvision with FPN, but it lacks 1 of .*bias"
    ):
        ForeignWeights(tensors, "half.pth")


def test_what_wrappers_put_before_names():
    source = ForeignWeights({f"model.module.{name}": a for name, a in resnet().items()})
    assert (source.unknown, source.kind.settings["BACKBONE"]) == ([], "resnet50")


@pytest.mark.parametrize(
    "tensors", [narrow(1), resnet(convert=torchvision_name)], ids=["whole", "backbone"]
)
def test_norms_without_statistics(tensors):
    short = {name: array for name, array in tensors.items() if ".running_" not in name}
    with pytest.raises(
        ValueError, match=r"x.pth: .* no running statistics \(GroupNorm\?\): .*bn1.running_mean"
    ):
        ForeignWeights(short, "x.pth")


def test_what_a_file_has_instead():
    tensors = narrow(1)
    tensors["roi_heads.box_head.fc9.bias"] = tensors.pop("roi_heads.box_head.fc7.bias")
    with pytest.raises(
        ValueError, match=r"lacks 1 of its tensors: .*fc7.bias; and has .*fc9.bias\.$"
    ):
        ForeignWeights(tensors)


def test_other_resnets():
    with pytest.raises(
        ValueError, match=r"stages of 3, 4, 7, 3 blocks, the first 1 channels wide for 4 outputs"
    ):
        ForeignWeights(resnet((3, 4, 7, 3)))
    basic = {
        name: array
        for name, array in resnet(convert=torchvision_name).items()
        if "conv3" not in name and "bn3" not in name
    }
    with pytest.raises(ValueError, match="two convolutions, as those of ResNet-18 and 34"):
        ForeignWeights(basic)
    wide = resnet()
    wide["res2.0.conv2.weight"] = np.zeros((2, 2, 3, 3), np.float32)
    with pytest.raises(ValueError, match="known are ResNet-50, 101"):
        ForeignWeights(wide)


@pytest.mark.parametrize(
    "name",
    ["backbone.body.layer1.1000000000.conv1.weight", "roi_heads.mask_head.mask_fcn99999.bias"],
)
def test_a_number_in_a_name_costs_nothing(name):
    assert len(ForeignWeights(narrow(1, **{name: np.zeros(3)})).unknown) == 1


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("roi_heads.box_predictor.cls_score.bias", ()),
        ("roi_heads.box_head.fc7.weight", (32, 0)),
        ("rpn.head.cls_logits.weight", (3, 16)),
        ("backbone.fpn.layer_blocks.0.weight", ()),
    ],
)
def test_other_shapes(name, shape):
    with pytest.raises(ValueError, match=r"x.npz: .* must have \d dimensions, none of size 0"):
        ForeignWeights(narrow(1, **{name: np.zeros(shape)}), "x.npz")


@pytest.mark.parametrize("name", ["fpn_output2", "rpn_head.objectness_logits"])
def test_scalars_of_detectron2(name):
    tensors = shapes_only(manifest("detectron2_mask_rcnn_R_50_FPN_3x"))
    [full] = [each for each in tensors if each.endswith(f"{name}.weight")]
    tensors[full] = np.zeros(())
    with pytest.raises(ValueError, match="must have 4 dimensions"):
        ForeignWeights(tensors)


def test_retinanet_gives_its_backbone():
    tensors = {f"backbone.bottom_up.{name}": value for name, value in resnet().items()}
    source = ForeignWeights({**tensors, "head.cls_score.weight": np.zeros((9, 4, 3, 3))})
    assert (source.kind.neck, source.unknown) == (None, ["head.cls_score.weight"])


def test_many_unknown_names():
    extra = {f"res_{number}_w": np.zeros(1) for number in range(3000)}
    start = time.perf_counter()
    source = ForeignWeights({**resnet(convert=caffe2_name), **extra})
    assert all(map(source.has_weights, source.layer_names)) and len(source.unknown) == 3000
    assert time.perf_counter() - start < 2


def test_tensors_of_unknown_layers():
    source = ForeignWeights({**resnet(), "extra.weight": np.zeros((2, 3), np.float32)})
    assert source.unknown == ["extra.weight"]
    assert source.shapes("extra.weight") == [(2, 3)]


def test_other_models_are_refused():
    with pytest.raises(
        ValueError, match=r"x.pth is not .* holds 1 tensors with 6 values: head.w \[2, 3\]"
    ):
        ForeignWeights({"head.w": np.zeros((2, 3))}, "x.pth")


def test_values_that_are_not_finite():
    tensors = resnet()
    tensors["res2.0.conv1.weight"][0] = np.nan
    source = ForeignWeights(tensors, "x.pkl")
    with pytest.raises(ValueError, match=r"x.pkl: res2a_branch2a holds NaN"):
        source.arrays("res2a_branch2a")


def test_a_backbone_of_detectron2_in_three_forms():
    plain = resnet()
    sources = [
        ForeignWeights(plain),
        ForeignWeights(resnet(convert=caffe2_name)),
        ForeignWeights({f"bottom_up.{name}": value for name, value in plain.items()}),
    ]
    for source in sources:
        assert source.kind.neck is None and source.unknown == [] and source.is_bgr()
        assert source.pixel_std == (1.0, 1.0, 1.0) and source.epsilon == 1e-5
        assert source.kind.settings == {"BACKBONE": "resnet50", "RESNET_STRIDE_IN": "1x1"}
        kernel, *rest = source.arrays("res3a_branch2b")
        assert_array_equal(kernel, plain["res3.0.conv2.weight"].transpose(2, 3, 1, 0))
        assert rest == []
        statistics = source.arrays("bn5c_branch2c")
        assert_array_equal(statistics[3], plain["res5.2.conv3.norm.running_var"])


def test_folded_norms():
    tensors = {
        name: a
        for name, a in resnet(convert=caffe2_name).items()
        if name[-3:] not in ("_rm", "riv")
    }
    extra = {name: np.zeros(3, np.float32) for name in ("fc1000_w", "fc1000_b", "conv1_b", "lr")}
    source = ForeignWeights({**tensors, **extra})
    assert source.unknown == []
    gamma, beta, mean, variance = source.arrays("bn_conv1")
    assert_array_equal(gamma, tensors["res_conv1_bn_s"])
    assert_array_equal(beta, tensors["res_conv1_bn_b"])
    assert (mean.tolist(), variance.tolist()) == ([0.0], [1.0])


def test_a_backbone_of_torchvision():
    source = ForeignWeights({**resnet(convert=torchvision_name), "fc.bias": np.zeros(1000)})
    assert (source.kind.project, source.kind.neck, source.unknown) == ("torchvision", None, [])
    assert source.pixel_std == IMAGENET_STD and not source.is_bgr()
    assert source.kind.settings["RESNET_STRIDE_IN"] == "3x3"
    shortcut = resnet()["res4.0.shortcut.norm.running_mean"]
    assert_array_equal(source.arrays("bn4a_branch1")[2], shortcut)


def test_pixels_of_other_backbones_of_detectron2():
    resnext = ForeignWeights(resnet((3, 4, 23, 3), 4, groups=4, convert=caffe2_name))
    assert resnext.is_bgr() and resnext.pixel_std == IMAGENET_STD
    converted = ForeignWeights(resnet(), author="torchvision", matching_heuristics=True)
    assert not converted.is_bgr() and converted.pixel_std == IMAGENET_STD


def test_names_by_their_longest_suffix():
    whole = shapes_only(manifest("detectron2_mask_rcnn_R_50_FPN_3x"))
    short = {
        name.replace("backbone.bottom_up.", "").replace("proposal_generator.", ""): value
        for name, value in whole.items()
    }
    source = ForeignWeights(short, matching_heuristics=True)
    assert source.kind.neck == "fpn" and source.unknown == []
    assert source.table.keys() == ForeignWeights(whole).table.keys()
    with pytest.raises(ValueError, match="lacks"):
        ForeignWeights(short)


def test_a_file(tmp_path):
    tensors = resnet()
    np.savez(tmp_path / "r50.npz", **tensors)
    with open_foreign(tmp_path / "r50.npz") as source:
        assert source.path == tmp_path / "r50.npz"
        kernel = tensors["stem.conv1.weight"].transpose(2, 3, 1, 0)
        assert_array_equal(source.arrays("conv1")[0], kernel)
