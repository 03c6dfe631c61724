"""Measure several models on the same images, side by side.

  mrcnn compare cells/ --model nuclei --model logs/cells20261120T1405 --val 0.2
      is the model that you trained better than the one that it started from?

The table has a row for each model. Each model is compared with the first one image by image, with
an interval that says whether the difference may be chance. curves.png shows their curves, and each
model has a folder with its figures, as from `mrcnn evaluate`.
"""

import argparse
import sys

from .data import describe
from .evaluate import write_table
from .measuring import Measured, add_measuring, out_folder, out_line
from .model_file import labels
from .python_lines import Lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb to its `parser`."""
    parser.add_argument(
        "--model",
        dest="models",
        action="append",
        required=True,
        metavar="MODEL",
        help="a model of `mrcnn models`, a weights file or the folder of a training run; repeat "
        "it for each model. The first one is what the others are compared with",
    )
    add_measuring(parser)


def execute(options: argparse.Namespace) -> None:
    """Measure the models of `options`, print and write."""
    if len(options.models) < 2:
        raise ValueError("--model is given once: give it for each of the models to compare.")
    every = [Measured.of(options, model) for model in options.models]
    names = labels([measured.path for measured in every])
    datasets = [measured.dataset() for measured in every]
    if options.print_python:
        print(_python(every, names))
        return
    print(f"{describe(datasets[0])}: {every[0].images()}.", flush=True)
    from ..evaluation import side_by_side
    from ..evaluation.report import remarks

    folder, results = out_folder(options, "compare"), {}
    for name, measured, dataset in zip(names, every, datasets, strict=True):
        print(f"{name}: {measured.path}", *filter(None, [measured.agreement.remark]), flush=True)
        results[name] = measured.run(dataset, folder / name)
        for line in remarks(results[name]):
            print(line)
    side_by_side.write(results, folder)
    lines = [side_by_side.table(results), "", *side_by_side.remarks(results)]
    print("\n".join(lines))
    write_table(folder, lines, [measured.path for measured in every])
    print(f"Saved to {folder}")
    sys.stdout.flush()


def _python(every: list[Measured], names: list[str]) -> str:
    lines = Lines()
    out_line(lines, every[0].options, "compare")
    lines.line("results = {}")
    before = None
    for name, measured in zip(names, every, strict=True):
        if before is None or before.data.options != measured.data.options:
            measured.add_dataset(lines)
        text = lines.literal(name)
        measured.add_run(lines, f"results[{text}]", f"folder / {text}")
        before = measured
    lines.use("mrcnn.evaluation", "side_by_side")
    lines.line("side_by_side.write(results, folder)")
    lines.line('print(side_by_side.table(results), *side_by_side.remarks(results), sep="\\n")')
    return str(lines)
