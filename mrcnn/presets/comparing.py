"""How a model's settings differ from those that weights of another project are from."""

from typing import Any

import numpy as np

from .. import presets
from ..config import Config
from ..weights.foreign.kind import Kind
from ..weights.foreign.source import IMAGENET_STD

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
    """The preset that is closest to a kind of model; `settings_of` says how it differs.

    Args:
        kind: with a neck, or a backbone alone.

    Example:
        >>> from mrcnn.presets.comparing import preset_of
        >>> from mrcnn.weights.foreign.kind import Kind
        >>> preset_of(Kind("detectron2", "fpn", {"HEADS": ("box",)})).__name__
        'detectron2_faster_rcnn_R_50_FPN'
    """
    family = _family(kind)
    if kind.project == "torchvision":
        version = "_v2" if kind.settings.get("FPN_NORM") and family != "keypoint" else ""
        return getattr(presets, f"torchvision_{family}rcnn_resnet50_fpn{version}")
    if kind.neck in ("c4", "dc5"):
        return getattr(presets, f"detectron2_mask_rcnn_R_50_{kind.neck.upper()}")
    backbone = kind.settings.get("BACKBONE")
    if (family, backbone) == ("mask", "resnext101_32x8d"):
        return presets.detectron2_mask_rcnn_X_101_32x8d_FPN
    depth = "101" if backbone == "resnet101" and family != "keypoint" else "50"
    return getattr(presets, f"detectron2_{family}_rcnn_R_{depth}_FPN")


def settings_of(kind: Kind) -> dict[str, Any]:
    """The settings in which a kind of model differs from its preset, or may.

    Args:
        kind: see `preset_of`.
    """
    if kind.project == "detectron2" and _backbone(kind).startswith("resnext"):
        return {"RESNET_STRIDE_IN": "3x3", "PIXEL_STD": IMAGENET_STD, **kind.settings}
    return dict(kind.settings)


def name_of(kind: Kind) -> str:
    """What a kind of model is called, as presets are.

    Args:
        kind: see `preset_of`.

    Example:
        >>> from mrcnn.presets.comparing import name_of
        >>> from mrcnn.weights.foreign.kind import Kind
        >>> name_of(Kind("detectron2", "c4", {"HEADS": ("box",), "BACKBONE": "resnet101"}))
        'detectron2_faster_rcnn_R_101_C4'
    """
    family, backbone, neck = _family(kind), _backbone(kind), kind.neck or "fpn"
    if kind.project == "torchvision":
        version = "_v2" if kind.settings.get("FPN_NORM") else ""
        return f"torchvision_{family}rcnn_{backbone}_{neck}{version}"
    letter = "X" if backbone.startswith("resnext") else "R"
    depth = backbone.removeprefix("resnext").removeprefix("resnet")
    return f"detectron2_{family}_rcnn_{letter}_{depth}_{neck.upper()}"


def _family(kind):
    heads = kind.settings.get("HEADS", ("box", "mask"))
    return "mask" if "mask" in heads else "keypoint" if "keypoint" in heads else "faster"


def _backbone(kind):
    return str(kind.settings.get("BACKBONE", "resnet50"))


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
    preset, wanted = preset_of(kind), settings_of(kind)
    others = [
        f"{name} {wanted[name]!r}"
        for name in _compared(kind)
        if name in wanted and not agree(name, wanted[name], _of_preset(preset, name))
    ]
    also = f" with {', '.join(others)}" if others else ""
    return (
        f"the weights are from {kind}, but this model computes differently, so that training must "
        f"adapt them: {'; '.join(found)}. The settings of {preset.__name__}{also} agree."
    )


def differing(config: Config, kind: Kind, published: bool = True) -> list[str]:
    """Which settings differ, and how, see `differences`.

    Args:
        config, kind: see `differences`.
        published: whether the weights may be published ones, for which an epsilon of 0 may be
            right.
    """
    preset, settings = preset_of(kind), settings_of(kind)
    found = []
    for name in _compared(kind):
        wanted = settings.get(name, _of_preset(preset, name))
        here = getattr(config, name)
        if name == "RESNET_POOL_PADDING" and here is None:
            is_late = config.RESNET_STRIDE_IN == "3x3" or "resnext" in str(config.BACKBONE)
            here = "both" if is_late else "end"
        is_right = published and _is_published_epsilon(name, kind, here)
        if not agree(name, wanted, here) and not is_right:
            found.append(f"{name} is {here!r} (there {wanted!r})")
    return found


def _compared(kind):
    return _OF_BACKBONE if kind.neck is None else _COMPUTING


def _of_preset(preset, name):
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
    if wanted is here:
        return True
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
