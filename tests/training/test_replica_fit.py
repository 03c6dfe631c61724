"""Whole training runs on several devices and hosts, each compared with a run on one device.

The four runs share a seed, clip their gradients and see images with 2, 1, 0 and 2 instances; a
replica takes two of the four images. So anything averaged, clipped, drawn or counted per replica
instead of per batch shows up.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.network

SCRIPT = Path(__file__).parents[1] / "run_distributed.py"
HOSTS = {"GPU_COUNT": 2, "HOST_COUNT": 2}
STEPS = 4
# Weights change by 0.01; sums in a different order differ by 1e-8.
TOLERANCE = 1e-6


def start(folder, name, devices=1, environment=(), **settings):
    """Start a process that trains; its output goes to a file."""
    settings = {"STEPS_PER_EPOCH": STEPS, "EMA": 0.5} | settings
    command = [SCRIPT, folder / name, folder / f"{name}.npz", devices, json.dumps(settings)]
    with open(folder / f"{name}.txt", "a") as output:
        return subprocess.Popen(
            [sys.executable, *map(str, command)],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"} | dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def start_hosts(folder, *own, **settings):
    """Start a process for each of two hosts, `host0` and `host1`, each with its own settings."""
    ports = free_ports(2)
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    processes = []
    for host in range(2):
        task = {"type": "worker", "index": host}
        environment = {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}
        options = HOSTS | settings | (own[host] if own else {})
        processes.append(start(folder, f"host{host}", environment=environment, **options))
    return processes


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def end(*processes):
    """Exit statuses, once all processes have ended."""
    try:
        return [process.wait(240) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def result(folder, name):
    with np.load(folder / f"{name}.npz") as archive:
        return dict(archive)


def part(arrays, kind):
    return {name: array for name, array in arrays.items() if name.startswith(kind)}


def assert_same(ours, theirs, kinds=("before", "weight", "steps", "epochs"), tolerance=TOLERANCE):
    for kind in kinds:
        expected = part(theirs, kind)
        assert part(ours, kind).keys() == expected.keys() and expected
        for name, array in expected.items():
            np.testing.assert_allclose(
                ours[name], array, rtol=tolerance, atol=tolerance, err_msg=name
            )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of the four training runs, which ran two at a time."""
    folder = tmp_path_factory.mktemp("runs")
    one = start(folder, "one")
    replicas = start(folder, "replicas", devices=2, GPU_COUNT=2)
    assert end(one, replicas) == [0, 0], (folder / "replicas.txt").read_text()
    assert end(*start_hosts(folder)) == [0, 0], (folder / "host0.txt").read_text()
    return folder


def test_weights_change_and_all_losses_count(folder):
    """Weights move, all losses count, and the image without instances is never the whole batch."""
    one = result(folder, "one")
    changes = [
        np.abs(array - one[name.replace("weight", "before")]).max()
        for name, array in part(one, "weight").items()
    ]
    assert max(changes) > 100 * TOLERANCE * max(
        np.abs(array).max() for array in part(one, "before").values()
    )
    losses = part(one, "steps")
    assert len(losses) == 6 and all(np.all(values > 0) for values in losses.values())
    assert all(len(values) == STEPS for values in losses.values())


def test_two_replicas_train_as_one(folder):
    assert_same(result(folder, "replicas"), result(folder, "one"))


def test_two_hosts_train_as_one(folder):
    chief, other = result(folder, "host0"), result(folder, "host1")
    assert_same(chief, result(folder, "one"))
    for name, array in part(chief, "weight").items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)
    for name, array in part(other, "epochs").items():
        np.testing.assert_array_equal(array, chief[name], err_msg=name)


def test_only_the_chief_writes(folder):
    [run] = (folder / "host0").iterdir()
    names = {path.name for path in run.iterdir()}
    assert {"state.h5", "history.csv", "starts.json", "mask_rcnn_tiny_0001.h5"} <= names
    assert not (folder / "host1").exists()
    [started] = json.loads((run / "starts.json").read_text())
    assert (started["replicas"], started["hosts"]) == (2, 2)
    assert "AP on 2 images" in (folder / "host0.txt").read_text()
    assert "Epoch" not in (folder / "host1.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("signalled", [0, 1])
def test_two_stopped_hosts_resume(tmp_path, signalled):
    """The other host has none of the run's files."""
    options = {"EPOCHS": 2, "RESUME": True}
    one = start(tmp_path, "one", **options)
    own = [{"STOP_AT": STEPS + 1} if host == signalled else {} for host in range(2)]
    assert end(*start_hosts(tmp_path, *own, **options)) == [143, 143]
    assert end(one, *start_hosts(tmp_path, **options)) == [0, 0, 0]
    for host in range(2):
        assert_same(result(tmp_path, f"host{host}"), result(tmp_path, "one"), ["weight"])


@pytest.mark.slow
def test_accumulated_gradients_and_decay(tmp_path):
    settings = {"GRADIENT_ACCUMULATION": 2, "OPTIMIZER": "adamw"}
    processes = [
        start(tmp_path, "one", **settings),
        start(tmp_path, "replicas", devices=2, GPU_COUNT=2, **settings),
    ]
    assert end(*processes) == [0, 0]
    # Adam divides by the gradients' magnitude, so small ones count just as much.
    assert_same(result(tmp_path, "replicas"), result(tmp_path, "one"), tolerance=1e-5)


@pytest.mark.slow
def test_jax(tmp_path):
    """Two devices in one process, and two processes with one device each."""
    pytest.importorskip("jax")
    jax = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    two = jax | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    one = start(tmp_path, "one", environment=jax)
    devices = start(tmp_path, "devices", environment=two, GPU_COUNT=2)
    assert end(one, devices) == [0, 0]
    [port] = free_ports(1)
    hosts = [
        start(
            tmp_path,
            f"host{host}",
            environment=jax
            | {
                "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo",
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"localhost:{port}",
                "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
                "KERAS_DISTRIBUTION_PROCESS_ID": str(host),
            },
            **HOSTS,
        )
        for host in range(2)
    ]
    assert end(*hosts) == [0, 0]
    expected = result(tmp_path, "one")
    for name in ("devices", "host0", "host1"):
        assert_same(result(tmp_path, name), expected, ["weight"])
    assert result(tmp_path, "devices")["devices"] == 2
    assert not (tmp_path / "host1").exists()
