"""`--set NAME=VALUE` and `--config FILE`: any setting of `Config` from the command line."""

import argparse
from pathlib import Path
from typing import Any

import yaml

from ..config import Config
from ..config_rules.derived import DERIVED
from ..files.regular import regular_file
from ..formats.finding import given_path, read_json
from ..types import PathLike
from .values import check_name, of_file, parse


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options `--set` and `--config`.

    Args:
        parser: of a verb; `settings_of` reads its options.
    """
    group = parser.add_argument_group(
        "settings of the network", "All settings are explained in mrcnn/config.py."
    )
    group.add_argument(
        "--set",
        action="append",
        type=_assignment,
        default=[],
        metavar="NAME=VALUE",
        help="a setting, such as LEARNING_RATE=1e-4, RPN_ANCHOR_SCALES=16,32,64,128,256 or "
        "EMA=None; may be repeated",
    )
    group.add_argument(
        "--config",
        metavar="FILE",
        help="settings in a YAML or JSON file, such as the config.json of a training run; --set "
        "takes precedence",
    )


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that the user gives: those of `--config`, replaced by those of `--set`.

    Args:
        options: what a parser with `add_settings` returned.

    Returns:
        Value of each setting by its name, for `MaskRCNN.load(path, **settings)` or
        `Config.from_dict`. They have the types that `Config` accepts; `Config.validate` checks
        whether they can work.

    Raises:
        FileNotFoundError, OSError: the file cannot be read.
        ValueError: see `read_settings`.
    """
    given = {} if options.config is None else read_settings(options.config)
    return {**given, **dict(options.set)}


def read_settings(path: PathLike) -> dict[str, Any]:
    """The settings in a YAML or JSON file.

    Args:
        path: the file, which maps names to values. From the `config.json` of a training run, what
            follows from other settings and what the run's own class added are left out.

    Returns:
        Value of each setting by its name.

    Raises:
        FileNotFoundError, OSError: it cannot be read.
        ValueError: it does not hold settings; a name that `Config` does not have, or a value of the
            wrong type.

    Example:
        >>> from pathlib import Path
        >>> from mrcnn.cli.settings import read_settings
        >>> _ = Path("run.yaml").write_text("LEARNING_RATE: 1e-4\\nRPN_ANCHOR_SCALES: 16, 32, 64")
        >>> read_settings("run.yaml")
        {'LEARNING_RATE': 0.0001, 'RPN_ANCHOR_SCALES': (16, 32, 64)}
    """
    path = given_path(path, "--config")
    content = read_json(path) if path.suffix.lower() == ".json" else _read_yaml(path)
    content = {} if content is None else content
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise ValueError(
            f"{path} does not map names to values: it must have lines such as LEARNING_RATE: 1e-4."
        )
    if set(DERIVED) <= content.keys():  # of a run
        content = {n: v for n, v in content.items() if n not in DERIVED and hasattr(Config, n)}
    settings = {}
    for name, value in content.items():
        try:
            check_name(name)
            settings[name] = of_file(name, value)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return settings


def _assignment(text: str) -> tuple[str, Any]:
    """The `type` of `--set`."""
    name, equals, value = text.partition("=")
    name = name.strip()
    try:
        if not equals:
            raise ValueError(f"{text!r} is not NAME=VALUE, such as LEARNING_RATE=1e-4")
        check_name(name)
        return name, parse(name, value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(regular_file(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no such file: {path}.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"{path}, line {line}: not valid YAML: {error.problem}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a YAML file: {error}.") from error
