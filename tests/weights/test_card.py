"""What a weights file says about its model, also when the file is damaged or malicious."""

import dataclasses
import json

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from seeded_weights import write_h5

from mrcnn.weights.card import Card, DamagedCard, read_card, to_text, write_card
from mrcnn.weights.keras_h5 import WeightsFile

KERNEL = np.arange(6, dtype=np.float16).reshape(2, 3)
CARD = Card(
    config={"NAME": "cells", "NUM_CLASSES": 3, "MEAN_PIXEL": [1.5, 2, 3]},
    class_names=["BG", "cell", "Zelle (groß)"],
    object_size=31.5,
    min_score=0.75,
    licence="CC0",
    provenance={"epochs": 3, "versions": {"keras": "3"}},
)


@pytest.fixture
def path(tmp_path):
    """A weights file as matterport's Mask_RCNN writes it."""
    write_h5({"conv1": [("conv1/kernel:0", KERNEL)]}, tmp_path / "weights.h5")
    return tmp_path / "weights.h5"


def attributes(path):
    with h5py.File(path) as file:
        return dict(file.attrs)


def set_attribute(path, value, name="mrcnn_card", **options):
    with h5py.File(path, "r+") as file:
        file.attrs.create(name, value, **options)


def test_a_card_comes_back(path):
    before = attributes(path)
    write_card(path, CARD)
    assert read_card(path) == read_card(str(path)) == CARD
    after = attributes(path)
    del after["mrcnn_card"]
    assert list(after) == list(before)
    with WeightsFile(path) as file:
        assert file.layer_names == ["conv1"]
    with h5py.File(path) as file:
        assert file["conv1/conv1/kernel:0"].dtype == np.float16
        assert_array_equal(file["conv1/conv1/kernel:0"], KERNEL)


def test_a_file_without_a_card(path):
    assert read_card(path) == Card()
    write_card(path, Card())
    assert "mrcnn_card" not in attributes(path)


def test_a_long_card_is_in_parts_that_hdf5_can_store(path):
    long = dataclasses.replace(CARD, provenance={"files": ["é" * 1000] * 400})
    write_card(path, long)
    parts = [name for name in attributes(path) if name.startswith("mrcnn_card")]
    assert len(parts) == -(-len(to_text(long)) // 60_000) > 30
    assert read_card(path) == long
    write_card(path, CARD)
    assert [n for n in attributes(path) if n.startswith("mrcnn_card")] == ["mrcnn_card"]
    assert read_card(path) == CARD


def test_a_card_that_cannot_be_written_leaves_the_file_alone(path):
    before = path.read_bytes()
    for provenance, message in (
        ({"model": object()}, "cannot be written: Object of type object"),
        ({"loss": float("nan")}, "cannot be written"),
        ({"notes": "x" * 6_000_000}, "the card takes 6000"),
    ):
        with pytest.raises(ValueError, match=message):
            write_card(path, Card(provenance=provenance))
    assert path.read_bytes() == before


def test_the_writer_of_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_card(tmp_path / "missing.h5", CARD)


def test_provenance_is_added_to_a_copy():
    more = CARD.with_provenance(epochs=4, date="2026")
    assert more.provenance == {"epochs": 4, "versions": {"keras": "3"}, "date": "2026"}
    assert CARD.provenance["epochs"] == 3


def test_entries_of_a_later_version_are_left_out(path):
    set_attribute(path, np.bytes_(b'{"min_score": 0.5, "future": [1], "licence": null}'))
    assert read_card(path) == Card(min_score=0.5)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (np.bytes_(b"{"), "Expecting property name"),
        (np.bytes_(b"[1, 2]"), "it holds a list"),
        (np.bytes_(b"\xff\xfe"), "can't decode byte"),
        (np.bytes_(b"[" * 50_000), "recursion"),
        (np.bytes_(b"1" * 5000), "integer string conversion"),
        ("{}", "not text of a fixed length"),
        (7, "not text of a fixed length"),
        (np.array([b"{}", b"{}"]), "not text of a fixed length"),
        (h5py.Empty("f4"), "not text of a fixed length"),
        (np.void(b"{}"), "not text of a fixed length"),
    ],
)
def test_attributes_that_are_no_card(path, value, why):
    set_attribute(path, value)
    with pytest.raises(DamagedCard, match=rf"weights.h5: what it says .* is damaged: .*{why}"):
        read_card(path)
    with WeightsFile(path) as file:  # the weights can still be read
        assert_array_equal(file.arrays("conv1")[0], KERNEL)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("config", ["NAME"]),
        ("class_names", "cell"),
        ("class_names", ["BG", 3]),
        ("object_size", "large"),
        ("object_size", 0),
        ("object_size", True),
        ("min_score", 1.5),
        ("min_score", float("nan")),
        ("licence", {"a": 1}),
        ("provenance", [1]),
        ("licence", list(range(1000))),
    ],
)
def test_entries_of_a_wrong_type(path, name, value):
    set_attribute(path, np.bytes_(json.dumps({name: value}).encode()))
    with pytest.raises(DamagedCard, match=f"its {name} is ") as caught:
        read_card(path)
    assert len(str(caught.value)) < 400


def test_a_large_attribute_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "large.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["mrcnn_card"] = np.bytes_(b" " * 1_000_000)
    monkeypatch.setattr(h5py.AttributeManager, "__getitem__", lambda *_: pytest.fail("was read"))
    with pytest.raises(DamagedCard, match="not text of a fixed length"):
        read_card(path)


def test_too_many_parts(path):
    with h5py.File(path, "r+") as file:
        for index in range(101):
            file.attrs[f"mrcnn_card{index}"] = np.bytes_(b" ")
    with pytest.raises(DamagedCard, match="more than 100 parts"):
        read_card(path)


def test_another_kind_of_file(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"PK")
    with pytest.raises(ValueError, match="cannot be read as an HDF5 file"):
        read_card(tmp_path / "model.h5")


def test_the_name_of_a_model_of_the_package():
    card = read_card("nuclei")
    assert (card.class_names, card.min_score) == (["BG", "nucleus"], 0.75)
    assert card.config["IMAGE_MIN_SCALE"] == 2 and card.provenance["epochs"] == 21
    assert card.licence.startswith("CC0 1.0") and 30 < card.object_size < 60
