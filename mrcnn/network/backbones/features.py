"""Checks of what a backbone returned, before the pyramid is built on it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ...anchors.pyramid import compute_backbone_shapes
from ...config import Config
from ...config_rules import necks
from ...config_rules.parts import is_function
from ...types import Tensor

# Sides of the image that is tried if the input's sides are not fixed.
_PROBE = (256, 320)


def name_of(config: Config) -> str:
    """The name of a `Config`'s BACKBONE in messages: its own, its function's or its class's."""
    backbone = config.BACKBONE
    if isinstance(backbone, str):
        return backbone
    return getattr(backbone, "__name__", None) or type(backbone).__name__


def checked_features(returned: Any, config: Config) -> list[Tensor]:
    """The five feature maps that a backbone returned.

    Args:
        returned: from `Backbone.build`.
        config: for BACKBONE and NECK.

    Returns:
        [C1, C2, C3, C4, C5]. With NECK "c4", C5 may be None.

    Raises:
        ValueError: it returned something else, or a feature map other than C1, which is not used,
            is not a tensor [B, H, W, C] with a known number of channels.
    """
    own = necks.backbone_strides(config)
    strides = [own[0], *own]
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
        if feature is None and number == 5 and config.NECK == "c4":
            continue
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
        config: BACKBONE, BACKBONE_STRIDES, NECK, COMPUTE_BACKBONE_SHAPE.

    Raises:
        ValueError: the sizes of the feature maps that NECK uses are not those that
            BACKBONE_STRIDES, or COMPUTE_BACKBONE_SHAPE, gives.
    """
    first, used = 2, list(features)
    if config.NECK in necks.ONE_MAP:
        first, used = 2 + necks.ONE_MAP[config.NECK], [features[necks.ONE_MAP[config.NECK]]]
    height, width = image.shape[1:3]
    shapes = [tuple(feature.shape[1:3]) for feature in used]
    if None in (height, width):
        height, width = _PROBE
        probe = keras.KerasTensor((1, height, width, image.shape[3]), image.dtype)
        found = keras.Function(image, used).compute_output_spec(probe)
        shapes = [tuple(feature.shape[1:3]) for feature in found]
    if any(None in shape for shape in shapes):
        return
    returned = f"BACKBONE `{name_of(config)}` returned "
    maps = f"C{first}" if len(used) == 1 else f"C{first} to C{first + len(used) - 1}"
    of_image = f"for an image of {height}x{width} pixels"
    strides = list(config.BACKBONE_STRIDES)[: len(used)]
    expected = [(-(-height // stride), -(-width // stride)) for stride in strides]
    if shapes != expected:
        found = ", ".join(_stride(height, shape[0]) for shape in shapes)
        needed = ", ".join(map(str, strides))
        noun, verb, they = ("stride", "is", "It has")
        if len(used) > 1:
            noun, verb, they = ("strides", "are", "They have")
        raise ValueError(
            f"{returned}{maps} of {noun} {found}: {needed} {verb} needed, as in BACKBONE_STRIDES. "
            f"{they} {_sides(shapes)} cells {of_image}, and must have {_sides(expected)}."
        )
    if is_function(config.BACKBONE):
        levels, names = [list(shape) for shape in shapes], f"P{first}"
        if config.NECK == "fpn":
            names = "P2 to P6"
            levels.append([-(-side // 2) for side in shapes[-1]])  # P6 is every second cell of P5.
        computed = np.asarray(compute_backbone_shapes(config, (height, width, image.shape[3])))
        if computed.tolist() != levels:
            raise ValueError(
                f"COMPUTE_BACKBONE_SHAPE returns {computed.tolist()} {of_image}: it must return "
                f"{levels}, the height and width of {names}, because {returned}{maps} of "
                f"{_sides(shapes)}."
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
