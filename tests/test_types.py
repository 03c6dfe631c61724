"""The public API has type annotations, and projects' type checkers find them."""

import importlib
import inspect
import tomllib
from pathlib import Path

import docs_rules
import pytest

import mrcnn
from mrcnn import types

ROOT = Path(__file__).resolve().parents[1]


def unannotated(public):
    """A public object's parameters without a type, and "return" if its result has none."""
    function = public.function
    if function is None:
        function = vars(public.thing).get("__init__")
        if not inspect.isfunction(function) or getattr(public.thing, "_is_protocol", False):
            return []
    is_method = public.owner and not isinstance(public.thing, staticmethod)
    parameters = list(inspect.signature(function).parameters.values())
    missing = [
        parameter.name
        for parameter in parameters[bool(is_method or not public.function) :]
        if parameter.annotation is inspect.Parameter.empty
    ]
    is_told = "return" in function.__annotations__
    return missing if is_told else [*missing, "return"]


@pytest.mark.parametrize("name", docs_rules.modules())
def test_everything_public_has_types(name):
    missing = {
        public.name: unannotated(public)
        for public in docs_rules.public_objects(importlib.import_module(name))
    }
    assert {key: names for key, names in missing.items() if names} == {}


def test_what_has_no_types():
    class Thing:
        def __init__(self, size: int, name=""):
            pass

        def method(self, box) -> None:
            pass

        @staticmethod
        def function(box, scores: list):
            pass

        @property
        def value(self):
            return 3

        @classmethod
        def make(cls, size: int) -> "Thing":
            return cls(size)

    def of(name):
        return unannotated(docs_rules.Public(name, vars(Thing)[name], Thing))

    assert unannotated(docs_rules.Public("Thing", Thing)) == ["name", "return"]
    assert of("method") == ["box"]
    assert of("function") == ["box", "return"]
    assert of("value") == ["return"]
    assert of("make") == []


def test_an_installed_package_says_that_it_has_types():
    assert Path(mrcnn.__file__).with_name("py.typed").exists()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["mrcnn"]


def test_detections_are_the_keys_of_results():
    assert types.Detections.__required_keys__ == {"rois", "class_ids", "scores"}
    assert types.Detections.__optional_keys__ == {"masks", "keypoints", "truncated"}
