"""What the command lines of the samples have in common."""

import argparse
import contextlib
import sys

from .datasets.splits import random_part
from .weights import start_weights


def parser(description, commands, logs, weights=None, names=start_weights.NAMES):
    """A parser of the options that every sample has.

    Args:
        description: of the sample.
        commands: names of its commands.
        logs: default of --logs.
        weights: default of --weights; None: it must be given.
        names: what --weights may be beside the path of a file, for its help.

    Returns:
        `argparse.ArgumentParser` of command, dataset, weights, logs, limit and resume.
    """
    made = argparse.ArgumentParser(description=description)
    made.add_argument("command", choices=commands)
    made.add_argument("--dataset", help="folder of the data set")
    made.add_argument(
        "--weights",
        default=weights,
        required=weights is None,
        help=f"{', '.join(names)} or the path of a .h5",
    )
    made.add_argument("--logs", default=logs, help="folder of logs and checkpoints")
    made.add_argument("--limit", type=count, help="most images, for a quick try")
    made.add_argument(
        "--resume", action="store_true", help="train: go on with the last run, if there is one"
    )
    return made


@contextlib.contextmanager
def one_line_errors():
    """End the command with one line in place of a traceback, where its user can mend the error.

    Raises:
        SystemExit: in place of OSError and ValueError.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        known = isinstance(error, OSError) and error.strerror
        place = f": {error.filename}" if known and error.filename else ""
        sys.exit(f"{error.strerror}{place}" if known else str(error))


def run(main):
    """Call the function of a command, which Ctrl-C ends without a traceback.

    Args:
        main: function without arguments.

    Raises:
        SystemExit: with the status that a shell gives Ctrl-C; training has said where it stopped.
    """
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)


def limited(dataset, limit):
    """A data set, or as many of its images drawn at random, the same ones each time.

    Args:
        dataset: a prepared `Dataset`.
        limit: int, or None for all.

    Returns:
        a prepared data set.
    """
    return dataset.subset(random_part(dataset.image_ids, limit))


def shorten(config, limit):
    """Make epochs as short as --limit makes the data set.

    Args:
        config: a `Config`; its STEPS_PER_EPOCH and VALIDATION_STEPS are changed.
        limit: int, or None for all, which changes nothing.
    """
    if limit is not None:
        steps = max(1, limit // config.BATCH_SIZE)
        config.STEPS_PER_EPOCH = min(config.STEPS_PER_EPOCH, steps)
        config.VALIDATION_STEPS = min(config.VALIDATION_STEPS, steps)


def share(text):
    """A number of 0 to 1, as the `type` of an option such as --min-score.

    Args:
        text: what the command line says.
    """
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} lies outside of 0 to 1")
    return number


def count(text):
    """A whole number of at least 1, as the `type` of an option such as --limit.

    Args:
        text: what the command line says.
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number
