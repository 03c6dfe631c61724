import datetime
import errno
import os
from types import SimpleNamespace

import pytest

from mrcnn.runs.folder import (
    find_last,
    make_writable,
    next_folder,
    parse,
    path_of,
    prune,
    publish,
    remove_parts,
    run_folder,
    run_folders,
    template,
)
from mrcnn.training.callbacks.state import SaveWeights

DATE = datetime.datetime(2026, 11, 20, 14, 5)


@pytest.fixture
def make(tmp_path):
    """Function: names -> tmp_path, with empty files of these names in it."""

    def _make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return _make


@pytest.mark.parametrize(
    ("path", "epoch"),
    [
        ("/logs/balloon20261120T1405/mask_rcnn_balloon_0012.h5", 12),
        ("logs/balloon20261120T1405/mask_rcnn_balloon_0000.h5", 0),
        ("balloon20261120T1405/mask_rcnn_balloon_0012.h5", 12),
        (r"C:\logs\balloon20261120T1405\mask_rcnn_balloon_0160.h5", 160),
        (r"C:\logs/balloon20261120T1405\mask_rcnn_balloon_0160.h5", 160),
        # An example from matterport's Mask_RCNN, and names with digits, signs, dots and spaces.
        ("/a/b/coco20261120T1405/mask_rcnn_coco_0001.h5", 1),
        ("/logs/dsb201820261120T1405/mask_rcnn_dsb2018_0030.h5", 30),
        ("/logs/my-cells_v220261120T1405/mask_rcnn_my-cells_v2_0004.h5", 4),
        ("/logs/cells v1.220261120T1405/mask_rcnn_cells v1.2_0004.h5", 4),
    ],
)
def test_parse(path, epoch):
    assert parse(path) == (DATE, epoch)


@pytest.mark.parametrize(
    "path",
    [
        "mask_rcnn_coco.h5",
        "/logs/mask_rcnn_balloon_0012.h5",
        "/logs/balloon20261120T1405/mask_rcnn_balloon.h5",
        "/logs/balloon20261120T1405/mask_rcnn_balloon_0012.h5.bak",
        "/logs/balloon20261120T1405/mask_rcnn_balloon_0012.keras",
        "/logs/balloon20261120T1405/best/mask_rcnn_balloon_0012.h5",
        "/logs/balloon20261120/mask_rcnn_balloon_0012.h5",
        "/logs/balloon20261120T1405/resnet_balloon_0012.h5",
        # There is no month 13, and no hour 25.
        "/logs/balloon20261320T1405/mask_rcnn_balloon_0012.h5",
        "/logs/balloon20261120T2505/mask_rcnn_balloon_0012.h5",
        "",
    ],
)
def test_parse_rejects_other_paths(path):
    assert parse(path) is None


def test_parse_of_a_name():
    path = "/logs/coco20261120T1405/mask_rcnn_coco_0012.h5"
    assert parse(path, "CoCo") == parse(path) == (DATE, 12)
    assert parse(path, "co") is None
    assert parse("/logs/coco20261120T1405/mask_rcnn_other_0012.h5", "coco") is None


def test_parse_of_many_epochs():
    assert parse("/logs/coco20261120T1405/mask_rcnn_coco_10000.h5") == (DATE, 10000)


def test_parse_takes_paths(tmp_path):
    path = tmp_path / "balloon20261120T1405" / "mask_rcnn_balloon_0012.h5"
    assert parse(path) == (DATE, 12)


def test_places_of_a_run():
    folder = run_folder("logs", "Balloon", DATE)
    assert folder == os.path.join("logs", "balloon20261120T1405")
    path = template(folder, "Balloon")
    assert path == os.path.join(folder, "mask_rcnn_balloon_{epoch:04d}.h5")
    assert parse(path.format(epoch=7)) == (DATE, 7)


def test_find_last_takes_the_latest_date_and_epoch(make):
    # Neither the order of creation nor the epochs of other runs matter.
    folder = make(
        "coco20261120T1405/mask_rcnn_coco_0009.h5",
        "coco20261120T1405/mask_rcnn_coco_0010.h5",
        "coco20261120T1405/mask_rcnn_coco_0002.h5",
        "coco20261120T0900/mask_rcnn_coco_0160.h5",
        "coco20251231T2359/mask_rcnn_coco_0160.h5",
    )
    wanted = folder / "coco20261120T1405" / "mask_rcnn_coco_0010.h5"
    assert find_last(folder, "coco") == str(wanted)
    assert find_last(str(folder), "COCO") == str(wanted)


