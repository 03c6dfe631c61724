"""Modules that stand for others: the mechanism behind imports by old names."""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads modules by old names; a subclass knows the names in `homes`."""

    @classmethod
    def homes(cls, fullname: str) -> Sequence[str]:
        """Full names of the modules that a module stands for; none if it is not an old name.

        Args:
            fullname: full module name, such as "model" or "mrcnn.small_resnet".
        """
        raise NotImplementedError(f"{cls.__name__} has no homes().")

    @classmethod
    def install(cls) -> None:
        """Make the modules importable; existing modules take precedence."""
        if not any(isinstance(finder, cls) for finder in sys.meta_path):
            sys.meta_path.append(cls())

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a module with an old name, or None for any other.

        Args:
            fullname: full module name.
            path, target: not used; Python passes them to every finder.
        """
        return importlib.machinery.ModuleSpec(fullname, self) if self.homes(fullname) else None

    def exec_module(self, module: types.ModuleType) -> None:
        """Replace `module` by the one that it stands for, or copy in the names of several."""
        homes = [importlib.import_module(home) for home in self.homes(module.__name__)]
        if len(homes) == 1:
            sys.modules[module.__name__] = homes[0]
        for home in reversed(homes):  # the first has precedence
            vars(module).update((k, v) for k, v in vars(home).items() if not k.startswith("__"))
