"""Projects like those written for matterport's Mask_RCNN still run.

Each script is a project of our own, with a tiny network. They run as `python SCRIPT` would, in a
folder of their own, but in this process, where TensorFlow is loaded already.
"""

import runpy
import sys
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import pytest
from tiny import eager_training

FOLDER = Path(__file__).parent
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem[0] not in "_t")
# Top-level modules of the project from 2017.
FLAT = ("config", "model", "utils", "visualize")

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="old projects use TensorFlow"
    ),
]


@pytest.fixture(autouse=True)
def separate(tmp_path, monkeypatch):
    """An empty folder; afterwards, modules and figures are as before."""
    finders = list(sys.meta_path)
    monkeypatch.chdir(tmp_path)
    # Some folders of tests have the names of old modules, such as `visualize`.
    monkeypatch.setattr(sys, "path", [path for path in sys.path if Path(path) != FOLDER.parent])
    for name in (*FLAT, "mrcnn.legacy.flat_imports"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr("mrcnn.training.callbacks.record.draw", lambda *_, **__: None)
    plt.switch_backend("agg")
    yield
    plt.close("all")
    sys.meta_path[:] = finders


@pytest.fixture
def eagerly():
    """No graphs: each script trains and detects only a few times."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    with eager_training():
        yield
    tf.config.run_functions_eagerly(False)


def test_the_scripts_are_found():
    assert len(SCRIPTS) == 9


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_project_runs(script, eagerly, capsys):
    runpy.run_path(str(FOLDER / f"{script}.py"), run_name="__main__")
