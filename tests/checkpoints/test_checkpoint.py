"""What a weights file of another project holds."""

import dataclasses
from pathlib import Path

import pytest

from mrcnn.checkpoints import Checkpoint


def test_a_checkpoint_does_not_change():
    checkpoint = Checkpoint(Path("a.pth"), "torch", {})
    assert checkpoint.author is None and checkpoint.matching_heuristics is False
    with pytest.raises(dataclasses.FrozenInstanceError):
        checkpoint.format = "npz"
