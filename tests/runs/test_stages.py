import re

import pytest

from mrcnn.runs.stages import Stage, plan


def test_one_stage():
    assert plan("heads", 20, 0.001) == [Stage("heads", 0.001, 0, 20)]
    assert plan("heads", 20, 0.001, first_epoch=7) == [Stage("heads", 0.001, 7, 20)]
    assert plan("heads", 20, 0.001, first_epoch=25) == [Stage("heads", 0.001, 20, 20)]


def test_stages_follow_each_other():
    stages = plan(["heads", "4+", "all"], [20, 25, 30], [0.01, 0.02, 0.001])
    assert stages == [
        Stage("heads", 0.01, 0, 20),
        Stage("4+", 0.02, 20, 25),
        Stage("all", 0.001, 25, 30),
    ]
    assert plan(("heads", "all"), (1, 2), 0.5) == [
        Stage("heads", 0.5, 0, 1),
        Stage("all", 0.5, 1, 2),
    ]


def test_epochs_that_are_done_shorten_stages():
    stages = plan(["heads", "4+", "all"], [20, 25, 30], 0.1, first_epoch=22)
    assert [(stage.begin, stage.end) for stage in stages] == [(20, 20), (22, 25), (25, 30)]


@pytest.mark.parametrize(
    ("layers", "epochs", "rate", "message"),
    [
        (["heads", "all"], 3, 0.1, "for several stages, layers and epochs must both be lists"),
        ("heads", [1, 2], 0.1, "layers is 'heads', epochs is [1, 2] and learning_rate is 0.1: for"),
        ("heads", 1, [0.1], "learning_rate is [0.1]: for several stages"),
        (["heads", "all"], [1], 0.1, "have 2, 1 and 2 entries: each needs one entry per"),
        (["heads", "all"], [1, 2], [0.1], "have 2, 2 and 1 entries: each needs one entry per"),
        ([], [], 0.1, "have 0, 0 and 0 entries"),
        (["heads", "all"], [5, 5], 0.1, "epochs is [5, 5]: these are the last epochs of the stage"),
        (["heads", "all"], [20, 5], 0.1, "epochs is [20, 5]: these are"),
    ],
)
def test_lists_that_disagree(layers, epochs, rate, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        plan(layers, epochs, rate)


def test_an_optimizer_continues_with_the_same_layers_and_rate():
    stage = Stage("heads", 0.1, 0, 5)
    assert stage.trains_as(Stage("heads", 0.1, 3, 9))
    assert not stage.trains_as(Stage("all", 0.1, 0, 5))
    assert not stage.trains_as(Stage("heads", 0.01, 0, 5))
