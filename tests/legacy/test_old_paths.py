"""Modules that have moved can still be imported by their old paths."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import mrcnn.runs.folder
import mrcnn.weights.start_weights
from mrcnn.legacy.old_paths import MOVED

pytestmark = pytest.mark.network

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", MOVED)
def test_an_old_path_has_what_its_homes_define(name):
    old = importlib.import_module(f"mrcnn.{name}")
    homes = [importlib.import_module(f"mrcnn.{home}") for home in MOVED[name].split()]
    for home in homes:
        for key, value in vars(home).items():
            if getattr(value, "__module__", None) == home.__name__:
                assert any(getattr(old, key) is getattr(each, key, None) for each in homes), key
    if len(homes) == 1:
        assert old is homes[0]


def test_in_a_fresh_process():
    statements = ["from mrcnn import start_weights", *(f"import mrcnn.{name}" for name in MOVED)]
    script = "; ".join(statements)
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert run.returncode == 0, run.stderr


def test_from_the_package():
    from mrcnn import start_weights

    assert start_weights is mrcnn.weights.start_weights


def test_several_homes():
    from mrcnn.small_resnet import SmallNetwork, small_resnet

    assert SmallNetwork.__module__ == "mrcnn.presets.small"
    assert small_resnet.__module__ == "mrcnn.network.backbones.small_resnet"


def test_of_two_functions_of_one_name_it_has_the_one_that_it_had():
    from mrcnn.training.checkpoints import publish

    assert publish is mrcnn.runs.folder.publish


@pytest.mark.parametrize("name", ["mrcnn.nothing", "mrcnn.network.nothing", "mrcnn.network.losse"])
def test_an_unknown_name_is_not_found(name):
    with pytest.raises(ModuleNotFoundError, match=f"No module named '{name}'"):
        importlib.import_module(name)


def test_an_unknown_name_of_the_package():
    with pytest.raises(ImportError, match="cannot import name 'nothing' from 'mrcnn'"):
        from mrcnn import nothing  # noqa: F401
