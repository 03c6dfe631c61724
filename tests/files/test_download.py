import hashlib
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mrcnn.files.download import download, mismatch

CONTENT = bytes(range(256)) * 1000
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            # Send half of the announced chunk, then close the connection.
            self.wfile.write(b"%x\r\n" % len(CONTENT) + CONTENT[: len(CONTENT) // 2])
            return
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:1000] if self.path == "/cut" else CONTENT)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    """Address of a local server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize("page", ["/file", "/unsized"])
def test_the_whole_file_arrives(server, tmp_path, page):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"old")
    download(server + page, str(path), verbose=0)
    assert path.read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["weights.h5"]


@pytest.mark.parametrize("verbose", [0, 1])
def test_progress(server, tmp_path, verbose, capsys):
    download(f"{server}/file", tmp_path / "weights.h5", verbose)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("weights.h5: 100%" in err) == bool(verbose)
    assert bool(err) == bool(verbose)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("/missing", "HTTP Error 404: Not Found"),
        ("/cut", "only 1000 of 256000 bytes arrived"),
        ("/chunked", "IncompleteRead"),
    ],
)
def test_a_failure_leaves_nothing_and_says_what_to_do(server, tmp_path, page, reason):
    path = tmp_path / "weights.h5"
    with pytest.raises(ConnectionError) as caught:
        download(server + page, path, verbose=0)
    message = str(caught.value)
    assert message.startswith(f"{server}{page} could not be downloaded (")
    assert reason in message
    assert message.endswith(f"Download it by other means and place it at {path}.")
    assert os.listdir(tmp_path) == []


def test_a_failure_leaves_the_old_file(server, tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"old")
    with pytest.raises(ConnectionError):
        download(f"{server}/cut", path, verbose=0)
    assert path.read_bytes() == b"old"


def test_the_checksum(server, tmp_path):
    path = tmp_path / "weights.h5"
    download(f"{server}/file", path, verbose=0, checksum=SHA256)
    assert path.read_bytes() == CONTENT
    path.write_bytes(b"old")
    reason = rf"\(its sha256 is {SHA256[7:]}, but should start with 00ff\)"
    with pytest.raises(ConnectionError, match=reason):
        download(f"{server}/file", path, verbose=0, checksum="sha256:00ff")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["weights.h5"]


def test_mismatch(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert mismatch(path, None) is None
    assert mismatch(path, "md5:900150983cd24fb0d6963f7d28e17f72") is None
    assert mismatch(path, "md5:900150") is None
    digest = "900150983cd24fb0d6963f7d28e17f72"
    assert mismatch(path, "md5:0") == f"its md5 is {digest}, but should start with 0"
    other = digest[::-1]
    assert mismatch(path, f"md5:{other}") == f"its md5 is {digest}, but should be {other}"


def test_nobody_answers(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        address = f"http://127.0.0.1:{http.server_port}/file"
    with pytest.raises(ConnectionError, match=r"could not be downloaded .*refused"):
        download(address, tmp_path / "weights.h5", verbose=0)
    assert os.listdir(tmp_path) == []


def test_no_such_folder(server, tmp_path):
    with pytest.raises(ConnectionError, match="No such file or directory"):
        download(f"{server}/file", tmp_path / "missing" / "weights.h5", verbose=0)


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX permissions")
def test_others_may_read_it_if_the_umask_allows(server, tmp_path):
    before = os.umask(0o022)
    try:
        download(f"{server}/file", tmp_path / "weights.h5", verbose=0)
    finally:
        os.umask(before)
    assert (tmp_path / "weights.h5").stat().st_mode & 0o777 == 0o644
