import shutil
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.images import open_regions
from mrcnn.images.pixel_size import PixelSize
from mrcnn.images.planes import planes_of
from mrcnn.images.region_bands import Bands
from mrcnn.images.region_zarr import is_zarr

RNG = np.random.default_rng(0)
CELLS = RNG.integers(0, 60000, (2, 3, 48, 70), dtype=np.uint16)  # [Z, C, Y, X]
VERSIONS = pytest.mark.parametrize("version", [2, 3])


@pytest.fixture
def zarr():
    return pytest.importorskip("zarr")


def write_array(group, name, values, chunks):
    array = group.create_array(name, shape=values.shape, chunks=chunks, dtype=values.dtype)
    array[...] = values


def write_image(zarr, path, version, values=CELLS, names="zcyx", labels=("DAPI", "actin", "x")):
    """An OME-Zarr image with one smaller copy; axes are described as each version does."""
    kinds = {"c": "channel", "t": "time"}
    axes = [{"name": name, "type": kinds.get(name, "space")} for name in names]
    for axis in axes:
        if axis["type"] == "space":
            axis["unit"] = "micrometer"
    metadata = {
        "multiscales": [
            {
                "axes": axes,
                "datasets": [
                    {
                        "path": str(level),
                        "coordinateTransformations": [
                            {
                                "type": "scale",
                                "scale": [0.5 * 2**level if n in "yx" else 1.0 for n in names],
                            }
                        ],
                    }
                    for level in (0, 1)
                ],
            }
        ]
    }
    if labels:
        metadata["omero"] = {"channels": [{"label": label} for label in labels]}
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    group.attrs.update({"ome": {"version": "0.5", **metadata}} if version == 3 else metadata)
    chunks = tuple(16 if name in "yx" else 1 for name in names)
    write_array(group, "0", values, chunks)
    half = tuple(slice(None, None, 2 if name in "yx" else 1) for name in names)
    write_array(group, "1", values[half], chunks)
    return path


@VERSIONS
def test_an_ome_zarr(zarr, tmp_path, version):
    path = write_image(zarr, tmp_path / "cells.ome.zarr", version)
    wanted = np.moveaxis(CELLS[1], 0, -1)
    assert is_zarr(path) and planes_of(path) == 2
    with open_regions(path, plane=1) as image:
        assert (image.shape, image.dtype) == ((48, 70, 3), np.uint16)
        assert image.channel_names == ["DAPI", "actin", "x"]
        assert image.pixel_size == PixelSize(0.5, 0.5, "µm")
        assert_array_equal(image[:], wanted)
        assert_array_equal(image[10:40, -30:-2, 1:], wanted[10:40, -30:-2, 1:])
        (half,) = image.levels()
        assert_array_equal(half[3:20, 5:], wanted[::2, ::2][3:20, 5:])
    with open_regions(path, "actin", projection="mean") as image:
        assert_array_equal(image[3:9, 5:60], np.rint(CELLS[:, 1, 3:9, 5:60].mean(0)))
        assert_array_equal(image.levels()[0][:], np.rint(CELLS[:, 1, ::2, ::2].mean(0)))
    with pytest.raises(
        ValueError, match=r"a stack of 2 planes \(shape \(2, 3, 48, 70\), axes ZCYX"
    ):
        open_regions(path)


@VERSIONS
def test_only_the_chunks_of_one_channel_are_read(zarr, tmp_path, version):
    path = write_image(zarr, tmp_path / "cells.zarr", version)
    for chunk in path.glob("0/**/*"):
        parts = [part for part in chunk.relative_to(path).as_posix().split("/")[1:]]
        place = [int(x) for part in parts for x in part.split(".") if x.isdigit()]
        if len(place) == 4 and place != [1, 2, 0, 1]:
            chunk.unlink()  # Zarr reads it as zeros
    with open_regions(path, 2, plane=1) as image:
        assert_array_equal(image[2:9, 20:30], CELLS[1, 2, 2:9, 20:30])


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (RNG.integers(0, 255, (48, 70, 3), dtype=np.uint8), "yxc"),
        (RNG.integers(0, 255, (70, 48), dtype=np.uint8), "xy"),
        (RNG.integers(0, 255, (1, 3, 1, 48, 70), dtype=np.uint8), "tczyx"),
    ],
)
def test_other_orders_of_axes(zarr, tmp_path, values, names):
    path = write_image(zarr, tmp_path / "a.zarr", 2, values, names, labels=None)
    wanted = {
        "yxc": values,
        "xy": values.T,
        "tczyx": np.moveaxis(values[0, :, 0], 0, -1) if values.ndim == 5 else None,
    }[names]
    with open_regions(path) as image:
        assert_array_equal(image[5:30, 2:40], wanted[5:30, 2:40])
        assert image.channel_names == []  # three of 8 bits are colours


