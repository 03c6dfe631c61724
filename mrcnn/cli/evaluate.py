"""Measure a model on images whose objects are known.

  mrcnn evaluate cells/ --model nuclei
      the figures of all images, or of the part val if DATA has one

  mrcnn evaluate cells/ --model logs/cells20261120T1405 --val 0.2
      a model trained with `mrcnn train cells/`, on the images that it held back

  mrcnn evaluate balloon/ --model best.h5 --tta 8 --min-score 0.5 --out figures/
      detect in eight orientations of each image; count objects that score at least 0.5

A table is printed, and written with all figures (evaluation.json) and curves to a folder. DSB is
TP / (TP + FP + FN), the mean over images and IoU 0.5:0.95; AP is COCO's average precision.
"""

import argparse
import shlex
import sys
from pathlib import Path

from ..files.whole import replacing
from .data import describe
from .measuring import Measured, add_measuring, out_folder, out_line
from .python_lines import Lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb to its `parser`."""
    parser.add_argument(
        "--model",
        required=True,
        help="a model of `mrcnn models`, a weights file, the folder of a training run, last or "
        "best",
    )
    add_measuring(parser)


def execute(options: argparse.Namespace) -> None:
    """Measure the model of `options`, print and write."""
    measured = Measured.of(options, options.model)
    dataset = measured.dataset()
    if options.print_python:
        print(_python(measured))
        return
    print(f"{describe(dataset)}: {measured.images()}.")
    if measured.agreement.remark:
        print(measured.agreement.remark)
    sys.stdout.flush()
    from .. import evaluation

    folder = out_folder(options, "evaluate")
    result = measured.run(dataset, folder)
    lines = [evaluation.table(result), ""]
    lines += [f"{result['seconds_per_image']:.2f} seconds per image", *evaluation.remarks(result)]
    print("\n".join(lines))
    write_table(folder, lines, [measured.path])
    print(f"Saved to {folder}")


def write_table(folder: Path, lines: list[str], models: list[str]) -> None:
    """Write `table.md`: what was printed, and the command.

    Args:
        folder: where the result is.
        lines: what was printed.
        models: paths of the weights files.
    """
    command = shlex.join(["mrcnn", *sys.argv[1:]])
    text = [f"`{command}`", "", *lines, "", *(f"model: {path}" for path in models), ""]
    with replacing(folder / "table.md") as part:
        part.write_text("\n".join(text), encoding="utf-8")


def _python(measured: Measured) -> str:
    lines = Lines()
    measured.add_dataset(lines)
    out_line(lines, measured.options, "evaluate")
    measured.add_run(lines, "result", "folder")
    lines.use("mrcnn.evaluation", "table")
    lines.line("print(table(result))")
    return str(lines)
