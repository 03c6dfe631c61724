"""Find objects in images, and write what was found as files for other tools.

  mrcnn detect images/ --model nuclei
      one table, results/objects.csv, and a picture of each image, results/overlay/

  mrcnn detect "plate*/*.tif" --model best.h5 --out found/ --to csv,geojson,roi
      tables, QuPath and Fiji; the model is a file that you trained

  mrcnn detect slide.ome.tif --model nuclei --tile 1024 --to geojson
      an image of any size, tile by tile

  mrcnn detect images/ --model nuclei --channel DAPI --object-size 60
      one stain of several; the nuclei are about 60 pixels wide

  mrcnn detect film.mp4 --model nuclei --to csv,mp4
      a row for each object in each frame, and the film with their outlines

  find . -name "*.png" | mrcnn detect - --model nuclei --workers 4
      a list of paths, in four processes

The same command again does what is still to do. An image that fails is reported at the end and
in failed.csv, the others are done; the exit code is then 1.
"""

import argparse
import contextlib
import dataclasses
import shlex
import signal
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..images.projections import PROJECTIONS
from ..jobs import cluster, folder
from ..jobs.inputs import find_inputs
from ..jobs.job import DetectJob
from ..jobs.reading import each_plane
from ..jobs.summary import Summary
from ..results.kinds import KINDS
from .model_file import find_model
from .options import count, fraction
from .python_lines import Lines, Name
from .scale_and_tiles import add_scale_and_tiles
from .settings import add_settings, settings_of

