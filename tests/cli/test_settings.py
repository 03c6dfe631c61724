"""`--set` and `--config`."""

import argparse
import json
import re

import pytest

from mrcnn.cli.settings import add_settings, read_settings, settings_of
from mrcnn.config import Config
from mrcnn.runs.record import as_json


@pytest.fixture
def parser():
    made = argparse.ArgumentParser()
    add_settings(made)
    return made


def given(parser, *words):
    return settings_of(parser.parse_args(words))


def test_no_settings(parser):
    assert given(parser) == {}


def test_settings_on_the_command_line(parser):
    words = ("--set", "LEARNING_RATE=1e-4", "--set=NAME=a=b", "--set", "LEARNING_RATE = 0.5")
    assert given(parser, *words) == {"LEARNING_RATE": 0.5, "NAME": "a=b"}


def test_the_command_line_comes_after_the_file(parser, tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("# slow\nLEARNING_RATE: 1e-4\nEMA: None\nHEADS: [box]\nNAME: 7\n")
    expected = {"LEARNING_RATE": 1e-4, "EMA": 0.9, "HEADS": ("box",), "NAME": "7"}
    assert given(parser, "--set=EMA=0.9", f"--config={file}") == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set=LEARNING_RATE"], "argument --set: 'LEARNING_RATE' is not NAME=VALUE"),
        (["--set=LEARNIN_RATE=1"], "LEARNIN_RATE is not a setting .*: did you mean LEARNING_RATE?"),
        (["--set=EMA=x"], "argument --set: EMA is 'x': it must be a number or None."),
    ],
)
def test_refusals(parser, words, message, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(words)
    error = capsys.readouterr().err
    assert re.search(message, error)


class SmallRun(Config):
    NAME = "cells"
    NUM_CLASSES = 3
    IMAGE_MAX_DIM = 512
    DETECTION_MIN_CONFIDENCE = {1: 0.5, 2: 0.9}
    STAGE_EPOCHS = [20]


def test_the_configuration_of_a_run(tmp_path):
    run = SmallRun()
    content = {name: as_json(value) for name, value in run.to_dict().items()}
    content["BACKBONE"] = "<mrcnn.network.backbones.small_resnet.small_resnet>"
    content["COMPUTE_BACKBONE_SHAPE"] = "<mrcnn.network.backbones.small_resnet.small_resnet_shape>"
    (tmp_path / "config.json").write_text(json.dumps(content))
    settings = read_settings(tmp_path / "config.json")
    assert not {"BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE", "STAGE_EPOCHS"} & settings.keys()
    assert settings["DETECTION_MIN_CONFIDENCE"] == {1: 0.5, 2: 0.9}
    config = Config.from_dict({**settings, "NUM_CLASSES": 4})
    config.validate()
    assert config.IMAGE_META_SIZE == 16
    assert config.IMAGE_SHAPE.tolist() == [512, 512, 3]
    assert config.BACKBONE.__name__ == "small_resnet"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("run.yaml", "LEARNIN_RATE: 1", "run.yaml: LEARNIN_RATE is not a setting of Config: did"),
        ("run.yaml", "EMA: x", "run.yaml: EMA is 'x': it must be a number or None."),
        ("run.yaml", "- EMA", "run.yaml does not map names to values: it must have lines such as"),
        ("run.yaml", "1: 2", "run.yaml does not map names to values"),
        ("run.yaml", "EMA: [\nNAME: x", "run.yaml, line 2: not valid YAML: "),
        ("run.json", "{", "run.json is not a JSON file"),
        ("run.json", '{"STAGE_EPOCHS": 3}', "run.json: STAGE_EPOCHS is not a setting of Config"),
    ],
)
def test_unusable_files(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_settings(tmp_path / name)


def test_a_missing_and_an_empty_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file: .*run\.yaml"):
        read_settings(tmp_path / "run.yaml")
    (tmp_path / "run.yaml").write_text("# nothing yet\n")
    assert read_settings(tmp_path / "run.yaml") == {}
