"""Detection in many images: skip what is done, go on after failures, keep what is finished."""

import contextlib
import dataclasses
import datetime
import functools
import importlib.metadata
import itertools
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import __version__
from ..images.video import is_video
from ..inference.pipeline import Pipeline
from ..results.kinds import of_item
from .inputs import Inputs, Item
from .job import DetectJob
from .model import Model, ModelFile
from .naming import Task, tasks_of
from .progress import Progress
from .records import Record, Stamp
from .results_folder import ResultsFolder
from .stages import Failed, Stages
from .summary import Summary

# Batches in work at the same time: one each that is read, in the network, written, and waiting.
AHEAD = 4

# A function that detects in images and yields, in any order, what became of each.
Detect = Callable[[DetectJob, ResultsFolder, Sequence[Task]], Iterator[Record | Failed]]


def run(
    job: DetectJob,
    inputs: Inputs,
    again: bool = False,
    quiet: bool = False,
    command: str = "",
    detect: Detect | None = None,
    summary: Summary | None = None,
) -> Summary:
    """Detect in images and write their results.

    Images whose results are there already are skipped. An image that fails is noted in failed.csv,
    and the others follow. However the run ends, the joined files hold all images that are done.

    Args:
        job: what to do.
        inputs: `Inputs`, the images and videos.
        again: whether images that are done are detected anew.
        quiet: whether to show nothing but failures.
        command: for run.json.
        detect: None detects in this process, see `in_this_process`.
        summary: to fill, for those who want it even if the run is interrupted.

    Returns:
        `Summary`.

    Raises:
        FileNotFoundError, ValueError: see `ModelFile.of`; or the folder has results that were made
            in another way.
        OSError: the results cannot be written.
    """
    start = time.perf_counter()
    file, folder = ModelFile.of(job), ResultsFolder(job.out)
    stamped, missing = _stamped([*inputs.images, *inputs.videos])
    tasks = tasks_of(stamped, folder.records)
    folder.start(job.recipe(file.digest), [task.item.name for task in tasks], again)
    folder.clear_failures()
    summary = Summary() if summary is None else summary
    summary.ignored, summary.min_score = inputs.ignored, file.min_score(job)
    todo, failed = _sorted_out(job, folder, tasks, again)
    started = datetime.datetime.now().astimezone().isoformat(timespec="seconds")

    unusable = [*inputs.refused, *missing, *failed]
    with Progress(len(todo) + len(unusable), quiet) as progress:

        def fail(name: str, reason: str) -> None:
            folder.add_failure(name, reason)
            summary.failed.append(name)
            progress.failed(name, reason)

        for name, reason in unusable:
            fail(name, reason)
        kept = {task.item.name for task in todo} | {name for name, _ in failed}
        for task in tasks:
            if task.item.name not in kept:
                summary.before += 1
                progress.skipped(task.item.name)
        records: list[Record] = []
        summary.left = len(todo)
        try:
            detect_here = functools.partial(in_this_process, quiet=not progress.bars)
            for outcome in (detect or detect_here)(job, folder, todo) if todo else ():
                summary.left -= 1
                if isinstance(outcome, Failed):
                    fail(outcome.task.item.name, outcome.reason)
                else:
                    summary.add(outcome)
                    records.append(outcome)
                    progress.done(outcome.name, outcome.objects)
            if detect is not None:
                folder.remove_begun(records)
        finally:
            folder.gather(job.kinds)
            summary.seconds = time.perf_counter() - start
            _note(folder, file, summary, command, started)
    return summary


def in_this_process(
    job: DetectJob, folder: ResultsFolder, tasks: Sequence[Task], quiet: bool = True
) -> Iterator[Record | Failed]:
    """Detect in images one batch after the other; reading, network and writing overlap.

    Args:
        job: what to do.
        folder: for the results.
        tasks: the images and videos.
        quiet: whether the progress inside videos and large images is not shown.

    Yields:
        What became of each image, in order.

    Raises:
        OSError: the results cannot be written.
    """
    model = Model(job)
    stages, remaining = Stages(job, model, folder, quiet), iter(tasks)

    def next_batch() -> list[Task] | None:
        return list(itertools.islice(remaining, model.detector.config.BATCH_SIZE)) or None

    steps = stages.open, stages.detect, stages.write
    made: Any = iter(Pipeline(next_batch, *steps, ahead=AHEAD))
    with contextlib.closing(made):
        for outcomes in made:
            yield from outcomes


def _stamped(items: Sequence[Item]) -> tuple[list[tuple[Item, Stamp]], list[tuple[str, str]]]:
    """The items with the stamps of their files, and (name, reason) of those that are gone."""
    found, gone = [], []
    for item in items:
        try:
            found.append((item, Stamp.of(item.path)))
        except OSError as error:
            gone.append((item.name, error.strerror or str(error)))
    return found, gone


def _sorted_out(
    job: DetectJob, folder: ResultsFolder, tasks: Sequence[Task], again: bool
) -> tuple[list[Task], list[tuple[str, str]]]:
    """The tasks that are to be done, and (name, reason) of those that must not be."""
    todo, refused = [], []
    for task in tasks:
        name = task.item.name
        kinds = of_item(job.kinds, is_video(task.item.path))
        if not again and folder.is_done(name, task.image, kinds):
            continue
        changed = folder.changed_by_hand(name, kinds)
        if changed is None:
            todo.append(task)
        else:
            refused.append(
                (name, f"{changed} was changed since it was written: move it, or it would be lost")
            )
    return todo, refused


def _note(
    folder: ResultsFolder, file: ModelFile, summary: Summary, command: str, started: str
) -> None:
    """Note a run in run.json."""
    card = {**dataclasses.asdict(file.card), "config": None, "file": str(file.path)}
    run = {
        "command": command,
        "started": started,
        "seconds": round(summary.seconds, 1),
        "images": summary.images,
        "objects": summary.objects,
        "done_before": summary.before,
        "failed": len(summary.failed),
        "host": platform.node(),
        "versions": _versions(),
    }
    runs = folder.run().get("runs", [])
    folder.write_run({"model": {k: v for k, v in card.items() if v}, "runs": [*runs, run]})


def _versions() -> dict[str, str | None]:
    """Versions of what results depend on; they are found without importing it."""
    versions: dict[str, str | None] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "mask-rcnn": __version__,
    }
    for name in ("keras", "tensorflow", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
