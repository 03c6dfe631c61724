"""Repeat the comparisons of Mask R-CNN's tables 2 and 3 at a size that two CPU cores can train.

Train all configurations on both tasks with three seeds, and write the results beside the paper's:

    python samples/ablations/ablations.py run

The same command, given again, continues where it was stopped. To choose comparisons and tasks, or
to write the table of what is finished so far:

    python samples/ablations/ablations.py run --only 2c,2d --tasks shapes --seeds 5
    python samples/ablations/ablations.py table
"""

import argparse
import sys
from pathlib import Path

# Lets notebooks, which import samples.ablations.ablations, find the modules beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import ablation_rows
import ablation_runs
import ablation_table
import ablation_tasks

from mrcnn import cli

ROOT_DIR = Path(__file__).resolve().parents[2]
DEFAULT_OUT_DIR = ROOT_DIR / "logs" / "ablations"


def names(text, known):
    """Names separated by commas, each one of `known`."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    for name in found or [text]:
        if name not in known:
            raise argparse.ArgumentTypeError(
                f"{name!r} is unknown: it must be one or more of {', '.join(known)}, separated by "
                "commas"
            )
    return found


def run(out, tasks, seeds, only=None):
    """Do all runs that are not finished, and write the table.

    Args:
        out: folder for the results; created if it does not exist.
        tasks: names in `ablation_tasks.TASKS`.
        seeds: number of seeds.
        only: names of comparisons; None: all.
    """
    out = Path(out)
    runs = ablation_runs.plan(tasks, seeds, ablation_rows.chosen(only)[1])
    ablation_runs.run_all(runs, out)
    table(out, seeds, only)


def table(out, seeds, only=None):
    """Write the table and the figures of the finished runs.

    Args:
        out, seeds, only: see `run`.

    Raises:
        FileNotFoundError: there is no finished run.
    """
    out = Path(out)
    results = ablation_table.collect(out, seeds)
    if not results:
        raise FileNotFoundError(f"{out} has no finished run: start one with the command run.")
    ablation_table.write(out, results, only)
    print(f"{len(results)} runs. Saved to {out}: results.md, results.csv, differences*.png")


def main(argv=None):
    """Run the command line; see the top of this file."""
    parser = argparse.ArgumentParser(description="Repeat the comparisons of Mask R-CNN.")
    comparisons = [comparison.name for comparison in ablation_rows.COMPARISONS]
    add = parser.add_argument
    add("command", choices=("run", "table"))
    add(
        "--tasks",
        type=lambda text: names(text, list(ablation_tasks.TASKS)),
        default=list(ablation_tasks.TASKS),
        help=f"run: {', '.join(ablation_tasks.TASKS)} (both)",
    )
    add("--seeds", type=cli.count, default=3, help="number of seeds (3)")
    add(
        "--only",
        type=lambda text: names(text, comparisons),
        help=f"comparisons: {', '.join(comparisons)} (all)",
    )
    add("--out", type=Path, default=DEFAULT_OUT_DIR, help="folder for the results")
    args = parser.parse_args(argv)
    with cli.one_line_errors():
        if args.command == "run":
            run(args.out, args.tasks, args.seeds, args.only)
        else:
            table(args.out, args.seeds, args.only)


if __name__ == "__main__":
    cli.run(main)
