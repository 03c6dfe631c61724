import numpy as np
import pytest

from mrcnn.images.meta import compose_image_meta
from mrcnn.network.poolers.align import PyramidROIAlign, level_of, log2_graph
from mrcnn.ops import kernels

OWN = kernels.CONVERTED["savedmodel"]  # TensorFlow's


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("size", [7, 14])
def test_reference_values(units, monkeypatch, native, size):
    monkeypatch.setattr(kernels, "available", lambda kernel: native and kernel in OWN)
    shape = (512, 512, 3)
    meta = compose_image_meta(0, shape, shape, (0, 0, 512, 512), 1, np.ones(5))
    levels = [units[f"roialign.P{level}"] for level in range(2, 6)]
    inputs = [units["roialign.rois"], np.stack([meta, meta]).astype("float32"), *levels]
    ours = np.asarray(PyramidROIAlign([size, size])(inputs))
    np.testing.assert_allclose(ours, units[f"roialign.out{size}"], atol=2e-4)


def test_levels_follow_the_size_in_pixels():
    # FPN, equation 1: a box of 224 pixels is pooled from P4; each factor of 2 is one level.
    sides = np.array([1, 79, 80, 158, 159, 224, 316, 317, 633, 1000])
    boxes = np.stack([0 * sides, 0 * sides, sides, sides], axis=1).astype("float32") / 1024
    levels = level_of(boxes[None], np.array([[1024.0**2]], "float32"))
    np.testing.assert_array_equal(levels, [[2, 2, 3, 3, 4, 4, 4, 5, 5, 5]])


def test_a_padding_row_has_a_level():
    assert int(level_of(np.zeros((1, 1, 4), "float32"), np.array([[4096.0]], "float32"))[0, 0]) == 2


def test_log2():
    np.testing.assert_allclose(log2_graph(np.array([1, 2, 0.125], "float32")), [0, 1, -3])
