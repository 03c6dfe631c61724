"""Read a weights file of any project: its first bytes say which format it has."""

import errno
import importlib.util
import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import FOREIGN

from mrcnn.checkpoints import read

from .conftest import same
from .writers import ordered, tensors_of, write_legacy, write_safetensors, write_zip

FORMATS = ["torch", "torch (before 1.6)", "model-zoo pickle", "safetensors", "npz"]


def write(folder, kind, arrays):
    """Write arrays in one of the formats; the name says nothing."""
    path = folder / "weights"
    if kind == "torch":
        write_zip(path, {"model": ordered(tensors_of(arrays)[0])}, tensors_of(arrays)[1])
    elif kind == "torch (before 1.6)":
        write_legacy(path, *tensors_of(arrays, None))
    elif kind == "model-zoo pickle":
        path.write_bytes(pickle.dumps({"model": arrays, "__author__": "me"}, 4))
    elif kind == "npz":
        with open(path, "wb") as file:
            np.savez(file, **arrays)
    else:
        header, data = {}, b""
        for name, array in arrays.items():
            kind, place = {"f": "F32", "i": "I64"}[array.dtype.kind], len(data)
            offsets = [place, place + array.nbytes]
            header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": offsets}
            data += array.tobytes()
        write_safetensors(path, header, data)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small file of each format, as bytes, and where to write others."""
    folder = tmp_path_factory.mktemp("files")
    arrays = {"a": np.arange(3, dtype=np.float32), "b": np.array(7)}
    data = {kind: write(folder, kind, arrays).read_bytes() for kind in FORMATS}
    return data, folder / "other"


@pytest.mark.parametrize("kind", FORMATS)
def test_the_name_does_not_matter(tmp_path, kind):
    arrays = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([7, 8])}
    path = write(tmp_path, kind, arrays)
    for argument in (path, str(path)):
        checkpoint = read(argument)
        assert checkpoint.format == kind and checkpoint.path == path
        same(checkpoint.tensors, arrays)


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_at_any_byte(files, kind):
    data, path = files[0][kind], files[1]
    for end in [*range(0, len(data), 1 + len(data) // 150), *range(len(data) - 30, len(data))]:
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match=str(path)):
            read(path)


# A value for the byte at a place, bytes to insert there, and how many to delete.
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 1 << 16),
        st.integers(0, 255),
        st.binary(max_size=4)
        | st.sampled_from([b"0", b"(", b"t", b"R", b"}", b"b", b"\x85", b"Q"]),
        st.sampled_from([0, 0, 0, 1, 4]),
    ),
    min_size=1,
    max_size=4,
)


@given(kind=st.sampled_from(FORMATS), changes=CHANGES)
def test_damaged_anywhere(files, kind, changes):
    data, path = bytearray(files[0][kind]), files[1]
    for place, value, inserted, deleted in changes:
        place %= len(data)
        data[place] = value
        data[place : place + deleted] = inserted
    path.write_bytes(data)
    try:
        tensors = read(path).tensors
    except ValueError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert all(isinstance(array, np.ndarray) for array in tensors.values())


@given(st.binary(max_size=40), st.sampled_from([b"", b"\x80\x02", b"PK\3\4", b"\x93NUMPY", b"("]))
def test_any_bytes(files, data, start):
    files[1].write_bytes(start + data)
    with pytest.raises(ValueError, match=str(files[1])):
        read(files[1])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        (b"\n <!DOCTYPE html><html>", "a web page"),
        (b"<html><body>404", "a web page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5 file (.h5), for mrcnn.weights.load"),
        (b"\x1f\x8b\x08\0\1\2\3\4\5\6", "compressed by gzip"),
        (b"\x93NUMPY\1\0v\0{'descr'", "a single array"),
        (b'{"a": 1, "b": 2}', "JSON text"),
        (bytes(257) + b"ustar" + bytes(300), "a tar archive"),
        (b"some other text", "it begins with b'some other text', but torch.save"),
        (bytes(99), "it begins with"),
        (b"cos\nsystem\n(S'ls'\ntR.", "the file calls os.system"),
    ],
)
def test_other_files(refused, data, reason):
    assert reason in refused(data)


def test_other_zip_files(tmp_path, refused):
    path = tmp_path / "a.zip"
    for names, reason in [
        (["readme.txt", "a.npy"], "zip file of other things ('readme.txt', 'a.npy')"),
        (["config.json", "model.weights.h5"], "a .keras file"),
    ]:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"")
        assert reason in refused(path)


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        read(tmp_path / "missing.pth")
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        read(tmp_path)
    with pytest.raises(TypeError):
        read(None)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipes_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="named pipe"):
        read(tmp_path / "pipe")


def test_an_error_of_the_disk_names_the_file(tmp_path, monkeypatch):
    def fail(path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("mrcnn.checkpoints.reading._read", fail)
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    with pytest.raises(OSError, match=f"Input/output error: '{path}'"):
        read(path)


def test_too_little_memory(tmp_path, monkeypatch):
    def fail(path):
        raise MemoryError

    monkeypatch.setattr("mrcnn.checkpoints.reading._read", fail)
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    with pytest.raises(ValueError, match=r"a \(3 bytes\) needs more memory"):
        read(path)


@pytest.mark.network
@pytest.mark.parametrize("ending", ["npz", "safetensors", "pkl"])
def test_files_of_whole_models(tmp_path, ending):
    source = FOREIGN / "make_foreign_weights.py"
    if not source.exists():
        pytest.skip("no foreign reference values")
    spec = importlib.util.spec_from_file_location("make_foreign_weights", source)
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    manifest = maker.load_manifest(FOREIGN / "detectron2_mask_rcnn_R_50_DC5_3x.manifest.json")
    # Small tensors, from the whole list, so that the file takes no minutes to write.
    manifest["tensors"] = [row for row in manifest["tensors"] if np.prod(row["shape"]) < 1e5]
    weights = maker.make_weights(manifest)
    path = str(tmp_path / f"weights.{ending}")
    maker.write(weights, path)
    same(read(path).tensors, weights)
