"""Grouped convolution, as the backend does it and in blocks."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

from mrcnn.network.backbones import grouped
from mrcnn.network.backbones.grouped import GroupedConv2D, block_diagonal, blocks_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 9, 8, 64)).astype(np.float32)


def by_definition(x, kernel, groups, stride):
    """Each group's filters see only the group's channels; float64, padding of one cell."""
    depth, filters = kernel.shape[2], kernel.shape[3] // groups
    padded = np.pad(x.astype(np.float64), [(0, 0), (1, 1), (1, 1), (0, 0)])
    height, width = (-(-side // stride) for side in x.shape[1:3])
    out = np.zeros((len(x), height, width, kernel.shape[3]))
    for group in range(groups):
        own = slice(group * filters, (group + 1) * filters)
        part = padded[..., group * depth : (group + 1) * depth]
        for y in range(3):
            for x_ in range(3):
                shifted = part[
                    :, y : y + height * stride : stride, x_ : x_ + width * stride : stride
                ]
                out[..., own] += shifted[:, :height, :width] @ kernel[y, x_, :, own]
    return out


@pytest.mark.parametrize("in_blocks", [False, True])
@pytest.mark.parametrize(("groups", "stride"), [(32, 1), (8, 2), (2, 1), (1, 1)])
def test_it_matches_the_definition(monkeypatch, in_blocks, groups, stride):
    monkeypatch.setattr(grouped, "_is_left_to_xla", lambda: in_blocks)
    layer = GroupedConv2D(128, 3, stride, groups=groups, name="grouped")
    padded = keras.layers.ZeroPadding2D(1)(X)
    layer.build(padded.shape)
    kernel, bias = RNG.normal(size=(3, 3, 64 // groups, 128)), RNG.normal(size=128)
    layer.set_weights([kernel, bias])
    expected = by_definition(X, kernel, groups, stride) + bias
    assert_allclose(np.array(layer(padded)), expected, rtol=1e-4, atol=1e-4)


def test_its_gradients_are_those_of_the_plain_form(monkeypatch):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are computed with TensorFlow here")
    layer = GroupedConv2D(64, 3, padding="same", groups=16)
    layer.build(X.shape)
    found = []
    for in_blocks in (False, True):
        monkeypatch.setattr(grouped, "_is_left_to_xla", lambda in_blocks=in_blocks: in_blocks)
        image = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_sum(layer(image) ** 2)
        found.append(tape.gradient(loss, [image, layer.kernel.value]))
    for plain, blocks in zip(*found, strict=True):
        assert np.abs(plain).max() > 1
        assert_allclose(plain, blocks, rtol=1e-3, atol=1e-3)


def test_a_cpu_gets_blocks():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow" or tf.config.list_physical_devices("GPU"):
        pytest.skip("only TensorFlow on a CPU is tried here")
    layer = GroupedConv2D(64, 3, padding="same", groups=16)
    layer.build(X.shape)
    graph = tf.function(layer.call).get_concrete_function(tf.constant(X)).graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert kinds.count("Conv2D") == 2
    assert not [kind for kind in kinds if "PartitionedCall" in kind]  # Keras's way to XLA
    plain = layer(X)
    compiled = tf.function(layer.call, jit_compile=True)(tf.constant(X))
    assert_allclose(plain, compiled, rtol=1e-4, atol=1e-5)


def test_blocks_have_32_channels_where_the_groups_are_smaller():
    assert [blocks_of(32, width) for width in (4, 8, 16, 32, 64)] == [4, 8, 16, 32, 32]
    assert blocks_of(2, 4) == 1


def test_block_diagonal():
    kernel = np.arange(1.0, 9).reshape(1, 1, 1, 8)
    [[found]] = np.array(block_diagonal(kernel, groups=4, blocks=2))
    assert found.tolist() == [[1, 2, 0, 0, 5, 6, 0, 0], [0, 0, 3, 4, 0, 0, 7, 8]]
