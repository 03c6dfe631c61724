"""Checks of what a backbone returned, before the pyramid is built on it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ...anchors.pyramid import compute_backbone_shapes
from ...config import Config
from ...config_rules.parts import is_function
from ...types import Tensor

# Sides of the image that is tried if the input's sides are not fixed.
_PROBE = (256, 320)


def name_of(config: Config) -> str:
    """The name of a `Config`'s BACKBONE in messages: its function's or class's."""
    backbone = config.BACKBONE
    return getattr(backbone, "__name__", None) or type(backbone).__name__


def checked_features(returned: Any, config: Config) -> list[Tensor]:
    """The five feature maps that a backbone returned.

    Args:
        returned: from `Backbone.build`.
        config: for BACKBONE.

    Returns:
        [C1, C2, C3, C4, C5].

    Raises:
        ValueError: it returned something else, or a feature map other than C1, which is not used,
            is not a tensor [B, H, W, C] with a known number of channels.
    """
    strides = [config.BACKBONE_STRIDES[0], *config.BACKBONE_STRIDES[:4]]
    head = f"BACKBONE `{name_of(config)}` returned"
    needed = f"5 are needed, C1 to C5, of strides {', '.join(map(str, strides))}"
    is_list = isinstance(returned, Iterable) and not isinstance(returned, str | Mapping)
    if not is_list or hasattr(returned, "shape") or isinstance(returned, keras.Model):
        raise ValueError(f"{head} {_text(returned)} instead of feature maps: {needed}.")
    features = list(returned)
    if len(features) != 5:
        found = f" It returned {', '.join(map(_text, features))}." if features else ""
        raise ValueError(f"{head} {len(features)} feature maps: {needed}.{found}")
    for number, feature in enumerate(features[1:], 2):
        shape: Sequence[int | None] = getattr(feature, "shape", ())
        if len(shape) != 4 or shape[3] is None:
            raise ValueError(
                f"{head} {_text(feature)} as C{number}: {needed}, each a tensor [batch, height, "
                "width, channels]."
            )
    return features


def check_sizes(image: Tensor, features: Sequence[Tensor], config: Config) -> None:
    """Check that the anchors fit the feature maps.

    Args:
        image: [B, H, W, C], the input of the graph.
        features: [C2, C3, C4, C5], each [B, h, w, c].
        config: BACKBONE, BACKBONE_STRIDES, COMPUTE_BACKBONE_SHAPE.

    Raises:
        ValueError: the sizes of the feature maps are not those that BACKBONE_STRIDES, or
            COMPUTE_BACKBONE_SHAPE, gives.
    """
    height, width = image.shape[1:3]
    shapes = [tuple(feature.shape[1:3]) for feature in features]
    if None in (height, width):
        height, width = _PROBE
        probe = keras.KerasTensor((1, height, width, image.shape[3]), image.dtype)
        found = keras.Function(image, list(features)).compute_output_spec(probe)
        shapes = [tuple(feature.shape[1:3]) for feature in found]
    if any(None in shape for shape in shapes):
        return
    head = f"BACKBONE `{name_of(config)}` returned C2 to C5"
    of_image = f"for an image of {height}x{width} pixels"
    strides = list(config.BACKBONE_STRIDES)
    expected = [(-(-height // stride), -(-width // stride)) for stride in strides[:4]]
    if shapes != expected:
        found = ", ".join(_stride(height, shape[0]) for shape in shapes)
        raise ValueError(
            f"{head} of strides {found}: {', '.join(map(str, strides[:4]))} are needed, as in "
            f"BACKBONE_STRIDES. They are of {_sides(shapes)} cells {of_image}, and must be of "
            f"{_sides(expected)}."
        )
    if is_function(config.BACKBONE):
        # P6 is every second cell of P5.
        pyramid = [*shapes, tuple(-(-side // 2) for side in shapes[-1])]
        computed = np.asarray(compute_backbone_shapes(config, (height, width, image.shape[3])))
        if computed.tolist() != [list(shape) for shape in pyramid]:
            raise ValueError(
                f"COMPUTE_BACKBONE_SHAPE returns {computed.tolist()} {of_image}: it must return "
                f"{[list(shape) for shape in pyramid]}, the height and width of P2 to P6, because "
                f"{head} of {_sides(shapes)}."
            )


def _sides(shapes: Iterable[Sequence[int]]) -> str:
    return ", ".join(f"{height}x{width}" for height, width in shapes)


def _stride(side: int, cells: int) -> str:
    return f"{side / cells:.3g}" if cells else "?"


def _text(returned: Any) -> str:
    """What came back, in words."""
    if hasattr(returned, "shape"):
        shape = ", ".join("?" if side is None else str(side) for side in returned.shape[1:])
        return f"a tensor of shape [batch, {shape}]"
    if isinstance(returned, Mapping):
        return f"a dict of {', '.join(map(repr, returned))}"
    if isinstance(returned, keras.Model):
        return f"a Keras model ({returned.name!r})"
    return repr(returned) if returned is None else f"{type(returned).__name__} {returned!r}"
