"""Values and images that lie beside the repository, for those who have them."""

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


def unpack_people(folder):
    """Unpack COCO's people with keypoints into a folder; skips the test without them."""
    path = SHARED / "data" / "coco_person_keypoints.zip"
    if not path.exists():
        pytest.skip("COCO's people are not here")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
