"""`mrcnn`, the command: it finds the verb, and the verb's module does the work."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from .. import __version__
from .options import one_line_errors, run

# Each verb's module in this room, and what `mrcnn --help` says about it. The module has
# `add_arguments(parser)`, and `execute(options)`, which returns the exit code, or None for 0.
# Importing it must be quick: whatever needs TensorFlow is imported by `execute`.
VERBS = {
    "detect": "find objects in images, and write files for other tools",
    "serve": "find objects over HTTP: a page for the browser, and an interface for programs",
    "check": "read a dataset and report what training would stumble over",
    "train": "train a model on a dataset",
    "evaluate": "measure a model on a dataset",
    "compare": "measure several models on one dataset, side by side",
    "export": "write a model in a format that runs without Keras and TensorFlow",
    "models": "list the models that come with the package",
    "info": "say what a weights file is: its classes, how it was trained",
}


def parser() -> argparse.ArgumentParser:
    """The argument parser of `mrcnn`, with one subparser for each verb."""
    made = argparse.ArgumentParser(
        prog="mrcnn",
        description="Find and outline the objects in images.",
        epilog="mrcnn VERB --help explains a verb, with examples.",
    )
    made.add_argument("--version", action="version", version=f"mask-rcnn {__version__}")
    verbs = made.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, about in VERBS.items():
        module = _module(verb)
        of_verb = verbs.add_parser(
            verb,
            help=about,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(of_verb)
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        argv: the words after `mrcnn`; None takes them from the command line.

    Raises:
        SystemExit: always, with the exit code: 0, 1 for an error or images that failed, 2 for a
            wrong command line, 130 on Ctrl-C, 141 if what reads the output, such as `head`, ends.
    """
    options = parser().parse_args(argv)
    codes: list[Any] = []

    def execute() -> None:
        with one_line_errors():
            try:
                codes.append(_module(options.verb).execute(options))
                sys.stdout.flush()
            except BrokenPipeError:
                _end_if_nobody_reads()
                raise

    run(execute)
    sys.exit(codes[0] or 0)


def _end_if_nobody_reads() -> None:
    """Exit without a word if the output's reader has ended, with the status that shells use."""
    try:
        # Even without a buffer, where there would be nothing to flush.
        print(flush=True)
    except BrokenPipeError:
        # Python flushes once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _module(verb: str) -> Any:
    return importlib.import_module(f".{verb}", __package__)
