"""Lines of Python that do what a command does, for `--print-python`."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

_WIDTH = 88


class Lines:
    """Lines of Python, with the imports that they need.

    Example:
        >>> from mrcnn.cli.python_lines import Lines
        >>> lines = Lines()
        >>> lines.use("mrcnn", "formats")
        >>> lines.add("data = formats.ViaDataset.read", "cells", class_names=["cell"])
        >>> print(lines)
        from mrcnn import formats
        <BLANKLINE>
        data = formats.ViaDataset.read("cells", class_names=["cell"])
    """

    def __init__(self) -> None:
        self._imports: dict[str, set[str]] = {}
        self._lines: list[str] = []

    def use(self, module: str, *names: str) -> None:
        """Import names.

        Args:
            module: where they are from.
            *names: what the lines use.
        """
        self._imports.setdefault(module, set()).update(names)

    def add(self, head: str, *arguments: Any, **named: Any) -> None:
        """Add a call.

        Args:
            head: what comes before the opening bracket, such as "result = evaluate".
            *arguments: values, or `Name`s.
            **named: the same, by name.
        """
        parts = [self.literal(value) for value in arguments]
        parts += [f"{name}={self.literal(value)}" for name, value in named.items()]
        line = f"{head}({', '.join(parts)})"
        if len(line) > _WIDTH and len(parts) > 1:
            line = "\n".join([f"{head}(", *(f"    {part}," for part in parts), ")"])
        self._lines.append(line)

    def add_dict(self, name: str, values: Mapping[str, Any]) -> None:
        """Add a variable, the dict `values`, with a line for each entry.

        Args:
            name: of the variable.
            values: by key.
        """
        pairs = ((self.literal(key), self.literal(value)) for key, value in values.items())
        inside = [f"    {key}: {value}," for key, value in pairs]
        self._lines += [f"{name} = {{", *inside, "}"] if inside else [f"{name} = {{}}"]

    def line(self, text: str) -> None:
        """Add `text`, one or several lines."""
        self._lines.append(text)

    def literal(self, value: Any) -> str:
        """A value as Python writes it; a function or class of this package is imported.

        Args:
            value: of an argument or a setting.
        """
        if isinstance(value, Name):
            return value
        if isinstance(value, os.PathLike):
            return self.literal(os.fspath(value))
        if isinstance(value, np.ndarray | np.generic):
            return self.literal(value.tolist())
        if isinstance(value, tuple | list):
            inside = ", ".join(map(self.literal, value))
            if isinstance(value, list):
                return f"[{inside}]"
            return f"({inside},)" if len(value) == 1 else f"({inside})"
        if isinstance(value, Mapping):
            pairs = (f"{self.literal(key)}: {self.literal(part)}" for key, part in value.items())
            return "{" + ", ".join(pairs) + "}"
        if callable(value):
            self.use(value.__module__, value.__qualname__)
            return value.__qualname__
        text = repr(value)
        # Double quotes, as formatters write them.
        return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text else text

    def __str__(self) -> str:
        imports = [
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(self._imports.items())
        ]
        return "\n".join([*imports, "", *self._lines])


class Name(str):
    """The name of a variable in the lines, as opposed to text."""
