import numpy as np
import pytest

from mrcnn.weights.foreign.prefixes import without_prefixes


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "model.module.", "_orig_mod.module."])
def test_prefixes(prefix):
    tensors = {f"{prefix}conv1.weight": np.zeros(1), f"{prefix}bn1.weight": np.ones(1)}
    found = without_prefixes(tensors)
    assert list(found) == ["conv1.weight", "bn1.weight"]
    assert found["bn1.weight"] is tensors[f"{prefix}bn1.weight"]


def test_what_is_not_shared_stays():
    tensors = {"module.conv1.weight": np.zeros(1), "bn1.weight": np.zeros(1)}
    assert without_prefixes(tensors) == tensors
    assert without_prefixes({}) == {}
