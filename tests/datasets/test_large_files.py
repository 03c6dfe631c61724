"""Which files are read in parts; `test_tiles` compares the parts with the whole images."""

import sys

import numpy as np
import pytest
from PIL import Image

from mrcnn.datasets import large_files


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(1200, dtype=np.uint16).reshape(30, 40))
    return tmp_path / "a.npy"


def test_only_large_files_are_read_in_parts(file, monkeypatch):
    assert large_files.image_size(file) == (30, 40)
    box = (10, 5, 12, 8)
    assert large_files.read_part(file, box, None) is None
    monkeypatch.setattr(large_files, "LARGE", 1200)
    part = large_files.read_part(file, box, max_pixels=10)
    assert part.dtype == np.uint16
    np.testing.assert_array_equal(part, np.repeat(np.load(file)[10:12, 5:8, None], 3, axis=2))
    monkeypatch.setattr(large_files, "LARGE", 1201)
    assert large_files.read_part(file, box, None) is None


def test_a_png_has_no_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(large_files, "LARGE", 1)
    Image.fromarray(np.zeros((30, 40), np.uint8)).save(tmp_path / "a.png")
    assert large_files.read_part(tmp_path / "a.png", (0, 0, 9, 9), None) is None
    with pytest.raises(FileNotFoundError, match=r"no such file: .*b\.png"):
        large_files.read_part(tmp_path / "b.png", (0, 0, 9, 9), None)


def test_what_must_be_read_as_a_whole_has_no_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(large_files, "LARGE", 1)
    # tifffile does not decode it by itself, Pillow does.
    Image.fromarray(np.zeros((30, 40), np.uint8)).save(tmp_path / "a.tif", compression="tiff_lzw")
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    assert large_files.read_part(tmp_path / "a.tif", (0, 0, 9, 9), None) is None
