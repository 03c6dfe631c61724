import numpy as np
from numpy.testing import assert_array_equal

from mrcnn.images.meta import compose_image_meta, parse_image_meta

ARGUMENTS = {
    "image_id": 7,
    "original_image_shape": (200, 300, 3),
    "image_shape": (512, 512, 3),
    "window": (85, 0, 427, 512),
    "scale": 1.7066,
    "active_class_ids": [1, 1, 0, 1, 0],
}


def test_image_meta_matches_the_reference(units):
    meta = compose_image_meta(**ARGUMENTS)
    assert meta.dtype == np.float64
    assert_array_equal(meta, units["compose_image_meta"])
    parsed = parse_image_meta(meta[None])
    assert set(parsed) == set(ARGUMENTS)
    for name, value in parsed.items():
        wanted = units[f"parse_image_meta.{name}"]
        assert value.dtype == wanted.dtype
        assert_array_equal(value, wanted)


def test_image_meta_of_a_batch():
    arguments = ARGUMENTS | {"image_id": 8, "window": np.array([0, 1, 2, 3])}
    metas = np.stack([compose_image_meta(**ARGUMENTS), compose_image_meta(**arguments)])
    parsed = parse_image_meta(metas)
    assert_array_equal(parsed["image_id"], [7, 8])
    assert_array_equal(parsed["window"], [[85, 0, 427, 512], [0, 1, 2, 3]])
    assert parsed["scale"].shape == (2,)
    assert parsed["active_class_ids"].shape == (2, 5)