def test_find_last_ignores_names_that_begin_alike(make):
    folder = make(
        "coco20261120T1405/mask_rcnn_coco_0001.h5",
        "coco_v220270101T0000/mask_rcnn_coco_v2_0005.h5",
        "coco220270101T0000/mask_rcnn_coco2_0005.h5",
        "mycoco20270101T0000/mask_rcnn_mycoco_0005.h5",
        "coco20270101T0000_old/mask_rcnn_coco_0005.h5",
    )
    assert find_last(folder, "coco").endswith("mask_rcnn_coco_0001.h5")
    assert find_last(folder, "coco_v2").endswith("mask_rcnn_coco_v2_0005.h5")
    assert find_last(folder, "coco2").endswith("mask_rcnn_coco2_0005.h5")


def test_find_last_takes_a_name_literally(make):
    folder = make("c.co20261120T1405/mask_rcnn_c.co_0001.h5", "coco20270101T0000/mask_rcnn_x.h5")
    assert find_last(folder, "c.co").endswith("mask_rcnn_c.co_0001.h5")


def test_find_last_ignores_other_files(make):
    folder = make(
        "coco20261120T1405/mask_rcnn_coco_0001.h5",
        "coco20261120T1405/mask_rcnn_coco_0002.h5.part",
        "coco20261120T1405/.mask_rcnn_coco_0002.h5.x7.part",
        "coco20261120T1405/events.out.tfevents.1",
        "coco20261120T1405/zzz.h5",
    )
    assert find_last(folder, "coco").endswith("mask_rcnn_coco_0001.h5")


@pytest.mark.parametrize("where", ["", "missing"])
def test_find_last_without_a_run(make, where):
    folder = make("coco_v220270101T0000/mask_rcnn_coco_v2_0005.h5") / where
    with pytest.raises(FileNotFoundError) as caught:
        find_last(folder, "CoCo")
    assert caught.value.errno == errno.ENOENT
    assert caught.value.filename == str(folder)
    assert "no run named 'coco' in this folder" in str(caught.value)


def test_find_last_passes_over_a_run_without_a_checkpoint(make):
    folder = make(
        "coco20261120T1405/events.out.tfevents.1", "coco20261120T0900/mask_rcnn_coco_0001.h5"
    )
    assert find_last(folder, "coco").endswith("mask_rcnn_coco_0001.h5")


def test_find_last_counts_beyond_four_digits(make):
    folder = make(
        "coco20261120T1405/mask_rcnn_coco_9999.h5", "coco20261120T1405/mask_rcnn_coco_10000.h5"
    )
    assert find_last(folder, "coco").endswith("mask_rcnn_coco_10000.h5")


def test_find_last_without_a_checkpoint(make):
    folder = make("coco20261120T1405/events.out.tfevents.1")
    message = (
        r"no run named 'coco' has finished an epoch, so there are no mask_rcnn_\*\.h5 weights: "
        r".*resume=True"
    )
    with pytest.raises(FileNotFoundError, match=message) as caught:
        find_last(folder, "coco")
    assert caught.value.filename == str(folder / "coco20261120T1405")


def test_make_writable(tmp_path):
    folder = tmp_path / "logs" / "run"
    make_writable(folder)
    make_writable(str(folder))
    assert os.listdir(folder) == []


def test_make_writable_below_a_file(tmp_path):
    (tmp_path / "logs").touch()
    folder = tmp_path / "logs" / "run"
    with pytest.raises(OSError) as caught:
        make_writable(folder)
    assert str(caught.value) == (
        f"the log folder {folder} cannot be written to (Not a directory): choose another "
        "model_dir, or change its permissions."
    )


