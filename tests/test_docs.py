"""Every public object of the package documents what it takes and returns, with shapes and units.

An object is public unless its name starts with an underscore. `docs_rules` checks these rules:

- There is a docstring. A method that overrides one of a base class may omit it, or omit what the
  base's docstring says.
- Parameters: each is named in Args (for a constructor, in the class's Args or Attributes), in
  backticks in the text if there are no Args, or in the Args that "see `x`" or "as `x`" refers to.
  Args has no other names. The class of a Keras layer has Call arguments.
- Results: whatever returns or yields something has Returns or Yields, or a first line that names
  the result: "Areas of boxes", not "Compute ...".
- Shapes: an array or tensor, recognised by its name (`ARRAYS`) or the first words of its entry, has
  a shape, such as [N, 4], or refers to one.
- Units: boxes, recognised by their name (`BOXES`) or a last axis of 4, are in pixels, normalised,
  in the units of other boxes, or deltas.
- The target of "see `x`" exists.
- Examples are in the section Example, and print what they say.
"""

import doctest
import importlib
import inspect

import docs_rules
import keras
import numpy as np
import pytest

from mrcnn.ops import gather_rows


@pytest.mark.parametrize("name", docs_rules.modules())
def test_docs_of(name):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    lacks = [
        f"{public.name} {problem}"
        for public in docs_rules.public_objects(module)
        for problem in docs_rules.problems(public)
    ]
    assert not lacks, "\n".join(lacks)


def examples_of(module):
    finder = doctest.DocTestFinder(exclude_empty=True)
    return finder.find(importlib.import_module(module), extraglobs={"np": np})


@pytest.mark.parametrize("name", docs_rules.modules())
def test_examples_of(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    for example in examples_of(name):
        # One run of several examples would hand the names of one to the next.
        runner = doctest.DocTestRunner(verbose=False, optionflags=options)
        report = []
        runner.run(example, out=report.append)
        assert not runner.failures, "".join(report)


def test_what_people_call_has_an_example():
    found = {example.name for name in docs_rules.modules() for example in examples_of(name)}
    wanted = {
        "mrcnn.config.Config",
        "mrcnn.datasets.dataset.Dataset",
        "mrcnn.evaluation.run.evaluate",
        "mrcnn.mask_rcnn.MaskRCNN",
        "mrcnn.visualize.instances.display_instances",
    }
    assert wanted <= found
    assert len(found) >= 60


def test_all_kinds_of_objects_are_looked_at():
    index = docs_rules.index()
    for name in [
        "mrcnn.geometry.boxes.compute_iou",
        "Dataset",
        "Dataset.load_mask",
        "Dataset.image_ids",
        "Config.from_dict",
        "Comparison.iou",  # a functools.cached_property
        "Replicas.of_hosts",  # a class method behind functools.cache
        "files.replacing",  # a context manager
        "ops.gather_rows",  # by the name of the package that re-exports it
    ]:
        assert index[name][0].function or inspect.isclass(index[name][0].thing), name
    assert index["ops.gather_rows"][0].thing is gather_rows
    assert index["Dataset.add_image"][0].parameters == ["source", "image_id", "path", "kwargs"]
    assert index["Finding"][0].parameters == ["image_id", "instance", "text"]
    assert index["AnchorLattice"][0].parameters == ["config", "image_shape"]
    assert "Config._derive" not in index
    assert len({public.name for found in index.values() for public in found}) > 600


def problems_of(thing, owner=None):
    return docs_rules.problems(docs_rules.Public(f"fake.{thing.__name__}", thing, owner))


def test_parse():
    docs = docs_rules.parse(
        """Scale boxes.

        Args:
            boxes, rois: [N, 4]
                pixels: of the image.
            **kwargs: the rest.

        Returns:
            [N, 4] pixels,
            rounded.

        Raises:
            ValueError: no boxes.
        """
    )
    assert docs.text == "Scale boxes.\n"
    entries = [(entry.names, entry.text) for entry in docs.entries("Args", "Returns")]
    assert entries == [
        (("boxes", "rois"), "[N, 4] pixels: of the image."),
        (("kwargs",), "the rest."),
        ((), "[N, 4] pixels, rounded."),
    ]
    assert list(docs.sections) == ["Args", "Returns", "Raises"]


def moved(boxes, image, shift=2):
    """Move boxes, and an image with them.

    Args:
        boxes: [N, 4] pixels.
        image: uint8 [H, W, 3].
        shift: how far.

    Returns:
        [N, 4] float32, pixels.
    """
    return boxes + shift + image.sum()


def test_nothing_is_missing():
    assert problems_of(moved) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("        shift: how far.\n", "", "does not explain the parameter shift"),
        (
            "how far.",
            "how far.\n        size: of it.",
            "explains size in Args, which is not a parameter",
        ),
        (
            "        boxes: [",
            "        Boxes [N]\n        boxes: [",
            'has no name before "Boxes [N]"',
        ),
        (
            "Returns:\n        [N, 4] float32, pixels.",
            "",
            'has no Returns, and "Move ..." does not say what it returns',
        ),
        (
            "uint8 [H, W, 3]",
            "its pixels in [0, 255]",
            "gives no shape, such as [N, 4], in Args image",
        ),
        ("how far", "int32, how far", "gives no shape, such as [N, 4], in Args shift"),
        ("[N, 4] float32, p", "float32, p", "gives no shape, such as [N, 4], in Returns"),
        (
            "boxes: [N, 4] pixels",
            "boxes: [N, 4]",
            "says neither pixels nor normalised in Args boxes",
        ),
        ("float32, pixels", "float32", "says neither pixels nor normalised in Returns"),
        ("how far", "see `mold_imag`", "refers to `mold_imag`, which does not exist"),
    ],
)
def test_what_is_missing_in_a_section(monkeypatch, old, new, problem):
    assert old in moved.__doc__
    monkeypatch.setattr(moved, "__doc__", moved.__doc__.replace(old, new))
    assert problems_of(moved) == [problem]


