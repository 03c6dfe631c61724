"""What a weights file says about its model: how it is built, what it finds, where it is from.

A card is JSON in an attribute of the HDF5 root, which matterport's Mask_RCNN (the reference) and
Keras ignore. An attribute holds at most 64 kB: a longer text is in attributes that end in 0, 1, ...
"""

import dataclasses
import io
import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..files.hdf5 import open_hdf5
from ..files.whole import replacing
from ..types import PathLike
from .catalogue import find

_NAME = "mrcnn_card"
_PART_BYTES, _MAX_PARTS = 60_000, 100
_CHUNK = 1 << 20


class DamagedCard(ValueError):
    """A card that cannot be read, in a file whose weights may be fine."""


@dataclasses.dataclass(frozen=True)
class Card:
    """What a weights file says about its model; None where it says nothing.

    Attributes:
        config: settings by name in JSON types, see `runs.settings`.
        class_names: name of each class, the background first.
        object_size: median side of the objects that it was trained on, the square root of their
            boxes' area, in pixels of the network's input.
        min_score: recommended score, in [0, 1], below which detections are left out.
        licence: of the weights, in words.
        provenance: where they are from, in JSON types by name: "date", "epochs", "command", ...
    """

    config: dict[str, Any] | None = None
    class_names: list[str] | None = None
    object_size: float | None = None
    min_score: float | None = None
    licence: str | None = None
    provenance: dict[str, Any] = dataclasses.field(default_factory=dict)

    def with_provenance(self, **entries: Any) -> "Card":
        """A copy with these `entries` of the provenance added or replaced.

        Example:
            >>> from mrcnn.weights.card import Card
            >>> Card().with_provenance(epochs=3).provenance
            {'epochs': 3}
        """
        return dataclasses.replace(self, provenance={**self.provenance, **entries})


def read_card(path: PathLike) -> Card:
    """The card of a weights file; an empty one if the file has none.

    Args:
        path: an HDF5 file, or the name of a model that comes with the package, see
            `catalogue.find`.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file.
        DamagedCard: its card is damaged; a ValueError.
        ValueError: it is not an HDF5 file.

    Example:
        >>> from mrcnn.weights.card import read_card
        >>> read_card("nuclei").class_names
        ['BG', 'nucleus']
    """
    path = find(path)
    with open_hdf5(path) as file:
        try:
            text = _read(file.attrs)
            return Card() if text is None else from_text(text)
        # A file from elsewhere can make h5py and json raise nearly anything.
        except Exception as error:
            why = str(error) or type(error).__name__
            raise DamagedCard(f"{path}: what it says about its model is damaged: {why}.") from error


def write_card(path: PathLike, card: Card) -> None:
    """Write a card into an existing weights file, in place of an older one; tensors are kept.

    Args:
        path: an HDF5 file. It is rewritten whole or not at all, and needs memory of its size.
        card: what to write.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not HDF5, or the card cannot be written, see `to_text`.
        OSError: the file cannot be written.

    Example:
        >>> import dataclasses
        >>> from mrcnn.weights.card import read_card, write_card
        >>> card = dataclasses.replace(read_card("best.h5"), licence="CC0")  # doctest: +SKIP
        >>> write_card("best.h5", card)  # doctest: +SKIP
    """
    path = Path(path)
    open_hdf5(path).close()
    memory = io.BytesIO(path.read_bytes())
    with h5py.File(memory, "r+") as file:
        for name in [name for name in file.attrs if _is_ours(name)]:
            del file.attrs[name]
        add_card(file.attrs, card)
    memory.seek(0)
    with replacing(path) as part, open(part, "wb") as out:
        shutil.copyfileobj(memory, out, _CHUNK)


def add_card(attributes: Any, card: Card) -> None:
    """Add a card to a file that is being written; an empty one leaves no trace.

    Args:
        attributes: of the HDF5 root.
        card: what to write.

    Raises:
        ValueError: see `to_text`.
    """
    text = "" if card == Card() else to_text(card)
    parts = [text[i : i + _PART_BYTES] for i in range(0, len(text), _PART_BYTES)]
    for index, part in enumerate(parts):
        attributes[_NAME if len(parts) == 1 else f"{_NAME}{index}"] = np.bytes_(part)


def to_text(card: Card) -> str:
    """A card as JSON in ASCII.

    Args:
        card: what to write.

    Raises:
        ValueError: it has values of other types than JSON's, or takes more than 6 MB.
    """
    fields = {name: value for name, value in vars(card).items() if value is not None}
    try:
        text = json.dumps(fields, allow_nan=False)
    except (RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"the card cannot be written: {error}.") from error
    if len(text) > _PART_BYTES * _MAX_PARTS:
        raise ValueError(f"the card takes {len(text)} bytes: {_PART_BYTES * _MAX_PARTS} at most.")
    return text


def _is_ours(name: str) -> bool:
    return name == _NAME or (name.startswith(_NAME) and name[len(_NAME) :].isdecimal())


def _read(attributes: Any) -> str | None:
    if _NAME in attributes:
        return _part(attributes, _NAME)
    parts: list[str] = []
    while (name := f"{_NAME}{len(parts)}") in attributes:
        if len(parts) == _MAX_PARTS:
            raise ValueError(f"it has more than {_MAX_PARTS} parts")
        parts.append(_part(attributes, name))
    return "".join(parts) if parts else None


def _part(attributes: Any, name: str) -> str:
    """An attribute's text; its size is checked before it is read."""
    attribute = attributes.get_id(name)
    is_text = attribute.dtype.kind == "S" and attribute.shape == ()
    if not is_text or attribute.get_storage_size() > 2 * _PART_BYTES:
        raise ValueError(f"the attribute {name} is not text of a fixed length")
    return bytes(attributes[name]).decode("ascii")


def from_text(text: str) -> Card:
    """The card that `to_text` wrote as `text`.

    Raises:
        ValueError: it is not JSON, or an entry is of another type.

    Example:
        >>> from mrcnn.weights.card import Card, from_text, to_text
        >>> from_text(to_text(Card(licence="CC0"))).licence
        'CC0'
    """
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise ValueError(f"it holds a {type(fields).__name__} instead of entries by name")
    known = {field.name for field in dataclasses.fields(Card)}
    # A later version may have added entries.
    given = {name: value for name, value in fields.items() if name in known and value is not None}
    for name, value in given.items():
        if not _CHECKS[name](value):
            raise ValueError(f"its {name} is {_short(value)}")
    return Card(**given)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_CHECKS: Mapping[str, Any] = {
    "config": lambda value: isinstance(value, dict),
    "class_names": lambda value: (
        isinstance(value, list) and all(isinstance(name, str) for name in value)
    ),
    "object_size": lambda value: _is_number(value) and value > 0,
    "min_score": lambda value: _is_number(value) and 0 <= value <= 1,
    "licence": lambda value: isinstance(value, str),
    "provenance": lambda value: isinstance(value, dict),
}
