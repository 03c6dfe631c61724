"""Uploaded files: checked by their headers, and kept away from all others."""

import io
import os

import numpy as np
import pytest
import tifffile

from mrcnn.jobs.job import DetectJob
from mrcnn.serving.refusals import Refused
from mrcnn.serving.uploads import Upload

from .conftest import png

JOB = DetectJob(model="nuclei", out="results")


@pytest.fixture
def upload():
    made = Upload("a.png")
    yield made
    made.close()


def tiff(pixels, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def test_an_image(upload):
    assert upload.store(png(255), 10_000) == 40 * 60
    image = upload.read(JOB)
    assert image.chosen.shape == (40, 60, 3) and image.chosen[2, 2].tolist() == [255] * 3
    folder = upload._path.parent
    assert os.stat(folder).st_mode & 0o077 == 0
    upload.close()
    assert not folder.exists()


def test_a_channel_of_it(upload):
    stains = np.zeros((40, 60, 2), np.uint16)
    stains[..., 1] = 7
    upload.store(tiff(np.moveaxis(stains, -1, 0), metadata={"axes": "CYX"}), 10_000)
    job = DetectJob(model="nuclei", out="results", channel="1")
    image = upload.read(job)
    assert image.pixels.shape == (40, 60, 2) and (image.chosen == 7).all()


def test_many_channels_count_as_pixels(upload):
    data = tiff(np.zeros((40, 60, 40), np.uint8), metadata={"axes": "YXC"})
    with pytest.raises(Refused, match="of 40 channels, which counts as 24000") as raised:
        upload.store(data, 20_000)
    assert raised.value.status == 413


def test_remarks_do_not_name_it(upload):
    upload.store(
        tiff(np.zeros((3, 40, 60), np.uint16), planarconfig="separate", photometric="minisblack"),
        10_000,
    )
    assert upload.read(JOB).remark.startswith("the image has 3 channels")
