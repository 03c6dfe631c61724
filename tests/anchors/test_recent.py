import functools
import pickle
import threading

import numpy as np
import pytest
from tiny import TinyConfig

from mrcnn.anchors.lattice import AnchorLattice
from mrcnn.anchors.recent import Recent


@pytest.fixture
def calls():
    return []


def test_only_the_last_few_are_kept(calls):
    recent = Recent(lambda shape: calls.append(shape) or list(shape), size=2)
    first, second = recent((1, 1)), recent((2, 2))
    assert first == [1, 1] and recent(np.array([1, 1])) is first  # (2, 2) is now the oldest
    recent([3, 3])
    assert calls == [(1, 1), (2, 2), (3, 3)] and len(recent) == 2
    assert recent((1, 1)) is first and len(calls) == 3
    assert recent((2, 2)) == second and len(calls) == 4
    for side in range(100):
        recent((side, side))
    assert len(recent) == 2


def test_a_pickled_one_starts_empty():
    config = TinyConfig()
    recent = Recent(functools.partial(AnchorLattice, config), size=3)
    lattice = recent((64, 64))
    again = pickle.loads(pickle.dumps(recent))
    assert (len(again), again.size) == (0, 3)
    np.testing.assert_array_equal(again((64, 64)).anchors, lattice.anchors)


def test_threads_share_it():
    recent = Recent(lambda shape: shape[0] * shape[1], size=3)
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for shape in rng.integers(1, 9, (2000, 2)):
            if recent(shape) != shape[0] * shape[1]:
                wrong.append(shape)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(recent) == 3
