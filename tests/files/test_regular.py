import os
import socket
from pathlib import Path

import pytest

from mrcnn.files.regular import regular_file


def test_a_file_and_a_link_to_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a")
    link = tmp_path / "link"
    link.symlink_to(path)
    assert regular_file(path) is path
    assert regular_file(str(link)) == str(link)


def test_what_does_not_exist_or_is_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        regular_file(tmp_path / "missing")
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        regular_file(tmp_path)


def test_pipes_sockets_and_devices(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    os.mkfifo("pipe")
    Path("link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for name, kind in {
            "pipe": "a named pipe (FIFO)",
            "link": "a named pipe (FIFO)",
            "socket": "a socket",
            "/dev/zero": "a device",
        }.items():
            with pytest.raises(OSError) as caught:
                regular_file(name)
            assert caught.value.strerror == f"it is {kind}: it must be a regular file"
            assert caught.value.filename == name
