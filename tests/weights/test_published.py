import os

import numpy as np
import pytest
from seeded_weights import write_h5

import mrcnn.weights.published
from mrcnn.weights.published import (
    COCO_MODEL_CHECKSUM,
    COCO_MODEL_URL,
    IMAGENET_URL,
    download_trained_weights,
    imagenet_weights,
)


def write_backbone(path):
    """A file with some of the layers of matterport's Mask_RCNN."""
    name = "res2a_branch2a"
    write_h5({name: [(f"{name}/bias:0", np.zeros(4, np.float32))]}, path)


@pytest.fixture
def fetched(monkeypatch):
    """URLs and paths of the downloads, which are faked."""
    calls = []

    def fetch(url, path, verbose=1, checksum=None):
        calls.append((url, str(path), verbose, checksum))
        write_backbone(path)

    monkeypatch.setattr(mrcnn.weights.published, "download", fetch)
    return calls


def test_coco_weights(fetched, tmp_path):
    download_trained_weights(tmp_path / "coco.h5", verbose=0)
    assert fetched == [(COCO_MODEL_URL, str(tmp_path / "coco.h5"), 0, COCO_MODEL_CHECKSUM)]
    assert COCO_MODEL_URL == (
        "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
    )


def test_imagenet_weights_are_fetched_once(fetched, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = imagenet_weights()
    assert imagenet_weights() == path
    assert fetched == [(IMAGENET_URL, path, 1, None)]
    assert os.path.dirname(path) == str(tmp_path / "models")
    assert os.path.exists(path)


def test_imagenet_weights_placed_by_hand_are_used(fetched, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    write_backbone(path)
    assert imagenet_weights() == str(path)
    assert fetched == []


def test_imagenet_weights_are_not_those_of_keras(fetched, tmp_path, monkeypatch):
    # keras.applications.ResNet50 caches a file with other layer names here.
    name = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / name).write_bytes(b"another")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert os.path.basename(imagenet_weights()) == f"v0.2_{name}"
    assert (tmp_path / "models" / name).read_bytes() == b"another"
    assert len(fetched) == 1


def test_imagenet_weights_replace_a_damaged_file_of_ours(fetched, tmp_path, monkeypatch):
    name = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    ours = tmp_path / "models" / f"v0.2_{name}"
    ours.parent.mkdir()
    ours.with_name(name).write_bytes(b"another")
    ours.write_bytes(b"damaged")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert imagenet_weights() == str(ours)
    assert fetched == [(IMAGENET_URL, str(ours), 1, None)]
    assert imagenet_weights() == str(ours)
    assert len(fetched) == 1
    assert ours.with_name(name).read_bytes() == b"another"


@pytest.mark.parametrize("keras_home", [None, ""])
def test_imagenet_weights_are_in_the_home_folder_by_default(
    fetched, tmp_path, monkeypatch, keras_home
):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    if keras_home is not None:
        monkeypatch.setenv("KERAS_HOME", keras_home)
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    assert os.path.dirname(imagenet_weights()) == str(tmp_path / ".keras" / "models")
