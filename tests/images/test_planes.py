import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.images import open_regions, read_image
from mrcnn.images.planes import planes_of

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "options", "wanted", "pages"),
    [
        ((40, 60), {}, 1, 1),
        ((40, 60, 3), {"photometric": "rgb"}, 1, 1),
        ((5, 40, 60), {"photometric": "minisblack"}, 1, 5),
        ((5, 40, 60), {"imagej": True, "metadata": {"axes": "ZYX"}}, 5, 5),
        ((4, 5, 2, 40, 60), {"imagej": True, "metadata": {"axes": "TZCYX"}}, 20, 20),
        ((2, 40, 60), {"imagej": True, "metadata": {"axes": "CYX"}}, 1, 1),
        ((5, 40, 60, 3), {"ome": True, "metadata": {"axes": "ZYXS"}, "photometric": "rgb"}, 5, 5),
    ],
)
def test_how_many(tmp_path, shape, options, wanted, pages):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros(shape, np.uint8), **options)
    assert planes_of(path) == wanted
    assert planes_of(path, pages=True) == pages
    if wanted == 1:
        read_image(path)
    with open_regions(path, plane=pages - 1) as image:
        assert image.shape[:2] == (40, 60)
    with pytest.raises(ValueError, match=rf"no plane {pages}\."):
        open_regions(path, plane=pages)


def test_other_files(tmp_path):
    Image.new("RGB", (60, 40)).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", np.zeros((5, 40, 60)))
    assert planes_of(tmp_path / "a.png") == planes_of(tmp_path / "a.npy") == 1
    with pytest.raises(FileNotFoundError, match="no such file"):
        planes_of(tmp_path / "b.tif")
    with pytest.raises(ValueError, match="without Zarr metadata"):
        planes_of(tmp_path)


@pytest.mark.parametrize("packing", [{}, {"tile": (16, 16), "compression": "zlib"}])
@pytest.mark.parametrize("axes", ["ZCYX", "CZYX", "TZYX"])
def test_planes_and_projections(tmp_path, packing, axes):
    path, stack = tmp_path / "a.ome.tif", RNG.integers(0, 6000, (3, 2, 40, 60), dtype=np.uint16)
    tifffile.imwrite(path, stack, photometric="minisblack", metadata={"axes": axes}, **packing)
    # [plane, H, W, C]
    planes = {
        "ZCYX": np.moveaxis(stack, 1, -1),
        "CZYX": np.moveaxis(stack, 0, -1),
        "TZYX": stack.reshape(6, 40, 60),
    }[axes]
    assert planes_of(path) == len(planes)
    for index, plane in enumerate(planes):
        with open_regions(path, plane=index) as image:
            assert image.shape == plane.shape
            assert_array_equal(image[:], plane)
            assert_array_equal(image[5:30, ::-2], plane[5:30, ::-2])
    for projection in ("max", "mean", "sum"):
        wanted = np.rint(getattr(planes, projection)(0))
        with open_regions(path, projection=projection) as image:
            assert image.dtype == (np.uint32 if projection == "sum" else np.uint16)
            assert_array_equal(image[7:33, 10:50], wanted[7:33, 10:50])
    if "C" in axes:
        with open_regions(path, channel=1, projection="max") as image:
            assert_array_equal(image[7:33, 10:50], planes.max(0)[7:33, 10:50, 1])


def test_a_projection_of_planes_with_missing_pixels_and_an_orientation(tmp_path):
    path, stack = tmp_path / "a.tif", RNG.integers(0, 3, (4, 40, 60), dtype=np.uint16)
    tags = [(274, "H", 1, 6, True), (42113, "s", 0, "2", True)]
    tifffile.imwrite(path, stack, photometric="minisblack", extratags=tags)
    turned = np.rot90(np.ma.MaskedArray(stack, stack == 2), -1, (1, 2))
    with open_regions(path, projection="max") as image:
        found = image[3:30, 4:]
        assert_array_equal(found.mask, turned.mask.all(0)[3:30, 4:])
        assert_array_equal(found.filled(9), turned.max(0).filled(9)[3:30, 4:])


def test_one_plane_is_not_projected(tmp_path):
    path, cells = tmp_path / "a.tif", RNG.integers(0, 255, (40, 60), dtype=np.uint8)
    tifffile.imwrite(path, cells)
    with open_regions(path, projection="sum") as image:
        assert image.dtype == np.uint8
        assert_array_equal(image[:], cells)


def test_mistakes(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((3, 40, 60), np.uint8), imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(ValueError) as caught:
        open_regions(path)
    assert str(caught.value) == (
        f"{path} cannot be used: it holds a stack of 3 planes (shape (3, 40, 60), axes ZYX), not "
        'one image. Choose a plane, such as plane=0, or combine them, such as projection="max", '
        "with images.open_regions."
    )
    with pytest.raises(ValueError, match='plane is 1 and projection is "max": give one of them'):
        open_regions(path, plane=1, projection="max")
    with pytest.raises(ValueError, match="projection is 'min'"):
        open_regions(path, projection="min")
