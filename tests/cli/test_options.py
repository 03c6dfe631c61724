"""Options that the samples share."""

import pytest
from tiny import InMemory, shapes

from mrcnn import cli
from mrcnn.config import Config


@pytest.fixture
def parser():
    return cli.parser("Find things.", ("train", "detect"), "logs")


def test_options(parser):
    args = parser.parse_args(["train", "--weights=last", "--limit=3", "--resume"])
    assert vars(args) == {
        "command": "train",
        "dataset": None,
        "weights": "last",
        "logs": "logs",
        "limit": 3,
        "resume": True,
    }
    made = cli.parser("Find things.", ("train",), "logs", "coco")
    assert made.parse_args(["train"]).weights == "coco"


def test_native(parser):
    cli.add_native(parser)
    arguments = ["detect", "--weights=last"]
    assert not parser.parse_args(arguments).native
    assert parser.parse_args([*arguments, "--native"]).native


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "--weights"),
        (["fly", "--weights=last"], "invalid choice: 'fly'"),
        (["train", "--weights=last", "--limit=0"], "argument --limit: 0 is less than 1"),
        (["train", "--weights=last", "--limit=x"], "argument --limit: invalid count value: 'x'"),
    ],
)
def test_refusals(parser, arguments, message, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(arguments)
    assert message in capsys.readouterr().err


def test_a_fraction(parser, capsys):
    parser.add_argument("--min-score", type=cli.fraction)
    arguments = ["train", "--weights=last"]
    assert parser.parse_args([*arguments, "--min-score=0.5"]).min_score == 0.5
    with pytest.raises(SystemExit):
        parser.parse_args([*arguments, "--min-score=1.5"])
    assert "argument --min-score: 1.5 is not between 0 and 1" in capsys.readouterr().err


def test_some_of_the_images_the_same_ones_each_time():
    dataset = InMemory(shapes(8))
    few = cli.limited(dataset, 3)
    assert few.num_images == 3
    assert few.image_ids.tolist() == cli.limited(dataset, 3).image_ids.tolist()
    assert set(few.image_ids) <= set(dataset.image_ids)
    for limit in (None, 8, 9):
        assert cli.limited(dataset, limit).image_ids.tolist() == list(range(8))


def test_few_images_make_short_epochs():
    config = Config.from_dict({"STEPS_PER_EPOCH": 100, "VALIDATION_STEPS": 3, "IMAGES_PER_GPU": 2})
    cli.shorten_epochs(config, None)
    assert (config.STEPS_PER_EPOCH, config.VALIDATION_STEPS) == (100, 3)
    cli.shorten_epochs(config, 9)
    assert (config.STEPS_PER_EPOCH, config.VALIDATION_STEPS) == (4, 3)
    cli.shorten_epochs(config, 1)
    assert (config.STEPS_PER_EPOCH, config.VALIDATION_STEPS) == (1, 1)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("NUM_CLASSES is 1"), "NUM_CLASSES is 1"),
        (
            FileNotFoundError(2, "no such run folder", "logs"),
            "no such run folder: logs",
        ),
        (PermissionError("not there"), "not there"),
    ],
)
def test_errors_that_the_user_can_fix_are_one_line(error, line):
    with pytest.raises(SystemExit) as caught, cli.one_line_errors():
        raise error
    assert caught.value.code == line


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError), cli.one_line_errors():
        raise ZeroDivisionError


def test_ctrl_c_ends_a_command_without_a_traceback():
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        cli.run(main)
    assert caught.value.code == 130
    cli.run(lambda: None)
