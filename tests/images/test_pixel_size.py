import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.images.pixel_size import PixelSize, read_pixel_size

PIXELS = np.zeros((10, 12), np.uint16)


@pytest.fixture
def save(tmp_path):
    def _save(**options):
        tifffile.imwrite(tmp_path / "image.tif", PIXELS, **options)
        return tmp_path / "image.tif"

    return _save


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("um", "µm"),
        ("micron", "µm"),
        ("\\u00B5m", "µm"),
        ("mm", "mm"),
        ("nm", "nm"),
        ("inch", "inch"),
        ("furlong", "furlong"),
    ],
)
def test_imagej(save, unit, shown):
    path = save(imagej=True, resolution=(1 / 0.25, 1 / 0.5), metadata={"unit": unit})
    assert read_pixel_size(path) == PixelSize(y=0.5, x=0.25, unit=shown)


@pytest.mark.parametrize("unit", ["pixel", "pixels", ""])
def test_imagej_without_a_physical_unit(save, unit):
    assert read_pixel_size(save(imagej=True, resolution=(4, 2), metadata={"unit": unit})) is None


def test_imagej_that_kept_the_resolution_of_a_screen(save):
    path = save(imagej=True, resolution=(72, 72), metadata={"unit": "inch"})
    assert read_pixel_size(path) is None


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}, PixelSize(0.5, 0.25, "µm")),
        (
            {"PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5},
            PixelSize(500, 250, "nm"),
        ),
        ({"PhysicalSizeX": 0.25}, None),
        (
            {
                **dict.fromkeys(("PhysicalSizeX", "PhysicalSizeY"), 2),
                **dict.fromkeys(("PhysicalSizeXUnit", "PhysicalSizeYUnit"), "pixel"),
            },
            None,
        ),
        ({}, None),
    ],
)
def test_ome_tiff(save, metadata, expected):
    assert read_pixel_size(save(ome=True, metadata={"axes": "YX", **metadata})) == expected


def test_ome_tiff_in_which_a_character_is_escaped(save):
    xml = tifffile.OmeXml()
    xml.addimage("uint16", PIXELS.shape, (1, 1, 1, *PIXELS.shape, 1), axes="YX")
    text = xml.tostring(declaration=True).replace(
        "<Pixels ",
        '<Pixels PhysicalSizeX="2" PhysicalSizeXUnit="&#181;m" PhysicalSizeY="3" '
        'PhysicalSizeYUnit="&#xB5;m" ',
    )
    path = save(description=text.encode(), metadata=None)
    assert read_pixel_size(path) == PixelSize(3, 2, "µm")


def test_resolution_tags(save):
    path = save(resolution=(40_000, 20_000), resolutionunit="CENTIMETER")
    assert read_pixel_size(path) == PixelSize(y=0.5, x=0.25, unit="µm")
    path = save(resolution=(25_400, 25_400), resolutionunit="INCH")
    assert read_pixel_size(path) == PixelSize(y=1.0, x=1.0, unit="µm")


@pytest.mark.parametrize(
    ("dots", "unit"),
    [
        (72, "INCH"),
        (96, "INCH"),
        (28.346, "CENTIMETER"),
        (37.795, "CENTIMETER"),
        (1, "NONE"),
        (40_000, "NONE"),
        (0, "INCH"),
    ],
)
def test_resolutions_that_say_nothing_of_a_size(save, dots, unit):
    assert read_pixel_size(save(resolution=(dots, dots), resolutionunit=unit)) is None


def test_aperio(save):
    path = save(description="Aperio Image Library v11\n10x12|AppMag = 20|MPP = 0.4990|")
    assert read_pixel_size(path) == PixelSize(0.499, 0.499, "µm")


def test_a_turned_image_has_its_sides_swapped(save):
    quarter_turn = (274, "H", 1, 6, True)
    path = save(resolution=(40_000, 20_000), resolutionunit="CENTIMETER", extratags=[quarter_turn])
    assert read_pixel_size(path) == PixelSize(y=0.25, x=0.5, unit="µm")


def test_images_without_a_size(save, tmp_path):
    assert read_pixel_size(save()) is None
    for name in ("a.png", "a.jpg"):
        Image.new("L", (12, 10)).save(tmp_path / name, dpi=(300, 300))
        assert read_pixel_size(tmp_path / name) is None
    np.save(tmp_path / "a.npy", PIXELS)
    assert read_pixel_size(tmp_path / "a.npy") is None


def multiscales(*scales, unit="micrometer", whole=None):
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": unit} for name in "yx"]
    datasets = [
        {
            "path": str(i),
            "coordinateTransformations": [
                {"type": "scale", "scale": scale},
                {"type": "translation", "translation": [0, 9, 9]},
            ],
        }
        for i, scale in enumerate(scales)
    ]
    image = {"axes": axes, "datasets": datasets}
    if whole:
        image["coordinateTransformations"] = [{"type": "scale", "scale": whole}]
    return {"multiscales": [image]}


def test_ome_zarr(tmp_path):
    old = multiscales([1, 0.5, 0.25], [1, 1.0, 0.5])
    (tmp_path / ".zattrs").write_text(json.dumps(old))
    assert read_pixel_size(tmp_path) == PixelSize(0.5, 0.25, "µm")
    new = multiscales([1, 0.5, 0.25], unit="nanometer", whole=[1, 10, 100])
    (tmp_path / "zarr.json").write_text(json.dumps({"attributes": {"ome": new}}))
    assert read_pixel_size(tmp_path) == PixelSize(5, 25, "nm")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{",
        "[]",
        json.dumps({"multiscales": [{"axes": ["y", "x"], "datasets": []}]}),
        json.dumps(multiscales([1, 1, 1], unit="")),
    ],
)
def test_folders_without_a_size(tmp_path, text):
    if text is not None:
        (tmp_path / ".zattrs").write_text(text)
    assert read_pixel_size(tmp_path) is None


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_pixel_size(tmp_path / "none.tif")
