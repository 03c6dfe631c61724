"""Servers with a model that finds bright squares, without a network."""

import contextlib
import io
import threading

import numpy as np
import pytest
from fake_model import FakeDetector, FakeModel
from PIL import Image
from starlette.testclient import TestClient

from mrcnn.serving.app import create
from mrcnn.serving.settings import ServerSettings


def png(*squares, size=(40, 60)):
    """The bytes of a PNG with squares of 4 x 4 pixels: 255 is class 1, 128 is class 2."""
    pixels = np.zeros((*size, 3), np.uint8)
    for index, value in enumerate(squares):
        y, x = divmod(index, size[1] // 6)
        pixels[6 * y + 1 : 6 * y + 5, 6 * x + 1 : 6 * x + 5] = value
    return as_png(pixels)


def as_png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


class Gate:
    """Makes models whose network waits while `closed`, and notes its batches."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.batches = []

    def __call__(self, job):
        model = FakeModel(job)
        model.detector = GatedDetector(self)
        return model


class GatedDetector(FakeDetector):
    def __init__(self, gate):
        super().__init__()
        self.gate = gate

    def predict(self, molded, frames):
        self.gate.batches.append(len(molded))
        self.gate.entered.set()
        assert self.gate.open.wait(20)
        return super().predict(molded, frames)


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open.set()


@pytest.fixture
def settings(tmp_path):
    """Function that makes the settings of a server."""
    (tmp_path / "best.h5").write_bytes(b"weights")

    def make(**given):
        return ServerSettings(**{"model": str(tmp_path / "best.h5"), "batch": 2, **given})

    return make


@pytest.fixture
def serve(settings):
    """Function that starts an application, and returns a client of it."""
    with contextlib.ExitStack() as stack:

        def start(load=FakeModel, **given):
            return stack.enter_context(TestClient(create(settings(**given), load)))

        yield start


@pytest.fixture
def client(serve):
    return serve()
