import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.weights.foreign import ForeignWeights
from mrcnn.weights.foreign.export import state_dict

from .models import MANIFESTS, manifest, shapes_only


def layers_of(name, **changes):
    tensors = {**shapes_only(manifest(name)), **changes}
    source = ForeignWeights(tensors)
    return {layer: source._variables(layer) for layer in source.layer_names}, tensors


@pytest.mark.parametrize("name", [name for name in MANIFESTS if name.startswith("torchvision")])
def test_the_same_names_and_shapes(name, monkeypatch):
    # Shapes are enough here: no copies of 170 MB.
    monkeypatch.setattr(np, "ascontiguousarray", lambda array, dtype=None: array)
    layers, tensors = layers_of(name)
    exported = state_dict(layers)
    assert exported.keys() == tensors.keys()
    assert [exported[name].shape for name in tensors] == [a.shape for a in tensors.values()]


def test_the_same_values():
    rng = np.random.default_rng(0)
    names = (
        "backbone.body.conv1.weight",
        "rpn.head.cls_logits.weight",
        "roi_heads.box_head.fc7.weight",
        "roi_heads.box_predictor.bbox_pred.bias",
        "roi_heads.mask_predictor.conv5_mask.weight",
    )
    shapes = shapes_only(manifest("torchvision_maskrcnn_resnet50_fpn"))
    changes = {name: rng.normal(size=shapes[name].shape).astype(np.float32) for name in names}
    layers, _ = layers_of("torchvision_maskrcnn_resnet50_fpn", **changes)
    exported = state_dict(layers)
    for name in names:
        assert_array_equal(exported[name], changes[name])
    turned = state_dict(layers, is_bgr=True)["backbone.body.conv1.weight"]
    assert_array_equal(turned, changes["backbone.body.conv1.weight"][:, ::-1])


def test_two_scores_for_each_anchor():
    layers, tensors = layers_of("torchvision_fasterrcnn_resnet50_fpn")
    rpn = [np.zeros(array.shape) for array in layers["rpn_model"]]
    rpn[2:4] = np.zeros((1, 1, 256, 6)), np.float32([0, 1, 2, 1, 0, 3])
    exported = state_dict({**layers, "rpn_model": rpn})
    assert exported["rpn.head.cls_logits.bias"].tolist() == [1, -1, 3]
    name = "rpn.head.cls_logits.weight"
    assert exported[name].shape == tensors[name].shape


def test_networks_that_torchvision_has_not():
    layers, _ = layers_of("detectron2_mask_rcnn_R_50_C4_3x")
    with pytest.raises(ValueError, match="this network has no layers: fpn_c2p2"):
        state_dict(layers)
    layers, _ = layers_of("torchvision_fasterrcnn_resnet50_fpn")
    with pytest.raises(ValueError, match="layers that torchvision's has not: mrcnn_class_bn1"):
        state_dict({**layers, "mrcnn_class_bn1": [np.zeros(4)] * 4})
    with pytest.raises(ValueError, match=r"biases .*: conv1 \(2 instead of 1\)"):
        state_dict({**layers, "conv1": [*layers["conv1"], np.zeros(64)]})
