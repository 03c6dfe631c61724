"""Find objects in images, and write what was found as files for other tools.

  mrcnn detect images/ --model nuclei
      one table, results/objects.csv, and a picture of each image, results/overlay/

  mrcnn detect "plate*/*.tif" --model best.h5 --out found/ --to csv,geojson,roi
      tables, QuPath and Fiji; the model is a file that you trained

  mrcnn detect slide.ome.tif --model nuclei --tile 1024 --to geojson
      an image of any size, tile by tile

  mrcnn detect images/ --model nuclei --channel DAPI --object-size 60
      one stain of several; the nuclei are about 60 pixels wide

  find . -name "*.png" | mrcnn detect - --model nuclei --workers 4
      a list of paths, in four processes

The same command again does what is still to do. An image that fails is reported at the end and
in failed.csv, the others are done; the exit code is then 1.
"""

import argparse
import contextlib
import dataclasses
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..images.projections import PROJECTIONS
from ..jobs.inputs import find_inputs
from ..jobs.job import DetectJob
from ..jobs.model import ModelFile
from ..jobs.reading import each_plane
from ..jobs.summary import Summary
from ..results.kinds import KINDS
from .options import count, fraction
from .settings import add_settings, settings_of

# Options that are values of the job by the same name.
_SAME = (
    *("min_score", "max_instances", "classes", "tile", "overlap", "channel"),
    *("projection", "scale", "object_size"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    kinds = [f"  {name:12} {kind.about}" for name, kind in KINDS.items()]
    parser.epilog = "\n".join(["kinds of files (--to):", *kinds])
    add = parser.add_argument
    add(
        "paths",
        nargs="+",
        metavar="PATHS",
        help="images, folders of images, globs, or - for a list of paths on stdin",
    )
    add("--model", required=True, help="name of a model (`mrcnn models`), or a weights file")
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
    add(
        "--scale",
        type=_positive,
        metavar="FACTOR",
        help="enlarge images by this factor before detection; 0.5 if your objects are twice as "
        "large as those that the model was trained on",
    )
    add(
        "--object-size",
        type=_positive,
        metavar="PX",
        help="how wide your objects are, in pixels; sets the scale",
    )
    add(
        "--tile",
        type=_tile,
        default="auto",
        metavar="PX",
        help="detect in tiles of this many pixels a side: a number; none for whole images; auto "
        "(default) for tiles where an image is too large",
    )
    add("--overlap", type=count, metavar="PX", help="pixels that tiles share; more than an object")

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
    """Detect; returns 1 if an image failed."""
    job = _job(options)
    if options.print_python:
        print(_python(options, job))
        return 0
    inputs = find_inputs(options.paths, options.recursive, exclude=job.out)
    if options.plane == "all":
        inputs.images[:] = each_plane(inputs.images)
    inputs.refused.extend((video.name, "videos are not read") for video in inputs.videos)
    # What is wrong with the model shows before the seconds that the next import takes.
    ModelFile.of(job)
    from ..jobs import cluster, folder

    detect: folder.Detect | None = None
    if options.workers:
        detect = cluster.Processes(options.workers)
    elif options.scheduler:
        detect = cluster.Scheduler(options.scheduler)
    command, summary = shlex.join(["mrcnn", *sys.argv[1:]]), Summary()
    try:
        with _ended_by_sigterm():
            folder.run(job, inputs, options.again, options.quiet, command, detect, summary)
    finally:
        if summary and not options.quiet:
            print(*summary.lines(os.path.join(job.out, "")), sep="\n")
    return 1 if summary.failed else 0


def _job(options: argparse.Namespace) -> DetectJob:
    if options.plane == "all" and options.projection:
        raise ValueError("--plane all and --projection exclude each other: give one of them.")
    return DetectJob(
        model=options.model,
        out=options.out / (options.project or ""),
        kinds=options.to,
        settings=settings_of(options),
        plane=None if options.plane == "all" else options.plane,
        **{name: getattr(options, name) for name in _SAME},
    )


def _python(options: argparse.Namespace, job: DetectJob) -> str:
    """Python lines that do what the options ask for."""
    given = {
        field.name: getattr(job, field.name)
        for field in dataclasses.fields(job)
        if field.name in ("model", "out", "kinds")
        or getattr(job, field.name) not in (field.default, {})
    }
    lines = [
        "from mrcnn.jobs.folder import run",
        "from mrcnn.jobs.inputs import find_inputs",
        "from mrcnn.jobs.job import DetectJob",
        "",
        "job = DetectJob(",
        *(f"    {name}={_literal(value)}," for name, value in given.items()),
        ")",
    ]
    recursive = ", recursive=True" if options.recursive else ""
    lines.append(f"inputs = find_inputs({options.paths!r}{recursive}, exclude=job.out)")
    if options.plane == "all":
        lines.insert(3, "from mrcnn.jobs.reading import each_plane")
        lines.append("inputs.images[:] = each_plane(inputs.images)")
    arguments = ["job", "inputs"] + ["again=True"] * options.again + ["quiet=True"] * options.quiet
    if options.workers or options.scheduler:
        name, value = "Processes", options.workers
        if options.scheduler:
            name, value = "Scheduler", options.scheduler
        lines.insert(0, f"from mrcnn.jobs.cluster import {name}")
        arguments.append(f"detect={name}({value!r})")
    lines.append(f"summary = run({', '.join(arguments)})")
    if not options.quiet:
        lines.append(f'print(*summary.lines({os.path.join(job.out, "")!r}), sep="\\n")')
    if options.workers:
        # Its processes import the script that starts them.
        start = lines.index("job = DetectJob(")
        body = [f"    {line}" for line in lines[start:]]
        lines[start:] = ['if __name__ == "__main__":', *body]
    return "\n".join(lines)


def _literal(value: Any) -> str:
    """A value as Python writes it."""
    return repr(os.fspath(value) if isinstance(value, os.PathLike) else value)


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


def _tile(text: str) -> int | str | None:
    if text in ("auto", "none"):
        return None if text == "none" else text
    try:
        return count(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text} is not a number of pixels, none or auto"
        ) from None


def _plane(text: str) -> int | str:
    if not (text.isdecimal() or text == "all"):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0, or all")
    return text if text == "all" else int(text)


def _positive(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number
