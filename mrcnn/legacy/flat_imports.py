"""Makes `import model as modellib` work, as in projects from before the reference was a package.

Until 2018, `model`, `utils`, `visualize`, `config` and `parallel_model` of matterport's Mask_RCNN
(the reference) were in its top folder. Put `import mrcnn.legacy.flat_imports` before the first such
import. A project's own modules of these names take precedence.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence

NAMES = ("config", "model", "parallel_model", "utils", "visualize")


class FlatImports(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules `NAMES` in `mrcnn`."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of one of these modules, or None for any other.

        Args:
            fullname: full module name, such as "model".
            path, target: not used; Python passes them to every finder.
        """
        return importlib.machinery.ModuleSpec(fullname, self) if fullname in NAMES else None

    def exec_module(self, module: types.ModuleType) -> None:
        """Put the module of `mrcnn` in the place of `module`."""
        sys.modules[module.__name__] = importlib.import_module(f"mrcnn.{module.__name__}")


def install() -> None:
    """Make the modules importable; importing this module does so."""
    if not any(isinstance(finder, FlatImports) for finder in sys.meta_path):
        sys.meta_path.append(FlatImports())


install()
