"""Detection in videos."""

import csv
import os

import numpy as np
import pytest
from fake_model import FakeDetector, FakeModel, save_squares, squares
from videos import damage, read_video

from mrcnn.images.video import Video, writing
from mrcnn.jobs import folder as jobs_folder
from mrcnn.jobs import video as module
from mrcnn.jobs.folder import run
from mrcnn.jobs.inputs import Item, find_inputs
from mrcnn.jobs.job import DetectJob
from mrcnn.jobs.naming import Task
from mrcnn.jobs.records import Stamp
from mrcnn.jobs.results_folder import ResultsFolder
from mrcnn.jobs.stages import Stages
from mrcnn.jobs.video import detect_video

pytest.importorskip("av")


class LossyDetector(FakeDetector):
    """Finds squares that compression has blurred a little."""

    def __call__(self, images):
        self.calls.append(len(images))
        clear = [np.select([each > 190, each > 90], [255, 128], 0) for each in images]
        return [squares(np.atleast_3d(image)[..., 0], self.limit) for image in clear]


class LossyModel(FakeModel):
    def __init__(self, job, **options):
        super().__init__(job)
        self.detector = LossyDetector(**options)


def save_video(path, frames=8, channels=slice(None)):
    """A bright square that moves right by 3 pixels a frame, and a dim one in every other frame."""
    with writing(path, 10) as add:
        for number in range(frames):
            pixels = np.zeros((48, 96, 3), np.uint8)
            pixels[8:20, 6 + 3 * number : 18 + 3 * number, channels] = 255
            if number % 2 == 0:
                pixels[30:42, 60:72, channels] = 128
            add(pixels, None)
    return path


@pytest.fixture
def setting(tmp_path):
    """Function: values of the job -> (job, model, folder)."""
    (tmp_path / "model.h5").write_bytes(b"weights")

    def make(batch=1, **values):
        values = {"kinds": ("csv", "overlay"), **values}
        job = DetectJob(model=str(tmp_path / "model.h5"), out=tmp_path / "results", **values)
        folder = ResultsFolder(job.out)
        folder.start({}, [])
        return job, LossyModel(job, batch=batch), folder

    return make


def task_of(path):
    return Task(Item(path.name, path), path.stem, Stamp.of(path))


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_row_for_each_object_in_each_frame_and_a_video_of_them(setting, tmp_path, batch):
    job, model, folder = setting(batch)
    record = detect_video(job, model, folder, task_of(save_video(tmp_path / "a.mp4")))
    assert folder.records == {"a.mp4": record}
    assert record.kinds == ("csv", "mp4") and record.remark == record.truncated == ""
    assert record.objects == 5  # the moving one, and four that appear and vanish
    found = rows(folder.file("csv", "a"))
    assert list(found[0])[:6] == ["image", "frame", "seconds", "object", "class", "score"]
    bright = [row for row in found if row["class"] == "bright"]
    assert [row["frame"] for row in bright] == [str(number) for number in range(8)]
    assert [row["seconds"] for row in bright] == [f"{number / 10:g}" for number in range(8)]
    assert {row["object"] for row in bright} == {"1"} and {row["area"] for row in bright} == {"144"}
    assert [float(row["centroid_x"]) for row in bright] == [11.5 + 3 * n for n in range(8)]
    dim = [row for row in found if row["class"] == "dim"]
    assert [(row["frame"], row["object"]) for row in dim] == list(zip("0246", "2345", strict=True))
    assert 125 < float(dim[0]["intensity_mean_0"]) < 131
    with Video(folder.file("mp4", "a")) as video:
        assert (video.rate, video.count) == (10, 8)
    for number, (before, after) in enumerate(
        zip(read_video(tmp_path / "a.mp4"), read_video(folder.file("mp4", "a")), strict=True)
    ):
        assert after.shape == (48, 96, 3)
        changed = np.abs(after.astype(int) - before).max(axis=2) > 60
        left = 6 + 3 * number
        assert changed[8:20, left : left + 12].sum() > 30  # outline and number
        assert not changed[22:30].any() and not changed[:, 80:].any()
    assert sum(model.detector.calls) == 8 and max(model.detector.calls) == batch


