"""The choice of a reader for a weights file."""

import numpy as np
import pytest

from mrcnn.weights import readers
from mrcnn.weights.foreign import open_foreign
from mrcnn.weights.foreign.torch_file import write as write_tensors
from mrcnn.weights.keras_h5 import WeightsFile
from mrcnn.weights.readers import READERS, is_foreign, open_source
from mrcnn.weights.source import WeightsSource

from .conftest import tiny_arrays
from .foreign.models import resnet
from .npz import NpzFile, write_npz


def test_every_reader_is_one():
    assert {".h5", ".hdf5"} <= set(READERS)
    for ending, reader in READERS.items():
        assert ending.startswith(".") and ending == ending.lower()
        assert reader is open_foreign or issubclass(reader, WeightsSource)


@pytest.mark.parametrize(
    "name", ["a.h5", "a.hdf5", "A.H5", "mask_rcnn_coco.0040.h5", "weights", "a.bin"]
)
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_hdf5_by_its_ending_and_without_one(write, name, kind):
    path = write(tiny_arrays())
    path = path.rename(path.with_name(name))
    with open_source(kind(path)) as source:
        assert type(source) is WeightsFile
        assert source.layer_names == ["conv1", "dense"] and source.path == path
        assert source.shapes("dense") == [(2, 3), (3,)]


def test_another_format_by_its_ending(tmp_path, monkeypatch):
    monkeypatch.setitem(readers.READERS, ".npz", NpzFile)
    path = write_npz(tmp_path / "weights.NPZ.npz", tiny_arrays())
    for name in ("weights.npz", "weights.NPZ"):
        path = path.rename(tmp_path / name)
        with open_source(path) as source:
            assert type(source) is NpzFile
            assert source.layer_names == ["conv1", "dense"]
            np.testing.assert_array_equal(source.arrays("dense")[1], [1, 2, 3])


def test_no_file(tmp_path):
    for name in ("missing.h5", "missing"):
        with pytest.raises(FileNotFoundError, match=rf"no such weights file: .*{name}\.$"):
            open_source(tmp_path / name)
    with pytest.raises(IsADirectoryError, match="is a folder: pass a weights file inside it"):
        open_source(tmp_path)


@pytest.mark.parametrize("value", [None, 3, ["a.h5"]])
def test_not_a_path(value):
    with pytest.raises(TypeError, match="it must be the path of a weights file"):
        open_source(value)


def test_a_file_of_another_kind(tmp_path):
    for name, content, message in (
        ("weights.bin", b"PK\x03\x04 and so on", "the zip file cannot be read"),
        ("weights.pth", b"PK\x03\x04 and so on", "the zip file cannot be read"),
        ("weights.h5", b"PK\x03\x04 and so on", "cannot be read as an HDF5 file"),
        ("weights.txt", b"some text", "cannot be read as an HDF5 file"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            open_source(path)


@pytest.mark.parametrize("name", ["last.ckpt", "pytorch_model.bin", "model.pth.tar", "weights"])
@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_other_extensions_of_files_of_other_projects(tmp_path, name, kind):
    path = tmp_path / f"x.{kind}"
    write_tensors(resnet(), path)
    path = path.rename(tmp_path / name)
    assert is_foreign(path)
    with open_source(path) as source:
        assert source.kind.project == "detectron2"


def test_hdf5_is_not_of_another_project(write, tmp_path):
    path = write(tiny_arrays())
    assert not is_foreign(path.rename(tmp_path / "weights.bin"))
    assert not is_foreign(tmp_path / "nowhere.ckpt") and not is_foreign(tmp_path)


def test_files_of_other_projects():
    for name in ("a.pth", "A.PT", "b/model_final.pkl", "c.safetensors", "d.npz", "detectron2:R-50"):
        assert is_foreign(name)
    for name in ("a.h5", "nuclei", "coco", "last", "a.hdf5"):
        assert not is_foreign(name)
