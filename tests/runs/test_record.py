import json
import logging

import keras
import numpy as np
import pytest
from tiny import TinyConfig, backbone

from mrcnn.config import Config
from mrcnn.runs import record as run_record


class OwnConfig(TinyConfig):
    BACKBONE = backbone
    CLASS_FACTORS = {1: 2.5, 2: 0.5}
    PAIR = (1, (2, 3))

    @property
    def DOUBLE(self):
        return 2 * self.NUM_CLASSES


def same(one, other):
    assert list(one) == list(other)
    for name, value in one.items():
        assert type(other[name]) is type(value), name
        np.testing.assert_equal(other[name], value)


@pytest.mark.parametrize("config_class", [Config, OwnConfig])
def test_a_configuration_comes_back(tmp_path, config_class):
    config = config_class()
    config.IMAGES_PER_GPU = 3
    config.MEAN_PIXEL = np.array([1.5, 2.5, 3.5])
    config.RPN_ANCHOR_SCALES = (8, 16, 24, 32, 48)
    config.CLASS_FACTORS = {1: 7.0}
    config.SEED = np.int64(11)
    config.IMAGE_SHAPE = np.array([128, 192, 3])  # by hand
    run_record.write(tmp_path, config, seed=1)
    config.SEED = 11
    for path in (tmp_path, tmp_path / "config.json"):
        read = run_record.read_config(path, config_class)
        assert type(read) is config_class
        same(config.to_dict(), read.to_dict())


def test_json_is_readable(tmp_path):
    run_record.write(tmp_path, OwnConfig(), seed=1)
    lines = (tmp_path / "config.json").read_text().splitlines()
    assert '  "BACKBONE": "<tiny.backbone>",' in lines
    assert '  "MEAN_PIXEL": [123.7, 116.8, 103.9],' in lines
    assert '    "rpn_bbox_loss": 1.0,' in lines


def test_a_function_needs_its_class(tmp_path):
    run_record.write(tmp_path, OwnConfig(), seed=1)
    with pytest.raises(ValueError, match=r"BACKBONE is <tiny.backbone>, which Config does not"):
        run_record.read_config(tmp_path)


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[1]", "holds a list")])
def test_invalid_configuration(tmp_path, text, message):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=rf"config.json {message}"):
        run_record.read_config(tmp_path)


def test_starts_are_listed(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("sys.orig_argv", ["python", "train.py", "--limit=3", "my logs"])
    config = TinyConfig()
    run_record.write(tmp_path, config, seed=2**100, learning_rate=0.01, layers="heads")
    with caplog.at_level(logging.WARNING):
        run_record.write(tmp_path, config, seed=5, epoch=7)
        assert not caplog.records
        config.WEIGHT_DECAY = 0.5
        run_record.write(tmp_path, config, seed=5, epoch=9)
    assert "WEIGHT_DECAY is 0.5; it was 0.0001 when the run was last started" in caplog.text
    first, second, third = json.loads((tmp_path / "starts.json").read_text())
    assert (first["seed"], first["epochs_done"]) == (2**100, 0)
    assert first["arguments"] == {"learning_rate": 0.01, "layers": "heads"}
    assert first["versions"]["keras"] == keras.__version__
    backend = first["versions"]["backend"]
    assert first["versions"][backend][0].isdigit()
    assert first["devices"] and first["command"] == "python train.py --limit=3 'my logs'"
    assert "changed" not in first
    assert (second["epochs_done"], second["changed"]) == (7, {})
    assert third["changed"] == {"WEIGHT_DECAY": [0.0001, 0.5]}
    assert run_record.read_config(tmp_path, TinyConfig).WEIGHT_DECAY == 0.5


def test_a_list_that_was_damaged(tmp_path, caplog):
    (tmp_path / "starts.json").write_text('[{"date"')
    run_record.write(tmp_path, TinyConfig(), seed=1)
    assert "is damaged: replacing it with a new one" in caplog.text
    assert len(json.loads((tmp_path / "starts.json").read_text())) == 1


def test_one_run_claims_a_folder(tmp_path):
    assert run_record.claim(tmp_path)
    assert not run_record.claim(tmp_path)
    run_record.write(tmp_path, TinyConfig(), 3)
    [start] = json.loads((tmp_path / "starts.json").read_text())
    assert start["seed"] == 3
