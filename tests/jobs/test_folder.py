"""Detection in many images."""

import csv
import errno
import json
import os
import threading
import time

import fake_model
import pytest
from fake_model import FakeModel, save_squares

from mrcnn.jobs import folder as jobs_folder
from mrcnn.jobs.folder import run
from mrcnn.jobs.inputs import find_inputs
from mrcnn.jobs.job import DetectJob
from mrcnn.jobs.summary import Summary
from mrcnn.results import label_image


@pytest.fixture
def images(tmp_path):
    """A folder with images of 1, 2, 3 and 4 squares."""
    for number in range(1, 5):
        save_squares(tmp_path / "images" / f"i{number}.png", bright=number)
    return tmp_path / "images"


@pytest.fixture
def job(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"weights")
    return DetectJob(
        model=str(tmp_path / "model.h5"), out=tmp_path / "results", kinds=("csv", "labels")
    )


@pytest.fixture(autouse=True)
def models(monkeypatch):
    """The models that were loaded."""
    loaded = []

    def load(job):
        loaded.append(FakeModel(job))
        return loaded[-1]

    monkeypatch.setattr(jobs_folder, "Model", load)
    return loaded


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def counts(job):
    """Number of rows of each image in the joined table."""
    found = {}
    for row in rows(job.out / "objects.csv"):
        found[row["image"]] = found.get(row["image"], 0) + 1
    return found


def detected(models):
    """Number of images that the networks saw."""
    return sum(sum(model.detector.calls) for model in models)


def test_every_image_has_its_files(images, job, capsys):
    summary = run(job, find_inputs([images]), command="mrcnn detect images")
    assert (summary.images, summary.objects, summary.failed) == (4, 10, [])
    assert counts(job) == {f"i{number}.png": number for number in range(1, 5)}
    assert sorted(os.listdir(job.out)) == [
        *(".done", ".parts", "labels", "objects.csv", "run.json")
    ]
    assert sorted(os.listdir(job.out / "labels")) == [f"i{n}.tif" for n in range(1, 5)]
    assert capsys.readouterr().out.splitlines() == [f"done\ti{n}.png\t{n}" for n in range(1, 5)]
    [noted] = json.loads((job.out / "run.json").read_text())["runs"]
    assert noted["command"] == "mrcnn detect images"
    assert (noted["images"], noted["objects"], noted["failed"]) == (4, 10, 0)
    assert {"mask-rcnn", "numpy", "python"} <= noted["versions"].keys()


def test_what_is_done_is_skipped_without_loading_the_model(images, job, models, capsys):
    run(job, find_inputs([images]))
    save_squares(images / "i9.png", bright=5)
    summary = run(job, find_inputs([images]))
    assert (summary.images, summary.before, detected(models)) == (1, 4, 5)
    assert counts(job)["i9.png"] == 5 and len(counts(job)) == 5
    capsys.readouterr()
    summary = run(job, find_inputs([images]))
    assert (summary.images, summary.before, len(models)) == (0, 5, 2)
    assert capsys.readouterr().out.splitlines()[0] == "skipped\ti1.png\tdone before"
    assert len(json.loads((job.out / "run.json").read_text())["runs"]) == 3


def test_again(images, job, models):
    run(job, find_inputs([images]))
    assert run(job, find_inputs([images]), again=True).images == 4
    assert detected(models) == 8
    assert counts(job) == {f"i{number}.png": number for number in range(1, 5)}


def test_an_image_that_changed_is_detected_again(images, job):
    run(job, find_inputs([images]))
    save_squares(images / "i2.png", bright=7)
    assert run(job, find_inputs([images])).images == 1
    assert counts(job)["i2.png"] == 7


def test_another_kind_of_file_is_made_for_all_images(images, job, tmp_path):
    run(DetectJob(model=job.model, out=job.out, kinds=("csv",)), find_inputs([images]))
    assert run(job, find_inputs([images])).images == 4
    assert len(os.listdir(job.out / "labels")) == 4


def test_a_failed_image_does_not_stop_the_others(images, job, capsys):
    (images / "i2.png").write_bytes(b"\x89PNG damaged")
    (images / "i5.czi").touch()
    inputs = find_inputs([images, images / "gone.png"])
    os.remove(images / "i3.png")
    summary = run(job, inputs)
    assert (summary.images, summary.objects) == (2, 5)
    failed = {row["image"]: row["reason"] for row in rows(job.out / "failed.csv")}
    assert failed.keys() == {*("i2.png", "i3.png", "i5.czi", str(images / "gone.png"))}
    assert sorted(failed) == sorted(summary.failed)
    assert failed["i2.png"].startswith("i2.png cannot be read as an image: ")
    assert failed["i3.png"] == "No such file or directory"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and sum(line.startswith("failed\t") for line in lines) == 4
    # Once it is repaired, it is done, and the file of failures goes.
    save_squares(images / "i2.png", bright=2)
    assert run(job, find_inputs([images / "i2.png", images / "i1.png"])).images == 1
    assert not (job.out / "failed.csv").exists()