def size(boxes):
    return boxes[:, 2:] - boxes[:, :2]


@pytest.mark.parametrize(
    ("docstring", "problems"),
    [
        ("Sizes [N, 2] of boxes [N, 4] in pixels.", []),
        ("Sizes of `boxes`, see `box_areas`.", []),
        ("See `boxes.box_areas`.", []),
        (None, ["has no docstring"]),
        ("Sizes of boxes in pixels.", ["gives no shape, such as [N, 4], for boxes"]),
        ("Sizes of boxes [N, 4].", ["says neither pixels nor normalised for boxes"]),
        (
            "Measure boxes [N, 4] in pixels.",
            ['has no Returns, and "Measure ..." does not say what it returns'],
        ),
        ("[N, 2] pixels.", ["does not explain the parameter boxes"]),
        ("As `mold_image`, [N, 2].", ["does not explain the parameter boxes"]),
    ],
)
def test_what_is_missing_in_a_line(monkeypatch, docstring, problems):
    monkeypatch.setattr(size, "__doc__", docstring)
    assert problems_of(size) == problems


class Shift(keras.layers.Layer):
    """Moves boxes.

    Args:
        distance: how far, in pixels.

    Call arguments:
        inputs: float tensor [B, N, 4] in pixels.

    Returns:
        Float tensor [B, N, 4] in pixels.
    """

    def __init__(self, distance, **kwargs):
        super().__init__(**kwargs)
        self.distance = distance

    def call(self, inputs):
        return inputs + self.distance

    def back(self, inputs):
        """Move boxes back, [B, N, 4] in pixels, as `inputs`."""
        return inputs - self.distance


def test_classes(monkeypatch):
    assert problems_of(Shift) == []
    assert problems_of(Shift.call, Shift) == []  # Keras's `call` has a docstring
    assert problems_of(Shift.back, Shift) == [
        'has no Returns, and "Move ..." does not say what it returns'
    ]
    lines = Shift.__doc__.replace("        distance: how far, in pixels.\n", "")
    monkeypatch.setattr(Shift, "__doc__", lines.replace("Call arguments", "Note"))
    assert problems_of(Shift) == [
        "does not explain the parameter distance",
        "does not explain inputs in Call arguments",
    ]


def test_what_a_function_gives():
    def yields():
        yield 1

    def only_inside():
        def inner():
            return 1

        inner()

    def stops(stop):
        if stop:
            return
        return None

    assert [docs_rules.gives(f) for f in (size, yields, only_inside, stops)] == [
        True,
        True,
        False,
        False,
    ]
