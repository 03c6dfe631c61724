"""Detection by several processes, of this machine or of a cluster, on Dask distributed.

Images are the tasks. Each process loads the model once, and writes the results of its images
itself. What a process had in work when it was killed is done by another.
"""

import dataclasses
import functools
import logging
import os
import pickle
import platform
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from .job import DetectJob
from .model import Model
from .naming import Task
from .results_folder import Record, ResultsFolder, digest_of
from .stages import Failed, Stages

# Images that a process has in work: one each that is read, in the network, and written.
THREADS = 3
# Seconds to wait for a scheduler to answer.
PATIENCE = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Processes:
    """A function that detects in images, for `folder.run`, with processes of this machine.

    Attributes:
        workers: number of processes.

    Raises:
        ImportError: Dask is not installed; the message has the command.
    """

    workers: int

    def __call__(
        self, job: DetectJob, folder: ResultsFolder, tasks: Sequence[Task]
    ) -> Iterator[Record | Failed]:
        """Yield what became of each image, in the order in which they are done."""
        distributed = _distributed()
        workers = min(self.workers, len(tasks))
        with (
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
            yield from _outcomes(client, job, folder, tasks)


@dataclasses.dataclass(frozen=True, slots=True)
class Scheduler:
    """A function that detects in images, for `folder.run`, with the workers of a cluster.

    They must see the images, the model and the folder of results under the same paths.

    Attributes:
        address: of the Dask scheduler, such as "tcp://host:8786".
    """

    address: str

    def __call__(
        self, job: DetectJob, folder: ResultsFolder, tasks: Sequence[Task]
    ) -> Iterator[Record | Failed]:
        """Yield what became of each image, in the order in which they are done.

        Raises:
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
            yield from _outcomes(client, job, folder, tasks)


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
        import distributed
    except ImportError as error:
        raise ImportError(
            'several processes need Dask: pip install "mask-rcnn[cluster]"'
        ) from error
    return distributed


def _outcomes(
    client: Any, job: DetectJob, folder: ResultsFolder, tasks: Sequence[Task]
) -> Iterator[Record | Failed]:
    """Have the workers detect in images, and yield what became of each."""
    distributed = _distributed()
    job = dataclasses.replace(job, out=folder.path, model=_absolute(job.model))
    detect = functools.partial(detect_one, job, folder.made_by)
    futures = client.map(detect, tasks, pure=False)
    task_of = dict(zip((future.key for future in futures), tasks, strict=True))
    try:
        for future in distributed.as_completed(futures, raise_errors=False):
            task, error = task_of.pop(future.key), future.exception()
            if isinstance(error, distributed.KilledWorker):
                yield Failed(task, "it killed several processes: is there enough memory?")
            elif error is not None:
                raise error
            else:
                yield future.result()
            future.release()
    finally:
        client.cancel(futures)


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
