"""Makes `import model as modellib` work, as in projects from before the reference was a package.

Until 2018, `model`, `utils`, `visualize`, `config` and `parallel_model` of matterport's Mask_RCNN
(the reference) were in its top folder. Put `import mrcnn.legacy.flat_imports` before the first such
import. A project's own modules of these names take precedence.
"""

from collections.abc import Sequence

from .stand_ins import StandIns

NAMES = ("config", "model", "parallel_model", "utils", "visualize")


class FlatImports(StandIns):
    """Finds the modules `NAMES` in `mrcnn`."""

    @classmethod
    def homes(cls, fullname: str) -> Sequence[str]:
        """See `StandIns.homes`.

        Args:
            fullname: full module name, such as "model".
        """
        return [f"mrcnn.{fullname}"] if fullname in NAMES else []


FlatImports.install()
