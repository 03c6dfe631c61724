"""Keras preprocessing layers as augmentation, such as `keras.layers.RandomZoom(0.2)`.

It may be a single layer, or a `keras.layers.Pipeline` or `keras.Sequential` of layers. Masks move
with the image, with nearest-neighbour interpolation and background beyond the border. Still pass
`fill_mode="constant"`: Keras's default, "reflect", fills the area beyond the image's border with
mirrored instances, which no mask covers.

Threads share the user's layers, which are not modified. Copies of them do the work, reseeded for
every image, in float32 and on the CPU, which leaves the accelerator free for training.
"""

import contextlib
import copy
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from ..instances import InstanceBoxes, InstanceMasks
from ..types import Array, Tensor

_AnyInstances = TypeVar("_AnyInstances", InstanceMasks, InstanceBoxes)

# Layers that cannot be applied to one image and its instances, and why.
_REFUSED = {
    "AugMix": "it blends several moved copies of the image",
    "CutMix": "it mixes the images of a batch",
    "MixUp": "it mixes the images of a batch",
    "RandomElasticTransform": (
        "it distorts image and masks with different noise; imgaug's ElasticTransformation does not"
    ),
}
# Layers that leave masks unchanged, although Keras does not say so.
_PIXELS_ONLY = {"ContrastLimitedAdaptiveHistogramEqualization"}

# For each of the user's layers, the copies that no thread is using, each as `_borrowed_copy` yields
# it.
_idle: weakref.WeakKeyDictionary[Any, list[list[tuple[Any, Any]]]] = weakref.WeakKeyDictionary()
_copying = threading.Lock()


def is_keras_layer(augmentation: Any) -> bool:
    """Whether an augmentation is a Keras layer, without importing Keras."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(augmentation, keras.layers.Layer)


def check_layer(layer: Any) -> None:
    """Check that a layer, or each layer of a pipeline, can augment an image with its masks.

    Raises:
        TypeError: a layer cannot; the message names it.
    """
    for step in _steps(layer):
        kind = type(step).__name__
        if kind in _REFUSED:
            raise TypeError(f"augmentation has a Keras layer {kind}: {_REFUSED[kind]}.")
        if not hasattr(step, "transform_segmentation_masks"):
            raise TypeError(
                f"augmentation has a Keras layer {kind}, which does not handle masks: it must be "
                "one of Keras's image augmentation layers (RandomFlip, RandomZoom, RandomContrast, "
                "...) or derive from one."
            )
        if step.data_format != "channels_last":
            raise TypeError(
                f"augmentation has a Keras layer {kind} with data_format {step.data_format}: it "
                "must be channels_last, because images are [H, W, C]."
            )


def apply_layer(
    layer: Any, image: Array, instances: _AnyInstances, rng: np.random.Generator
) -> tuple[Array, _AnyInstances]:
    """Apply a Keras layer or pipeline, without modifying it, to an image and its instances.

    Args:
        layer: see the module docstring.
        image: [H, W, C].
        instances: `InstanceMasks` or `InstanceBoxes`.
        rng: the only source of randomness.

    Returns:
        image [H, W, C] of the same dtype, integers rounded and clipped to their range, and
        instances of the same kind, at the size that the layers produce.

    Raises:
        TypeError: see `check_layer`.
        ValueError: a layer failed on the image; the message names it.
    """
    import keras

    # A batch of one: some layers do not accept a single image.
    changed = np.asarray(image, np.float32)[None]
    labels = instances.labels().astype(np.float32)[None]  # exact below 2**24
    with keras.device("cpu"), _borrowed_copy(layer) as steps:
        for pixels, twin in steps:
            _seed(pixels, rng)
            try:
                changed, labels = _apply_step(pixels, twin, changed, labels)
            except Exception as error:  # each backend raises different types
                raise ValueError(_failure(pixels, image, error)) from error
        changed = keras.ops.convert_to_numpy(changed)[0]
        labels = keras.ops.convert_to_numpy(labels)[0]
    if image.dtype.kind in "ui":
        limits = np.iinfo(image.dtype)
        changed = np.rint(changed)
        np.clip(changed, limits.min, limits.max, out=changed)
    moved = type(instances).from_labels(np.rint(labels).astype(np.int32), len(instances))
    return changed.astype(image.dtype), moved


def _apply_step(pixels: Any, twin: Any, image: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Apply a layer to an image [1, H, W, C], and its twin to the labels [1, H, W, L]."""
    image = pixels.backend.convert_to_tensor(image)
    moves = pixels.get_random_transformation(image, training=True)
    # A copy, because on PyTorch `affine_transform` writes into the matrix it is given.
    image = pixels.transform_images(image, copy.deepcopy(moves), training=True)
    if labels.shape[-1] and type(pixels).__name__ not in _PIXELS_ONLY:
        labels = twin.backend.convert_to_tensor(labels)
        labels = twin.transform_segmentation_masks(labels, moves, training=True)
    return image, labels


def _failure(step: Any, image: Array, error: Exception) -> str:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    colours = "" if image.shape[2] == 3 else " Layers that change colours need 3 channels."
    return (
        f"augmentation has a Keras layer {type(step).__name__}, which failed on an image of shape "
        f"{image.shape}: {reason}.{colours}"
    )


def _steps(layer: Any) -> list[Any]:
    """The layers of a pipeline in order, including those of nested pipelines."""
    import keras

    if isinstance(layer, keras.layers.Pipeline | keras.Sequential):
        return [step for inner in layer.layers for step in _steps(inner)]
    return [layer]


@contextlib.contextmanager
def _borrowed_copy(layer: Any) -> Iterator[list[tuple[Any, Any]]]:
    """Lend a pair of layers per step (for the image, for the masks) that no other thread uses."""
    with _copying:
        idle = _idle.setdefault(layer, [])
        if idle:
            steps = idle.pop()
        else:
            check_layer(layer)
            steps = [(_copy(step), _twin(step)) for step in _steps(layer)]
    try:
        yield steps
    finally:
        idle.append(steps)


def _copy(step: Any) -> Any:
    config = step.get_config()
    if type(step).__name__ == "RandomShear":  # Keras rejects the config that it wrote itself
        for name in ("x_factor", "y_factor"):
            if min(config[name]) < 0:
                config[name] = max(config[name])
    twin = type(step).from_config(config)
    for part in twin._flatten_layers():  # `RandAugment` contains other layers
        part.dtype_policy = "float32"  # half precision cannot represent label 2049
    return twin


def _twin(step: Any) -> Any:
    """A copy that treats everything beyond the border as background."""
    twin = _copy(step)
    for part in twin._flatten_layers():
        if hasattr(part, "fill_mode"):
            part.fill_mode = "constant"
        if hasattr(part, "fill_value"):
            part.fill_value = 0.0
    return twin


def _seed(step: Any, rng: np.random.Generator) -> None:
    for variable in step.variables:  # only seed generators have variables here
        variable.assign(np.array([int(rng.integers(2**31 - 1)), 0], variable.dtype))
