import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mrcnn.formats.yolo_yaml import read_yaml

# Values for which YAML has types other than text.
TYPED = ["no", "yes", "0x1F", "2024-13-45", "1e3"]

ULTRALYTICS = """\
# Example usage: yolo train data=coco8-seg.yaml
---
path: "../datasets/it's #1" # dataset root
train: images/train
val: 'images/val'
test: # optional

# Classes
names:
  0: person
  1: traffic light  # comment
  2: 'don''t'

download: |
  from pathlib import Path
  names: 5
"""


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (
            ULTRALYTICS,
            {
                "path": "../datasets/it's #1",
                "train": "images/train",
                "val": "images/val",
                "names": {0: "person", 1: "traffic light", 2: "don't"},
            },
        ),
        (
            "nc: 2\nnames: ['a, b', \"c\"]\nroboflow:\n  val: x",
            {"nc": 2, "names": {0: "a, b", 1: "c"}},
        ),
        ("names: [a,\n  don't,\n  c#1,]", {"names": {0: "a", 1: "don't", 2: "c#1"}}),
        ("names: {1: b, 0: 'a: x'}", {"names": {0: "a: x", 1: "b"}}),
        (
            'names:\n- no\n- 7\n- "caf\\xE9 \\u00b5 \\""',
            {"names": {0: "no", 1: "7", 2: 'café µ "'}},
        ),
        ("names: [no, yes, 0x1F, 2024-13-45, 1e3]", {"names": dict(enumerate(TYPED))}),
        (
            "\ufeff%YAML 1.1\n---\nnc: 7 # 🚀\nnames: &n {0: a}\nother: *n",
            {"nc": 7, "names": {0: "a"}},
        ),
        (
            "train: C:\\data\\train\nval:\n  - a\n  - b c",
            {"train": "C:\\data\\train", "val": ["a", "b c"]},
        ),
        ("train: null\nval: ~\n", {}),
        ("", {}),
    ],
)
def test_yaml(text, values):
    assert read_yaml(text, "data.yaml") == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "names: dog",
            ": names is 'dog': it must be a list of names, or a map of numbers to names.",
        ),
        ("names: [dog, dog]", ": names has 1: 'dog': it must have whole numbers, each with a uniq"),
        ("names: {0: a, 00: b}", ": names has 00: 'b': it must have whole numbers"),
        ("names: {x: dog}", ": names has x: 'dog': it must have whole numbers"),
        ("names: [[dog]]", ": names has 0: ['dog']: it must have whole numbers"),
        ("train: {a: b}", ": train is {'a': 'b'}: it must be a path or a list of paths."),
        ("val: [a, [b]]", ": val is ['a', ['b']]: it must be a path or a list"),
        ("path: [a]", ": path is ['a']: it must be one path."),
        ("nc: many", ": nc is 'many': it must be the number of classes."),
        ("- a\n- b", " is ['a', 'b']: it must map keys to values"),
        ("nc: 1\nnames: [dog", ", line 2: not valid YAML: expected ',' or ']'"),
        ("nc: 1\nnames:\n\t- dog", ", line 3: not valid YAML: found character '\\t'"),
        ("nc: 1\ntrain: a\x00b", ", line 2: not valid YAML: special characters"),
        ("names: *gone", ", line 1: not valid YAML: found undefined alias 'gone'"),
        ("names: " + "[" * 5000, ": its lists are nested too deeply"),
    ],
)
def test_yaml_that_cannot_be_used(text, message):
    with pytest.raises(ValueError) as caught:
        read_yaml(text, "data.yaml")
    assert str(caught.value).startswith("data.yaml" + message)


@given(st.text(st.sampled_from("names: []{},'\"\\#\n-0ab!&*|\t?"), max_size=40))
@example("['a")
@example("!!int ''")
@example("&a [*a]")
def test_any_yaml_is_read_or_refused(text):
    try:
        values = read_yaml("names: " + text, "data.yaml")
    except ValueError as error:
        assert str(error).startswith(("data.yaml: ", "data.yaml, line "))
    else:
        assert all(isinstance(name, str) and name for name in values.get("names", {}).values())
