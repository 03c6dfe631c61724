"""Detection by several processes."""

import csv
import dataclasses
import os
import signal
import threading
import time

import fake_worker
import pytest
from fake_model import FakeModel, save_squares

from mrcnn.jobs import cluster, folder
from mrcnn.jobs.cluster import Processes, Scheduler
from mrcnn.jobs.folder import run
from mrcnn.jobs.inputs import find_inputs
from mrcnn.jobs.job import DetectJob

pytestmark = pytest.mark.network


@pytest.fixture
def images(tmp_path):
    for number in range(20):
        save_squares(tmp_path / "images" / f"i{number}.png", bright=number % 5)
    return tmp_path / "images"


@pytest.fixture
def job(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"weights")
    return DetectJob(
        model=str(tmp_path / "model.h5"), out=tmp_path / "results", kinds=("csv", "labels")
    )


def numbers(job):
    """The objects' numbers in each image of the joined table."""
    found = {}
    with open(job.out / "objects.csv", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["image"], []).append(int(row["object"]))
    return found


def pids(job):
    """The process of each detection, the latest one last."""
    notes = sorted((job.out / "pids").glob("*"), key=os.path.getmtime)
    return [int(note.name.split("-")[0]) for note in notes]


EXPECTED = {f"i{n}.png": list(range(1, n % 5 + 1)) for n in range(20) if n % 5}


def test_a_worker_that_is_killed_costs_a_retry_and_no_image(images, job):
    killed = []

    def detect(job, folder, tasks):
        for done, outcome in enumerate(Processes(2, fake_worker.SlowModel)(job, folder, tasks), 1):
            if done == 5:
                killed.append(pids(job)[-1])
                os.kill(killed[0], signal.SIGKILL)
            yield outcome

    summary = run(job, find_inputs([images]), detect=detect)
    assert (summary.images, summary.objects, summary.failed) == (20, 40, [])
    assert numbers(job) == EXPECTED
    assert len(os.listdir(job.out / "labels")) == 20
    # What the killed process had in work was begun again by another.
    assert len(pids(job)) > 20 and killed[0] in pids(job)[:-1] and pids(job)[-1] != killed[0]


def test_the_tiles_of_large_images_are_tasks(tmp_path, job, monkeypatch):
    for number in range(2):
        save_squares(tmp_path / f"{number}.png", bright=90, dim=60, size=(100, 180))
    job = dataclasses.replace(job, tile=40, overlap=12)
    inputs = find_inputs([tmp_path])
    monkeypatch.setattr(folder, "Model", FakeModel)
    run(dataclasses.replace(job, out=tmp_path / "alone"), inputs)
    killed = []

    def kill():
        while not killed:
            time.sleep(0.1)
            if len(begun := pids(job)) > 12:
                killed.append(begun[-1])
                os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    assert run(job, inputs, detect=Processes(2, fake_worker.SlowModel)).objects == 300
    thread.join()
    tables = [out / "objects.csv" for out in (job.out, tmp_path / "alone")]
    assert tables[0].read_text() == tables[1].read_text()
    # Whichever of the two was killed, an image or its tiles were begun again.
    assert len(set(pids(job))) >= 2 and len(pids(job)) > 2 * 4 * 6


@pytest.mark.slow
def test_an_image_that_kills_every_process_fails_alone(images, job):
    save_squares(images / "i3.png", dim=1)
    summary = run(job, find_inputs([images]), detect=Processes(2, fake_worker.CrashingModel))
    assert summary.failed == ["i3.png"]
    assert "is there enough memory?" in (job.out / "failed.csv").read_text()
    assert summary.images == 19


def test_an_error_that_concerns_all_images_ends_the_run(images, job):
    with pytest.raises(ValueError, match="no memory for the model"):
        run(job, find_inputs([images]), detect=Processes(1, fake_worker.refused))


def test_a_scheduler(images, job):
    from distributed import LocalCluster

    threads = {"processes": False, "n_workers": 1, "threads_per_worker": 2}
    with LocalCluster(**threads, dashboard_address=None) as local:
        scheduler = Scheduler(local.scheduler_address, FakeModel)
        assert run(job, find_inputs([images]), detect=scheduler).images == 20
        assert numbers(job) == EXPECTED
        # A worker that has other weights by that name.
        elsewhere = dataclasses.replace(job, out=job.out / "other")
        scheduler = Scheduler(local.scheduler_address, fake_worker.Elsewhere)
        with pytest.raises(ValueError, match="has other weights at"):
            run(elsewhere, find_inputs([images]), detect=scheduler)


def test_a_scheduler_that_does_not_answer(images, job, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    start = time.monotonic()
    with pytest.raises(ConnectionError) as raised:
        run(job, find_inputs([images]), detect=Scheduler("tcp://127.0.0.1:9"))
    assert time.monotonic() - start < 10
    message = str(raised.value)
    assert message.startswith("no Dask scheduler answers at tcp://127.0.0.1:9: ")
    assert "`dask scheduler` starts one" in message


def test_cores_are_divided_among_processes():
    assert cluster.threads_of(4, cores=8)["TF_NUM_INTRAOP_THREADS"] == "2"
    assert cluster.threads_of(4, cores=2)["OMP_NUM_THREADS"] == "1"
    assert int(cluster.threads_of(1)["TF_NUM_INTRAOP_THREADS"]) >= 1


def test_dask_is_asked_for_where_it_is_missing(images, job, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    for detect in (Processes(2), Scheduler("tcp://127.0.0.1:9")):
        with pytest.raises(ImportError, match=r'pip install "mask-rcnn\[cluster\]"'):
            run(job, find_inputs([images]), detect=detect)
