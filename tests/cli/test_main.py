import subprocess
import sys

import pytest

import mrcnn
from mrcnn.cli import main as command
from mrcnn.cli.main import VERBS, main


def code_of(*words):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    return stopped.value.code


@pytest.fixture
def verb(monkeypatch):
    """A function that makes a function the `execute` of every verb."""

    def replace(execute):
        class Module:
            """Says hello."""

            def add_arguments(parser):
                parser.add_argument("name")

        Module.execute = execute
        monkeypatch.setattr(command, "_module", lambda verb: Module)

    return replace


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1)])
def test_a_verb_gets_its_options_and_gives_the_exit_code(verb, returned, code):
    seen = []

    def execute(options):
        seen.append((options.verb, options.name))
        return returned

    verb(execute)
    assert code_of("check", "cells") == code
    assert seen == [("check", "cells")]


def test_an_error_is_one_line(verb, capsys):
    def execute(options):
        raise ValueError(f"{options.name} is no dataset: it must be a folder.")

    verb(execute)
    assert code_of("check", "cells") == "cells is no dataset: it must be a folder."


@pytest.mark.network
def test_a_reader_that_has_seen_enough_is_no_error():
    command = [sys.executable, "-m", "mrcnn", "models"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_another_broken_pipe_is_an_error(verb, capsys):
    def execute(options):
        raise BrokenPipeError(32, "Broken pipe", "camera")

    verb(execute)
    assert code_of("check", "cells") == "Broken pipe: camera"


def test_ctrl_c_ends_with_the_status_of_shells(verb):
    def execute(options):
        raise KeyboardInterrupt

    verb(execute)
    assert code_of("check", "cells") == 130


def test_help_and_version(capsys):
    assert code_of("--help") == 0
    shown = capsys.readouterr().out
    assert all(f"\n    {verb}" in shown for verb in VERBS)
    assert code_of("--version") == 0
    assert capsys.readouterr().out == f"mask-rcnn {mrcnn.__version__}\n"
    assert code_of("nonsense") == 2
    assert "invalid choice: 'nonsense'" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_teaches(verb, capsys):
    assert code_of(verb, "--help") == 0
    shown = capsys.readouterr().out
    assert f"usage: mrcnn {verb}" in shown and "  mrcnn " in shown


def test_help_is_quick_and_has_a_name_as_a_module():
    script = (
        "import sys\n"
        "from mrcnn.cli.main import parser\n"
        "parser()\n"
        "print(sorted({'keras', 'tensorflow', 'dask'} & sys.modules.keys()))"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert printed.stdout == "[]\n"
    words = [sys.executable, "-m", "mrcnn", "--version"]
    printed = subprocess.run(words, capture_output=True, text=True)
    assert printed.stdout == f"mask-rcnn {mrcnn.__version__}\n"
