"""Values and images that lie beside the repository, for those who have them."""

import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
FOREIGN = SHARED / "parity" / "foreign"


def foreign_values(name):
    """Values that torchvision or Detectron2 computed, dict of arrays; skips the test without them.

    Args:
        name: "torchvision_ops" or "detectron2_ops".
    """
    path = FOREIGN / f"{name}.npz"
    if not path.exists():
        pytest.skip("no foreign reference values")
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def foreign_image(height, width, seed):
    """A synthetic image of the reference values, uint8 [height, width, 3] RGB.

    Args:
        height, width, seed: as the values name them; skips the test without them.
    """
    path = FOREIGN / "make_foreign_weights.py"
    if not path.exists():
        pytest.skip("no foreign reference values")
    spec = importlib.util.spec_from_file_location("make_foreign_weights", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_image(height, width, seed)


def unpack_people(folder):
    """Unpack COCO's people with keypoints into a folder; skips the test without them."""
    path = SHARED / "data" / "coco_person_keypoints.zip"
    if not path.exists():
        pytest.skip("COCO's people are not here")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
