"""Augmentation of an image together with its instances.

`augmentation=` accepts any of these, or a list of them, applied in order:

- an imgaug augmenter (`from mrcnn.augment import iaa`, see `imgaug_bridge`);
- a Keras image augmentation layer, or a pipeline of them (see `keras_layers`);
- any callable `(image, masks) -> (image, masks)` on the image [H, W, C] and bool masks [H, W, N].
  If it has a third parameter, it is passed a `numpy.random.Generator`, so that a seed reproduces
  its results. If it has an attribute `takes_instance_masks`, it is called with
  `(image, InstanceMasks, rng)` and returns the first two, which is faster with many instances. For
  a network without masks, it gets `InstanceBoxes` instead, which flip in the same way;
- `CopyPaste`, or any callable with an attribute `takes_another_image`. It is called with
  `(image, Instances, rng, another)`, where `another(rng)` draws another image of the dataset, and
  may return any number of `Instances`.

The image size must not change. An augmentation that moves pixels must move the masks with them;
boxes are computed from the masks. `microscopy`, `photographs` and `simple_copy_paste` are recipes
to start from.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from ..instances import InstanceBoxes, InstanceMasks, Instances
from ..types import Array
from .copy_paste import Another, CopyPaste
from .flips import Flips
from .imgaug_bridge import apply_imgaug, import_imgaug
from .keras_layers import apply_layer, check_layer, is_keras_layer
from .photometric import Light, Noise
from .recipes import microscopy, photographs, simple_copy_paste

__all__ = [
    "CopyPaste",
    "Flips",
    "Light",
    "Noise",
    "augment",
    "check_augmentation",
    "microscopy",
    "needs_another",
    "needs_threads",
    "photographs",
    "simple_copy_paste",
]

# What `augmentation=` accepts, see above.
Augmentation = Callable[..., Any] | list[Any] | tuple[Any, ...]

_AnyInstances = TypeVar("_AnyInstances", bound=InstanceMasks | InstanceBoxes | Instances)


def __getattr__(name: str) -> Any:
    if name == "imgaug":
        return import_imgaug()
    if name == "iaa":
        return import_imgaug().augmenters
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def augment(
    augmentation: Augmentation,
    image: Array,
    instances: _AnyInstances,
    rng: np.random.Generator,
    another: Another | None = None,
) -> tuple[Array, _AnyInstances]:
    """Apply an augmentation to an image and its instances.

    Args:
        augmentation: see the module docstring. It is not modified, and threads may share it.
        image: [H, W, C].
        instances: `InstanceMasks`, `InstanceBoxes` or `Instances`. Boxes are moved as filled
            rectangles; the bounding boxes of the results are returned.
        rng: source of randomness.
        another: function (rng) -> (image, `Instances`) that draws another image of the dataset, for
            `CopyPaste`. It is augmented by the steps that stand before `CopyPaste` in a list.

    Returns:
        image [H, W, C], and instances of the same kind: any number with `CopyPaste`, else as many.
        Those that left the image have no pixels.

    Raises:
        TypeError: see `check_augmentation`; or the augmentation moves only masks or boxes, and the
            instances have more than one field; or it takes another image, and there is none, or
            the instances are not `Instances` with masks.
        ValueError: the augmentation changed the size, the number of masks or the range of pixel
            values; the message names the augmentation.

    Example:
        >>> from mrcnn.augment import Flips, augment
        >>> from mrcnn.instances import InstanceBoxes
        >>> image, boxes = np.zeros((2, 8, 3)), InstanceBoxes([[0, 0, 2, 3]], (2, 8))
        >>> image, boxes = augment(Flips(horizontal=1), image, boxes, np.random.default_rng(0))
        >>> boxes.boxes
        array([[0., 5., 2., 8.]], dtype=float32)
    """
    if isinstance(augmentation, list | tuple):
        for index, step in enumerate(augmentation):
            prepared = _prepared(another, augmentation[:index]) if needs_another(step) else None
            image, instances = augment(step, image, instances, rng, prepared)
        return image, instances
    if needs_another(augmentation):
        return _with_another(augmentation, image, instances, rng, another)
    if isinstance(instances, Instances):
        if len(instances.fields) == 1:
            ((name, values),) = instances.fields.items()
            image, values = augment(augmentation, image, values, rng)
            result: Any = Instances(instances.class_ids, {name: values})
            return image, result
        if not _takes_instance_masks(augmentation):
            raise TypeError(_multiple_fields_error(augmentation))
    original: Any = instances  # `Instances` only if the augmentation takes them
    if is_keras_layer(augmentation):
        changed, moved = apply_layer(augmentation, image, original, rng)
    elif hasattr(augmentation, "to_deterministic"):
        changed, moved = apply_imgaug(augmentation, image, original, rng)
    elif _takes_instance_masks(augmentation):
        changed, moved = _pair(augmentation, augmentation(image, original, rng))
    else:
        more = [rng] if _positional_parameters(augmentation) > 2 else []
        changed, moved = _pair(augmentation, augmentation(image, original.dense(), *more))
    _check_sizes(augmentation, image, original, changed, moved)
    _check_pixels(augmentation, image, changed)
    if isinstance(moved, np.ndarray):
        moved = type(original).from_dense(moved)
    return np.ascontiguousarray(changed), moved


def check_augmentation(augmentation: Any, fields: int = 1) -> None:
    """Check that an object can be used as an augmentation; None can.

    Args:
        augmentation: see the module docstring.
        fields: number of fields of the instances that it must move.

    Raises:
        TypeError: the object cannot be used as an augmentation.

    Example:
        >>> from mrcnn.augment import Flips, check_augmentation
        >>> check_augmentation([Flips(horizontal=0.5)])
        >>> check_augmentation(Flips)
        Traceback (most recent call last):
        TypeError: augmentation is Flips (did you mean Flips(...)?): it must be ...
    """
    if isinstance(augmentation, list | tuple):
        for step in augmentation:
            check_augmentation(step, fields)
    elif isinstance(augmentation, type):
        raise TypeError(_kind_error(augmentation))
    elif augmentation is None or needs_another(augmentation):
        return
    elif fields > 1 and not _takes_instance_masks(augmentation):
        raise TypeError(_multiple_fields_error(augmentation))
    elif is_keras_layer(augmentation):
        check_layer(augmentation)
    elif not _takes_image_and_masks(augmentation):
        raise TypeError(_kind_error(augmentation))


def needs_threads(augmentation: Augmentation | None) -> bool:
    """Whether an augmentation can only run in threads, as Keras layers do.

    In a forked process, the backend would wait for threads that were not forked with it.
    """
    if isinstance(augmentation, list | tuple):
        return any(needs_threads(step) for step in augmentation)
    return is_keras_layer(augmentation)


def needs_another(augmentation: Augmentation | None) -> bool:
    """Whether an augmentation, or a step of it, takes another image, as `CopyPaste` does.

    It then needs the masks of all instances.
    """
    if isinstance(augmentation, list | tuple):
        return any(needs_another(step) for step in augmentation)
    return getattr(augmentation, "takes_another_image", False)


def _prepared(another: Another | None, steps: Sequence[Any]) -> Another | None:
    """A function that also augments what `another` draws."""
    if another is None or not steps:
        return another

    def draw(rng: np.random.Generator) -> tuple[Array, Instances]:
        return augment(list(steps), *another(rng), rng, another)

    return draw


def _with_another(
    augmentation: Any,
    image: Array,
    instances: Any,
    rng: np.random.Generator,
    another: Another | None,
) -> tuple[Array, Any]:
    if another is None or "masks" not in getattr(instances, "fields", ()):
        raise TypeError(
            f"the augmentation {_name(augmentation)} needs `another`, a function that draws "
            "another image, and `Instances` with masks."
        )
    changed, moved = _pair(augmentation, augmentation(image, instances, rng, another))
    if not isinstance(moved, Instances):
        raise ValueError(
            f"the augmentation {_name(augmentation)} returned the image and "
            f"{type(moved).__name__}: it must return the image and `Instances`."
        )
    if changed.shape != image.shape or moved.shape[:2] != instances.shape[:2]:
        raise ValueError(
            f"the augmentation {_name(augmentation)} changed the image from {image.shape} to "
            f"{changed.shape} and its instances from {instances.shape[:2]} to {moved.shape[:2]}: "
            "both must keep their size."
        )
    _check_pixels(augmentation, image, changed)
    return np.ascontiguousarray(changed), moved


def _kind_error(augmentation: Any) -> str:
    name = getattr(augmentation, "__name__", repr(augmentation))
    call = f" (did you mean {name}(...)?)" if callable(augmentation) else ""
    return (
        f"augmentation is {name}{call}: it must be an imgaug augmenter, a Keras image "
        "augmentation layer, a function (image, masks) -> (image, masks), or a list of these."
    )


def _takes_instance_masks(augmentation: Any) -> bool:
    return getattr(augmentation, "takes_instance_masks", False)


def _multiple_fields_error(augmentation: Any) -> str:
    return (
        f"augmentation has {_name(augmentation)}, which moves only masks or boxes, but the heads "
        "learn from more fields: it must have the attribute takes_instance_masks, as Flips has, to "
        "move them together."
    )


def _pair(augmentation: Any, result: Any) -> tuple[Array, Any]:
    if not (isinstance(result, tuple | list) and len(result) == 2):
        raise ValueError(
            f"the augmentation {_name(augmentation)} returned {type(result).__name__}: it must "
            "return the image and the masks."
        )
    image, instances = result
    is_ours = isinstance(instances, InstanceMasks | InstanceBoxes | Instances)
    return np.asarray(image), instances if is_ours else np.asarray(instances)


def _name(augmentation: Any) -> str:
    return getattr(augmentation, "__name__", type(augmentation).__name__)


def _check_sizes(
    augmentation: Any, image: Array, instances: Any, changed: Array, moved: Any
) -> None:
    if changed.shape != image.shape or moved.shape != instances.shape:
        raise ValueError(
            f"the augmentation {_name(augmentation)} changed the image from {image.shape} to "
            f"{changed.shape} and the masks from {instances.shape} to {moved.shape}: both must "
            "keep their shape (crops and pads must resize to it; in imgaug, keep_size=True does)."
        )


def _check_pixels(augmentation: Any, image: Array, changed: Array) -> None:
    """Check that pixel values are still finite and within their original range."""
    if changed.dtype == image.dtype and changed.dtype.kind in "ui":
        return
    what = ""
    if changed.dtype.kind not in "uif":
        what = f"is an array of {changed.dtype}"
    elif not np.isfinite(changed).all():
        what = "has values that are NaN or infinite"
    elif changed.max() <= 1 < image.max():
        what = f"has values from {changed.min():.3g} to {changed.max():.3g}"
    if what:
        raise ValueError(
            f"the image returned by the augmentation {_name(augmentation)} {what}: pixel values "
            f"must keep their original range ({image.min():.3g} to {image.max():.3g})."
        )


def _takes_image_and_masks(function: Any) -> bool:
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return _positional_parameters(function) == 3
    except ValueError:  # a builtin without a signature
        pass
    return True


def _positional_parameters(function: Callable[..., Any]) -> int:
    parameters = inspect.signature(function).parameters.values()
    return sum(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in parameters
    )
