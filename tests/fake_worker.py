"""Models that worker processes load in the tests of `jobs.cluster`, without a network."""

import dataclasses
import os
import time
import uuid
from pathlib import Path

import numpy as np
from fake_model import FakeDetector, FakeModel


class SlowDetector(FakeDetector):
    """Takes a while, so that it can be killed in the middle, and notes its process."""

    def __init__(self, pids):
        super().__init__()
        self.pids = pids

    def mold(self, image):
        self.note()
        return super().mold(image)

    def __call__(self, images):
        self.note()
        return super().__call__(images)

    def note(self):
        (self.pids / f"{os.getpid()}-{uuid.uuid4()}").touch()
        time.sleep(0.2)


class CrashingDetector(SlowDetector):
    """Kills its process at every image with a square of class 2."""

    def mold(self, image):
        if (np.asarray(image) == 128).any():
            os._exit(1)
        return super().mold(image)


class SlowModel(FakeModel):
    """A model with a `SlowDetector`."""

    detector_class = SlowDetector

    def __init__(self, job):
        super().__init__(job)
        pids = Path(job.out) / "pids"
        pids.mkdir(exist_ok=True)
        self.detector = self.detector_class(pids)


class CrashingModel(SlowModel):
    """A model with a `CrashingDetector`."""

    detector_class = CrashingDetector


def refused(job):
    """The model cannot be loaded."""
    raise ValueError("there is no memory for the model")


class Elsewhere(FakeModel):
    """A model whose file has other content than the client's."""

    def __init__(self, job):
        super().__init__(job)
        self.file = dataclasses.replace(self.file, digest="0" * 64)
