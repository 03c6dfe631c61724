"""How a model's settings differ from those that weights of another project are from."""

from typing import Any

import numpy as np

from .. import presets
from ..config import Config
from ..weights.foreign.kind import Kind

# Settings that change what the weights compute.
_COMPUTING = (
    *("BACKBONE", "FPN_NORM"),
    *("RESNET_STRIDE_IN", "RESNET_POOL_PADDING", "BATCH_NORM_EPSILON", "MEAN_PIXEL", "PIXEL_STD"),
    *("BOX_HEAD_NORM", "MASK_HEAD_NORM", "ROI_POOLER", "SAMPLING_RATIO", "ROI_ALIGN_ALIGNED"),
    *("ROI_LEVEL_RULE", "C4_HEAD_STRIDE", "RPN_ANCHOR_SCALES", "RPN_ANCHOR_RATIOS"),
    *("RPN_ANCHOR_ROUNDING", "RPN_ANCHOR_GRID", "RPN_BBOX_STD_DEV", "BBOX_STD_DEV"),
    *("BOX_DELTA_LIMIT", "BOX_COORDINATES"),
)
# Those of a backbone alone: its epsilon and deviation are adapted when it is loaded.
_OF_BACKBONE = ("BACKBONE", "RESNET_STRIDE_IN", "RESNET_POOL_PADDING")
_TOLERANCE = 0.5  # of the mean, in gray levels


def preset_of(kind: Kind) -> Any:
    """The preset that is closest to a kind of model; the kind's `settings` say how it differs.

    Args:
        kind: with a neck, or a backbone alone.

    Example:
        >>> from mrcnn.presets.comparing import preset_of
        >>> from mrcnn.weights.foreign.kind import Kind
        >>> preset_of(Kind("detectron2", "fpn", {"HEADS": ("box",)})).__name__
        'detectron2_faster_rcnn_R_50_FPN'
    """
    heads = kind.settings.get("HEADS", ("box", "mask"))
    family = "mask" if "mask" in heads else "keypoint" if "keypoint" in heads else "faster"
    if kind.project == "torchvision":
        version = "_v2" if kind.settings.get("FPN_NORM") and family != "keypoint" else ""
        return getattr(presets, f"torchvision_{family}rcnn_resnet50_fpn{version}")
    backbone = str(kind.settings.get("BACKBONE"))
    if backbone.startswith("resnext"):
        return presets.detectron2_mask_rcnn_X_101_32x8d_FPN
    if kind.neck in ("c4", "dc5"):
        return getattr(presets, f"detectron2_mask_rcnn_R_50_{kind.neck.upper()}")
    depth = "101" if backbone == "resnet101" and family != "keypoint" else "50"
    return getattr(presets, f"detectron2_{family}_rcnn_R_{depth}_FPN")


def differences(config: Config, kind: Kind) -> str:
    """In which settings a model computes something else than the one that weights are from.

    Args:
        config: the model's.
        kind: what the weights' file holds.

    Returns:
        One sentence; "" if there is no difference.
    """
    found = differing(config, kind)
    if not found:
        return ""
    return (
        f"the weights are from {kind}, but this model computes differently, so that training must "
        f"adapt them: {'; '.join(found)}. The settings of {preset_of(kind).__name__} agree."
    )


def differing(config: Config, kind: Kind) -> list[str]:
    """Which settings differ, and how, see `differences`.

    Args:
        config, kind: see `differences`.
    """
    preset = preset_of(kind)
    found = []
    for name in _OF_BACKBONE if kind.neck is None else _COMPUTING:
        wanted, here = _value(preset, name, kind), getattr(config, name)
        if name == "RESNET_POOL_PADDING" and here is None:
            is_late = config.RESNET_STRIDE_IN == "3x3" or "resnext" in str(config.BACKBONE)
            here = "both" if is_late else "end"
        if not agree(name, wanted, here) and not _is_published_epsilon(name, kind, here):
            found.append(f"{name} is {here!r} (there {wanted!r})")
    return found


def _value(preset, name, kind):
    if name in kind.settings:
        return kind.settings[name]
    return getattr(preset, name, getattr(Config, name))


def _is_published_epsilon(name, kind, value):
    """Whether an epsilon is 0, as torchvision's published weights of version 1 need it."""
    is_first = kind.project == "torchvision" and not kind.settings.get("FPN_NORM")
    return name == "BATCH_NORM_EPSILON" and is_first and value == 0


def agree(name: str, wanted: Any, here: Any) -> bool:
    """Whether two values of a setting mean the same.

    Args:
        name: of the setting.
        wanted, here: its values.
    """
    if wanted is None or here is None or isinstance(wanted, str):
        return wanted == here
    try:
        ours, theirs = np.ravel(np.float64(here)), np.ravel(np.float64(wanted))
    except (TypeError, ValueError):
        return False
    if name == "PIXEL_STD":
        ours, theirs = np.broadcast_arrays(ours, theirs) if len(ours) in (1, 3) else (ours, theirs)
    tolerance = _TOLERANCE if name == "MEAN_PIXEL" else 1e-9
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, rtol=1e-9, atol=tolerance))
