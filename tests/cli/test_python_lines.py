"""Lines of Python for `--print-python`."""

from pathlib import Path

import numpy as np

from mrcnn.cli.python_lines import Lines, Name
from mrcnn.datasets.splits import random_subset


def test_lines_can_be_executed():
    values = {
        "a": [1, (2,), "it's", 'say "so"', None],
        "b": {1: np.array([0.5, 1.5]), "two": np.float32(2)},
        3: (True, Path("a", "b")),
    }
    lines = Lines()
    lines.add_dict("values", values)
    lines.add("copied = dict", Name("values"))
    lines.add("short = random_subset", np.arange(5), limit=None)
    lines.use("mrcnn.datasets.splits", "random_subset")
    lines.line("empty = 1")
    lines.add_dict("empty", {})
    found = {}
    exec(str(lines), found)
    assert found["values"] == found["copied"]
    assert found["values"]["a"] == values["a"]
    assert found["values"]["b"] == {1: [0.5, 1.5], "two": 2.0}
    assert found["values"][3] == (True, "a/b")
    assert found["short"] == [0, 1, 2, 3, 4]
    assert found["empty"] == {}


def test_functions_are_imported():
    lines = Lines()
    lines.add("f = dict", key=random_subset)
    assert str(lines) == (
        "from mrcnn.datasets.splits import random_subset\n\nf = dict(key=random_subset)"
    )


def test_imports_are_sorted_and_merged():
    lines = Lines()
    for name in ("formats", "augment", "formats"):
        lines.use("mrcnn", name)
    lines.use("keras", "layers")
    assert str(lines).splitlines() == [
        "from keras import layers",
        "from mrcnn import augment, formats",
    ]


def test_long_calls_are_broken():
    lines = Lines()
    lines.add("x = f", "a" * 50, "b" * 50)
    assert str(lines).splitlines()[1:] == [
        "x = f(",
        f'    "{"a" * 50}",',
        f'    "{"b" * 50}",',
        ")",
    ]
    lines = Lines()
    lines.add("x = f", "a" * 100)
    assert str(lines).splitlines()[1:] == [f'x = f("{"a" * 100}")']
