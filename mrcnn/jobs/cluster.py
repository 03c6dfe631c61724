"""Detection by several processes, of this machine or of a cluster, on Dask distributed.

Images are the tasks. Each process loads the model once, and writes the results of its images
itself. What a process had in work when it was killed is done by another.
"""

import dataclasses
import functools
import importlib
import logging
import os
import pickle
import platform
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .job import DetectJob
from .model import Model
from .naming import Task
from .results_folder import Record, ResultsFolder, digest_of
from .stages import Failed, Stages

# A function from a job, `ResultsFolder.made_by` and a task to what became of the image.
DetectOne = Callable[[DetectJob, str, Task], Record | Failed]

# Images that a process has in work: one each that is read, in the network, and written.
THREADS = 3
_SETTINGS = {
    # When a process dies for the second time with an image in work, that may be the reason.
    "distributed.scheduler.allowed-failures": 1,
    # Dask would give up a process that takes longer to start again.
    "distributed.deploy.lost-worker-timeout": "1 hour",
}
# Seconds to wait for a scheduler to answer.
PATIENCE = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Processes:
    """A function that detects in images, for `folder.run`, with processes of this machine.

    Attributes:
        workers: number of processes.
        detect: what they run for each image, see `detect_one`.
    """

    workers: int
    detect: DetectOne | None = None

    def __call__(
        self, job: DetectJob, folder: ResultsFolder, tasks: Sequence[Task]
    ) -> Iterator[Record | Failed]:
        """Yield what became of each image, in the order in which they are done.

        Raises:
            ImportError: Dask is not installed; the message has the command.
        """
        distributed = _distributed()
        dask = importlib.import_module("dask")
        workers = min(self.workers, len(tasks))
        with (
            dask.config.set(_SETTINGS),
            distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=THREADS,
                processes=True,
                memory_limit=None,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
                env=threads_of(workers),
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield from _outcomes(client, self.detect or detect_one, job, folder, tasks)


@dataclasses.dataclass(frozen=True, slots=True)
class Scheduler:
    """A function that detects in images, for `folder.run`, with the workers of a cluster.

    They must see the images, the model and the folder of results under the same paths.

    Attributes:
        address: of the Dask scheduler, such as "tcp://host:8786".
        detect: what they run for each image, see `detect_one`.
    """

    address: str
    detect: DetectOne | None = None

    def __call__(
        self, job: DetectJob, folder: ResultsFolder, tasks: Sequence[Task]
    ) -> Iterator[Record | Failed]:
        """Yield what became of each image, in the order in which they are done.

        Raises:
            ImportError: Dask is not installed; the message has the command.
            ConnectionError: the scheduler does not answer.
        """
        distributed = _distributed()
        try:
            client = distributed.Client(self.address, timeout=PATIENCE)
        except (OSError, ValueError, TypeError) as error:
            reason = str(error).rstrip(".")
            raise ConnectionError(
                f"no Dask scheduler answers at {self.address}: {reason}. `dask scheduler` starts "
                "one, and `dask worker ADDRESS` its workers."
            ) from error
        with client:
            if not client.scheduler_info()["workers"]:
                print(f"{self.address} has no workers yet: waiting", file=sys.stderr)
            yield from _outcomes(client, self.detect or detect_one, job, folder, tasks)


def threads_of(workers: int, cores: int | None = None) -> dict[str, str]:
    """Environment variables that divide the cores of a machine among processes.

    Args:
        workers: number of processes.
        cores: None counts those that this process may use.
    """
    cores = cores or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    share = str(max(1, (cores or os.cpu_count() or 1) // workers))
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    # One process must not take a GPU's whole memory.
    return {**dict.fromkeys(names, share), "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise ImportError(
            'several processes need Dask: pip install "mask-rcnn[cluster]"'
        ) from error


def _outcomes(
    client: Any, detect: DetectOne, job: DetectJob, folder: ResultsFolder, tasks: Sequence[Task]
) -> Iterator[Record | Failed]:
    """Have the workers detect in images, and yield what became of each."""
    distributed = _distributed()
    job = dataclasses.replace(job, out=folder.path, model=_absolute(job.model))
    of_task = functools.partial(detect, job, folder.made_by)
    futures = client.map(of_task, tasks, pure=False)
    task_of = dict(zip((future.key for future in futures), tasks, strict=True))
    suspects = []
    try:
        for future in distributed.as_completed(futures, raise_errors=False):
            task = task_of.pop(future.key)
            try:
                yield future.result()
            except distributed.KilledWorker:
                suspects.append(task)
            future.release()
    finally:
        client.cancel(futures)
    # Each was in work when a process died, perhaps because of another: alone, it is the reason.
    for task in suspects:
        try:
            yield client.submit(of_task, task, pure=False).result()
        except distributed.KilledWorker:
            yield Failed(task, "it killed its process several times: is there enough memory?")


def _absolute(model: str) -> str:
    """A model's name, or the absolute path of its file: workers start in other folders."""
    path = os.path.expanduser(model)
    return os.path.abspath(path) if os.path.isfile(path) else model


_loading, _network = threading.Lock(), threading.Lock()


def detect_one(job: DetectJob, made_by: str, task: Task) -> Record | Failed:
    """Detect in an image and write its results; the model stays loaded for the next one.

    Several threads may run this at the same time: one has the network, while others read and write.

    Args:
        job: what to do, with absolute paths.
        made_by: see `ResultsFolder`.
        task: the image.

    Returns:
        What became of it.

    Raises:
        OSError: the disk is full.
        ValueError, FileNotFoundError: the model cannot be loaded, or is another one here.
    """
    with _loading:
        model = _model(pickle.dumps(job), made_by)
    stages = Stages(job, model, ResultsFolder(job.out, made_by))
    opened = stages.open([task])
    with _network:
        found = stages.detect(opened)
    [outcome] = stages.write(found)
    return outcome


@functools.lru_cache(maxsize=2)
def _model(job: bytes, made_by: str) -> Model:
    """The model of a pickled job, which has no hash."""
    model = Model(pickle.loads(job))
    if digest_of(model.job.recipe(model.file.digest)) != made_by:
        raise ValueError(f"{platform.node()} has other weights at {model.file.path}.")
    return model
