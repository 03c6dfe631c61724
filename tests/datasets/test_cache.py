import pickle
import threading
import time

import numpy as np
import pytest

from mrcnn.datasets.cache import ByteCache, size_of
from mrcnn.instances import InstanceMasks


def numbered(*key):
    return np.full(100, key[0], np.uint8)


def counted():
    made = []

    def function(*key):
        made.append(key)
        return numbered(*key)

    return function, made


def test_what_was_used_longest_ago_is_forgotten():
    function, made = counted()
    cache = ByteCache(function, limit=300)
    for key in (1, 2, 3, 1, 4):
        assert cache(key)[0] == key
    assert made == [(1,), (2,), (3,), (4,)]
    assert len(cache) == 3
    assert cache(1)[0] == 1 and cache(3)[0] == 3 and len(made) == 4
    assert cache(2)[0] == 2 and len(made) == 5
    assert cache(4)[0] == 4 and len(made) == 6


def test_the_last_one_is_kept_whatever_its_size():
    function, made = counted()
    cache = ByteCache(function, limit=10)
    assert cache(1) is cache(1)
    cache(2)
    assert len(cache) == 1 and made == [(1,), (2,)]


def test_threads_wait_for_what_one_of_them_makes():
    made = []

    def slow(key):
        made.append(key)
        time.sleep(0.05)
        return numbered(key)

    cache, found = ByteCache(slow, limit=1000), []
    threads = [threading.Thread(target=lambda i=i: found.append(cache(i % 2)[0])) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0, 1]
    assert sorted(found) == [0] * 4 + [1] * 4


def test_an_error_is_not_kept():
    answers = [OSError("busy"), np.zeros(3)]

    def function(key):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cache = ByteCache(function, limit=1000)
    with pytest.raises(OSError, match="busy"):
        cache(1)
    assert len(cache(1)) == 3


def test_a_pickled_copy_is_empty():
    cache = ByteCache(numbered, limit=500)
    cache(1)
    copy = pickle.loads(pickle.dumps(cache))
    assert len(copy) == 0 and copy.limit == 500 and copy(7)[0] == 7


def test_sizes():
    masks = InstanceMasks([np.ones((4, 5), bool)], [(0, 0)], (10, 10))
    assert size_of((masks, np.zeros(2, np.int32))) == 4 * 5 + 4 * 4 + 2 * 4
    assert size_of(np.ma.MaskedArray(np.zeros(3, np.uint16), [True, False, False])) == 6 + 3
    circular = type("Circular", (), {})()
    circular.self, circular.array = circular, np.zeros(10, np.uint8)
    assert 10 <= size_of(circular) <= 40
