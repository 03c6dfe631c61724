import inspect

import pytest
from tiny import TinyConfig

from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.training.model import TrainableModel

MEMBERS = {name: each for name, each in vars(TrainableModel).items() if not name.startswith("_")}
METHODS = [name for name, each in MEMBERS.items() if inspect.isfunction(each)]


class WithoutGraph(MaskRCNN):
    def build(self, mode, config):
        return "the training graph"


def parameters_of(method):
    return list(inspect.signature(method).parameters.values())[1:]


def test_the_model_has_what_training_reads(tmp_path):
    model = WithoutGraph("training", TinyConfig(), tmp_path)
    read = [name for name, each in MEMBERS.items() if isinstance(each, property)]
    assert {*read, *METHODS} == MEMBERS.keys() and len(read) > 5
    assert [name for name in read if not hasattr(model, name)] == []


@pytest.mark.parametrize("name", METHODS)
def test_the_model_takes_the_calls_of_training(name):
    wanted, found = parameters_of(MEMBERS[name]), parameters_of(getattr(MaskRCNN, name))
    by_position = [each for each in wanted if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert [each.name for each in found][: len(by_position)] == [each.name for each in by_position]
    by_name = {each.name: each for each in found}
    for each in wanted:
        is_optional = each.default is not each.empty
        assert not is_optional or by_name[each.name].default is not each.empty
    others = by_name.keys() - {each.name for each in wanted}
    assert all(by_name[other].default is not inspect.Parameter.empty for other in others)