# Options that are values of the job by the same name.
_SAME = (
    *("min_score", "max_instances", "classes", "tile", "overlap", "channel"),
    *("projection", "scale", "object_size"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb.

    Args:
        parser: the verb's.
    """
    kinds = [f"  {name:12} {kind.about}" for name, kind in KINDS.items()]
    parser.epilog = "\n".join(["kinds of files (--to):", *kinds])
    add = parser.add_argument
    add(
        "paths",
        nargs="+",
        metavar="PATHS",
        help="images, videos, folders of them, globs, or - for a list of paths on stdin",
    )
    add(
        "--model",
        required=True,
        help="a model of `mrcnn models`, a weights file, the folder of a training run, last or "
        "best",
    )
    add(
        "--out",
        "--output",
        default=Path("results"),
        type=Path,
        metavar="FOLDER",
        help="folder for the results (default: %(default)s)",
    )
    add("--project", metavar="NAME", help="a folder of this name, inside that of --out")
    add(
        "--to",
        type=_kinds,
        default=("csv", "overlay"),
        metavar="KINDS",
        help="kinds of files, separated by commas, see below (default: csv,overlay)",
    )
    add("--again", action="store_true", help="detect anew in images that are done")
    add("--recursive", action="store_true", help="look into subfolders, too")

    images = parser.add_argument_group("images")
    add = images.add_argument
    add("--channel", help="the channel to use as gray: its name, or its number from 0")
    add("--plane", type=_plane, metavar="N", help="the plane of a stack, from 0; all: each one")
    add("--projection", choices=PROJECTIONS, help="make one image of a stack")
    add_scale_and_tiles(images)

    found = parser.add_argument_group("objects")
    add = found.add_argument
    add("--min-score", type=fraction, help="leave out objects that score less, from 0 to 1")
    add("--max-instances", type=count, metavar="N", help="most objects in an image, or in a tile")
    add("--classes", type=_names, default=(), metavar="NAMES", help="only these, by comma")

    run = parser.add_argument_group("the run")
    where = run.add_mutually_exclusive_group()
    where.add_argument("--workers", type=count, metavar="N", help="processes of this machine")
    where.add_argument("--scheduler", metavar="ADDRESS", help="Dask cluster: tcp://HOST:8786")
    add = run.add_argument
    add("--quiet", action="store_true", help="print only what failed")
    add(
        "--print-python",
        action="store_true",
        help="print Python lines that do the same, and stop",
    )
    add_settings(parser)


def execute(options: argparse.Namespace) -> int:
    """Detect.

    Args:
        options: what the parser made of the command line.

    Returns:
        The exit code: 1 if an image failed.

    Raises:
        OSError, ValueError, ImportError: see `jobs.folder.run`.
    """
    job = _job(options)
    if options.print_python:
        print(_python(options, job))
        return 0
    inputs = find_inputs(options.paths, options.recursive, exclude=job.out)
    if options.plane == "all":
        inputs.images[:] = each_plane(inputs.images)
    command, summary = shlex.join(["mrcnn", *sys.argv[1:]]), Summary()
    try:
        with _ended_by_sigterm():
            folder.run(
                job, inputs, options.again, options.quiet, command, _detect(options), summary
            )
    finally:
        if summary and not options.quiet:
            print(*summary.lines(str(job.out)), sep="\n")
    return 1 if summary.failed else 0


def _detect(options: argparse.Namespace) -> folder.Detect | None:
    if options.workers:
        return cluster.Processes(options.workers)
    return cluster.Scheduler(options.scheduler) if options.scheduler else None


def _job(options: argparse.Namespace) -> DetectJob:
    if options.plane == "all" and options.projection:
        raise ValueError("--plane all and --projection exclude each other: give one of them.")
    return DetectJob(
        model=find_model(options.model),
        out=options.out / (options.project or ""),
        kinds=options.to,
        settings=settings_of(options),
        plane=None if options.plane == "all" else options.plane,
        **{name: getattr(options, name) for name in _SAME},
    )


def _python(options: argparse.Namespace, job: DetectJob) -> str:
    """Python lines that do what the options ask for."""
    given: dict[str, Any] = {
        field.name: getattr(job, field.name)
        for field in dataclasses.fields(job)
        if field.name in ("model", "out", "kinds")
        or getattr(job, field.name) not in (field.default, {})
    }
    lines = Lines()
    lines.use("mrcnn.jobs.folder", "run")
    lines.use("mrcnn.jobs.inputs", "find_inputs")
    lines.use("mrcnn.jobs.job", "DetectJob")
    lines.add("job = DetectJob", **given)
    recursive = {"recursive": True} if options.recursive else {}
    lines.add("inputs = find_inputs", options.paths, **recursive, exclude=Name("job.out"))
    if options.plane == "all":
        lines.use("mrcnn.jobs.reading", "each_plane")
        lines.line("inputs.images[:] = each_plane(inputs.images)")
    how: dict[str, Any] = {name: True for name in ("again", "quiet") if getattr(options, name)}
    detect = _detect(options)
    if detect is not None:
        name = type(detect).__name__
        lines.use("mrcnn.jobs.cluster", name)
        how["detect"] = Name(f"{name}({lines.literal(options.workers or options.scheduler)})")
    lines.add("summary = run", Name("job"), Name("inputs"), **how)
    if not options.quiet:
        lines.line(f'print(*summary.lines({lines.literal(job.out)}), sep="\\n")')
    if options.workers is None:
        return str(lines)
    # Its processes import the script that starts them.
    imports, _, body = str(lines).partition("\n\n")
    main = 'if __name__ == "__main__":\n' + textwrap.indent(body, "    ")
    return f"{imports}\n\n{main}"


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """End a run in order when a cluster or the system asks for it, as on Ctrl-C."""

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _names(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _kinds(text: str) -> tuple[str, ...]:
    names = _names(text)
    for name in names:
        if name not in KINDS:
            raise argparse.ArgumentTypeError(f"{name!r} is no kind of file: {', '.join(KINDS)}")
    if not names:
        raise argparse.ArgumentTypeError(f"no kind of file is named: {', '.join(KINDS)}")
    return names


def _plane(text: str) -> int | str:
    if not (text.isdecimal() or text == "all"):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0, or all")
    return text if text == "all" else int(text)
