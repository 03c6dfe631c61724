"""Modules that old code takes from `model`, `utils` and `visualize`."""

import importlib
import itertools
import subprocess
import sys

import keras
import matplotlib.pyplot
import numpy
import pytest
import skimage.measure
from matplotlib.patches import Polygon

import mrcnn.utils
from mrcnn import model as modellib
from mrcnn import utils, visualize
from mrcnn.legacy import reference_imports

TABLES = {
    "model": reference_imports.MODEL,
    "utils": reference_imports.UTILS,
    "visualize": reference_imports.VISUALIZE,
}


@pytest.mark.parametrize("module", TABLES)
def test_a_star_import_includes_them_all(module):
    names = {}
    exec(f"from mrcnn.{module} import *", names)
    assert TABLES[module].keys() - names.keys() == set()
    # The functions are not hidden by a module of the same name.
    assert len(names) > 10 + len(TABLES[module])


def test_which_they_are():
    assert modellib.utils is mrcnn.utils and visualize.utils is mrcnn.utils
    assert modellib.np is utils.np is visualize.np is numpy
    assert visualize.plt is matplotlib.pyplot and visualize.Polygon is Polygon
    assert visualize.find_contours is skimage.measure.find_contours
    assert visualize.itertools is itertools
    assert modellib.KL.Dense is keras.layers.Dense and modellib.KE.Layer is keras.layers.Layer
    assert modellib.KM.Model is keras.Model
    assert modellib.utils.compute_ap is mrcnn.utils.compute_ap


@pytest.mark.parametrize("module", [modellib, utils, visualize])
def test_other_names_are_missing_as_in_any_module(module):
    with pytest.raises(AttributeError) as caught:
        module.nothing  # noqa: B018
    assert str(caught.value) == f"module '{module.__name__}' has no attribute 'nothing'"
    assert not hasattr(module, "__wrapped__")


def test_what_is_not_installed():
    table = {"gone": "no_such_package.part", "np": "numpy"}
    assert reference_imports.installed(table) == ["np"]
    with pytest.raises(AttributeError, match="has no attribute 'gone', because No module named"):
        reference_imports.find(table, "gone", "mrcnn.model")


@pytest.mark.network
def test_they_are_imported_when_needed():
    script = (
        "import sys; import mrcnn.visualize; from mrcnn.visualize import display_instances, plt\n"
        "print([name for name in ('tensorflow', 'keras', 'IPython') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_no_name_of_ours_is_replaced():
    for name, table in TABLES.items():
        own = vars(importlib.import_module(f"mrcnn.{name}"))
        shared = [key for key in table if key in own]
        assert shared == []
