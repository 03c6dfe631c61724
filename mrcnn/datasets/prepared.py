"""What `Dataset` takes and gives before it is prepared."""

from typing import Any

import numpy as np

from ..config_rules.values import is_integer
from ..types import Array


def prepared_ids(dataset: Any) -> Array:
    """The `image_ids` of a dataset, int [num_images], for a caller that needs all images.

    Raises:
        RuntimeError: `prepare` was not called, so the ids are not known yet.
    """
    if getattr(dataset, "_image_ids", ()) is None:
        raise RuntimeError(
            f"{type(dataset).__name__} is not prepared: call prepare() after the last add_class() "
            "and add_image()."
        )
    return np.asarray(dataset.image_ids)


def source_name(source: Any) -> str:
    """The name of a source as a str, checked.

    Raises:
        TypeError: it is not text.
        ValueError: it has a dot.
    """
    name = _text(source)
    if name is None:
        raise TypeError(f"source is {source!r}: it must be text, such as 'cells'.")
    if "." in name:
        raise ValueError(
            f"source is {name!r}: it must be a name without a dot, because 'source.id' names a "
            "class."
        )
    return name


def class_name(name: Any) -> str:
    """The name of a class as a str; a whole number, such as 7, becomes "7".

    Raises:
        TypeError: it is neither text nor a whole number.
    """
    value = name.item() if isinstance(name, np.ndarray) and name.ndim == 0 else name
    if is_integer(value):
        return str(int(value))
    text = _text(value)
    if text is None:
        raise TypeError(f"class_name is {name!r}: it must be text, such as 'cell'.")
    return text


def _text(value: Any) -> str | None:
    """Python's or NumPy's text as a str; None for anything else."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    return str(value) if isinstance(value, str) else None
