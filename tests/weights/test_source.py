"""The contract of a weights file: a test reader for .npz archives loads a model."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import TinyConfig

from mrcnn import weights
from mrcnn.network import graph
from mrcnn.weights import readers
from mrcnn.weights.source import WeightsSource

from .conftest import assert_same, chain, tiny_arrays, values
from .npz import NpzFile, write_npz


@pytest.fixture(autouse=True)
def opened(monkeypatch):
    """The files that a test has opened."""
    monkeypatch.setitem(readers.READERS, ".npz", NpzFile)
    monkeypatch.setattr(NpzFile, "opened", [])
    return NpzFile.opened


@pytest.fixture
def write(tmp_path):
    """Function: dict of layer name to arrays -> path of a file with them."""
    return lambda layers, **more: write_npz(tmp_path / "weights.npz", layers, **more)


def test_what_a_reader_must_have():
    with pytest.raises(TypeError) as caught:
        WeightsSource()
    for name in ("arrays", "close", "has_weights", "shapes"):
        assert name in str(caught.value)


def test_it_is_closed_at_the_end_of_with(write):
    path = write(tiny_arrays())
    with NpzFile(path) as source:
        assert source.layer_names == ["conv1", "dense"] and not source.closed
    assert source.closed
    with pytest.raises(KeyError), NpzFile(path) as source:
        raise KeyError
    assert source.closed


def test_images_are_rgb_unless_a_reader_says_otherwise(write):
    with NpzFile(write(tiny_arrays())) as source:
        assert WeightsSource.is_bgr(source) is False


def test_every_tensor_of_a_model(tiny, write, opened):
    path = write(dict(reversed(tiny_arrays().items())))
    report = weights.load(tiny, path, complete=True)
    assert_same(tiny, tiny_arrays())
    assert report.path == str(path) and report.loaded == ["conv1", "dense"]
    assert not any([report.excluded, report.missing, report.left_over, report.mismatched])
    assert report.notes == []
    assert [source.closed for source in opened] == [True]


def test_what_becomes_of_each_layer(tiny, write, opened):
    before = values(tiny)
    arrays = tiny_arrays(dense=[np.zeros((2, 4)), np.zeros(4)], relu=[], pool=[], other=[[1, 2]])
    report = weights.load(tiny, write(arrays), skip_mismatch=True)
    assert report.loaded == ["conv1"] and report.left_over == ["other"]
    assert report.mismatched == {
        "dense": "kernel (2, 4) in the file, (2, 3) in the model; "
        "bias (4,) in the file, (3,) in the model"
    }
    assert_same(tiny, {"conv1": arrays["conv1"], "dense": before["dense"]})
    # What is not needed is not read.
    assert opened[-1].read == ["conv1"]

    report = weights.load(tiny, write({"dense": tiny_arrays()["dense"]}))
    assert (report.loaded, report.missing) == (["dense"], ["conv1"])
    assert_same(tiny, tiny_arrays())

    report = weights.load(tiny, write(tiny_arrays(conv1=[np.zeros(9)])), exclude=["conv1"])
    assert (report.loaded, report.excluded) == (["dense"], ["conv1"])
    assert opened[-1].read == ["dense"] and all(source.closed for source in opened)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"dense": [np.zeros((2, 4)), np.zeros(4)]}, {}, "shapes disagree in 1 layers, nothing"),
        ({"other": [np.zeros(2)]}, {}, "no layer of the model got weights. The file has other; "),
        (
            {"dense": tiny_arrays()["dense"]},
            {"complete": True},
            "lacks 1 layers of the model: conv1",
        ),
    ],
)
def test_a_refused_file_leaves_the_model_as_it_was(tiny, write, opened, arrays, options, message):
    before = values(tiny)
    with pytest.raises(ValueError, match=message):
        weights.load(tiny, write(arrays), **options)
    assert_same(tiny, before)
    assert opened[-1].read == [] and opened[-1].closed


def test_a_damaged_layer_leaves_the_model_as_it_was(tiny, write, opened, monkeypatch):
    before = values(tiny)
    arrays = NpzFile.arrays

    def damaged(source, layer):
        if layer == "dense":
            raise ValueError("dense is damaged.")
        return arrays(source, layer)

    monkeypatch.setattr(NpzFile, "arrays", damaged)
    with pytest.raises(ValueError, match=r"dense is damaged\."):
        weights.load(tiny, write(tiny_arrays()))
    assert opened[-1].read == ["conv1"] and opened[-1].closed
    assert_same(tiny, before)


def test_bgr_is_converted_to_rgb(tiny, write):
    kernel, bias = tiny_arrays()["conv1"]
    report = weights.load(tiny, write(tiny_arrays(), bgr=1))
    assert_same(tiny, tiny_arrays(conv1=[kernel[:, :, ::-1], bias]))
    assert report.notes == ["conv1's input channels reversed: BGR in the file, RGB here"]


def test_rgb_is_spread_over_other_channels(write):
    model = chain((4, 4, 5), keras.layers.Conv2D(2, 1, name="conv1"))
    report = weights.load(model, write(tiny_arrays()))
    kernel, bias = values(model)["conv1"]
    # The sums over red, green and blue are 0 + 2 + 4 and 1 + 3 + 5.
    assert_allclose(kernel, np.broadcast_to(np.array([6, 9]) / 5, (1, 1, 5, 2)), rtol=1e-6)
    assert_array_equal(bias, [7, 8])
    assert report.loaded == ["conv1"] and "spread over 5 channels" in report.notes[0]


def test_a_whole_network(write):
    keras.utils.set_random_seed(0)
    trained, other = (graph.build("inference", TinyConfig()) for _ in range(2))
    wanted = values(trained)
    assert not np.array_equal(wanted["rpn_model"][0], values(other)["rpn_model"][0])
    path = write({**wanted, "fc1000": [np.zeros(3)]})
    report = other.load_weights(path)
    assert report.loaded == list(wanted) and report.left_over == ["fc1000"]
    assert not report.missing and not report.mismatched
    assert_same(other, wanted)
