import json
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import foreign_values

from mrcnn.anchors import pyramid
from mrcnn.config import Config
from mrcnn.geometry.boxes import norm_boxes

SCALES = (32, 64, 128, 256, 512)


@pytest.mark.parametrize("name", ["pyramid.a", "pyramid.b"])
def test_generate_pyramid_anchors_matches_the_reference(units, name):
    generated = pyramid.generate_pyramid_anchors(*json.loads(str(units[f"{name}.args"])))
    assert generated.dtype == np.float64
    assert_array_equal(generated, units[name])


def test_pyramid_anchors_of_a_configuration_match_the_reference(small, small_config):
    generated = pyramid.pyramid_anchors(small_config, (256, 256, 3))
    assert_array_equal(generated.shape, small["anchors_shape"])
    step = int(small["anchors_step"])
    assert_array_equal(generated[::step], small["anchors_px"])
    assert_array_equal(norm_boxes(generated, (256, 256))[::step], small["anchors_norm"])


def test_anchors_by_hand():
    # Two cells of stride 8 in a row; with ratio 0.25, height is 2 * scale and width scale / 2.
    generated = pyramid.generate_anchors(4, [1, 0.25], (1, 2), 8, 1)
    assert_allclose(
        generated,
        [[-2, -2, 2, 2], [-4, -1, 4, 1], [-2, 6, 2, 10], [-4, 7, 4, 9]],
    )


def test_several_scales_on_a_level():
    generated = pyramid.generate_anchors((2, 4), [1, 0.25], (1, 1), 8, 1)
    assert_allclose(generated, [[-1, -1, 1, 1], [-2, -2, 2, 2], [-2, -0.5, 2, 0.5], [-4, -1, 4, 1]])


def test_anchor_stride_skips_cells():
    every = pyramid.generate_anchors(4, [1], (5, 5), 8, 1).reshape(5, 5, 4)
    second = pyramid.generate_anchors(4, [1], (5, 5), 8, 2).reshape(3, 3, 4)
    assert_array_equal(second, every[::2, ::2])


def test_as_many_scales_as_feature_maps():
    with pytest.raises(ValueError, match="RPN_ANCHOR_SCALES has 1 entries and BACKBONE_STRIDES 2"):
        pyramid.generate_pyramid_anchors([8], [1], [[4, 4], [2, 2]], [4, 8], 1)


def test_compute_backbone_shapes_matches_the_reference(units, small_config):
    shapes = pyramid.compute_backbone_shapes(small_config, (1000, 1333, 3))
    assert_array_equal(shapes, units["backbone_shapes"])


def test_a_custom_backbone_declares_its_shapes():
    config = SimpleNamespace(BACKBONE=len, COMPUTE_BACKBONE_SHAPE=lambda shape: [[shape[0], 7]])
    assert pyramid.compute_backbone_shapes(config, (640, 480, 3)) == [[640, 7]]
    config.COMPUTE_BACKBONE_SHAPE = None
    with pytest.raises(ValueError, match="COMPUTE_BACKBONE_SHAPE is None"):
        pyramid.compute_backbone_shapes(config, (640, 480, 3))


@pytest.mark.parametrize("sizes", [[[4, 5]], [[16, 20], [8, 10], [4, 5], [2, 3], [1, 2]]])
def test_the_one_map_of_a_custom_backbone(sizes):
    config = SimpleNamespace(BACKBONE=len, NECK="c4", COMPUTE_BACKBONE_SHAPE=lambda shape: sizes)
    assert pyramid.compute_backbone_shapes(config, (64, 80, 3)) == [[4, 5]]
    config.COMPUTE_BACKBONE_SHAPE = lambda shape: [[16, 20], [8, 10]]
    with pytest.raises(ValueError, match=r"returns 2 sizes: .* P2 to P6 or, with NECK 'c4', that"):
        pyramid.compute_backbone_shapes(config, (64, 80, 3))


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match="BACKBONE is 'vgg11': it must be 'resnet50'"):
        pyramid.compute_backbone_shapes(SimpleNamespace(BACKBONE="vgg11"), (64, 64))


# Those of other projects


def config_of(**settings):
    return Config.from_dict({"RPN_ANCHOR_RATIOS": [2, 1, 0.5], **settings})


