"""What the layers of a weights file tell about its network."""

import numpy as np
import pytest
from seeded_weights import manifest, write_h5

from mrcnn.weights.facts import facts
from mrcnn.weights.foreign.table import letter
from mrcnn.weights.keras_h5 import WeightsFile
from mrcnn.weights.source import WeightsSource

GROUPED, WIDE = [(3, 3, 4, 128)], [(3, 3, 128, 128)]


class Layers(WeightsSource):
    """A file of layers with the given shapes."""

    def __init__(self, shapes):
        self._shapes = shapes
        self.layer_names = list(shapes)

    def close(self):
        pass

    def has_weights(self, layer):
        return bool(self._shapes[layer])

    def shapes(self, layer):
        return self._shapes[layer]

    def arrays(self, layer):
        raise AssertionError("no tensor is needed")


def resnet(blocks=(3, 4, 6, 3), kernel=((3, 3, 64, 64),)):
    return {
        f"res{stage}{letter(index)}_branch2b": list(kernel)
        for stage, count in enumerate(blocks, 2)
        for index in range(count)
    }


def of_reference(architecture, num_classes):
    shapes = manifest(architecture, num_classes)
    return {name: [shape for _, shape in weights] for name, weights in shapes.items()}


@pytest.mark.parametrize(
    ("architecture", "classes", "parameters"),
    [("resnet101", 81, 64_158_584), ("resnet50", 2, 44_662_942)],
)
def test_files_of_the_reference(architecture, classes, parameters):
    found = facts(Layers(of_reference(architecture, classes)))
    assert (found.backbone, found.num_classes, found.channels) == (architecture, classes, 3)
    assert (found.kind, found.heads) == ("Mask R-CNN", ("box", "mask"))
    assert found.parameters == parameters


def test_nuclei():
    with WeightsFile("nuclei") as file:
        found = facts(file)
    assert (found.backbone, found.layers, found.parameters) == ("small_resnet", 95, 8_987_678)


@pytest.mark.parametrize(
    ("shapes", "backbone"),
    [
        ({"res2a_branch2b": GROUPED, "res4a_branch2b": GROUPED}, None),
        (resnet(), "resnet50"),
        (resnet(kernel=GROUPED), "resnext50_32x4d"),
        (resnet((3, 4, 23, 3)), "resnet101"),
        (resnet((3, 4, 6, 4)), None),
        (resnet((3, 4, 6)), None),
        # wide_resnet50_2
        (resnet(kernel=WIDE) | {"res2a_branch2c": [(1, 1, 128, 256)]}, None),
        ({"block1_conv1": [(3, 3, 3, 64), (64,)], "block5_conv3": [(3, 3, 512, 512)]}, "vgg16"),
        ({"conv": [(3, 3, 3, 16)], "expanded_conv_project": [(1, 1, 4, 4)]}, "mobilenet_v3_large"),
        ({"dense": [(2, 3)]}, None),
    ],
)
def test_backbones(shapes, backbone):
    found = facts(Layers(shapes))
    assert found.backbone == backbone and found.num_classes is None
    assert found.kind == ("a backbone alone" if backbone else "another network")
    assert found.channels == (3 if backbone in ("vgg16", "mobilenet_v3_large") else None)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["mrcnn_class_logits"], "Faster R-CNN (boxes only)"),
        (["mrcnn_class_logits", "mrcnn_keypoint_conv1"], "Keypoint R-CNN"),
        (["mrcnn_class_logits", "mrcnn_mask_fc1", "mrcnn_keypoint"], "Mask R-CNN with keypoints"),
    ],
)
def test_heads(names, kind):
    found = facts(Layers({name: [(4, 7), (7,)] for name in names} | {"input": []}))
    assert (found.kind, found.num_classes, found.layers) == (kind, 7, len(names))


def test_shapes_of_a_file(tmp_path):
    path = tmp_path / "bands.h5"
    write_h5({"conv1": [("conv1/kernel:0", np.zeros((7, 7, 8, 4), np.float32))]}, path)
    with WeightsFile(path) as file:
        assert (facts(file).channels, facts(file).parameters) == (8, 7 * 7 * 8 * 4)
