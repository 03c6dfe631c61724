"""`import model as modellib`, in a process of its own: the names are common."""

import subprocess
import sys

import pytest


def run(script, folder):
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=folder, check=False
    )


@pytest.mark.network
def test_the_modules_of_the_package(tmp_path):
    script = (
        "import mrcnn.legacy.flat_imports\n"
        "import model as modellib, utils, visualize, parallel_model\n"
        "from config import Config\n"
        "from model import log\n"
        "import mrcnn.model, mrcnn.utils, mrcnn.visualize, mrcnn.config\n"
        "assert modellib is mrcnn.model and utils is mrcnn.utils and visualize is mrcnn.visualize\n"
        "assert Config is mrcnn.config.Config and log is mrcnn.model.log\n"
        "try:\n"
        "    import shapes_of_no_project\n"
        "except ModuleNotFoundError as error:\n"
        "    print(error)\n"
    )
    done = run(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "No module named 'shapes_of_no_project'\n"


def test_a_projects_own_module_comes_first(tmp_path):
    (tmp_path / "utils.py").write_text("name = 'mine'\n")
    done = run("import mrcnn.legacy.flat_imports, utils; print(utils.name)", tmp_path)
    assert (done.stdout, done.returncode) == ("mine\n", 0), done.stderr


def test_without_it_the_names_stay_free(tmp_path):
    done = run("import mrcnn, model", tmp_path)
    assert "No module named 'model'" in done.stderr
