import json

import keras
import numpy as np
import pytest
from tiny import TinyConfig

from mrcnn.training import distribution


def config_of(**settings):
    config = TinyConfig()
    for name, value in settings.items():
        setattr(config, name, value)
    return config


def refused(**settings):
    with pytest.raises(ValueError) as caught:
        distribution.choose(config_of(**settings))
    return str(caught.value)


@pytest.fixture
def on(monkeypatch):
    """Function that makes Keras report another backend."""
    return lambda name: monkeypatch.setattr(keras.backend, "backend", lambda: name)


def test_one_device(caplog):
    one = distribution.choose(config_of())
    assert (one.replicas, one.hosts, one.host, one.is_chief, one.strategy) == (1, 1, 0, True, None)
    values = np.array([[1, 2]], np.int32)
    assert one.broadcast(values) is values
    assert one.broadcast_json({"a": 1}) == {"a": 1}
    assert one.sum_over_hosts([True, False]).tolist() == [1, 0]
    with one.scope(), one.run_scope():
        assert keras.distribution.distribution() is None
    assert not caplog.messages


def test_fewer_devices_than_asked_for(caplog):
    several = config_of(GPU_COUNT=64, IMAGES_PER_GPU=1)
    assert type(distribution.choose(several)) is distribution.OneDevice
    [message] = caplog.messages
    assert message.startswith("GPU_COUNT is 64, but this machine has ")
    assert message.endswith(": a single device takes all 64 images of a batch")


def test_torch_trains_on_one_device(on, caplog):
    on("torch")
    assert distribution.choose(config_of(GPU_COUNT=2, IMAGES_PER_GPU=1)).replicas == 1
    assert caplog.messages == [
        "GPU_COUNT is 2, but training on torch uses one: a single device takes all 2 images of a "
        "batch"
    ]
    assert refused(GPU_COUNT=2, HOST_COUNT=2).startswith("HOST_COUNT is 2: on torch, training runs")


def test_a_batch_that_cannot_be_shared(monkeypatch):
    settings = {"GPU_COUNT": 2, "BATCH_SIZE": 3}
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0"])
    assert distribution.choose(config_of(**settings)).replicas == 1
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0", "cpu:1"])
    assert "BATCH_SIZE is 3: it must be a multiple of GPU_COUNT (2)" in refused(**settings)


WORKERS = {"worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "it is not set"),
        ({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}, "it names 1."),
        ({"cluster": WORKERS}, "(KeyError: 'task')"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": 2}}, "(ValueError: "),
        ([], "(TypeError: "),
    ],
)
def test_hosts_that_tf_config_does_not_describe(monkeypatch, content, problem):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if content is not None:
        monkeypatch.setenv("TF_CONFIG", json.dumps(content))
    message = refused(GPU_COUNT=2, HOST_COUNT=2)
    assert message.startswith(
        "HOST_COUNT is 2: the environment variable TF_CONFIG must name 2 workers and say which of "
        "them this is, but "
    )
    assert problem in message


@pytest.mark.parametrize(
    ("cluster", "task", "host"),
    [
        (WORKERS, {"type": "worker", "index": 1}, 1),
        ({"chief": ["a:1"], "worker": ["b:1"]}, {"type": "worker", "index": "0"}, 1),
        ({"chief": ["a:1"], "worker": ["b:1"]}, {"type": "chief", "index": 0}, 0),
    ],
)
def test_which_host_this_is(monkeypatch, cluster, task, host):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert distribution._task(2) == host


def test_too_few_devices_on_a_host(monkeypatch):
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": WORKERS, "task": task}))
    message = refused(GPU_COUNT=64, HOST_COUNT=2)
    assert "each host needs 32 devices, but this one has 1." in message


def test_hosts_that_jax_does_not_know(on, monkeypatch):
    on("jax")
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "3")
    message = refused(GPU_COUNT=2, HOST_COUNT=2)
    assert message.startswith(
        "HOST_COUNT is 2: KERAS_DISTRIBUTION_NUM_PROCESSES must be 2 too, but is 3."
    )


class Second(distribution.OneDevice):
    """The second of two hosts; the chief sends it the values in `sent`."""

    hosts, host = 2, 1

    def __init__(self, sent):
        self.sent = list(sent)

    def sum_over_hosts(self, values):
        assert not np.any(values)  # only the chief speaks
        return np.asarray(self.sent.pop(0), np.float64)


def test_the_chief_is_heard():
    data = json.dumps({"a": [1, None]}).encode()
    assert Second([len(data), list(data)]).broadcast_json("mine") == {"a": [1, None]}
    second = Second([[2, 3]])
    values = second.broadcast(np.array([7, 8], np.int32))
    assert values.tolist() == [2, 3] and values.dtype == np.int32
    variable = keras.Variable([5.0, 6.0])
    Second([[1.5, 2.5]]).broadcast_variables([variable])
    assert variable.numpy().tolist() == [1.5, 2.5]


def test_a_chief_may_send_other_values_than_it_has():
    chief = Second([])
    chief.host = 0
    chief.sum_over_hosts = lambda values: np.asarray(values, np.float64)
    variable = keras.Variable([5.0, 6.0])
    chief.broadcast_variables([variable], [np.array([3.0, 4.0], np.float32)])
    assert variable.numpy().tolist() == [3, 4]


def test_undistributed_gives_the_distribution_back(monkeypatch):
    before = object()
    keras.distribution.set_distribution(before)
    try:
        with distribution.undistributed():
            assert keras.distribution.distribution() is None
        assert keras.distribution.distribution() is before
    finally:
        keras.distribution.set_distribution(None)