def test_metadata_of_old_versions(zarr, tmp_path):
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    group.attrs["multiscales"] = [{"version": "0.1", "datasets": [{"path": "full"}]}]
    write_array(group, "full", CELLS[None], (1, 1, 1, 16, 16))
    assert planes_of(tmp_path / "a.zarr") == 3  # axes TCZYX
    group.attrs["multiscales"] = [{"axes": list("tzcyx"), "datasets": [{"path": "full"}]}]
    with open_regions(tmp_path / "a.zarr", plane=0) as image:
        assert image.channel_names == ["", "", ""]
        assert_array_equal(image[:20], np.moveaxis(CELLS[0], 0, -1)[:20])


@VERSIONS
def test_a_plain_array(zarr, tmp_path, version):
    path = tmp_path / "a.zarr"
    options = {"mode": "w", "zarr_format": version}
    array = zarr.open(str(path), shape=(48, 70), chunks=(8, 70), dtype="?", **options)
    array[...] = CELLS[0, 0] > 9999
    with open_regions(path) as image:
        assert type(image._source._array) is Bands
        assert image.dtype == np.uint8
        assert_array_equal(image[4:30, 9:20], (CELLS[0, 0, 4:30, 9:20] > 9999) * 255)
    array = zarr.open(str(path), shape=(3, 48, 70), chunks=(1, 8, 8), dtype="u2", **options)
    array[...] = CELLS[0]
    with open_regions(path) as image:
        assert_array_equal(image[4:30, 9:20], np.moveaxis(CELLS[0], 0, -1)[4:30, 9:20])
    with open_regions(path, projection="max") as image:
        assert_array_equal(image[4:30, 9:20], CELLS[0, :, 4:30, 9:20].max(0))


@VERSIONS
def test_the_first_image_that_bioformats2raw_wrote(zarr, tmp_path, version):
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=version)
    layout = {"bioformats2raw.layout": 3}
    group.attrs.update({"ome": layout} if version == 3 else layout)
    write_image(zarr, tmp_path / "a.zarr" / "0", version, CELLS[0], "cyx")
    with open_regions(tmp_path / "a.zarr") as image:
        assert image.shape == (48, 70, 3)
        assert image.pixel_size == PixelSize(0.5, 0.5, "µm")


def test_folders_that_are_not_one_image(zarr, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="folder is a folder without Zarr metadata: it is not an"):
        open_regions(tmp_path / "folder")
    group = zarr.open_group(str(tmp_path / "p.zarr"), mode="w", zarr_format=2)
    group.attrs["plate"] = {}
    group.create_group("A")
    with pytest.raises(ValueError, match=r"p\.zarr is a plate, not one image: .* It holds A\."):
        open_regions(tmp_path / "p.zarr")
    zarr.open(str(tmp_path / "c.zarr"), mode="w", shape=(8, 8), dtype="c16")
    with pytest.raises(ValueError, match=r"c\.zarr holds complex128, not numbers"):
        open_regions(tmp_path / "c.zarr")
    with pytest.raises(FileNotFoundError, match=r"no such file: .*none\.zarr"):
        open_regions(tmp_path / "none.zarr")


def test_one_large_chunk(zarr, tmp_path):
    zarr.open(str(tmp_path / "a.zarr"), mode="w", shape=(40, 60), chunks=(40, 60), dtype="u1")
    with pytest.raises(ValueError, match="40 x 60 pixels and cannot be read in parts: it is one"):
        open_regions(tmp_path / "a.zarr", max_pixels=2399)


def test_a_folder_that_is_removed_while_it_is_open(zarr, tmp_path):
    path = write_image(zarr, tmp_path / "a.zarr", 2, CELLS[0], "cyx")
    with open_regions(path) as image:
        shutil.rmtree(path)
        with pytest.raises(FileNotFoundError, match=r"no such file: .*a\.zarr"):
            image[:5, :5]


def test_zarr_is_missing(tmp_path, monkeypatch):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError) as caught:
        open_regions(tmp_path / "a.zarr")
    assert str(caught.value) == (
        f'{tmp_path / "a.zarr"}: to read Zarr needs the package zarr: pip install "mask-rcnn[huge]"'
    )
