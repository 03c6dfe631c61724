"""The commands and the code of docs/serving.md work, against a server without a network."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_model import FakeModel, save_squares
from serving.real_server import running

from mrcnn.cli import main
from mrcnn.serving.answers import FORMATS
from mrcnn.serving.settings import ServerSettings

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "serving.md").read_text()
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.S)).splitlines()
CURL = [line for line in SHELL if line.startswith("curl ")]
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.fixture
def port(tmp_path, monkeypatch):
    """The port of a server with a token, in whose working folder a.png is."""
    monkeypatch.chdir(tmp_path)
    save_squares(tmp_path / "a.png", bright=2)
    (tmp_path / "best.h5").write_bytes(b"weights")
    settings = ServerSettings(model="best.h5", name="nuclei", token=token(), batch=1)
    with running(settings, FakeModel) as ((_, port), *_):
        yield port


def token():
    """That of the only example that has one."""
    [found] = {found for line in CURL for found in re.findall(r"Bearer (\w+)", line)}
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("line", CURL)
def test_curl(line, port, tmp_path):
    words = shlex.split(line.replace("127.0.0.1:8000", f"127.0.0.1:{port}"))
    key = [] if "Bearer" in line else ["-H", f"Authorization: Bearer {token()}"]
    ended = subprocess.run(
        [*words, *key, "--fail", "--silent", "--show-error"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    if "--output" in words:
        assert (tmp_path / words[words.index("--output") + 1]).stat().st_size > 0
    elif "format=csv" in line:
        assert len(ended.stdout.splitlines()) == 1 + 2
    else:
        assert len(re.findall(rb'"bbox"|"Feature"', ended.stdout)) == 2


def run(code, port, monkeypatch, capsys):
    import urllib.request

    class Request(urllib.request.Request):
        def __init__(self, *arguments):
            super().__init__(*arguments, headers={"Authorization": f"Bearer {token()}"})

    monkeypatch.setattr(urllib.request, "Request", Request)
    names = {}
    exec(code.replace("127.0.0.1:8000", f"127.0.0.1:{port}"), names)
    return names, capsys.readouterr().out


def test_the_standard_library(port, monkeypatch, capsys):
    names, out = run(CODE[0], port, monkeypatch, capsys)
    assert out == "bright 0.9 16\n" * 2 and len(names["found"]["objects"]) == 2


def test_triton(tmp_path, monkeypatch):
    pytest.importorskip("tritonclient.http")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best.h5").write_bytes(b"weights")
    settings = ServerSettings(model="best.h5", name="nuclei", batch=1)
    names = {}
    with running(settings, FakeModel) as ((_, port), *_):
        exec(CODE[1].replace("127.0.0.1:8000", f"127.0.0.1:{port}"), names)
    assert names["boxes"].shape == (1, 0, 4) and names["count"].tolist() == [0]


def test_the_command_lines():
    lines = re.findall(r"^    (?:\w+=\S+ )*(mrcnn serve .*)$", PAGE, re.MULTILINE)
    assert len(lines) >= 2
    for line in lines:
        assert main.parser().parse_args(shlex.split(line)[1:]).verb == "serve"
    for option in re.findall(r"`(--[a-z-]+)`", PAGE):
        if option not in ("--preload",):
            assert option in (ROOT / "mrcnn" / "cli" / "serve.py").read_text()
    for variable in re.findall(r"`MRCNN_(\w+)`", PAGE):
        assert variable.lower() in ServerSettings.__dataclass_fields__


def test_the_formats():
    rows = re.findall(r"^\| `(\w+)` \| (?:`(\S+?)`.*?)? \|", PAGE, re.MULTILINE)
    assert {name: kind for name, kind in rows if kind and name != "format"} == {
        name: known.type for name, known in FORMATS.items()
    }
