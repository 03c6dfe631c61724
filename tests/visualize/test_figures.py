"""Every figure has the same three options, and the same end."""

import inspect
import io

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from mrcnn import visualize
from mrcnn.visualize.figures import finish, inches_of, new_figure

FIGURES = [
    name
    for name in visualize.__all__
    if "save_to" in inspect.signature(getattr(visualize, name)).parameters
]


@pytest.fixture(autouse=True)
def no_figure_leaks():
    yield
    plt.close("all")


def test_there_are_figures():
    assert len(FIGURES) > 15


@pytest.mark.parametrize("name", FIGURES)
def test_each_has_a_size_and_a_resolution(name):
    parameters = inspect.signature(getattr(visualize, name)).parameters
    assert parameters["dpi"].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters["dpi"].default is None
    if name != "display_instances":  # where the reference has a size of its own
        assert parameters["figsize"].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters["figsize"].default is None


def test_the_usual_size_and_another():
    usual = new_figure(((4, 3), 50))
    assert tuple(usual.get_size_inches()) == (4, 3) and usual.dpi == 50
    other = new_figure(((4, 3), 50), figsize=(2, 1), dpi=70)
    assert tuple(other.get_size_inches()) == (2, 1) and other.dpi == 70
    assert plt.get_fignums() == [usual.number, other.number]


def test_what_is_only_written_is_no_window():
    file = io.BytesIO()
    figure = new_figure(((4, 3), 50), save_to=file)
    assert plt.get_fignums() == []
    figure.subplots()
    assert finish(figure, own=True, save_to=file) is figure
    assert file.getvalue().startswith(b"\x89PNG")


def test_size_and_resolution_of_arrays():
    figure = new_figure(((4, 3), 50), figsize=np.array([2.0, 1.0]), dpi=np.int64(30))
    assert tuple(figure.get_size_inches()) == (2, 1) and figure.dpi == 30


def test_a_figure_within_a_figure(tmp_path):
    image, box = np.zeros((20, 30)), [[5, 5, 10, 10]]
    for layout in (None, "constrained"):
        outer = plt.figure(figsize=(8, 3), layout=layout)
        left, right = outer.subfigures(1, 2)
        assert inches_of(left.subplots()) == pytest.approx(4, rel=0.25)
        ax = right.subplots()
        path = tmp_path / f"{layout}.png"
        visualize.display_instances(image, box, None, [1], ["BG", "cat"], ax=ax, save_to=path)
        assert path.stat().st_size > 1000


def test_inches_of_axes():
    figure = new_figure(((9, 3), 50))
    axes = figure.subplots(1, 3)
    assert inches_of(axes[0]) == pytest.approx(3)
    figure.draw_without_rendering()
    assert axes[0].bbox.width / figure.dpi == pytest.approx(3, rel=0.25)  # without its labels
    plain = plt.figure(figsize=(10, 4)).add_axes([0.1, 0.1, 0.5, 0.8])
    assert inches_of(plain) == pytest.approx(5)
