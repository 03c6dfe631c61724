import logging

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.datasets import Dataset
from mrcnn.images.channels import channel_names, index_of
from mrcnn.images.reading import read_channel, read_image, read_labels

RNG = np.random.default_rng(0)
STAINS = RNG.integers(0, 65536, (3, 40, 50), dtype=np.uint16)
LAST = np.ascontiguousarray(np.moveaxis(STAINS, 0, -1))
NAMES = ["DAPI", "actin", "tubulin"]
IMAGEJ = {"imagej": True, "metadata": {"axes": "CYX", "Labels": NAMES}}
OME = {"ome": True, "metadata": {"axes": "CYX", "Channel": {"Name": NAMES}}}
NOT_RGB = {
    "imagej": (STAINS, IMAGEJ, NAMES),
    "ome": (STAINS, OME, NAMES),
    "imagej without names": (STAINS, {"imagej": True, "metadata": {"axes": "CYX"}}, [""] * 3),
    "planes": (STAINS, {"photometric": "minisblack", "planarconfig": "separate"}, [""] * 3),
    "pages": (STAINS, {"photometric": "minisblack", "metadata": None}, [""] * 3),
    "interleaved": (LAST, {"photometric": "minisblack", "planarconfig": "contig"}, [""] * 3),
    "channels last": (LAST, {"photometric": "minisblack"}, [""] * 3),
    "white is zero": (STAINS, {"photometric": "miniswhite", "planarconfig": "separate"}, [""] * 3),
    "8 bits": ((STAINS >> 8).astype(np.uint8), IMAGEJ, NAMES),
}


@pytest.fixture
def save(tmp_path):
    def _save(array, name="image.tif", **options):
        tifffile.imwrite(tmp_path / name, array, **options)
        return tmp_path / name

    return _save


def warnings_of(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


@pytest.mark.parametrize(("array", "options", "names"), NOT_RGB.values(), ids=NOT_RGB)
def test_three_channels_that_are_not_rgb_are_reported(save, array, options, names, caplog):
    path = save(array, **options)
    assert channel_names(path) == names
    assert read_image(path).shape == (40, 50, 3)
    [message] = warnings_of(caplog)
    shown = "0 (DAPI), 1 (actin), 2 (tubulin)" if names == NAMES else "0, 1, 2"
    assert message == (
        f"{path} has 3 channels, {shown}, that the file does not declare as red, green and blue. A "
        "network with three channels takes them for RGB. To use one of them as gray, read it with "
        "images.read_channel, or run samples/nucleus with --channel."
    )


def test_four_channels_of_which_one_would_be_dropped_as_alpha(save, caplog):
    four = np.concatenate([STAINS, STAINS[:1]])
    read_image(save(four, imagej=True, metadata={"axes": "CYX"}))
    assert "has 4 channels, 0, 1, 2, 3, that" in warnings_of(caplog)[0]
    assert "takes them for RGB and leaves out the fourth." in warnings_of(caplog)[0]


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (STAINS, {}),
        (LAST, {}),
        (LAST.astype(np.float32), {}),
        (STAINS, {"photometric": "rgb", "planarconfig": "separate"}),
        ((LAST >> 8).astype(np.uint8), {"imagej": True}),
        (STAINS[0], {"imagej": True}),
        (STAINS[:1], {"ome": True, "metadata": {"axes": "CYX"}}),
        (LAST[..., :2], {"photometric": "minisblack", "extrasamples": ["unassalpha"]}),
        (STAINS, {"imagej": True, "metadata": {"axes": "CYX", "Labels": ["Red", "Green", "Blue"]}}),
        (STAINS, {"ome": True, "metadata": {"axes": "CYX", "Channel": {"Name": ["R", "G", "B"]}}}),
    ],
    ids=str,
)
def test_colours_and_single_channels_are_not_reported(save, array, options, caplog):
    options.setdefault("planarconfig", "contig" if "extrasamples" in options else None)
    path = save(array, **options)
    read_image(path)
    assert channel_names(path) == [] and not warnings_of(caplog)


def test_two_and_five_channels_are_refused_later_anyway(save, caplog):
    for count in (2, 5):
        stack = np.zeros((count, 40, 50), np.uint8)
        path = save(stack, imagej=True, metadata={"axes": "CYX"})
        assert read_image(path).shape == (40, 50, count)
        assert channel_names(path) == [""] * count
    assert not warnings_of(caplog)


def test_labels_and_other_files(save, tmp_path, caplog):
    path = save(np.stack([STAINS[0]] * 3), imagej=True, metadata={"axes": "CYX"})
    assert_array_equal(read_labels(path), STAINS[0])
    Image.fromarray((LAST >> 8).astype(np.uint8)).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", LAST)
    for name in ("a.png", "a.npy"):
        read_image(tmp_path / name)
        assert channel_names(tmp_path / name) == []
    assert not warnings_of(caplog)


def test_a_dataset_says_it_once(save, caplog):
    dataset = Dataset()
    for name in ("a.tif", "b.tif"):
        dataset.add_image("cells", name, save(STAINS, name, **OME))
    dataset.prepare()
    for image_id in (0, 1, 0):
        assert_array_equal(dataset.load_image(image_id), LAST)
    [message] = warnings_of(caplog)
    assert "a.tif has 3 channels, 0 (DAPI)," in message
    assert message.endswith("This may apply to other images too.")


# Choosing one


@pytest.mark.parametrize(("array", "options", "names"), NOT_RGB.values(), ids=NOT_RGB)
def test_a_channel_is_read(save, array, options, names, caplog):
    path = save(array, **options)
    whole = read_image(path)
    caplog.clear()
    for index in range(3):
        for channel in (index, str(index), *([NAMES[index].upper()] if names == NAMES else [])):
            assert_array_equal(read_channel(path, channel), whole[..., index])
    assert read_channel(path, 1).dtype == array.dtype
    assert not warnings_of(caplog)


def test_channels_of_other_images(tmp_path, save):
    rgb = (LAST >> 8).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "rgb.png")
    Image.fromarray(rgb[..., 0]).save(tmp_path / "gray.png")
    for index, name in enumerate(["red", "Green", "BLUE"]):
        for channel in (index, name):
            assert_array_equal(read_channel(tmp_path / "rgb.png", channel), rgb[..., index])
    assert_array_equal(read_channel(tmp_path / "gray.png", 0), rgb[..., 0])
    two = save(STAINS[:2], imagej=True, metadata={"axes": "CYX", "Labels": NAMES[:2]})
    assert_array_equal(read_channel(two, "actin"), STAINS[1])


@pytest.mark.parametrize("channel", [3, -1, "3", "GFP", "", "-1"])
def test_channels_that_do_not_exist(save, channel):
    path = save(STAINS, **IMAGEJ)
    with pytest.raises(ValueError) as caught:
        read_channel(path, channel)
    assert str(caught.value) == (
        f"{path} has no single channel {channel!r}: its channels are 0 (DAPI), 1 (actin), "
        "2 (tubulin)."
    )


def test_names_before_numbers():
    assert index_of("1", ["1", "0"], "a") == 0
    assert index_of("dapi", ["", "DAPI"], "a") == 1
    with pytest.raises(ValueError, match="no single channel 'gfp'"):
        index_of("gfp", ["GFP", "gfp"], "a")
