"""The Dockerfile says what can work: its extras, user, command line and health check."""

import ast
import contextlib
import http.server
import json
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mrcnn.cli import main

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "Dockerfile").read_text()


def instructions():
    """(name, rest) of each instruction, with continued lines joined."""
    lines = [line for line in TEXT.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def of(name):
    return [rest for each, rest in instructions() if each == name]


def test_it_installs_what_there_is():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [image] = of("FROM")
    version = image.removeprefix("python:").removesuffix("-slim")
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]
    assert tuple(map(int, version.split("."))) >= (3, 11)
    [install] = [rest for rest in of("RUN") if "pip install" in rest]
    words = shlex.split(install)
    [extras] = [word for word in words if word.startswith(".[")]
    asked = Requirement(f"mask-rcnn{extras[1:]}").extras
    assert asked <= project["optional-dependencies"].keys() and "serve" in asked
    # The argument is a requirement, for a GPU as well.
    assert "${TENSORFLOW}" in words and of("ARG") == ["TENSORFLOW=tensorflow"]
    [gpu] = re.findall(r'--build-arg TENSORFLOW="(.*?)"', TEXT)
    assert Requirement(gpu).name == "tensorflow" and Requirement(gpu).extras == {"and-cuda"}


def test_what_it_copies_is_not_ignored():
    kept = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert of("COPY") == [". ."]
    assert {"mrcnn", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"} <= kept
    assert all((ROOT / name).exists() for name in kept)


def test_the_user_is_not_root():
    [user] = of("USER")
    assert user not in ("root", "0")
    assert any(rest.startswith("useradd") and rest.endswith(user) for rest in of("RUN"))
    names = [name for name, _ in instructions()]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name == "RUN")


@pytest.mark.parametrize("where", ["CMD", "comment"])
def test_the_command_lines_are_those_of_mrcnn(where):
    if where == "CMD":
        words = json.loads(of("CMD")[0])
    else:
        [line] = re.findall(r"^#\s+(mrcnn serve .*)$", TEXT, re.MULTILINE)
        words = shlex.split(line)
    assert words[0] == "mrcnn"
    options = main.parser().parse_args(words[1:])
    assert (options.verb, options.host) == ("serve", "0.0.0.0")
    assert str(options.port) in of("EXPOSE")


def health_check():
    [rest] = of("HEALTHCHECK")
    return json.loads(rest.partition("CMD ")[2])


def test_the_health_check_asks_the_port():
    command = health_check()
    assert command[:2] == ["python", "-c"]
    [port] = of("EXPOSE")
    assert f"http://127.0.0.1:{port}/v2/health/ready" in command[2]
    ast.parse(command[2])


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 1)])
def test_the_health_check_fails_when_the_server_does(status, code):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with contextlib.ExitStack() as stack:
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        stack.callback(server.server_close)
        if status is None:
            stack.close()
        text = health_check()[2].replace("8000", str(server.server_address[1]))
        ended = subprocess.run([sys.executable, "-c", text], capture_output=True, check=False)
    assert ended.returncode == code
