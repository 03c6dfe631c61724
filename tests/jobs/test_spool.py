"""A sequence that is read once and iterated several times."""

import numpy as np
import pytest

from mrcnn.jobs.spool import Spool


@pytest.mark.parametrize("memory", [10, 10**6])
def test_parts_come_back_in_order_any_number_of_times(tmp_path, memory):
    parts = [np.full(100, number) for number in range(5)]
    spool = Spool(iter(parts), tmp_path, memory)
    for _ in range(2):
        assert [int(part[0]) for part in spool] == [0, 1, 2, 3, 4]
    # One iteration inside another.
    assert [(int(a[0]), int(b[0])) for a, b in zip(spool, spool, strict=True)][-1] == (4, 4)
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_parts_leaves_no_file(tmp_path):
    def parts():
        yield np.zeros(1000)
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        Spool(parts(), tmp_path, memory=10)
    assert list(tmp_path.iterdir()) == []


def test_nothing():
    assert list(Spool([])) == []
