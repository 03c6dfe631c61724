"""imgaug, whose last release, 0.4.0, cannot be imported under NumPy 2 without help.

    from mrcnn.augment import iaa      # in place of `from imgaug import augmenters as iaa`
    from mrcnn.augment import imgaug   # in place of `import imgaug`

imgaug reads `np.sctypes` during its import, and NumPy 2 no longer has it. It is provided for the
import only; afterwards `import imgaug` works anywhere in the program. An old notebook whose `import
imgaug` fails with "`np.sctypes` was removed" needs one of the two lines above first.

Geometric augmenters, and only these, move the masks, with nearest-neighbour interpolation and
background beyond the border; imgaug knows which augmenters are geometric. (matterport's Mask_RCNN
has a fixed list, and leaves masks behind under `Crop`, `Pad`, `PerspectiveTransform`, `Rot90`, ...)
What does not work: `RandAugment`, `pillike.Affine` and similar augmenters, which imgaug refuses to
apply to masks (use `Affine`); `pillike.Autocontrast`, which newer versions of Pillow reject;
`imgcorruptlike`, unless the package `imagecorruptions` is installed.
"""

import importlib
import sys
import threading
import types
from typing import Any, TypeVar

import numpy as np

from ..instances import InstanceBoxes, InstanceMasks
from ..types import Array

_AnyInstances = TypeVar("_AnyInstances", InstanceMasks, InstanceBoxes)

_importing = threading.Lock()


class _OldNumpy(types.ModuleType):
    """NumPy with `np.complex`, which imgaug's frequency noise (`Fog`, `Clouds`) uses."""

    complex = complex

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def import_imgaug() -> types.ModuleType:
    """Import imgaug with its augmenters, even under NumPy 2.

    Returns:
        the module `imgaug`; its `augmenters` is the usual `iaa`.

    Raises:
        ImportError: imgaug or a dependency is not installed; the message gives the pip command.
    """
    with _importing:
        if "imgaug" in sys.modules:
            return importlib.import_module("imgaug")
        numpy: Any = np  # NumPy 2 has no `sctypes`
        lacking = not hasattr(numpy, "sctypes")
        if lacking:
            numpy.sctypes = {
                "int": [np.int8, np.int16, np.int32, np.int64],
                "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
                "float": [np.float16, np.float32, np.float64],
            }
        try:
            imgaug = importlib.import_module("imgaug")
            importlib.import_module("imgaug.augmenters")
        except ImportError as error:
            raise ImportError(_install_hint(error)) from error
        finally:
            if lacking:
                del numpy.sctypes
        _patch(imgaug)
        return imgaug


def _patch(imgaug: types.ModuleType) -> None:
    """Fix what NumPy 2 broke beyond the import, and pickling."""
    imgaug.parameters.np = _OldNumpy("numpy")
    imgaug.augmenters.Augmenter.__reduce_ex__ = _reduce
    elastic = imgaug.augmenters.ElasticTransformation
    move = elastic._map_coordinates

    def move_by_float32(image: Array, dx: Array, dy: Array, **options: Any) -> Array:
        # Under NumPy 2's rules, an integer `alpha` makes them float64, which OpenCV rejects.
        return move(image, dx.astype(np.float32), dy.astype(np.float32), **options)

    elastic._map_coordinates = staticmethod(move_by_float32)


def _install_hint(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == "imgaug":
        return "imgaug is not installed: pip install imgaug==0.4.0"
    if ".so" in str(error):
        return (
            f"imgaug needs OpenCV, which is missing a system library ({error}). Without a display, "
            "use the OpenCV that needs none: pip uninstall -y opencv-python && "
            "pip install --force-reinstall --no-deps opencv-python-headless"
        )
    return f"imgaug cannot be imported ({error}): pip install imgaug==0.4.0"


def _reduce(augmenter: Any, protocol: int) -> Any:
    """Pickle an augmenter so that unpickling it imports imgaug with `import_imgaug`."""
    kind = type(augmenter)
    if kind.__module__.partition(".")[0] != "imgaug":
        return object.__reduce_ex__(augmenter, protocol)
    # Protocol 4 even if the caller's is older: it creates an empty object, then sets the state.
    return _new_augmenter, (kind.__module__, kind.__name__), *object.__reduce_ex__(augmenter, 4)[2:]


def _new_augmenter(module: str, name: str) -> Any:
    import_imgaug()
    kind = getattr(importlib.import_module(module), name)
    return kind.__new__(kind)


def apply_imgaug(
    augmenter: Any, image: Array, instances: _AnyInstances, rng: np.random.Generator
) -> tuple[Array, _AnyInstances]:
    """Apply an imgaug augmenter, without modifying it, to an image and its instances alike.

    Args:
        augmenter: `imgaug.augmenters.Augmenter`.
        image: [H, W, C].
        instances: `InstanceMasks` or `InstanceBoxes`.
        rng: the only source of randomness.

    Returns:
        image [H, W, C] and instances of the same kind, in the size that the augmenter produces.
    """
    segmaps = importlib.import_module("imgaug.augmentables.segmaps")
    # Threads share the user's augmenter, so a copy is seeded from `rng`, then made deterministic to
    # move image and masks alike. The order matters: `seed_` skips what is already deterministic.
    augmenter = augmenter.localize_random_state()
    augmenter.seed_(int(rng.integers(2**31 - 1)))
    augmenter = augmenter.to_deterministic()
    changed: Array = augmenter.augment_image(image)
    kind = type(instances)
    if not len(instances):
        return changed, kind.from_dense(np.zeros((*changed.shape[:2], 0), bool))
    labels = segmaps.SegmentationMapsOnImage(instances.labels(), shape=image.shape)
    labels = augmenter.augment_segmentation_maps(labels).get_arr()
    return changed, kind.from_labels(labels, len(instances))
