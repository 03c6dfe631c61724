"""Runs a script of the tests in another process, on another backend."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parent


def arrays_on(backend, script, folder, *arguments, quickly=True):
    """What a script computes on a backend; skips the test if the backend is not installed.

    Args:
        backend: "tensorflow", "jax" or "torch".
        script: name of a file beside this one, which writes an .npz file to its last argument.
        folder: where it writes, and its working directory.
        *arguments: of the script, before the file.
        quickly: whether XLA compiles in half the time, for slower code.

    Returns:
        dict of name to array.
    """
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    if quickly:
        environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    out = Path(folder) / f"{backend}.npz"
    command = [sys.executable, TESTS / script, *arguments, out]
    subprocess.run(command, env=environment, check=True, cwd=folder)
    with np.load(out) as archive:
        return dict(archive)
