import datetime
import os
import sys

import pytest

from mrcnn.files import whole as files
from mrcnn.files.whole import replacing


def test_the_file_is_there_when_the_block_ends(tmp_path):
    path = tmp_path / "weights.h5"
    with replacing(str(path)) as part:
        part.write_bytes(b"new")
        assert part.parent == tmp_path  # across file systems, a move would be a copy
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["weights.h5"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"old")
    with pytest.raises(error), replacing(path) as part:
        part.write_bytes(b"ne")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["weights.h5"]


def test_a_part_that_is_gone_hides_no_error(tmp_path):
    with pytest.raises(ValueError, match="the reason"), replacing(tmp_path / "x") as part:
        part.unlink()
        raise ValueError("the reason")


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX permissions")
@pytest.mark.parametrize(("umask", "wanted"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_of_a_new_file(tmp_path, umask, wanted):
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "x"):
            pass
        assert (tmp_path / "x").stat().st_mode & 0o777 == wanted
        assert os.umask(umask) == umask
    finally:
        os.umask(before)


def test_new_folders_made_in_the_same_second(tmp_path, monkeypatch):
    time = datetime.datetime(2026, 11, 20, 14, 5)

    class Clock:
        @staticmethod
        def now():
            return time

    monkeypatch.setattr(files.datetime, "datetime", Clock)
    names = [files.new_folder(tmp_path / "results", "evaluate").name for _ in range(3)]
    first = "evaluate_20261120T140500"
    assert names == [first, f"{first}_2", f"{first}_3"]
    assert {path.name for path in (tmp_path / "results").iterdir()} == set(names)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_is_reported_with_the_path(tmp_path):
    path = tmp_path / "evaluation.json"
    path.write_bytes(b"old")
    with pytest.raises(OSError) as caught, replacing(path) as part:
        part.unlink()
        part.symlink_to("/dev/full")
        part.write_text("new")
    assert str(caught.value) == f"[Errno 28] No space left on device: '{path}'"
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["evaluation.json"]


def test_an_error_that_is_not_from_the_disk_is_left_as_it_is(tmp_path):
    with pytest.raises(ConnectionResetError) as caught, replacing(tmp_path / "x"):
        raise ConnectionResetError(104, "Connection reset by peer")
    assert str(caught.value) == "[Errno 104] Connection reset by peer"
