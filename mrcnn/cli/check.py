"""Read a dataset and report what training would stumble over.

  mrcnn check cells/
      what is in it, and what is wrong: missing images, sizes that disagree, empty masks, ...

  mrcnn check cells/ --from nuclei
      also compares it with what the model can do: number and size of objects, anchors

The format is recognised by the files:
{formats}
Folders train and val (or train2017.json and val2017.json, or the keys of data.yaml) are checked
one after the other. The exit code is 1 if there are errors.
"""

import argparse
from typing import Any

from ..config import Config
from ..formats.recognise import LOOKS
from .agreement import for_training
from .data import add_data, describe_corrections, read_data
from .options import count, limited
from .python_lines import Lines, Name
from .recipe import Recipe
from .settings import add_settings, settings_of
from .start import Start, add_defaults

__doc__ = str(__doc__).format(
    formats="\n".join(f"  {name:15} {looks}" for name, looks in LOOKS.items())
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb to its `parser`."""
    add_data(parser)
    add = parser.add_argument
    add(
        "--from",
        dest="start",
        metavar="MODEL",
        help="compare the data with this model's settings: a model of `mrcnn models`, a weights "
        "file, coco or imagenet",
    )
    add("--logs", default="logs", metavar="FOLDER", help="folder of training runs, for --from last")
    add("--quick", action="store_true", help="read only the headers of the images")
    add("--limit", type=count, metavar="N", help="only N images, drawn at random")
    add("--print-python", action="store_true", help="print Python lines that do the same, and stop")
    add_settings(parser)


def execute(options: argparse.Namespace) -> int:
    """The exit code of a check as `options` ask for: 1 if there are errors."""
    given = settings_of(options)
    start = None if options.start is None else Start.of(options.start, options.logs, None)
    data = read_data(options)
    if start is not None and not options.class_names:
        agreement = for_training(data.class_names, start.class_names)
        if agreement.class_names:
            data = read_data(options, agreement.class_names)
    settings = {"NAME": "check", "NUM_CLASSES": len(data.class_names) + 1, **given}
    lines, config = Lines(), None
    arguments: dict[str, Any] = {"read_images": False} if options.quick else {}
    datasets = {part: limited(each, options.limit) for part, each in data.datasets.items()}
    names = [data.add_read(lines, part, options.limit) for part in datasets]
    if start is not None or given:
        base = Config.from_dict(settings) if start is None else start.config(settings)
        known_size = None if start is None else start.card.object_size
        recipe = Recipe.of(base, given, next(iter(datasets.values())), known_size)
        own = {} if start is None else start.settings
        settings = {**own, **settings, **recipe.settings}
        config = recipe.config
        lines.add_dict("settings", settings)
        add_defaults(lines) if start is None else start.add_config(lines)
    if options.print_python:
        named = {"config": Name("config")} if config else {}
        for name in names:
            lines.add(f"{name}.check", **arguments, **named)
        print(lines)
        return 0
    print(f"{options.data}: {data.format} ({next(iter(data.signs.values())).seen})")
    if corrections := describe_corrections(data):
        print(corrections)
    reports = []
    for part, dataset in datasets.items():
        if len(datasets) > 1:
            print(f"\n{part}:")
        reports.append(dataset.check(config=config, **arguments))
    return 0 if all(report.ok for report in reports) else 1
