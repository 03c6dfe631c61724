"""Values of settings as text: each in a type that its setting may have."""

import numpy as np
import pytest

from mrcnn.cli.values import check_name, of_file, parse
from mrcnn.config import Config
from mrcnn.config_rules.derived import DERIVED
from mrcnn.runs.record import as_json

NAMES = sorted(set(Config().to_dict()) - set(DERIVED))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("LEARNING_RATE", "1e-4", 0.0001),
        ("LEARNING_RATE", " .5 ", 0.5),
        ("SEED", "5", 5),
        ("IMAGE_MAX_DIM", "1e3", 1000),
        ("EMA", "None", None),
        ("EMA", "null", None),
        ("TRAIN_BN", "true", True),
        ("USE_MINI_MASK", "False", False),
        ("OPTIMIZER", "adamw", "adamw"),
        ("BACKBONE", "resnet50", "resnet50"),
        ("NAME", "123", "123"),
        ("NAME", "a, b", "a, b"),
        ("MONITOR", "none", None),
        ("IMAGE_NODATA", "-9999", -9999),
        ("IMAGE_NODATA", "auto", "auto"),
        ("IMAGE_SCALING", "(0, 4095)", (0, 4095)),
        ("RPN_ANCHOR_SCALES", "16,32,64", (16, 32, 64)),
        ("RPN_ANCHOR_SCALES", "[16, 32]", (16, 32)),
        ("RPN_ANCHOR_SCALES", "(16, 20), (32, 40)", ((16, 20), (32, 40))),
        ("RPN_ANCHOR_SCALES", "64", (64,)),
        ("RPN_ANCHOR_SCALES", "(64,)", (64,)),
        ("LR_STEPS", "[]", ()),
        ("LR_STEPS", "", ()),
        ("MEAN_PIXEL", "1, 2, 3.5", (1, 2, 3.5)),
        ("HEADS", "box", ("box",)),
        ("HEADS", '("box", "mask")', ("box", "mask")),
        ("DETECTION_MIN_CONFIDENCE", "0.5", 0.5),
        ("DETECTION_MIN_CONFIDENCE", "{1: 0.5, 2: 1e-1}", {1: 0.5, 2: 0.1}),
        ("CLASS_WEIGHTS", "0: 0.5, 1: 3", {0: 0.5, 1: 3}),
    ],
)
def test_values(name, text, value):
    found = parse(name, text)
    assert found == value
    assert type(found) is type(value)


def test_the_default_of_every_setting_can_be_given():
    for name in NAMES:
        default = getattr(Config, name)
        plain = default.tolist() if isinstance(default, np.ndarray) else default
        assert as_json(parse(name, str(plain))) == as_json(default)
        assert as_json(of_file(name, as_json(default))) == as_json(default)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("LEARNING_RATE", "x", "LEARNING_RATE is 'x': it must be a number."),
        ("LEARNING_RATE", "None", "LEARNING_RATE is None: it must be a number."),
        ("LEARNING_RATE", "*x", r"LEARNING_RATE is '\*x': it must be a number."),
        ("LEARNING_RATE", "1,2", r"LEARNING_RATE is \(1, 2\): it must be a number."),
        ("NUM_CLASSES", "1.5", "NUM_CLASSES is 1.5: it must be a whole number."),
        ("NUM_CLASSES", "true", "NUM_CLASSES is True: it must be a whole number."),
        ("XLA", "1", "XLA is 1: it must be True or False."),
        ("EMA", "[]", r"EMA is \(\): it must be a number or None."),
        ("MEAN_PIXEL", "a,1,2", "MEAN_PIXEL is .*: it must be numbers separated by commas."),
        ("HEADS", "None", "HEADS is None: it must be names separated by commas."),
        ("BACKBONE", "a,b", r"BACKBONE is \('a', 'b'\): it must be a name."),
        ("OPTIMIZER", "3", r"OPTIMIZER is 3: it must be a name or a function \(in Python only\)."),
        (
            "DETECTION_MIN_CONFIDENCE",
            "{1: high}",
            "it must be a number, a dict such as {1: 0.5} or None.",
        ),
    ],
)
def test_values_of_the_wrong_type(name, text, message):
    with pytest.raises(ValueError, match=message):
        parse(name, text)


@pytest.mark.parametrize("text", ["xyz", "-7.5", "None", "", "a,b", "{a: b}"])
def test_no_text_breaks_a_configuration(text):
    """What `parse` lets through, `Config` can check."""
    for name in NAMES:
        try:
            value = parse(name, text)
        except ValueError as error:
            assert str(error).startswith(f"{name} is ")
            continue
        config = Config.from_dict({"NAME": "cells", "NUM_CLASSES": 2, name: value})
        try:
            config.validate()
        except ValueError as error:
            assert name in str(error)


def test_functions_of_this_package():
    small = of_file("BACKBONE", "<mrcnn.network.backbones.small_resnet.small_resnet>")
    assert small.__name__ == "small_resnet"
    (head,) = of_file("HEADS", ["<mrcnn.network.heads.box.BoxHead>"])
    assert head.__name__ == "BoxHead"
    for text in ("<cells.network.own>", "<mrcnn.network.gone>", "<mrcnn.text.some>", "<x>"):
        with pytest.raises(ValueError, match=f"BACKBONE is {text}, which is not part of"):
            of_file("BACKBONE", text)


def test_names():
    for name in NAMES:
        check_name(name)
    with pytest.raises(ValueError, match=r"learning_rate is not .*: did you mean LEARNING_RATE\?"):
        check_name("learning_rate")
    with pytest.raises(ValueError, match=r"FLAVOUR is not a setting of Config; mrcnn/config\.py"):
        check_name("FLAVOUR")
    with pytest.raises(ValueError, match=r"BATCH_SIZE follows .*: set IMAGES_PER_GPU or GPU_COUNT"):
        check_name("BATCH_SIZE")
    for name in DERIVED:
        with pytest.raises(ValueError, match=f"{name} follows from other settings: set "):
            check_name(name)
