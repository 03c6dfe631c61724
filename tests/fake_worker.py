"""What worker processes run in the tests of `jobs.cluster`: the fake model, and no network."""

import os
import time
from pathlib import Path

from fake_model import FakeModel

from mrcnn.jobs.results_folder import ResultsFolder
from mrcnn.jobs.stages import Stages


def detect(job, made_by, task):
    """`cluster.detect_one` with the fake model, slow enough to be killed in the middle."""
    pids = Path(job.out) / "pids"
    pids.mkdir(exist_ok=True)
    (pids / f"{os.getpid()}-{task.stem}").touch()
    time.sleep(0.2)
    stages = Stages(job, FakeModel(job), ResultsFolder(job.out, made_by))
    [outcome] = stages.write(stages.detect(stages.open([task])))
    return outcome


def crash(job, made_by, task):
    """As `detect`, but one image kills its process, each time."""
    if task.stem == "i3":
        os._exit(1)
    return detect(job, made_by, task)


def refuse(job, made_by, task):
    """The model cannot be loaded."""
    raise ValueError("the worker has other weights")