def test_large_frames_go_in_tiles(setting, tmp_path):
    path = save_video(tmp_path / "a.mp4")
    found = []
    for values in ({}, {"tile": 40, "overlap": 16}):
        job, model, folder = setting(kinds=("csv",), **values)
        assert detect_video(job, model, folder, task_of(path)).objects == 5
        found.append([{**row, "score": ""} for row in rows(folder.file("csv", "a"))])
    assert found[0] == found[1] and len(found[0]) == 12
    assert len(model.detector.calls) > 8


def test_scores_classes_and_channels_that_are_kept(setting, tmp_path):
    path = save_video(tmp_path / "a.mp4", channels=1)
    for values, expected in (
        ({"channel": "green"}, {"bright", "dim"}),
        ({"channel": "1", "min_score": 0.8}, {"bright"}),
        ({"channel": "green", "classes": ("dim",)}, {"dim"}),
        ({"channel": "blue"}, set()),
    ):
        job, model, folder = setting(kinds=("csv",), **values)
        # Green is darker once it has been YUV.
        model.detector = LossyDetector()
        detect_video(job, model, folder, task_of(path))
        assert {row["class"] for row in rows(folder.file("csv", "a"))} == expected
    job, model, folder = setting(channel="DAPI")
    with pytest.raises(ValueError, match=r"a\.mp4 has no single channel 'DAPI'"):
        detect_video(job, model, folder, task_of(path))


def test_what_fails_leaves_no_files(setting, tmp_path, monkeypatch):
    job, model, folder = setting()
    path = save_video(tmp_path / "a.mp4")
    monkeypatch.setattr(module.video.FrameNumbers, "number", lambda self, objects: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        detect_video(job, model, folder, task_of(path))
    left = [path for path in folder.path.rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["run.json"]


def test_parts_that_cannot_be_decoded_are_remarked(setting, tmp_path, monkeypatch):
    path = save_video(tmp_path / "a.mp4")
    numbers = {7}
    damage(monkeypatch, numbers)
    job, model, folder = setting(kinds=("csv",))
    record = detect_video(job, model, folder, task_of(path))
    assert record.remark == "a.mp4: 1 part of the video could not be decoded"
    numbers.update(range(20))
    with pytest.raises(ValueError, match=r"a\.mp4 has no frame that can be decoded"):
        detect_video(job, model, folder, task_of(path))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"kinds": ("geojson", "roi")}, r"a\.mp4 is a video, for which there are csv, overlay and"),
        ({"plane": 2}, r"a\.mp4 is a video, which has no planes and no projection"),
    ],
)
def test_what_there_is_not_for_a_video(setting, tmp_path, values, text):
    with pytest.raises(ValueError, match=text):
        detect_video(*setting(**values), task_of(save_video(tmp_path / "a.mp4", 1)))


def test_images_and_videos_in_one_run(setting, tmp_path, monkeypatch):
    images = tmp_path / "images"
    save_squares(images / "a.png", bright=2)
    save_squares(images / "c.png", bright=1)
    save_video(images / "b.mp4", frames=3)
    (images / "d.mp4").write_text("no video")
    monkeypatch.setattr(jobs_folder, "Model", LossyModel)
    job, *_ = setting(kinds=("csv", "overlay"))
    summary = run(job, find_inputs([images]), quiet=True)
    assert (summary.images, summary.objects, summary.failed) == (3, 6, ["d.mp4"])
    [failed] = rows(job.out / "failed.csv")
    assert failed["reason"].startswith("d.mp4 is not a video FFmpeg can read")
    assert sorted(os.listdir(job.out / "overlay")) == ["a.png", "c.png"]
    assert os.listdir(job.out / "mp4") == ["b.mp4"]
    table = rows(job.out / "objects.csv")
    assert list(table[0])[:4] == ["image", "frame", "seconds", "object"]
    assert [(row["image"], row["frame"]) for row in table] == [
        *[("a.png", "")] * 2,
        *[("b.mp4", frame) for frame in ("0", "0", "1", "2", "2")],
        ("c.png", ""),
    ]
    again = run(job, find_inputs([images / "b.mp4", images / "a.png"]), quiet=True)
    assert (again.images, again.before) == (0, 2)


def test_an_image_has_no_mp4(setting, tmp_path):
    job, model, folder = setting(kinds=("mp4",))
    stages = Stages(job, model, folder)
    tasks = [task_of(save_squares(tmp_path / "a.png")), task_of(save_video(tmp_path / "b.mp4", 2))]
    failed, record = stages.write(stages.detect(stages.open(tasks)))
    assert failed.reason == "a.png is an image, and mp4 is for videos."
    assert record.kinds == ("mp4",)
