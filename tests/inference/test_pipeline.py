"""Steps that work side by side: order, errors, limits on what is in memory, threads that end."""

import gc
import itertools
import subprocess
import sys
import threading
import time
import weakref

import pytest

from mrcnn.inference.pipeline import Pipeline


def counting(limit=None):
    """A source of 0, 1, ... without an end, or before `limit`."""
    numbers = itertools.count() if limit is None else iter(range(limit))
    return lambda: next(numbers, None)


def threads():
    return set(threading.enumerate())


def assert_ended(before):
    deadline = time.monotonic() + 5
    while threads() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not threads() - before


def test_items_come_in_order_through_all_steps():
    before = threads()
    slow_first = Pipeline(
        counting(20), lambda n: time.sleep(0.01 * (n < 3)) or n + 1, lambda n: 10 * n, ahead=4
    )
    assert list(slow_first) == [10 * (n + 1) for n in range(20)]
    assert_ended(before)
    assert list(Pipeline(counting(0), str, ahead=3)) == []
    assert list(Pipeline(counting(3), ahead=1)) == [0, 1, 2]


def test_steps_run_at_the_same_time():
    together = threading.Barrier(2, timeout=20)

    def first(number):
        if number:
            together.wait()  # until the item before is in the second step
        return number

    def second(number):
        together.wait()
        return number

    made = iter(Pipeline(counting(), first, second, ahead=4))
    assert [next(made) for _ in range(6)] == list(range(6))
    together.abort()
    made.close()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_error_comes_in_the_place_of_its_item(place):
    before = threads()

    def step(index):
        def run(number):
            if index == place and number == 5:
                raise KeyError(f"in step {index}")
            return number

        return run

    numbers, first = counting(), step(0)
    made = iter(Pipeline(lambda: first(numbers()), step(1), step(2), ahead=4))
    assert [next(made) for _ in range(5)] == list(range(5))
    with pytest.raises(KeyError, match=f"in step {place}"):
        next(made)
    assert_ended(before)


def test_no_more_than_the_limit_is_in_memory():
    class Item:
        pass

    alive, most = weakref.WeakSet(), []

    def source():
        item = Item()
        alive.add(item)
        most.append(len(alive))
        return item

    made = iter(Pipeline(source, lambda item: item, lambda item: item, ahead=4))
    for _ in range(200):
        next(made)
    made.close()
    gc.collect()
    assert 2 <= max(most) <= 4
    assert len(alive) == 0


def test_closing_early_ends_the_threads_and_begins_nothing_more():
    before, begun = threads(), []
    numbers = counting()

    def source():
        begun.append(numbers())
        return begun[-1]

    made = iter(Pipeline(source, lambda n: time.sleep(0.02) or n, ahead=4))
    assert next(made) == 0
    made.close()
    assert_ended(before)
    assert len(begun) <= 5
    abandoned = iter(Pipeline(counting(), str, ahead=4))
    assert next(abandoned) == "0"
    del abandoned
    assert_ended(before)


def test_a_source_that_never_returns_does_not_hold_up_the_end():
    before, release = threads(), threading.Event()
    numbers = counting()

    def source():
        number = numbers()
        if number == 2:
            release.wait()
        return number

    made = iter(Pipeline(source, lambda n: n, ahead=4))
    assert next(made) == 0
    start = time.monotonic()
    made.close()
    assert time.monotonic() - start < 3
    assert len(threads() - before) == 1  # the source's own
    release.set()
    assert_ended(before)


def test_a_pipeline_that_is_left_open_does_not_hold_up_python():
    code = (
        "import time\n"
        "from mrcnn.inference.pipeline import Pipeline\n"
        "made = iter(Pipeline(lambda: 1, lambda n: time.sleep(0.1) or print('in') or n, ahead=9))\n"
        "print(next(made))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, text=True)
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.count("in") <= 3
