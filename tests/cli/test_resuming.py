"""Training runs that are resumed."""

import json

import pytest

from mrcnn.cli.python_lines import Lines
from mrcnn.cli.resuming import Resumed
from mrcnn.cli.start import Start
from mrcnn.config import Config
from mrcnn.runs import record, state
from mrcnn.runs.settings import stored
from mrcnn.weights.card import Card

from .weights_files import SETTINGS

ORIGIN = Start("pets.h5", Card(class_names=["BG", "cat"]), ["all"])


def run_folder(place, date, layers="all", epochs=7, has_state=True):
    folder = place / f"pets{date}"
    folder.mkdir(parents=True)
    config = Config.from_dict({**SETTINGS, "EMA": 0.75})
    (folder / record.CONFIG).write_text(json.dumps(stored(config)))
    arguments = {"layers": layers, "epochs": epochs, "learning_rate": 0.1}
    (folder / record.STARTS).write_text(json.dumps([{"arguments": arguments}]))
    if has_state:
        open(state.path_in(folder), "w").close()
    return folder


def test_the_latest_run_with_a_state(tmp_path):
    assert Resumed.find(ORIGIN, tmp_path / "gone", "pets") is None
    run_folder(tmp_path, "20261120T1405")
    folder = run_folder(tmp_path, "20261121T1405", epochs=9)
    run_folder(tmp_path, "20261122T1405", has_state=False)
    found = Resumed.find(ORIGIN, tmp_path, "Pets")
    assert (found.folder, found.name, found.class_names) == (folder, "pets.h5", ["cat"])
    assert (found.layers, found.ends(None), found.ends(20)) == (["all"], [9], [20])
    assert Resumed.find(ORIGIN, tmp_path, "birds") is None


def test_stages(tmp_path):
    run_folder(tmp_path, "20261120T1405", layers=["heads", "all"], epochs=[5, 10])
    found = Resumed.find(ORIGIN, tmp_path, "pets")
    assert (found.layers, found.ends(None), found.ends(20)) == (["heads", "all"], [5, 10], [5, 20])


def test_the_settings_of_the_run(tmp_path):
    run_folder(tmp_path, "20261120T1405")
    found, lines = Resumed.find(ORIGIN, tmp_path, "pets"), Lines()
    given = {"LOADER_WORKERS": 3}
    config = found.config(given)
    assert (config.EMA, config.LOADER_WORKERS, config.IMAGE_MAX_DIM) == (0.75, 3, 64)
    assert found.settings == {}
    lines.add_dict("settings", given)
    found.add_config(lines)
    found.add_load(lines)
    values = {}
    exec(str(lines), values)
    assert stored(values["config"]) == stored(config)
    assert "load" not in str(lines)


@pytest.mark.parametrize("text", ["", "[]", "[{}]", '[{"arguments": {"layers": "all"}}]'])
def test_damaged_records(tmp_path, text):
    folder = run_folder(tmp_path, "20261120T1405")
    (folder / record.STARTS).write_text(text)
    with pytest.raises(ValueError, match=r"starts\.json does not say how the run was started"):
        Resumed.find(ORIGIN, tmp_path, "pets")
