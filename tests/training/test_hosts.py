from types import SimpleNamespace

import pytest

from mrcnn.runs.folder import RunFolder
from mrcnn.runs.stages import Stage
from mrcnn.runs.state import Progress
from mrcnn.training import hosts
from mrcnn.training.distribution import OneDevice

from .test_distribution import Second

ARGUMENTS = {"layers": "all", "epochs": 3, "learning_rate": 0.1}


class Chief(OneDevice):
    """The first of two hosts; records what it broadcasts."""

    hosts = 2

    def broadcast_json(self, value):
        self.said = value
        return value


class Other(Second):
    def broadcast_json(self, value):
        [said] = self.sent
        return said


def model_of(distribution, folder="tiny20261120T1405", epoch=0, seed=None):
    return SimpleNamespace(
        distribution=distribution,
        config=SimpleNamespace(SEED=seed, NAME="Tiny"),
        model_dir="logs",
        run_folder=RunFolder(f"logs/{folder}", "Tiny", epoch),
    )


def test_one_host_asks_nobody():
    progress = Progress(2, 1, Stage("all", 0.1, 0, 3), seed=7)
    model = model_of(OneDevice())
    assert hosts.agree_on_run(model, progress, {}, {}) == (progress, 7)
    assert hosts.agree_on_run(model, None, {}, {}) == (None, None)


@pytest.mark.parametrize("is_resumed", [False, True])
def test_the_others_take_what_the_chief_has(is_resumed):
    chief = Chief()
    progress = Progress(2, 1, Stage("all", 0.1, 0, 3), seed=7) if is_resumed else None
    model = model_of(chief, epoch=2 if is_resumed else 0)
    found, seed = hosts.agree_on_run(model, progress, {"EMA": None}, ARGUMENTS)
    assert found is progress and (seed == 7 if is_resumed else seed > 2**32)
    other = model_of(Other([chief.said]), folder="tiny20261120T1406")
    theirs, their_seed = hosts.agree_on_run(other, None, {"EMA": None}, ARGUMENTS)
    assert theirs == progress and their_seed == seed
    other, own = other.run_folder, model.run_folder
    assert (other.path, other.epoch) == (own.path, own.epoch)
    assert other.checkpoint_path == f"{own.path}/mask_rcnn_tiny_{{epoch:04d}}.h5"


def test_hosts_that_differ():
    chief = Chief()
    hosts.agree_on_run(model_of(chief, seed=1), None, {"EMA": None}, ARGUMENTS)
    other = model_of(Other([chief.said]))
    with pytest.raises(ValueError) as caught:
        hosts.agree_on_run(other, None, {"EMA": 0.9}, ARGUMENTS | {"epochs": 4})
    assert str(caught.value) == (
        "host 2 of 2 cannot train with the others:\n"
        "- EMA is 0.9 here, but None on the first host\n"
        "- epochs is 4 here, but 3 on the first host\n"
        "Start the same script with the same data on all hosts."
    )
