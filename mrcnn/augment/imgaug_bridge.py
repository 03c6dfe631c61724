"""imgaug, whose last release, 0.4.0, does not import with NumPy 2 by itself.

    from mrcnn.augment import iaa      # in place of `from imgaug import augmenters as iaa`
    from mrcnn.augment import imgaug   # in place of `import imgaug`

imgaug reads `np.sctypes` while it is being imported, and NumPy 2 has it no more: it is there just
so long. Afterwards `import imgaug` works anywhere in the program. An old notebook whose `import
imgaug` fails with "`np.sctypes` was removed" needs one of the two lines before it.

Every geometric augmenter moves the masks, with the nearest pixel and nothing from beyond the
border, and no other one does: imgaug knows which is which. (The reference named the ones that do,
and left masks behind under `Crop`, `Pad`, `PerspectiveTransform`, `Rot90`, ...) What does not work:
`RandAugment` and `pillike.Affine` and its kin, which imgaug refuses to apply to masks (take
`Affine`); `pillike.Autocontrast`, which newer Pillows refuse; `imgcorruptlike`, whose package
`imagecorruptions` is needed.
"""

import importlib
import sys
import threading
import types

import numpy as np

_importing = threading.Lock()


class _OldNumpy(types.ModuleType):
    """NumPy with `np.complex`, for which imgaug's frequency noise (`Fog`, `Clouds`) asks."""

    complex = complex

    def __getattr__(self, name):
        return getattr(np, name)


def import_imgaug():
    """The imgaug package with its augmenters, as it is or made to import under NumPy 2.

    Returns:
        the module `imgaug`; its `augmenters` are the usual `iaa`.

    Raises:
        ImportError: imgaug or what it needs is not installed; pip's command is in the message.
    """
    with _importing:
        if "imgaug" in sys.modules:
            return importlib.import_module("imgaug")
        lacking = not hasattr(np, "sctypes")
        if lacking:
            np.sctypes = {  # noqa: NPY201
                "int": [np.int8, np.int16, np.int32, np.int64],
                "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
                "float": [np.float16, np.float32, np.float64],
            }
        try:
            imgaug = importlib.import_module("imgaug")
            importlib.import_module("imgaug.augmenters")
        except ImportError as error:
            raise ImportError(_advice(error)) from error
        finally:
            if lacking:
                del np.sctypes  # noqa: NPY201
        _mend(imgaug)
        return imgaug


def _mend(imgaug):
    """What NumPy 2 broke beyond the import, and pickling."""
    imgaug.parameters.np = _OldNumpy("numpy")
    imgaug.augmenters.Augmenter.__reduce_ex__ = _reduce
    elastic = imgaug.augmenters.ElasticTransformation
    move = elastic._map_coordinates

    def move_by_float32(image, dx, dy, **options):
        # An integer `alpha` makes float64 of them by the rules of NumPy 2; OpenCV refuses it.
        return move(image, dx.astype(np.float32), dy.astype(np.float32), **options)

    elastic._map_coordinates = staticmethod(move_by_float32)


def _advice(error):
    if isinstance(error, ModuleNotFoundError) and error.name == "imgaug":
        return "imgaug is not installed: pip install imgaug==0.4.0"
    if ".so" in str(error):
        return (
            f"imgaug needs OpenCV, which lacks a library of this system ({error}). Without a "
            "screen take the OpenCV that needs none: pip uninstall -y opencv-python && "
            "pip install --force-reinstall --no-deps opencv-python-headless"
        )
    return f"imgaug does not import ({error}): pip install imgaug==0.4.0"


def _reduce(augmenter, protocol):
    """Pickled so that a process that unpickles it imports imgaug as we do."""
    kind = type(augmenter)
    if kind.__module__.partition(".")[0] != "imgaug":
        return object.__reduce_ex__(augmenter, protocol)
    # 4, not an older protocol of the caller: it makes an empty object, and the state follows.
    return _new, (kind.__module__, kind.__name__), *object.__reduce_ex__(augmenter, 4)[2:]


def _new(module, name):
    import_imgaug()
    kind = getattr(importlib.import_module(module), name)
    return kind.__new__(kind)


def apply_imgaug(augmenter, image, instances, rng):
    """Image and instances, moved alike by an imgaug augmenter, which stays as it is.

    Args:
        augmenter: `imgaug.augmenters.Augmenter`.
        image: [H, W, C].
        instances: `InstanceMasks` or `InstanceBoxes`.
        rng: `numpy.random.Generator`, the only source of chance.

    Returns:
        image [H, W, C] and instances of the same kind; they have another size if the augmenter
        changes it.
    """
    segmaps = importlib.import_module("imgaug.augmentables.segmaps")
    # Seeded from ours (a copy: the user's own is shared by threads), then fixed, so that image and
    # masks move alike. The order matters: `seed_` passes over what is fixed already.
    augmenter = augmenter.localize_random_state()
    augmenter.seed_(int(rng.integers(2**31 - 1)))
    augmenter = augmenter.to_deterministic()
    changed = augmenter.augment_image(image)
    kind = type(instances)
    if not len(instances):
        return changed, kind.from_dense(np.zeros((*changed.shape[:2], 0), bool))
    labels = segmaps.SegmentationMapsOnImage(instances.labels(), shape=image.shape)
    labels = augmenter.augment_segmentation_maps(labels).get_arr()
    return changed, kind.from_labels(labels, len(instances))
