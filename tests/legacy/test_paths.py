"""What old code does with paths."""

import os
import pickle

import keras
import pytest

from mrcnn.legacy.paths import CheckpointTemplate, LastCheckpoint

PATH = "logs/tiny20261120T1405/mask_rcnn_tiny_0012.h5"


@pytest.mark.parametrize("index", [0, 1])
def test_the_last_checkpoint_is_not_a_pair(index):
    with pytest.raises(TypeError) as caught:
        LastCheckpoint(PATH)[index]
    assert str(caught.value) == (
        f"find_last() returns the path itself: write find_last(), without [{index}]."
    )


def test_the_last_checkpoint_cannot_be_unpacked():
    with pytest.raises(TypeError, match=r"find_last\(\) returns the path itself, not a folder and"):
        _, _ = LastCheckpoint(PATH)


def test_the_last_checkpoint_is_a_str(tmp_path):
    path = LastCheckpoint(PATH)
    assert isinstance(path, str) and path == PATH and repr(path) == repr(PATH)
    assert path[-3:] == ".h5" and path[:4] == "logs" and path[2] == "g"
    assert os.path.split(path) == os.path.split(PATH)
    assert os.path.splitext(path) == os.path.splitext(PATH)
    assert os.path.join("/data", path) == f"/data/{PATH}"
    assert os.path.relpath(path, "logs") == os.path.relpath(PATH, "logs")
    assert f"{path}" == PATH and path + ".bak" == f"{PATH}.bak"
    assert pickle.loads(pickle.dumps(path)) == PATH
    file = LastCheckpoint(tmp_path / "w.h5")
    with open(file, "w"):
        assert os.path.exists(file)


def test_keras_accepts_the_checkpoint_template():
    path = CheckpointTemplate("logs/run/mask_rcnn_tiny_{epoch:04d}.h5")
    callback = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    assert callback._get_file_path(11, None, {}) == "logs/run/mask_rcnn_tiny_0012.h5"
    assert path.endswith(".h5") and path.endswith((".txt", ".h5")) and path.endswith("h5", 3)
    assert not path.endswith(".keras")
