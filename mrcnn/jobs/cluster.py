"""Detection by several processes, of this machine or of a cluster, on Dask distributed.

Images are the tasks, and the tiles of large images. Each process loads the model once, and writes
the results of its images itself. What a process had in work when it was killed is done by another.
"""

import dataclasses
import importlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from .job import DetectJob
from .model import Model
from .naming import Task
from .records import Record
from .results_folder import ResultsFolder
from .stages import Failed
from .work import Load, Work

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
        load: function from the job to its model.
    """

    workers: int
    load: Load = Model

    def __call__(
        self, job: DetectJob, folder: ResultsFolder, tasks: Sequence[Task]
    ) -> Iterator[Record | Failed]:
        """Yield what became of each image, in the order in which they are done.

        Raises:
            ImportError: Dask is not installed; the message has the command.
        """
        distributed = _distributed()
        dask = importlib.import_module("dask")
        with (
            dask.config.set(_SETTINGS),
            distributed.LocalCluster(
                n_workers=self.workers,
                threads_per_worker=THREADS,
                processes=True,
                memory_limit=None,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
                env=threads_of(self.workers),
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield from _outcomes(client, _work(job, folder, self.load), tasks)


@dataclasses.dataclass(frozen=True, slots=True)
class Scheduler:
    """A function that detects in images, for `folder.run`, with the workers of a cluster.

    They must see the images, the model and the folder of results under the same paths.

    Attributes:
        address: of the Dask scheduler, such as "tcp://host:8786".
        load: function from the job to its model.
    """

    address: str
    load: Load = Model

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
            yield from _outcomes(client, _work(job, folder, self.load), tasks)


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


def _outcomes(client: Any, work: Work, tasks: Sequence[Task]) -> Iterator[Record | Failed]:
    """Have the workers detect in images, and yield what became of each."""
    distributed = _distributed()
    futures = client.map(work, tasks, pure=False)
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
            yield client.submit(work, task, pure=False).result()
        except distributed.KilledWorker:
            yield Failed(task, "it killed its process several times: is there enough memory?")


def _work(job: DetectJob, folder: ResultsFolder, load: Load) -> Work:
    """What the workers do, whatever folder they start in."""
    model = os.path.expanduser(job.model)
    model = os.path.abspath(model) if os.path.isfile(model) else job.model
    job = dataclasses.replace(job, out=folder.path, model=model)
    return Work(job, folder.made_by, load)
