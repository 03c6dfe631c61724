"""Tables as text and in a notebook, and weight statistics."""

import builtins
from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn import visualize
from mrcnn.visualize import tables


def test_display_table_as_text(capsys):
    visualize.display_table([["NAME", "N"], ["long name", 12], ["x"]])
    assert capsys.readouterr().out == "NAME       N\nlong name  12\nx\n"


def test_display_table_without_ipython(capsys, monkeypatch):
    real_import = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("IPython"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    visualize.display_table([["a", 1]])
    assert capsys.readouterr().out == "a  1\n"


def test_display_table_in_a_notebook(monkeypatch):
    display = pytest.importorskip("IPython.display")
    shown = []
    monkeypatch.setattr(tables, "_in_notebook", lambda: True)
    monkeypatch.setattr(display, "display", shown.append)
    visualize.display_table([["<a>", 1]])
    assert shown[0].data == "<table><tr><td>&lt;a&gt;</td><td>1</td></tr></table>"


def test_display_weight_stats(capsys):
    values = {
        "conv/kernel": np.array([[-1.0, 3.0]]),
        "conv/bias": np.zeros(2),
        "bn/gamma": np.ones(4),
        "fc/kernel": np.array([2000.0, 0.0]),
        "fc/extra": np.array([np.nan, 0.0]),
    }
    layer = SimpleNamespace(
        weights=[SimpleNamespace(path=path, name="short") for path in values],
        get_weights=lambda: list(values.values()),
    )
    visualize.display_weight_stats(SimpleNamespace(get_trainable_layers=lambda: [layer]))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["conv/kernel", "(1,", "2)", "-1.0000", "+3.0000", "+2.0000"]
    marks = [line.split("***")[1].split("  ")[0].strip() if "***" in line else "" for line in lines]
    assert marks == ["", "", "", "dead?", "overflow?", "not finite"]


def test_display_weight_stats_of_some_layers(capsys):
    def layer(name):
        weights = [SimpleNamespace(path=f"{name}/kernel", name="kernel")]
        return SimpleNamespace(name=name, weights=weights, get_weights=lambda: [np.arange(2.0)])

    layers = [layer(name) for name in ("conv1", "conv10", "rpn_conv", "rpn_class")]
    model = SimpleNamespace(get_trainable_layers=lambda: layers)
    visualize.display_weight_stats(model, layers="conv1|rpn_.*")
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["WEIGHT", "conv1/kernel", "rpn_conv/kernel", "rpn_class/kernel"]
    with pytest.raises(ValueError, match="layers is 'con': no layer with weights"):
        visualize.display_weight_stats(model, layers="con")
