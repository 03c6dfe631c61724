import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.geometry.boxes import norm_boxes
from mrcnn.images.meta import compose_image_meta
from mrcnn.network.image_frame import sides_exceed, windows_of


def metas(*images):
    """Of (input size, window) each."""
    rows = [compose_image_meta(0, (9, 9, 3), (*s, 3), w, 1, [0, 0]) for s, w in images]
    return np.array(rows, "float32")


def test_each_image_has_its_own_window():
    meta = metas(((64, 128), (0, 0, 32, 128)), ((64, 128), (16, 32, 64, 96)))
    continuous = Config.from_dict({"BOX_COORDINATES": "continuous"})
    expected = [[[0, 0, 0.5, 1]], [[0.25, 0.25, 1, 0.75]]]
    np.testing.assert_allclose(windows_of(meta, continuous), expected)
    expected = [[[0, 0, 31 / 63, 1]], [[16 / 63, 32 / 127, 1, 95 / 127]]]
    np.testing.assert_allclose(windows_of(meta, Config()), expected, rtol=1e-6)


@pytest.mark.parametrize(("coordinates", "margin"), [("reference", 1), ("continuous", 0)])
def test_sides_are_compared_in_pixels(coordinates, margin):
    config = Config.from_dict({"BOX_COORDINATES": coordinates})
    pixels = np.array([[0, 0, 9, 9], [0, 0, 9, 7], [0, 0, 7, 9], [3, 3, 3, 30], [5, 5, 14, 13.1]])
    boxes = norm_boxes(pixels, (64, 128), margin)[None]
    meta = metas(((64, 128), (0, 0, 64, 128)))
    ours = sides_exceed(boxes, meta, 8, config)
    assert np.asarray(ours)[0].tolist() == [True, False, False, False, True]
    assert np.asarray(sides_exceed(boxes, meta, 0, config))[0].tolist() == [True] * 3 + [
        False,
        True,
    ]
    # As many pixels is not more.
    assert not np.asarray(sides_exceed(boxes[:, :1], meta, 9.001, config)).any()
