"""The command line: `mrcnn` and its verbs, and the options that the samples share."""

from .options import (
    add_native,
    count,
    fraction,
    limited,
    one_line_errors,
    parser,
    run,
    shorten_epochs,
)

__all__ = [
    "add_native",
    "count",
    "fraction",
    "limited",
    "one_line_errors",
    "parser",
    "run",
    "shorten_epochs",
]
