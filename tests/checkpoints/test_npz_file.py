"""NumPy's .npz."""

import io
import struct
import zipfile

import numpy as np
import pytest

from mrcnn.checkpoints import read

from .conftest import same


@pytest.fixture
def write(tmp_path):
    def write(data, name="a.npy"):
        path = tmp_path / "weights.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, data)
        return path

    return write


def npy(header, data=bytes(4), version=1):
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + data


def header(dtype="'<f4'", fortran="False", shape="(1,)"):
    return f"{{'descr': {dtype}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reading(tmp_path, arrays, save):
    arrays |= {
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">i2"),
        "a/b.c": np.ones((1, 2)),
    }
    path = tmp_path / "weights.npz"
    save(path, **arrays)
    checkpoint = read(path)
    assert checkpoint.format == "npz"
    same(checkpoint.tensors, arrays)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions(write, version):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.arange(3), version)
    assert read(write(file.getvalue())).tensors["a"].tolist() == [0, 1, 2]


def test_other_writers(write):
    text = "{'shape': (2L, 1L), 'fortran_order':True,'descr':'<u2'}"
    assert read(write(npy(text))).tensors["a"].tolist() == [[0], [0]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (npy(header("'|O'")), "elements of type '|O'"),
        (npy(header("'<U1'")), "elements of type '<U1'"),
        (npy(header("'|V4'")), "elements of type '|V4'"),
        (npy(header("[('a', '<f4')]")), "not that of plain numbers"),
        (npy(header(shape="(1000000, 1000000)")), "4 bytes, not 4,000,000,000,000"),
        (npy(header(shape=f"({'9' * 3000},)")), "plausible sizes"),
        (npy(header(shape="(9999999999999999,)")), "plausible sizes"),
        (npy(header(shape="(__import__('os').system('ls'),)")), "not that of plain numbers"),
        (npy(header(shape="(-1,)")), "not that of plain numbers"),
        (npy(header(shape="(1 1,)")), "plausible sizes"),
        (npy(header(fortran="1")), "not that of plain numbers"),
        (npy(header(), bytes(3)), "3 bytes, not 4"),
        (npy(header(), bytes(5)), "5 bytes, not 4"),
        (npy(header(), version=9), "not an array of a known version"),
        (npy(" " * 5000), "a header of 5,000 bytes"),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff{", "a header of 4,294,967,295 bytes"),
        (b"\x93NUM", "not an array of a known version"),
        (b"", "not an array of a known version"),
    ],
)
def test_refused(write, refused, data, reason):
    why = refused(write(data))
    assert why.startswith("'a': ") and reason in why


def test_objects(tmp_path, refused):
    np.savez(tmp_path / "a.npz", a=np.array([{}], object), b=np.ones(2))
    assert "'a': refused: elements of type '|O'" in refused(tmp_path / "a.npz")


def test_nothing(tmp_path, refused):
    np.savez(tmp_path / "a.npz")
    assert "it holds no tensors" in refused(tmp_path / "a.npz")
