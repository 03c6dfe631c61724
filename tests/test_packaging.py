"""The package's metadata, and what importing it costs."""

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import mrcnn

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_version():
    assert mrcnn.__version__ == "3.1.0"
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "mrcnn.__version__"}


def test_installed_requirements_are_those_of_the_file():
    try:
        installed = importlib.metadata.distribution("mask-rcnn")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is not installed, only on the path")
    assert installed.version == mrcnn.__version__
    plain = [Requirement(line) for line in installed.requires if "extra ==" not in line]
    assert {str(line) for line in plain} == {str(line) for line in requirements()}


def test_requirements_hold_here():
    for requirement in requirements():
        version = importlib.metadata.version(requirement.name)
        assert requirement.specifier.contains(version), f"{requirement}: {version} is installed"


def test_extras():
    extras = PROJECT["project"]["optional-dependencies"]
    names = {Requirement(line).name for lines in extras.values() for line in lines}
    assert names.isdisjoint(requirement.name for requirement in requirements())


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import mrcnn", ["tensorflow", "keras", "jax", "torch", "imgaug", "cv2"]),
        ("from mrcnn import model, utils, visualize", ["imgaug", "cv2"]),
        ("from mrcnn import visualize", ["IPython"]),
    ],
)
def test_import_loads_nothing_unnecessary(statement, unwanted):
    # Keras imports OpenCV if it is installed.
    script = (
        f"import sys\nsys.modules['cv2'] = None\n{statement}\n"
        f"print([n for n in {unwanted} if sys.modules.get(n)])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
