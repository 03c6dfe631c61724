import io
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.formats.finding import read_json
from mrcnn.formats.index_colours import read_indices, read_lines
from mrcnn.formats.instance_pngs import MaskFile
from mrcnn.formats.labelme import PngMask
from mrcnn.formats.xml_files import read_xml
from mrcnn.images.opening import FORMATS, UnusableImageError, kind_of, open_array, open_image
from mrcnn.images.reading import image_size, read_image, read_labels
from mrcnn.runs import history
from mrcnn.runs.record import read_config

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n%%EOF\n"
GRAY = np.arange(54, dtype=np.uint8).reshape(6, 9)

IMAGE_READERS = {
    "read_image": read_image,
    "read_labels": read_labels,
    "image_size": image_size,
    "a mask file": lambda path: MaskFile(str(path)).crop(20, 20),
    "an index image": read_indices,
}
TEXT_READERS = {
    "JSON": read_json,
    "XML": read_xml,
    "lines": read_lines,
    "config.json": read_config,
    "history.csv": history.read,
}


def encoded(image, kind):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


@pytest.fixture
def ghostscript(tmp_path, monkeypatch):
    """A fake `gs`, first on the PATH, that leaves a file behind; returns that file's path."""
    programs, trace = tmp_path / "bin", tmp_path / "started"
    programs.mkdir()
    (programs / "gs").write_text(f"#!/bin/sh\ntouch {trace}\n")
    (programs / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    return trace


def test_the_trap_works(tmp_path, ghostscript):
    path = tmp_path / "photo.png"
    path.write_bytes(EPS)
    with pytest.raises(Exception), Image.open(path) as image:  # noqa: B017
        image.load()
    assert ghostscript.exists()


@pytest.mark.parametrize("read", IMAGE_READERS.values(), ids=IMAGE_READERS)
@pytest.mark.parametrize("name", ["photo.png", "photo.eps", "photo.jpg"])
def test_eps_starts_no_program(tmp_path, ghostscript, read, name):
    path = tmp_path / name
    path.write_bytes(EPS)
    with pytest.raises(OSError, match=r"it is PostScript \(EPS\), not a raster image: conv"):
        read(path)
    assert not ghostscript.exists()


def test_an_embedded_eps_starts_no_program(ghostscript):
    with pytest.raises(OSError, match="it is PostScript"):
        PngMask(EPS, 0, 0).crop(20, 20)
    assert not ghostscript.exists()


def test_no_plugin_of_another_format_is_imported(tmp_path):
    (tmp_path / "photo.png").write_bytes(b"P9 no image")
    code = (
        "import sys\nfrom mrcnn.images.reading import read_image\n"
        "try:\n    read_image(sys.argv[1])\nexcept OSError as error:\n    print(error)\n"
        "print(*(name for name in sys.modules if name.startswith('PIL.')))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "photo.png")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "it is damaged, or not in a format that is read here (PNG, JPEG, BMP, GIF, " in shown
    assert "PngImagePlugin" in shown
    for plugin in ("Eps", "Wmf", "Pdf", "Fits", "Hdf5Stub", "GribStub"):
        assert f"{plugin}ImagePlugin" not in shown


@pytest.mark.parametrize("kind", FORMATS)
def test_formats_that_are_read(tmp_path, kind):
    data = encoded(GRAY, kind)
    path = tmp_path / "image.anything"
    path.write_bytes(data)
    for source in (path, data):
        with open_image(source) as image:
            assert image.size == (9, 6) and image.format == kind
            if kind not in ("JPEG", "WEBP"):
                assert_array_equal(np.asarray(image.convert("L")), GRAY)
    assert read_image(path).shape[:2] == (6, 9)


@pytest.mark.parametrize("kind", ["TGA", "PCX", "ICO", "SGI", "DDS", "ICNS"])
def test_formats_that_are_not(tmp_path, kind):
    path = tmp_path / "image.png"
    path.write_bytes(encoded(np.zeros((16, 16, 3), np.uint8), kind))
    with pytest.raises(OSError, match=r"or not in a format that is read here \(PNG, .* or \.npy"):
        read_image(path)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"", "it is empty"),
        (b"%PDF-1.7", "it is a PDF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
        (b"\x89PNG\r\n", "it is damaged, or not in a format"),
    ],
)
def test_what_the_file_is_instead(tmp_path, start, reason):
    path = tmp_path / "image.png"
    path.write_bytes(start)
    with pytest.raises(OSError) as caught:
        read_image(path)
    assert reason in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize(
    "read",
    [*IMAGE_READERS.values(), *TEXT_READERS.values(), kind_of, open_image, open_array],
    ids=[*IMAGE_READERS, *TEXT_READERS, "kind_of", "open_image", "open_array"],
)
def test_pipes_and_devices_are_not_opened(tmp_path, read):
    pipe = tmp_path / "photo.png"
    os.mkfifo(pipe)
    # Kept open for reading and writing, the pipe does not block a faulty reader for ever.
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    os.write(descriptor, b"II*\0" * 10)
    for path in (pipe, "/dev/zero"):
        with pytest.raises(OSError, match="it must be a regular file"):
            read(type(pipe)(path))
    assert os.read(descriptor, 40) == b"II*\0" * 10  # nothing was taken out
    os.close(descriptor)


def test_the_limit_holds_for_files_and_bytes(tmp_path):
    data = encoded(GRAY, "PNG")
    path = tmp_path / "image.png"
    path.write_bytes(data)
    for source, name in ((path, str(path)), (data, "the image")):
        with open_image(source, max_pixels=54) as image:
            assert image.size == (9, 6)
        with pytest.raises(UnusableImageError) as caught:
            open_image(source, max_pixels=53)
        assert str(caught.value).startswith(f"{name} has 6 x 9 pixels, which counts as 54: the li")


def test_a_bomb_in_an_annotation(monkeypatch):
    image = Image.new("1", (20_000, 20_000))
    file = io.BytesIO()
    image.save(file, "PNG")
    with pytest.raises(ValueError, match="20000 x 20000 pixels, which counts as 400000000: the li"):
        PngMask(file.getvalue(), 0, 0).crop(9, 9)


def test_arrays_are_mapped_not_read(tmp_path):
    np.save(tmp_path / "a.npy", GRAY)
    assert isinstance(open_array(tmp_path / "a.npy"), np.memmap)
    np.save(tmp_path / "b.npy", np.array([None]), allow_pickle=True)
    with pytest.raises(ValueError):
        open_array(tmp_path / "b.npy")
