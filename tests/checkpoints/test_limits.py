"""How much a file may cost to read."""

import pytest

from mrcnn.checkpoints.limits import ALLOWANCE, Budget, tensor_budget


def test_a_budget_is_spent_to_its_end():
    budget = Budget(5, "steps")
    budget.spend(2)
    budget.spend(3)
    budget.spend(0)
    with pytest.raises(ValueError, match="more than 5 steps"):
        budget.spend(1)


def test_tensors_may_share_their_data_once():
    budget = tensor_budget(100)
    budget.spend(200 + ALLOWANCE)
    with pytest.raises(ValueError, match="bytes of tensors"):
        budget.spend(1)
