import contextlib
import os
import tracemalloc

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.files.hdf5 import new_hdf5, open_hdf5

resource = pytest.importorskip("resource", reason="limits the size of files")

SIZES = range(0, 40_000, 1_000)


@contextlib.contextmanager
def largest_file(size):
    """In a `with`, no file grows beyond `size` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(file):
    rng = np.random.default_rng(0)
    for index in range(8):
        group = file.create_group(f"layer{index}")
        group.create_dataset("kernel", data=rng.random((16, 32), np.float32))
        group.attrs["weight_names"] = [b"kernel"]


def test_the_file_is_one_that_hdf5_itself_would_write(tmp_path):
    with h5py.File(tmp_path / "direct.h5", "w") as file:
        fill(file)
    with new_hdf5(tmp_path / "made.h5") as file:
        fill(file)
    made, direct = ((tmp_path / name).read_bytes() for name in ("made.h5", "direct.h5"))
    # The versions of all parts of the format; free space may be distributed differently.
    assert made[:24] == direct[:24]
    assert abs(len(made) - len(direct)) < 512
    with h5py.File(tmp_path / "made.h5") as file, h5py.File(tmp_path / "direct.h5") as other:
        assert list(file) == list(other) and len(file) == 8
        for name, group in file.items():
            assert dict(group.attrs) == dict(other[name].attrs)
            assert group["kernel"].dtype == np.float32 and group["kernel"].chunks is None
            assert_array_equal(group["kernel"], other[name]["kernel"])


@pytest.mark.parametrize("size", SIZES)
def test_a_full_disk(tmp_path, size):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"old")
    if size < 33_000:
        with pytest.raises(OSError) as caught, largest_file(size), new_hdf5(path) as file:
            fill(file)
        assert str(caught.value) == f"{path} cannot be written: File too large."
        assert path.read_bytes() == b"old"
    else:
        with largest_file(size), new_hdf5(path) as file:
            fill(file)
        with h5py.File(path) as file:
            assert len(file) == 8
    assert os.listdir(tmp_path) == ["weights.h5"]


def test_an_error_in_the_block_leaves_the_old_file(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="the reason"), new_hdf5(path) as file:
        fill(file)
        raise ValueError("the reason")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["weights.h5"]


def test_it_is_in_memory_once(tmp_path):
    values = np.random.default_rng(0).random((8, 1 << 20), np.float32)  # 32 MB
    tracemalloc.start()
    try:
        with new_hdf5(tmp_path / "large.h5") as file:
            for index, row in enumerate(values):
                file[str(index)] = row
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * values.nbytes
    with h5py.File(tmp_path / "large.h5") as file:
        assert_array_equal(file["7"], values[7])


def test_opening(tmp_path):
    path = tmp_path / "a.h5"
    with new_hdf5(path) as file:
        file["primes"] = [2, 3]
    with open_hdf5(path) as file:
        assert file["primes"][1] == 3 and file.mode == "r"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"a\.h5 \(100 bytes\) cannot be read as an HDF5 file"):
        open_hdf5(path)
    with pytest.raises(FileNotFoundError):
        open_hdf5(tmp_path / "missing.h5")
