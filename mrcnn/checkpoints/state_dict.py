"""From the value of a pickle to named arrays."""

import contextlib
from typing import Any

from ..types import Array
from .limits import Budget
from .numpy_objects import StoredArray
from .pickle_values import shown
from .torch_objects import StoredTensor

# Where a checkpoint keeps the weights, beside the optimizer, its settings and the like.
_NESTED = ("model", "state_dict", "model_state_dict", "blobs")


def weights_in(value: Any) -> dict[Any, Any]:
    """The dict of tensors in the value of a pickle: the value itself, or an entry of it.

    Raises:
        ValueError: there is none.
    """
    if not isinstance(value, dict):
        raise ValueError(f"it holds {shown(value)}, not a dict of tensors")
    # The usual names first: others may hold an average, or an optimizer's tensors.
    usual = [value[key] for key in _NESTED if isinstance(value.get(key), dict)]
    others = [entry for entry in value.values() if isinstance(entry, dict)]
    for entries in (*usual, value, *others):
        if any(isinstance(entry, StoredArray | StoredTensor) for entry in entries.values()):
            return entries
    if usual:
        return usual[0]
    found = ", ".join(shown(key) for key in list(value)[:8]) or "nothing"
    raise ValueError(
        f"it holds no tensors, neither directly nor under {', '.join(_NESTED)}: found {found}"
    )


def read_tensors(entries: dict[Any, Any], budget: Budget) -> dict[str, Array]:
    """The arrays of a dict of tensors, in its order.

    Args:
        entries: see `weights_in`.
        budget: of their bytes.

    Raises:
        ValueError: an entry is not a tensor, or cannot be read.
    """
    entries = {name: entry for name, entry in entries.items() if not _is_extra(name, entry)}
    last = {}
    for name, entry in entries.items():
        if not isinstance(name, str) or not isinstance(entry, StoredArray | StoredTensor):
            raise ValueError(f"the entry {shown(name)} is {shown(entry)}, not a tensor")
        with _naming(name):
            budget.spend(entry.byte_count())
        if isinstance(entry, StoredTensor):
            last[entry.key] = name
    if not entries:
        raise ValueError("it holds no tensors")
    arrays = {}
    for name, entry in entries.items():
        with _naming(name):
            arrays[name] = entry.read()
        if isinstance(entry, StoredTensor) and last[entry.key] == name:
            entry.release()
    return arrays


def about(value: Any) -> tuple[str | None, bool]:
    """The author that the value of a pickle names, and whether its names match by heuristics."""
    author, heuristics = value.get("__author__"), value.get("matching_heuristics")
    return (author if isinstance(author, str) else None), heuristics is True


def _is_extra(name, entry):
    """Whether an entry is the empty state that a module of PyTorch may keep beside its tensors."""
    if not (isinstance(name, str) and name.endswith("_extra_state")):
        return False
    if isinstance(entry, StoredArray | StoredTensor):
        return entry.byte_count() == 0
    return not entry


@contextlib.contextmanager
def _naming(name):
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{shown(name)}: {error}") from error
