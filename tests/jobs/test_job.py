"""What to detect, how, and which files to write."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from mrcnn.jobs.job import DetectJob


def test_it_goes_to_other_processes():
    job = DetectJob(model="nuclei", out="found", kinds=["csv"], settings={"EMA": None})
    again = pickle.loads(pickle.dumps(job))
    assert again == job
    assert (again.out, again.kinds) == (Path("found"), ("csv",))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kinds": ("xls",)}, "'xls' is no kind of file: it must be csv, geojson, "),
        ({"kinds": ()}, "no kind of file is given: choose from csv, "),
        ({"projection": "median"}, "projection is 'median'"),
        ({"plane": 1, "projection": "max"}, "plane and projection exclude each other"),
        ({"scale": 2, "object_size": 9}, "scale and object_size exclude each other"),
        ({"scale": 0}, "scale is 0: it must be above 0."),
        ({"tile": 100, "overlap": 60}, "overlap is 60"),
    ],
)
def test_impossible_values(values, message):
    with pytest.raises(ValueError) as raised:
        DetectJob(**{"model": "nuclei", "out": "found", **values})
    assert str(raised.value).startswith(message)


def test_a_recipe_says_what_decides_about_results_and_nothing_else():
    job = DetectJob(model="a/best.h5", out="x", settings={"MEAN_PIXEL": np.array([1, 2])})
    recipe = job.recipe("0123456789")
    assert recipe["model"] == "best.h5 (01234567)"
    assert recipe["settings"] == {"MEAN_PIXEL": [1, 2]}
    assert recipe.keys() == {"model", "digest", "settings", "tile"}
    same = DetectJob(model="b/best.h5", out="y", kinds=("roi",), settings=dict(job.settings))
    assert same.recipe("0123456789") == recipe
    assert DetectJob(model="a/best.h5", out="x", min_score=0.5).recipe("0123456789") != recipe


def test_functions_among_the_settings_have_the_same_name_in_every_process():
    def backbone():
        """Some backbone."""

    recipe = DetectJob(model="a", out="x", settings={"BACKBONE": backbone}).recipe("0")
    assert recipe["settings"]["BACKBONE"].endswith("backbone")
    assert "0x" not in recipe["settings"]["BACKBONE"]
