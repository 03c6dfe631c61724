import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.network

SCRIPT = """
import os, sys
from mrcnn.startup import start_quietly
start_quietly()
import keras
print("shown", file=sys.stderr)
os.write(2, b"also shown")
"""


def run(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_only_other_messages_are_shown():
    done = run(SCRIPT, TF_CPP_MIN_LOG_LEVEL="0")
    assert (done.returncode, done.stderr) == (0, "shown\nalso shown")


def test_a_backend_that_fails_shows_why():
    done = run(SCRIPT, KERAS_BACKEND="nonsense")
    assert done.returncode == 1
    assert "nonsense" in done.stderr and "also shown" not in done.stderr
