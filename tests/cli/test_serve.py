"""`mrcnn serve`."""

import sys

import pytest

from mrcnn.cli import main
from mrcnn.serving import server
from mrcnn.serving.settings import ServerSettings


@pytest.fixture
def served(monkeypatch):
    """What `serve` is called with."""
    calls = []
    monkeypatch.setattr(server, "serve", lambda *arguments: calls.append(arguments))
    return calls


def run(*words):
    """The exit code of `mrcnn serve` with these words."""
    with pytest.raises(SystemExit) as raised:
        main.main(["serve", *words])
    return raised.value.code


def test_defaults(served, monkeypatch):
    monkeypatch.delenv("MRCNN_TOKEN", raising=False)
    assert run("--model", "nuclei") == 0
    [(settings, *where)] = served
    assert settings == ServerSettings(model="nuclei")
    assert where == ["127.0.0.1", 8000, 256, 30.0, False]


def test_options(served, monkeypatch, tmp_path):
    weights = tmp_path / "logs" / "weights" / "best.h5"
    weights.parent.mkdir(parents=True)
    weights.touch()
    words = ["--port", "0", "--host", "::", "--min-score", "0.3", "--tile", "none", "--batch", "3"]
    words += ["--max-mb", "0.5", "--seconds", "9", "--set", "DETECTION_NMS_THRESHOLD=0.4"]
    words += ["--quiet", "--connections", "7", "--idle-seconds", "2", "--cache", "0"]
    monkeypatch.setenv("MRCNN_TOKEN", "from the environment")
    assert run("--model", str(weights), *words) == 0
    [(settings, *where)] = served
    assert settings == ServerSettings(
        model=str(weights),
        name="logs",
        token="from the environment",
        min_score=0.3,
        tile=None,
        batch=3,
        max_bytes=2**19,
        seconds=9.0,
        cache=0,
        settings={"DETECTION_NMS_THRESHOLD": 0.4},
    )
    assert where == ["::", 0, 7, 2.0, True]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "nuclei", "--port", "70000"], "70000 is no port: it must be from 0 to 65535"),
        (["--model", "nuclei", "--port", "http"], "http is no port"),
        (["--model", "nuclei", "--queue", "0"], "0 is less than 1"),
        (["--model", "nuclei", "--cache", "-1"], "-1 is less than 0"),
        (["--model", "nuclei", "--min-score", "2"], "2 is not between 0 and 1"),
        (["--model", "nuclei", "--seconds", "0"], "0 is not above 0"),
        ([], "required: --model"),
    ],
)
def test_wrong_words(served, words, message, capsys):
    assert run(*words) == 2 and message in capsys.readouterr().err
    assert served == []


def test_a_model_that_does_not_exist(served):
    assert "no such weights file: nucleii. Did you mean nuclei?" in run("--model", "nucleii")


def test_without_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("mrcnn.serving.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    text = run("--model", "nuclei")
    assert text == (
        'the server needs packages that are not installed: pip install "mask-rcnn[serve]"'
    )


def test_help_teaches(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    for word in ("curl --data-binary", "MRCNN_TOKEN", "/v2", "/metrics", "docs/serving.md"):
        assert word in text
