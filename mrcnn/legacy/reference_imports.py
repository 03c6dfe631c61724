"""What the modules of matterport's Mask_RCNN (the reference) import, and old code takes from them.

Notebooks write `modellib.utils` and `modellib.np`, or rely on `from mrcnn.visualize import *` for
`plt`, `np` and `Polygon`.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

# Name in the reference's module: path of the module, or of an object in it.
MODEL = {
    "os": "os",
    "random": "random",
    "datetime": "datetime",
    "re": "re",
    "math": "math",
    "logging": "logging",
    "multiprocessing": "multiprocessing",
    "OrderedDict": "collections.OrderedDict",
    "np": "numpy",
    "tf": "tensorflow",
    "keras": "keras",
    "K": "tensorflow.keras.backend",
    "KL": "keras.layers",
    "KE": "keras.layers",  # Keras 2's keras.engine, of which old code uses Layer
    "KM": "keras.models",
    "utils": "mrcnn.utils",
}
UTILS = {
    "sys": "sys",
    "os": "os",
    "logging": "logging",
    "math": "math",
    "random": "random",
    "shutil": "shutil",
    "warnings": "warnings",
    "urllib": "urllib",
    "np": "numpy",
    "tf": "tensorflow",
    "scipy": "scipy",
    "skimage": "skimage",
}
VISUALIZE = {
    "os": "os",
    "sys": "sys",
    "random": "random",
    "itertools": "itertools",
    "colorsys": "colorsys",
    "np": "numpy",
    "find_contours": "skimage.measure.find_contours",
    "plt": "matplotlib.pyplot",
    "patches": "matplotlib.patches",
    "lines": "matplotlib.lines",
    "Polygon": "matplotlib.patches.Polygon",
    "IPython": "IPython",
    "utils": "mrcnn.utils",
}


def find(names: Mapping[str, str], name: str, module: str) -> Any:
    """Import what a module offers under a name; for the module's `__getattr__`.

    Args:
        names: one of the tables above.
        name: the attribute.
        module: the module's name, for the error.

    Returns:
        the module or object.

    Raises:
        AttributeError: `names` does not have the name, or it is not installed.

    Example:
        >>> from mrcnn.legacy import reference_imports
        >>> reference_imports.find({"pi": "math.pi"}, "pi", "mrcnn.model")
        3.141592653589793
    """
    if name not in names:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    first, *rest = names[name].split(".")
    try:
        thing: Any = importlib.import_module(first)
        for part in rest:
            if not hasattr(thing, part):
                importlib.import_module(f"{thing.__name__}.{part}")
            thing = getattr(thing, part)
    except ImportError as error:
        raise AttributeError(
            f"module {module!r} has no attribute {name!r}, because {error}"
        ) from error
    return thing


def installed(names: Mapping[str, str]) -> list[str]:
    """The names whose packages are installed, for `__all__`; imports nothing.

    Args:
        names: one of the tables above.

    Example:
        >>> from mrcnn.legacy import reference_imports
        >>> reference_imports.installed({"pi": "math.pi", "theano": "theano.tensor"})
        ['pi']
    """
    return [
        name for name, path in names.items() if importlib.util.find_spec(path.partition(".")[0])
    ]
