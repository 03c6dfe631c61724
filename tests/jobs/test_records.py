"""What is noted about an image that is done."""

import dataclasses
import json
import os

import pytest

from mrcnn.jobs.records import Record, Stamp


def test_a_stamp_tells_whether_a_file_has_changed(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"1234")
    stamp = Stamp.of(path)
    assert (stamp.path, stamp.size) == (str(path), 4)
    assert Stamp.of(path) == stamp
    os.rename(path, tmp_path / "b.png")
    moved = Stamp.of(tmp_path / "b.png")
    assert moved != stamp and moved.is_same(stamp)
    os.utime(tmp_path / "b.png", (0, 0))
    assert not Stamp.of(tmp_path / "b.png").is_same(stamp)
    with pytest.raises(FileNotFoundError):
        Stamp.of(path)


def test_a_record_is_read_back_unless_it_is_damaged(tmp_path):
    stamp = Stamp("/data/a.png", 10, 20)
    record = Record("a.png", "a", stamp, "made", ("csv", "roi"), 3, "LIMIT", "odd", 0.5, 9)
    path = tmp_path / "a.png.json"
    path.write_text(json.dumps(dataclasses.asdict(record)))
    assert Record.read(path) == record
    for text in ("", "[]", "{}", '{"name": "a.png", "image": {}}'):
        path.write_text(text)
        assert Record.read(path) is None
    assert Record.read(tmp_path / "gone.json") is None
