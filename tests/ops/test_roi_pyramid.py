"""RoIAlign, RoIPool and RoIWarp against their definitions and against torchvision."""

import functools

import numpy as np
import pytest
import roi_definitions as defined
from shared_data import foreign_values

from mrcnn import ops
from mrcnn.ops import kernels

OWN = kernels.CONVERTED["savedmodel"]  # TensorFlow's

pytestmark = pytest.mark.network

SIZE = (3, 4)

OPTIONS = [
    (0, "avg", True), (1, "avg", True), (2, "avg", False), (3, "avg", True), (0, "max", True),
    (2, "max", False),
]  # fmt: skip
CASES = {
    f"{name} {ratio} {aggregation} {'aligned' if aligned else 'legacy'}": (
        functools.partial(
            getattr(ops, name), sampling_ratio=ratio, aggregation=aggregation, aligned=aligned
        ),
        functools.partial(
            getattr(defined, name), ratio=ratio, aggregation=aggregation, aligned=aligned
        ),
    )
    for name in ("roi_align", "roi_warp")
    for ratio, aggregation, aligned in (OPTIONS if name == "roi_align" else OPTIONS[::5])
} | {"roi_pool": (ops.roi_pool, defined.roi_pool)}


@pytest.fixture(scope="module")
def maps():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(2, *side, 2)).astype("float32") for side in ((13, 17), (7, 9))]


def random_rois():
    """Boxes [2, 70, 4], more than one chunk, and their levels."""
    rng = np.random.default_rng(1)
    start, side = rng.integers(-64, 700, (2, 70, 2)) / 64, rng.integers(0, 500, (2, 70, 2)) / 64
    boxes = np.concatenate([start, start + side], axis=2).astype("float32")
    return boxes, rng.integers(0, 2, (2, 70))


def odd_rois():
    """The same, with sides from zero to longer than the map, on and off its grid, and outside it.

    Multiples of 1/64 are exact in float32, so that both implementations round the same number.
    """
    rng = np.random.default_rng(2)
    boxes, levels = random_rois()
    start = np.stack([rng.integers(-10 * 64, 24 * 64, (2, 12)), 64 * rng.integers(-5, 24, (2, 12))])
    side = np.stack([rng.integers(0, 18 * 64, (2, 12)), 32 * rng.integers(0, 36, (2, 12))])
    start, side = (rng.permuted(values, axis=0) / 64 for values in (start, side))  # [2, 2, 12]
    side[:, 0, :3] = 0, 0.25, 1
    boxes[:, 30:42] = np.concatenate([start, start + side]).transpose(1, 2, 0)
    return boxes, levels


