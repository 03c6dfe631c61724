import json
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.anchors import pyramid
from mrcnn.geometry.boxes import norm_boxes


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
