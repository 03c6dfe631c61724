import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.weights.stem import adapt, can_spread, spread_rgb

KERNEL = np.arange(12, dtype=np.float32).reshape(1, 2, 3, 2)


def test_spread_rgb():
    # First position: 0 + 2 + 4 and 1 + 3 + 5; second: 6 + 8 + 10 and 7 + 9 + 11.
    assert_array_equal(spread_rgb(KERNEL, 1)[0, :, 0], [[6, 9], [24, 27]])
    five = spread_rgb(KERNEL, 5)
    assert five.shape == (1, 2, 5, 2) and five.dtype == np.float32
    assert_allclose(five[0, 0], [[1.2, 1.8]] * 5, rtol=1e-6)
    assert_allclose(five.sum(axis=2), KERNEL.sum(axis=2), rtol=1e-6)


def test_adapt():
    kernel, note = adapt(KERNEL, 3, bgr=True)
    assert_array_equal(kernel[0, 0], [[4, 5], [2, 3], [0, 1]])
    assert note.startswith("conv1's input channels reversed")
    kernel, note = adapt(KERNEL, 3, bgr=False, model_bgr=True)
    assert_array_equal(kernel[0, 0], [[4, 5], [2, 3], [0, 1]])
    assert note.endswith("input channels reversed: RGB in the file, BGR here")
    for bgr in (True, False):
        kernel, note = adapt(KERNEL, 3, bgr=bgr, model_bgr=bgr)
        assert kernel is KERNEL and note == ""
    for bgr in (True, False):
        kernel, note = adapt(KERNEL, 2, bgr)
        assert_array_equal(kernel, spread_rgb(KERNEL, 2))
        assert note.startswith("conv1 spread over 2 channels: ")


def test_can_spread():
    rgb = [(7, 7, 3, 64), (64,)]
    assert can_spread(rgb, [(7, 7, 5, 64), (64,)])
    assert can_spread(rgb[:1], [(7, 7, 1, 64)])
    for other in (
        [(7, 7, 5, 64)],
        [(7, 7, 5, 64), (32,)],
        [(3, 7, 5, 64), (64,)],
        [(7, 7, 5, 32), (64,)],
        [(64, 5), (64,)],
    ):
        assert not can_spread(rgb, other)
    for other in ([], [(64, 3)], [(7, 7, 4, 64), (64,)]):
        assert not can_spread(other, [(7, 7, 5, 64), (64,)])