def test_strides_of_the_image():
    config = config_of(RPN_ANCHOR_GRID="image")
    shapes = pyramid.compute_backbone_shapes(config, (416, 544))
    strides = pyramid.grid_strides(config, (416, 544, 3), shapes)
    assert strides.tolist() == [[4, 4], [8, 8], [16, 16], [32, 32], [59, 60]]
    config.RPN_ANCHOR_GRID = "strides"
    assert pyramid.grid_strides(config, (416, 544), shapes)[-1].tolist() == [64, 64]


def test_sides_are_rounded_from_the_corner_of_the_cell():
    # Halves are 22.6 and 11.3, and 16.5, of which the even neighbour is taken.
    assert pyramid.anchor_sizes([32, 33], [0.5, 1], rounded=True)[[0, 3]].tolist() == [
        [46, 22],
        [32, 32],
    ]


@pytest.mark.parametrize("case", ["a", "b"])
def test_torchvision_has_the_same_anchors(case):
    values = foreign_values("torchvision_ops")
    config = config_of(RPN_ANCHOR_ROUNDING=True, RPN_ANCHOR_GRID="image")
    size = values[f"anchors.{case}.image"]
    shapes = pyramid.compute_backbone_shapes(config, size)
    assert_array_equal(shapes, values[f"anchors.{case}.grid"])
    generated = pyramid.pyramid_anchors(config, size)[:, [1, 0, 3, 2]]
    assert_array_equal(generated[::97], values[f"anchors.{case}.every97"])
    assert_array_equal(generated[-9:], values[f"anchors.{case}.last"])
    cells = [pyramid.generate_anchors(s, [2, 1, 0.5], (1, 1), 1, 1, True) for s in SCALES]
    assert_array_equal(np.array(cells)[..., [1, 0, 3, 2]], values["anchors.cell"])


def test_detectron2_has_the_same_anchors():
    values = foreign_values("detectron2_ops")
    generated = pyramid.pyramid_anchors(config_of(), (800, 1216))[:, [1, 0, 3, 2]]
    assert_allclose(generated[::97], values["anchors.fpn_every97"], atol=1e-3)
    assert_allclose(generated[-9:], values["anchors.fpn_last"], atol=1e-3)
    config = config_of(NECK="c4", RPN_ANCHOR_SCALES=SCALES)
    rows, columns = values["anchors.c4_grid"].tolist()
    # Sides that are not multiples of the stride.
    generated = pyramid.pyramid_anchors(config, (16 * rows - 9, 16 * columns - 1))
    generated = generated.reshape(rows * columns, 3, 5, 4)  # ours: sizes within ratios
    generated = generated.transpose(0, 2, 1, 3).reshape(-1, 4)[:, [1, 0, 3, 2]]
    assert len(generated) == 15 * rows * columns
    assert_allclose(generated[::13], values["anchors.c4_every13"], atol=1e-3)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("torchvision_maskrcnn_resnet50_fpn_800", {"RPN_ANCHOR_GRID": "image"}),
        ("torchvision_fasterrcnn_resnet50_fpn", {"RPN_ANCHOR_GRID": "image"}),
        ("detectron2_mask_rcnn_R_50_FPN_3x", {}),
        ("detectron2_mask_rcnn_R_50_C4_3x", {"NECK": "c4", "RPN_ANCHOR_SCALES": SCALES}),
        ("detectron2_mask_rcnn_R_50_DC5_3x", {"NECK": "dc5", "RPN_ANCHOR_SCALES": SCALES}),
    ],
)
def test_networks_have_the_same_anchors(model, settings):
    values = foreign_values(model)
    config = config_of(**settings, RPN_ANCHOR_ROUNDING=model.startswith("torchvision"))
    images = [key[:5] for key in values if key.startswith("img") and key.endswith("rpn_step")]
    for image in images:
        size = values[f"{image}padded_size"]
        generated = pyramid.pyramid_anchors(config, size)[:, [1, 0, 3, 2]]
        if "NECK" in settings:
            generated = generated.reshape(-1, 3, 5, 4).transpose(0, 2, 1, 3).reshape(-1, 4)
        assert len(generated) == values[f"{image}rpn_per_level"].sum()
        step = int(values[f"{image}rpn_step"])
        assert_allclose(generated[::step], values[f"{image}anchors"], atol=1e-3)


@pytest.mark.parametrize("stride", [1, 2])
def test_anchors_by_level_are_those_of_the_pyramid(small_config, stride):
    small_config.RPN_ANCHOR_STRIDE = stride
    counts = pyramid.anchors_by_level(small_config, (128, 192))
    assert counts.sum() == len(pyramid.pyramid_anchors(small_config, (128, 192)))
    assert sorted(counts, reverse=True) == list(counts)
