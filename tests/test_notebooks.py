"""Each notebook runs from a clean state, and the stored notebook is what its source produces."""

import base64
import importlib.util
import io
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.network

ROOT = Path(__file__).resolve().parents[1]
_spec = importlib.util.spec_from_file_location("execute", ROOT / "notebooks" / "execute.py")
notebooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(notebooks)


def stored(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def kinds(cell):
    """What a cell shows: streams by name, other outputs as "picture" or "text"."""
    shown = []
    for output in cell.get("outputs", []):
        if output["output_type"] == "stream":
            shown.append(output["name"])
        else:
            shown.append("picture" if "image/png" in output["data"] else "text")
    return shown


@pytest.mark.parametrize("name", notebooks.NAMES)
def test_the_stored_notebook_matches_its_source(name):
    source, notebook = notebooks.source(name), stored(name)
    assert [(c.cell_type, c.source) for c in notebook.cells] == [
        (c.cell_type, c.source) for c in source.cells
    ], f"run python notebooks/execute.py {name} to update it"
    nbformat.validate(notebook)


@pytest.mark.parametrize("name", notebooks.NAMES)
def test_a_stored_notebook_is_small_has_pictures_and_names_no_machine(name):
    path = ROOT / "notebooks" / f"{name}.ipynb"
    assert path.stat().st_size < 2e6
    shown = [kind for cell in stored(name).cells for kind in kinds(cell)]
    assert shown.count("picture") >= 2
    assert "stderr" not in shown
    text = path.read_text()
    assert str(ROOT) not in text


@pytest.fixture
def runs_in_tmp_path(monkeypatch, tmp_path):
    """The training runs of a notebook go into a temporary folder that pytest removes."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))


# test_ablations_sample.py trains and compares two networks, too.
SLOW = {"ablations"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in notebooks.NAMES],
)
def test_it_runs_from_a_clean_state_and_shows_what_is_stored(name, runs_in_tmp_path):
    check_it_shows_what_is_stored(name, notebooks.execute(name, quick=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", notebooks.QUICK)
def test_it_runs_in_full(name, runs_in_tmp_path):
    check_it_shows_what_is_stored(name, notebooks.execute(name))


def check_it_shows_what_is_stored(name, found):
    for number, (cell, before) in enumerate(zip(found.cells, stored(name).cells, strict=True)):
        assert kinds(cell) == kinds(before), f"cell {number}: {cell.source}"
        assert cell.cell_type != "code" or cell.execution_count


@pytest.mark.parametrize("name", notebooks.QUICK)
def test_quick_replacements_apply_to_the_source(name):
    notebook = notebooks.source(name)
    notebooks.shorten(notebook, notebooks.QUICK[name])
    changed = [
        (cell.source, full.source)
        for cell, full in zip(notebook.cells, notebooks.source(name).cells, strict=True)
        if cell.source != full.source
    ]
    assert 1 <= len(changed) <= len(notebooks.QUICK[name])


@pytest.mark.parametrize("sources", [["EPOCHS = 30"], ["EPOCHS = 4", "EPOCHS = 4"]])
def test_a_text_to_replace_must_occur_once(sources):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    with pytest.raises(ValueError, match="cells have 'EPOCHS = 4': exactly one must"):
        notebooks.shorten(notebook, {"EPOCHS = 4": "EPOCHS = 1"})


def test_pictures_are_stored_smaller_and_look_the_same():
    rows, columns = np.mgrid[:200, :300]
    picture = np.stack([rows, columns // 2, np.full_like(rows, 90)], axis=-1)
    picture += np.random.default_rng(0).integers(0, 9, picture.shape)
    picture = picture.astype(np.uint8)
    picture[100:102, 50:250] = 255, 0, 0  # a thin line
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    data = {"image/png": base64.b64encode(file.getvalue()).decode()}
    output = nbformat.v4.new_output("display_data", data)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[output])])
    notebooks.shrink_pictures(notebook)
    stored = base64.b64decode(output.data["image/png"])
    with Image.open(io.BytesIO(stored)) as small:
        assert small.mode == "P"
        off = np.abs(np.asarray(small.convert("RGB")).astype(int) - picture)
    assert off.mean() < 5
    assert off[100:102, 50:250].max() < 20
    assert len(stored) < 0.5 * len(file.getvalue())
