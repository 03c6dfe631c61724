"""The package's metadata, and what importing it costs."""

import importlib.metadata
import os
import shutil
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


@pytest.mark.network
def test_an_installed_package_finds_its_models_without_the_repository(tmp_path):
    pytest.importorskip("setuptools")
    source, installed, empty = (tmp_path / name for name in ("source", "installed", "empty"))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "mrcnn", source / "mrcnn", ignore=ignored)
    for name in ("setup.py", "README.md", "requirements.txt"):
        shutil.copy(ROOT / name, source)
    # Before version 77, setuptools knows no licence by its short name.
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("license")]
    (source / "pyproject.toml").write_text("\n".join(kept))
    # What a wheel contains, as `build_wheel` has it made.
    command = [sys.executable, "setup.py", "build_py", "--build-lib", str(installed)]
    subprocess.run(command, check=True, capture_output=True, cwd=source)
    empty.mkdir()
    script = "from mrcnn.weights.catalogue import MODELS, find\nprint(*map(find, MODELS))"
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(installed)},
    )
    assert run.stdout.split() == [str(installed / "mrcnn" / "models" / "nuclei.h5")]
    assert (installed / "mrcnn" / "models" / "nuclei.h5").stat().st_size > 18e6
    assert (installed / "mrcnn" / "serving" / "page" / "index.html").exists()
