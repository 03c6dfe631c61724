"""The steps for batches of images, of which some may fail."""

import errno
import os
from pathlib import Path

import pytest
from fake_model import FakeModel, save_squares

from mrcnn.jobs import stages as module
from mrcnn.jobs.inputs import Item
from mrcnn.jobs.job import DetectJob
from mrcnn.jobs.naming import Task
from mrcnn.jobs.records import Stamp
from mrcnn.jobs.results_folder import ResultsFolder
from mrcnn.jobs.stages import Failed, Stages


@pytest.fixture
def stages(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"weights")
    job = DetectJob(model=str(tmp_path / "model.h5"), out=tmp_path / "out", kinds=("csv",), tile=80)
    folder = ResultsFolder(job.out)
    folder.start({}, [])
    return Stages(job, FakeModel(job, batch=4), folder)


def task(path):
    return Task(Item(path.name, path), path.stem, Stamp.of(path))


def test_each_image_has_an_outcome_in_its_place(stages, tmp_path):
    small = [save_squares(tmp_path / f"{n}.png", bright=n) for n in range(3)]
    tasks = [task(path) for path in small]
    tasks.insert(1, task(save_squares(tmp_path / "tiled.png", bright=3, size=(100, 60))))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"text")
    tasks.insert(3, task(broken))
    outcomes = stages.write(stages.detect(stages.open(tasks)))
    assert [getattr(each, "objects", None) for each in outcomes] == [0, 3, 1, None, 2]
    assert outcomes[3].task is tasks[3]
    assert outcomes[3].reason.startswith("broken.png cannot be read as an image: ")
    # Only neighbours of one shape share a call.
    assert stages.model.detector.calls == [1, 1, 1]


def test_reasons_are_one_line_without_the_path_of_this_machine():
    path = Path("/home/me/images/a.png")
    each = Task(Item("images/a.png", path), "a", Stamp(str(path), 0, 0))

    def reason(error):
        def step():
            raise error

        return module._attempt(each, step).reason

    assert reason(ValueError(f"{path} is a\n  JPEG")) == "images/a.png is a JPEG"
    assert reason(KeyError("x")) == "KeyError: 'x'"
    assert reason(MemoryError()) == "MemoryError: MemoryError"
    assert reason(PermissionError(errno.EACCES, "not allowed")) == "[Errno 13] not allowed"


@pytest.mark.parametrize("code", module.FATAL)
def test_a_full_disk_is_no_fault_of_an_image(stages, tmp_path, monkeypatch, code):
    def write(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(module, "write", write)
    found = stages.detect(stages.open([task(save_squares(tmp_path / "a.png"))]))
    with pytest.raises(OSError):
        stages.write(found)


def test_failed_images_pass_through(stages, tmp_path):
    failed = Failed(task(save_squares(tmp_path / "a.png")), "it is too dark")
    assert stages.write(stages.detect([failed])) == [failed]
