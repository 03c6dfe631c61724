"""Command-line options and helpers that the samples share."""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ..config import Config
from ..datasets.dataset import Dataset
from ..datasets.splits import random_subset
from ..types import PathLike
from ..weights import start_weights

AnyDataset = TypeVar("AnyDataset", bound=Dataset)


def parser(
    description: str,
    commands: Sequence[str],
    logs: PathLike,
    weights: str | None = None,
    names: Sequence[str] = start_weights.NAMES,
) -> argparse.ArgumentParser:
    """An argument parser with the options that every sample has.

    Args:
        description: description of the sample.
        commands: names of its commands.
        logs: default of --logs.
        weights: default of --weights; None makes the option required.
        names: the names that --weights accepts besides the path of a file, for its help.

    Returns:
        `argparse.ArgumentParser` for command, dataset, weights, logs, limit and resume.
    """
    made = argparse.ArgumentParser(description=description)
    made.add_argument("command", choices=commands)
    made.add_argument("--dataset", help="folder of the dataset")
    made.add_argument(
        "--weights",
        default=weights,
        required=weights is None,
        help=f"{', '.join(names)}, a published name such as "
        "torchvision:maskrcnn_resnet50_fpn_v2, or the path of a weights file",
    )
    made.add_argument("--logs", default=logs, help="folder for logs and checkpoints")
    made.add_argument("--limit", type=count, help="maximum number of images, for a quick try")
    made.add_argument(
        "--resume", action="store_true", help="train: resume the last run, if there is one"
    )
    return made


def add_native(made: argparse.ArgumentParser) -> None:
    """Add the option --native, for pictures as large as their images.

    Args:
        made: the parser of a sample that draws detections.
    """
    made.add_argument(
        "--native",
        action="store_true",
        help="detect: pictures have exactly their images' pixels, without margins or titles",
    )


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Exit with a one-line message, not a traceback, on errors that the user can fix.

    Raises:
        SystemExit: in place of OSError, ValueError and ImportError, which says what to install.
    """
    try:
        yield
    except (OSError, ValueError, ImportError) as error:
        if isinstance(error, OSError) and error.strerror:
            sys.exit(error.strerror + (f": {error.filename}" if error.filename else ""))
        sys.exit(str(error))


def run(main: Callable[[], object]) -> None:
    """Call a command's function; Ctrl-C ends it without a traceback.

    Args:
        main: function without arguments.

    Raises:
        SystemExit: on Ctrl-C, with the exit status that shells use for it. (Training has already
            printed where it stopped.)
    """
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)


def limited(dataset: AnyDataset, limit: int | None) -> AnyDataset:
    """Limit a dataset to a random subset of its images, the same one each time.

    Args:
        dataset: a prepared `Dataset`.
        limit: maximum number of images, or None for all.

    Returns:
        a prepared `Dataset`.
    """
    return dataset.subset(random_subset(dataset.image_ids, limit))


def shorten_epochs(config: Config, limit: int | None) -> None:
    """Shorten the epochs to match a dataset that --limit has reduced.

    Args:
        config: a `Config`; its STEPS_PER_EPOCH and VALIDATION_STEPS are changed.
        limit: maximum number of images; None changes nothing.
    """
    if limit is not None:
        steps = max(1, limit // config.BATCH_SIZE)
        config.STEPS_PER_EPOCH = min(config.STEPS_PER_EPOCH, steps)
        config.VALIDATION_STEPS = min(config.VALIDATION_STEPS, steps)


def fraction(text: str) -> float:
    """A number from 0 to 1, as the `type` of an option such as --min-score.

    Args:
        text: the option's value on the command line.

    Example:
        >>> from mrcnn.cli import fraction
        >>> fraction("0.7")
        0.7
    """
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def count(text: str) -> int:
    """An integer of at least 1, as the `type` of an option such as --limit.

    Args:
        text: the option's value on the command line.
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number