def test_make_writable_sees_that_files_cannot_be_made(tmp_path, monkeypatch):
    # Permissions do not stop root, so the refusal is faked.
    def touch(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.touch", touch)
    with pytest.raises(OSError, match=r"cannot be written to \(Permission denied\): choose"):
        make_writable(tmp_path)


def test_run_folders(make):
    folder = make("coco20260102T0000/x", "coco20260101T0000/x", "coco2_20260103T0000/x")
    names = [path.name for path in run_folders(folder, "Coco")]
    assert names == ["coco20260101T0000", "coco20260102T0000"]


def test_a_checkpoint_gets_a_second_name(tmp_path):
    first, second = tmp_path / "mask_rcnn_x_0001.h5", tmp_path / "mask_rcnn_x_0002.h5"
    first.write_text("one")
    second.write_text("two")
    best = publish(str(first), "best.h5")
    assert best == tmp_path / "weights" / "best.h5" and best.samefile(first)
    # The same checkpoint once more, as after a kill, and another one.
    assert publish(first, "best.h5").samefile(first)
    assert publish(second, "best.h5").samefile(second)
    assert first.read_text() == "one"
    assert os.listdir(tmp_path / "weights") == ["best.h5"]


def test_a_second_name_is_a_copy_where_there_are_no_links(tmp_path, monkeypatch):
    def link(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", link)
    path = tmp_path / "mask_rcnn_x_0001.h5"
    path.write_text("one")
    last = publish(path, "last.h5")
    assert last.read_text() == "one" and not last.samefile(path)
    assert os.listdir(tmp_path / "weights") == ["last.h5"]


@pytest.mark.parametrize(
    ("keep", "best", "stay"),
    [
        (None, 1, [1, 2, 3, 5, 8]),
        (2, None, [5, 8]),
        (2, 1, [1, 5, 8]),
        (2, 8, [5, 8]),
        (9, 1, [1, 2, 3, 5, 8]),
    ],
)
def test_old_checkpoints_are_removed(make, keep, best, stay):
    epochs = [1, 2, 3, 5, 8]
    folder = make(*(f"run/mask_rcnn_x_{epoch:04d}.h5" for epoch in [*epochs, 4])) / "run"
    pattern = template(folder, "x")
    assert prune(pattern, epochs, keep, best) == stay
    # Checkpoints that the list does not name do not belong to the run.
    assert sorted(os.listdir(folder)) == sorted(
        os.path.basename(path_of(pattern, epoch)) for epoch in [*stay, 4]
    )
    # Once more, after a kill before the list was saved.
    assert prune(pattern, epochs, keep, best) == stay


def test_a_template_without_the_epoch_keeps_its_file(make):
    pattern = str(make("own.h5") / "own.h5")
    assert prune(pattern, [1, 2, 3], 1, best=None) == [3]
    assert os.path.isfile(pattern)


def test_parts_of_files_are_removed(make):
    names = ["state.h5", "mask_rcnn_x_0001.h5", "weights/best.h5", ".hidden", ".notes.part"]
    parts = [".state.h5.0a1b2c3d.part", "weights/.best.h5.ffffffff.part"]
    folder = make(*names, *parts)
    remove_parts(folder)
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == set(names)


def test_save_weights_counts_epochs_from_one():
    saved = []
    callback = SaveWeights(template("logs", "Balloon"))
    callback.set_model(SimpleNamespace(save_weights=saved.append))
    for epoch in (0, 1, 41):
        callback.on_epoch_end(epoch, {"loss": 1.0})
    assert saved == [
        os.path.join("logs", f"mask_rcnn_balloon_{epoch}.h5") for epoch in ("0001", "0002", "0042")
    ]


def test_a_checkpoint_that_cannot_be_written(caplog):
    def fail(path):
        raise OSError(28, "No space left on device")

    callback = SaveWeights(template("logs", "Balloon"))
    callback.set_model(SimpleNamespace(save_weights=fail))
    callback.on_epoch_end(2)
    assert "no checkpoint for epoch 3: [Errno 28] No space left on device" in caplog.text


@pytest.mark.parametrize(
    ("folder", "later"),
    [
        ("logs/a b20261120T1405", "logs/a b20261120T1406"),
        ("x20261231T2359", "x20270101T0000"),
    ],
)
def test_next_folder(folder, later):
    assert next_folder(folder) == later
