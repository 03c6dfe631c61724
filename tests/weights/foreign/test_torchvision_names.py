import pytest

from mrcnn.weights.foreign.torchvision_names import current_name, is_ignored, kind_of

from .models import manifest


@pytest.mark.parametrize(
    ("legacy", "current"),
    [
        ("backbone.fpn.inner_blocks.3.bias", "backbone.fpn.inner_blocks.3.0.bias"),
        ("backbone.fpn.layer_blocks.0.weight", "backbone.fpn.layer_blocks.0.0.weight"),
        ("rpn.head.conv.weight", "rpn.head.conv.0.0.weight"),
        ("roi_heads.mask_head.mask_fcn4.bias", "roi_heads.mask_head.3.0.bias"),
        ("rpn.head.conv.1.0.weight", "rpn.head.conv.1.0.weight"),
        ("backbone.fpn.inner_blocks.0.0.weight", "backbone.fpn.inner_blocks.0.0.weight"),
    ],
)
def test_older_names(legacy, current):
    assert current_name(legacy) == current


@pytest.mark.parametrize("model", ["mask", "faster", "keypoint"])
def test_all_older_names(model):
    names = manifest(f"torchvision_{model}rcnn_resnet50_fpn")["legacy_names"]
    assert len(names) > 10
    assert {current_name(legacy) for legacy in names.values()} == set(names)


def test_what_is_left_out():
    assert is_ignored("backbone.body.bn1.num_batches_tracked") and is_ignored("fc.weight")
    assert not is_ignored("roi_heads.box_head.fc6.weight")


def test_a_model_without_an_rpn_is_unknown():
    assert kind_of({"backbone.body.conv1.weight": (64, 3, 7, 7)}) is None
