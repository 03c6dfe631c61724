"""The address, and the process: from its start to its end."""

import errno
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from fake_model import FakeModel

from mrcnn.serving import server

from .conftest import png

ROOT = Path(__file__).resolve().parents[2]


def test_a_port_in_use():
    with server.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError) as raised:
            server.listen("127.0.0.1", port)
    assert str(raised.value) == (
        f"port {port} of 127.0.0.1 is in use: stop the program that has it, or choose another "
        f"port, such as --port {port + 1}."
    )
    server.listen("127.0.0.1", port).close()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7"])
def test_an_address_of_another_machine(host):
    with pytest.raises(OSError, match=f"--host {host} is no address of this machine"):
        server.listen(host, 0)


def test_other_reasons():
    denied = server._why(OSError(errno.EACCES, "Permission denied"), "127.0.0.1", 80)
    assert denied == "port 80 is reserved for administrators: choose one above 1023 with --port."
    other = server._why(OSError(errno.ENOBUFS, "No buffer space"), "127.0.0.1", 8000)
    assert other == "the server cannot listen at 127.0.0.1, port 8000: No buffer space."


def run(settings, capsys, before_end, load=FakeModel, **options):
    """Serve in this thread, and send SIGTERM after `before_end(port)`, in another one."""
    seen = []

    def client():
        port = None
        while port is None:
            time.sleep(0.01)
            seen.append(capsys.readouterr())
            for text in seen:
                if "http://" in text.out:
                    port = int(text.out.split(" (Ctrl-C")[0].rpartition(":")[2])
        try:
            before_end(port)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=client)
    thread.start()
    server.serve(settings, port=0, load=load, **options)
    thread.join()
    seen.append(capsys.readouterr())
    return "".join(text.out for text in seen), "".join(text.err for text in seen)


def detect(port, data):
    address = f"http://127.0.0.1:{port}/detect"
    with urllib.request.urlopen(urllib.request.Request(address, data), timeout=10) as answer:
        return json.load(answer)


def test_one_line_at_the_start_and_one_for_each_request(settings, capsys):
    before = signal.getsignal(signal.SIGTERM)
    out, err = run(settings(), capsys, lambda port: detect(port, png(255)))
    start, request = out.splitlines()
    assert start.startswith("serving best at http://127.0.0.1:")
    assert start.endswith(" (Ctrl-C stops)")
    assert request.startswith("127.0.0.1 POST /detect 200 ")
    assert err == "" and signal.getsignal(signal.SIGTERM) is before


def test_other_machines_without_a_token(settings, capsys):
    _, err = run(settings(), capsys, lambda port: None, host="0.0.0.0")
    assert err == (
        "every machine that reaches this one can use the server: --token asks for a token.\n"
    )
    _, err = run(settings(token="x"), capsys, lambda port: None, host="0.0.0.0")
    assert err == ""


def test_sigterm_finishes_what_was_accepted(settings, capsys, gate):
    answers = []

    def before_end(port):
        gate.open.clear()
        gate.entered.clear()
        post = threading.Thread(target=lambda: answers.append(detect(port, png(255))))
        post.start()
        assert gate.entered.wait(10)
        opener = threading.Timer(0.3, gate.open.set)
        opener.start()

    run(settings(), capsys, before_end, gate)
    for _ in range(200):
        if answers:
            break
        time.sleep(0.01)
    assert len(answers[0]["annotations"]) == 1


def test_a_model_that_cannot_be_loaded(settings):
    with pytest.raises(FileNotFoundError, match=r"no such weights file: gone\.h5"):
        server.serve(settings(model="gone.h5"), port=0)


class Served:
    """The command `mrcnn serve` in a process of its own."""

    def __init__(self, *words, **environment):
        command = [sys.executable, "-m", "mrcnn", "serve", "--port", "0", *words]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        self.line = self.process.stdout.readline()
        self.port = int(self.line.split(" (Ctrl-C")[0].rpartition(":")[2])

    def get(self, path, data=None, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()


@pytest.mark.network
def test_the_command_with_a_real_model():
    served = Served("--model", "nuclei", MRCNN_TOKEN="secret")
    try:
        assert served.line.startswith("serving nuclei at http://127.0.0.1:")
        assert json.loads(served.get("/v2/health/ready")) == {"ready": True}
        image = next((ROOT / "samples/nucleus/data/stage1_train").glob("*/images/*.png"))
        with pytest.raises(urllib.error.HTTPError) as raised:
            served.get("/detect", image.read_bytes())
        assert raised.value.code == 401
        key = {"Authorization": "Bearer secret"}
        found = json.loads(served.get("/detect", image.read_bytes(), **key))
        assert len(found["annotations"]) > 10
        assert min(each["score"] for each in found["annotations"]) >= 0.75
        told = json.loads(served.get("/detect?format=json", image.read_bytes(), **key))
        assert len(told["objects"]) >= len(found["annotations"])
        told = json.loads(served.get("/about", **key))
        assert (told["model"], told["min_score"], told["lowest_score"]) == ("nuclei", 0.75, 0.5)
        # A keep-alive connection that does nothing does not hold up the end.
        idle = http.client.HTTPConnection("127.0.0.1", served.port)
        idle.request("GET", "/v2/health/live")
        idle.getresponse().read()
        served.process.send_signal(signal.SIGTERM)
        out, err = served.process.communicate(timeout=20)
        assert served.process.returncode == 0
        assert "Traceback" not in err and "401" in out
        idle.close()
    finally:
        served.process.kill()
        served.process.communicate()


@pytest.mark.network
def test_the_command_says_what_is_wrong():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "mrcnn", "serve", "--model", "nuclei", "--port", port]
        ended = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"port {port} of 127.0.0.1 is in use: stop the program")
    assert ended.stderr.count("\n") == 1
