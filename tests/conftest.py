"""Values computed by matterport's Mask_RCNN (tests/data), and the configurations behind them."""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from seeded_weights import make_weights, manifest, write_h5

from mrcnn import cpu
from mrcnn.config import Config

# The same examples on every run, and no deadline: machines are shared.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

# TensorFlow asks the CPU, not oneDNN, whether oneDNN can run in bfloat16, and then fails.
needs_bfloat16 = pytest.mark.skipif(
    os.environ.get(cpu.ONEDNN) == "1" and cpu.onednn_is_limited_to(cpu.BELOW_BFLOAT16),
    reason="ONEDNN_MAX_CPU_ISA keeps oneDNN from using bfloat16",
)

DATA = Path(__file__).parent / "data"


def load_reference(part):
    with np.load(DATA / f"reference_{part}.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(scope="session")
def units():
    return load_reference("units")


@pytest.fixture(scope="session")
def small():
    return load_reference("small")


@pytest.fixture(scope="session")
def train():
    return load_reference("train")


@pytest.fixture(scope="session")
def unpack():
    """Function: packed bits and mask shape -> bool mask."""

    def _unpack(packed, shape):
        return np.unpackbits(packed)[: np.prod(shape)].reshape(shape).astype(bool)

    return _unpack


@pytest.fixture(scope="session")
def seeded_h5(tmp_path_factory):
    """Path of the weights that the reference values were computed with: ResNet-50, 5 classes."""
    path = tmp_path_factory.mktemp("weights") / "seed10.h5"
    write_h5(make_weights(manifest("resnet50", 5), seed=10), path)
    return path


@pytest.fixture
def small_config(small):
    return config_of(small)


@pytest.fixture
def train_config(train):
    return config_of(train)


def config_of(archive):
    """An instance of a Config subclass with the settings that the archive was computed with."""
    settings = json.loads(str(archive["config_json"]))
    for name in ("MEAN_PIXEL", "BBOX_STD_DEV", "RPN_BBOX_STD_DEV"):
        settings[name] = np.array(settings[name])
    for derived in ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE"):
        del settings[derived]
    return type("ReferenceConfig", (Config,), settings)()


def load_sample(name):
    """The module samples/<name>/<name>.py, as a notebook would import it."""
    path = Path(__file__).resolve().parents[1] / "samples" / name / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"samples.{name}.{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