def test_failures_of_the_network_and_the_writers(images, job, monkeypatch):
    write = label_image.write

    def failing(path, image, parts):
        if image.name == "i3.png":
            raise ZeroDivisionError("no objects")
        write(path, image, parts)

    def predict(self, molded, frames):
        if (molded[0] > 100).sum() == 2 * 16 * 3:
            raise MemoryError("too\nlarge")
        return original(self, molded, frames)

    original = fake_model.FakeDetector.predict
    monkeypatch.setattr(fake_model.FakeDetector, "predict", predict)
    monkeypatch.setattr(label_image, "write", failing)
    summary = run(job, find_inputs([images]))
    assert summary.images == 2
    assert {row["image"]: row["reason"] for row in rows(job.out / "failed.csv")} == {
        "i2.png": "MemoryError: too large",
        "i3.png": "ZeroDivisionError: no objects",
    }
    # An image without all its files is not done.
    assert counts(job).keys() == {"i1.png", "i4.png"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_ends_the_run_and_leaves_what_is_finished(images, job, monkeypatch, code):
    write = label_image.write

    def full(path, image, parts):
        if image.name == "i3.png":
            raise OSError(code, os.strerror(code), str(path))
        write(path, image, parts)

    monkeypatch.setattr(label_image, "write", full)
    with pytest.raises(OSError) as raised:
        run(job, find_inputs([images]))
    assert raised.value.filename.endswith("i3.tif")
    found = counts(job)
    assert found.keys() >= {"i1.png", "i2.png"} and "i3.png" not in found
    assert not list(job.out.glob("**/*.part"))


def test_ctrl_c_leaves_what_is_finished(images, job, monkeypatch):
    def interrupted(job, folder, tasks):
        yield from list(original(job, folder, tasks[:2]))
        raise KeyboardInterrupt

    original = jobs_folder.in_this_process
    summary = Summary()
    with pytest.raises(KeyboardInterrupt):
        run(job, find_inputs([images]), detect=interrupted, summary=summary)
    assert (summary.images, summary.left) == (2, 2)
    assert counts(job) == {"i1.png": 1, "i2.png": 2}
    assert run(job, find_inputs([images])).images == 2
    assert len(counts(job)) == 4


def test_results_of_another_model_are_refused(images, job, tmp_path):
    run(job, find_inputs([images]))
    (tmp_path / "model.h5").write_bytes(b"other weights")
    with pytest.raises(ValueError, match=r"results of 4 images, where model is .*--again"):
        run(job, find_inputs([images]))
    assert run(job, find_inputs([images]), again=True).images == 4


def test_a_file_that_was_corrected_by_hand_is_not_overwritten(images, job):
    run(job, find_inputs([images]))
    corrected = job.out / "labels" / "i1.tif"
    later = time.time() + 60
    os.utime(corrected, (later, later))
    summary = run(job, find_inputs([images]), again=True)
    assert summary.images == 3
    [row] = rows(job.out / "failed.csv")
    assert row["image"] == "i1.png" and "i1.tif was changed since it was written" in row["reason"]
    # Its part of the joined table is still there.
    assert len(counts(job)) == 4


def test_other_images_of_the_same_name_are_added(images, job, tmp_path):
    run(job, find_inputs([images]))
    save_squares(tmp_path / "more" / "i1.png", bright=6, size=(50, 60))
    assert run(job, find_inputs([tmp_path / "more"])).images == 1
    assert counts(job) == {**{f"i{n}.png": n for n in range(1, 5)}, "more/i1.png": 6}


def test_images_of_one_shape_go_through_the_network_in_batches(images, job, models, monkeypatch):
    save_squares(images / "i5.png", size=(80, 90))
    monkeypatch.setattr(jobs_folder, "Model", lambda job: _kept(models, FakeModel(job, batch=3)))
    assert run(job, find_inputs([images])).objects == 11
    assert models[-1].detector.calls == [3, 1, 1]


def test_a_batch_that_fails_is_tried_one_by_one(images, job, models, monkeypatch):
    def predict(self, molded, frames):
        if len(molded) > 1:
            raise MemoryError
        return original(self, molded, frames)

    original = fake_model.FakeDetector.predict
    monkeypatch.setattr(fake_model.FakeDetector, "predict", predict)
    monkeypatch.setattr(jobs_folder, "Model", lambda job: _kept(models, FakeModel(job, batch=4)))
    assert run(job, find_inputs([images])).images == 4


def test_reading_network_and_writing_overlap_in_little_memory(images, job, monkeypatch):
    for number in range(5, 20):
        save_squares(images / f"i{number}.png")
    read, inside = [], threading.Event()

    def open_image(job, model, task):
        read.append(task.item.name)
        if len(read) == 2:
            inside.set()
        return original(job, model, task)

    def predict(self, molded, frames):
        # The next image is read while the first one is in the network.
        assert inside.wait(10)
        assert len(read) - len(self.calls) <= jobs_folder.AHEAD
        return detect(self, molded, frames)

    from mrcnn.jobs import stages

    original, detect = stages.open_image, fake_model.FakeDetector.predict
    monkeypatch.setattr(stages, "open_image", open_image)
    monkeypatch.setattr(fake_model.FakeDetector, "predict", predict)
    summary = run(job, find_inputs([images]))
    assert (summary.images, summary.failed) == (19, [])


def _kept(models, model):
    models.append(model)
    return model
