import signal
from types import SimpleNamespace

import keras
import pytest

from mrcnn.runs import state
from mrcnn.runs.folder import RunFolder
from mrcnn.runs.stages import Stage
from mrcnn.runs.state import Progress
from mrcnn.training.callbacks.in_step import Agree, Follow
from mrcnn.training.callbacks.interruption import Interruption
from mrcnn.training.distribution import OneDevice


class Two(OneDevice):
    """One of two hosts; `other` is what the other one adds to a sum."""

    hosts = 2

    def __init__(self, host, other=0):
        self.host, self.other, self.said = host, other, None

    def sum_over_hosts(self, values):
        return [int(value) + self.other for value in values]

    def broadcast_json(self, value):
        return self.said if self.host else value

    def broadcast_variables(self, variables, values=None):
        if self.host or values:
            for variable in variables:
                variable.assign(values.pop(0) if values else 0.25)


def run_of(distribution, **fields):
    return SimpleNamespace(
        distribution=distribution,
        interruption=Interruption(is_shared=True),
        progress=Progress(0, 0, Stage("all", 0.1, 0, 2), seed=1, **fields),
        train_batches=SimpleNamespace(skipped=1, steps=3),
        folder=RunFolder("logs", "tiny"),
    )


def callback(kind, run):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.5))
    made = kind(run)
    made.set_model(model)
    model.stop_training = False
    return made


def test_nobody_requests_a_stop():
    agree = callback(Agree, run_of(Two(0)))
    agree.on_train_batch_end(0)
    agree.on_epoch_end(0)
    assert agree.run.interruption.signal is None and not agree.model.stop_training


@pytest.mark.parametrize("moment", ["on_train_batch_end", "on_epoch_end"])
def test_a_request_counts_on_all_hosts(moment):
    """This host knows the other's signal and `stop_training` only through the sum."""
    agree = callback(Agree, run_of(Two(1, other=1)))
    getattr(agree, moment)(0)
    assert agree.run.interruption.signal == signal.SIGTERM and agree.model.stop_training


def test_a_users_signal_keeps_its_number():
    run = run_of(Two(0))
    run.interruption._note(signal.SIGINT, None)
    assert run.interruption.signal is None
    callback(Agree, run).on_train_batch_end(0)
    assert run.interruption.signal == signal.SIGINT


def test_others_stop_where_the_chief_has_saved():
    follow = callback(Follow, run_of(Two(1)))
    follow.run.interruption.grant()
    follow.on_train_batch_end(1)  # the epoch's last batch: validation comes first
    with pytest.raises(SystemExit):
        follow.on_train_batch_end(0)
    with pytest.raises(SystemExit):
        follow.on_epoch_end(0)


def test_the_other_hosts_follow_the_chief():
    chief = callback(Follow, run_of(Two(0), best=0.5, best_epoch=1))
    chief.run.progress.end_epoch({"loss": 1.0})
    other = callback(Follow, run_of(Two(1)))
    other.run.distribution.said = [chief.run.progress.to_json(), True]
    progress = other.run.progress
    for follow in (chief, other):
        follow.on_epoch_begin(0)
        follow.on_epoch_end(0)
    assert progress is other.run.progress and progress == chief.run.progress
    assert progress.epoch == other.run.folder.epoch == 1
    assert other.model.stop_training and not chief.model.stop_training
    assert float(other.model.optimizer.learning_rate) == 0.25
    assert float(chief.model.optimizer.learning_rate) == 0.5


def test_means_of_a_resumed_epoch(monkeypatch):
    chief = callback(Follow, run_of(Two(0)))
    chief.run.progress.step, chief.run.state_path = 2, "state.h5"
    asked = []
    monkeypatch.setattr(state, "read", lambda *arguments: asked.append(arguments) or [6, 2])
    chief.model.compile(keras.optimizers.SGD(0.5), loss="mse")
    chief.on_epoch_begin(0)
    assert asked == [("state.h5", chief.model, "metrics")]
    values = [variable.numpy() for variable in state.variables(chief.model)["metrics"]]
    assert sorted(values) == [2, 6]


def test_a_schedule_is_left_alone():
    follow = callback(Follow, run_of(Two(1)))
    schedule = keras.optimizers.schedules.CosineDecay(0.5, 10)
    follow.model.compile(keras.optimizers.SGD(schedule))
    follow.on_epoch_begin(0)
    assert float(follow.model.optimizer.learning_rate) == 0.5