def as_defined(case, maps, native, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(kernels, "available", lambda kernel: native and kernel in OWN)
    boxes, level = odd_rois()
    pool = functools.partial(CASES[case][0], size=SIZE)
    if " 0 " in case:
        pool = tf.function(pool, autograph=False)  # a loop: faster, even with the tracing
    ours = np.asarray(pool(maps, boxes, level_of_box=level))
    for image in range(2):
        for place in (0, *range(30, 42), 69):
            features = maps[level[image, place]][image].astype(float)
            expected = CASES[case][1](features, boxes[image, place], SIZE)
            np.testing.assert_allclose(ours[image, place], expected, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_every_bin_is_as_defined(case, maps, monkeypatch):
    """Of RoIs that are sorted by cost and divided into chunks."""
    as_defined(case, maps, False, monkeypatch)


@pytest.mark.parametrize(
    "case",
    ["roi_align 0 avg aligned", "roi_align 0 max aligned", "roi_align 3 avg aligned",
     "roi_align 2 max legacy"],
)  # fmt: skip
def test_the_native_kernel_gives_the_same(case, maps, monkeypatch):
    as_defined(case, maps, True, monkeypatch)


def test_roi_pool_reads_cells_exactly():
    """Even where interpolating with the native kernel would be off by a few 1e-5 of a cell."""
    cells = np.random.default_rng(4).normal(size=(1, 2, 200, 1)).astype("float32")
    ours = np.asarray(ops.roi_pool([cells], [[[0.0, 0, 1, 199]]], [[0]], (1, 100)))
    expected = cells.reshape(2, 100, 2).max(axis=(0, 2))
    np.testing.assert_array_equal(ours.ravel(), expected)


@pytest.mark.parametrize("operator", [ops.roi_align, ops.roi_warp])
def test_arguments_that_cannot_work(operator):
    inputs = [np.zeros((1, 4, 4, 1), "float32")], [[[0.0, 0, 2, 2]]], [[0]], (2, 2)
    for ratio in (-1, 0.5, 2.0, True, "2", None):
        with pytest.raises(ValueError, match=r"sampling_ratio is .*: it must be a whole number of"):
            operator(*inputs, sampling_ratio=ratio)
    with pytest.raises(ValueError, match="aggregation is 'mean': it must be 'avg' or 'max'"):
        operator(*inputs, aggregation="mean")


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_is_the_transpose(training, maps):
    """A bin is linear in the map, a maximum piecewise so: <bins(a), w> = <a, gradient>.

    The averages and RoIPool are compared with torchvision's below.
    """
    import tensorflow as tf

    boxes, level = random_rois()
    weights = np.random.default_rng(2).normal(size=(2, 70, *SIZE, 2)).astype("float32")
    levels = [tf.constant(features) for features in maps]

    with tf.GradientTape() as tape:
        tape.watch(levels)
        bins = CASES["roi_align 2 max legacy"][0](levels, boxes, level, SIZE, training=training)
        loss = tf.reduce_sum(bins * weights)
    gradients = tape.gradient(loss, levels)
    total = sum(float(tf.reduce_sum(g * x)) for g, x in zip(gradients, levels, strict=True))
    assert total == pytest.approx(float(loss), rel=1e-4, abs=1e-3)
    assert all(np.abs(gradient).max() > 0.1 for gradient in gradients)


def test_the_gradient_of_a_maximum_reaches_its_first_point_only():
    import tensorflow as tf

    level = tf.constant([[[[1.0], [5.0], [5.0]], [[5.0], [0.0], [2.0]]]])
    for training in (True, False):
        with tf.GradientTape() as tape:
            tape.watch(level)
            bins = ops.roi_pool([level], [[[0.0, 0, 1, 2]]], [[0]], (1, 1), training=training)
        np.testing.assert_array_equal(bins, np.full((1, 1, 1, 1, 1), 5.0))
        gradient = tape.gradient(bins, level)
        np.testing.assert_array_equal(gradient[0, :, :, 0], [[0, 1, 0], [0, 0, 0]])


def test_no_gradient_reaches_the_boxes():
    import tensorflow as tf

    level, boxes = tf.random.normal((1, 8, 8, 2)), tf.constant([[[1.0, 1, 6, 5]]])
    for training in (True, False):
        with tf.GradientTape() as tape:
            tape.watch(boxes)
            bins = ops.roi_align([level], boxes, [[0]], SIZE, training=training)
        assert tape.gradient(bins, boxes) is None


@pytest.mark.parametrize(("scale", "size"), [("s4", (7, 7)), ("s16", (3, 4))])
@pytest.mark.parametrize("kind", ["align", "pool"])
def test_torchvision(kind, scale, size):
    import tensorflow as tf

    values = foreign_values("torchvision_ops")
    end = f"{scale}_{size[0]}x{size[1]}"
    names = [f"roi_pool.{end}"]
    if kind == "align":
        forms = ["sr0_aligned", "sr2_legacy"]
        if scale == "s4":
            forms += ["sr0_legacy", "sr1_legacy", "sr1_aligned", "sr2_aligned"]
        names = [f"roi_align.{end}_{form}" for form in forms]
    image, x1, y1, x2, y2 = values[f"roi.boxes_{scale}"].T
    cells = np.stack([y1, x1, y2, x2], axis=1) * np.float32(1 / int(scale[1:]))
    boxes, level = np.stack([cells, cells]), np.zeros((2, len(cells)), "int32")
    chosen = image.astype(int), np.arange(len(cells))  # each box is pooled from both images
    upstream = np.zeros((2, len(cells), *size, 5), "float32")
    upstream[chosen] = values[f"roi.grad_output_{end}"]
    levels = [tf.constant(values["roi.input"])]
    for name in names:
        pool = ops.roi_pool
        if kind == "align":
            pool = functools.partial(
                ops.roi_align,
                sampling_ratio=int(name.split("_sr")[1][0]),
                aligned="aligned" in name,
            )

        def bins_and_gradient(levels, pool=pool):
            with tf.GradientTape() as tape:
                tape.watch(levels)
                bins = pool(levels, boxes, level, size, training=True)
            return bins, tape.gradient(bins, levels, upstream)

        if "_sr1" not in name and "_sr2" not in name:  # a loop, which is faster as a graph
            bins_and_gradient = tf.function(bins_and_gradient, autograph=False)
        bins, [gradient] = bins_and_gradient(levels)
        np.testing.assert_allclose(np.asarray(bins)[chosen], values[name], atol=1e-6, err_msg=name)
        expected = values[f"{name}.grad_input"]
        np.testing.assert_allclose(gradient, expected, atol=5e-6, err_msg=name)


def test_xla_gives_the_same():
    import tensorflow as tf

    rng = np.random.default_rng(3)
    levels = [tf.constant(rng.normal(size=(1, side, side, 2)), "float32") for side in (16, 8)]
    start, side = rng.uniform(0, 6, (1, 9, 2)), rng.uniform(0, 9, (1, 9, 2))
    boxes = np.concatenate([start, start + side], axis=2).astype("float32")
    level = rng.integers(0, 2, (1, 9))

    def value_and_gradient(*levels):
        with tf.GradientTape() as tape:
            tape.watch(levels)
            bins = ops.roi_align(levels, boxes, level, SIZE, training=True)
            loss = tf.reduce_sum(bins**2)
        return bins, *tape.gradient(loss, levels)

    plain = value_and_gradient(*levels)
    compiled = tf.function(value_and_gradient, autograph=False, jit_compile=True)(*levels)
    for ours, expected in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-4)
