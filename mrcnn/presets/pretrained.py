"""The configuration of a model that starts from weights of torchvision or Detectron2."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import presets
from ..config import Config
from ..config_rules.derived import DERIVED, assign
from ..runs import model_config
from ..runs.settings import stored
from ..text import some
from ..types import PathLike
from ..weights import zoo
from ..weights.card import Card, read_card
from ..weights.catalogue import find
from ..weights.coco_names import coco_names
from ..weights.foreign import ForeignWeights
from ..weights.foreign.export import state_dict
from ..weights.foreign.kind import Kind
from ..weights.foreign.torch_file import write
from ..weights.keras_h5 import weighted_layers
from ..weights.readers import open_source

logger = logging.getLogger(__name__)

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
# The score above which Detectron2's demo shows objects.
_MIN_SCORE = 0.5


def preset_of(kind: Kind) -> Any:
    """The preset that is closest to a kind of model; the kind's `settings` say how it differs.

    Args:
        kind: with a neck, or a backbone alone.

    Example:
        >>> from mrcnn.presets.pretrained import preset_of
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


@dataclasses.dataclass
class Start:
    """A file to make a model from.

    Attributes:
        path: of the file.
        source: its weights; None for a file of ours.
        entry: what it is published as, if it was given by its name.
        name: this name.
        is_complete: whether the model must get all its layers from the file, because no setting of
            its network was changed.
    """

    path: Path
    source: ForeignWeights | None = None
    entry: zoo.Entry | None = None
    name: str | None = None
    is_complete: bool = True

    def config(self, mode: str, changes: Mapping[str, Any]) -> Config:
        """The model's configuration, see `config_for`.

        Args:
            mode, changes: see `config_for`.

        Raises:
            ValueError: the file has tensors that belong to no layer; see also `config_for`.
        """
        assert self.source is not None
        kind = self.source.kind
        if self.source.unknown:
            count, names = len(self.source.unknown), some(self.source.unknown)
            raise ValueError(
                f"{self.path}: {kind}, but {count} tensors belong to none of its layers: {names}."
            )
        if self.entry is not None:
            changes = {"BATCH_NORM_EPSILON": self.entry.epsilon, **changes}
        self.is_complete = not any(
            name in changes and not _agree(name, value, changes[name])
            for name, value in kind.settings.items()
        )
        return config_for(self.path, kind, mode, changes)

    def card(self, config: Config) -> Card:
        """What a file of the model says about it.

        Args:
            config: the model's.
        """
        assert self.source is not None
        names = coco_names(config.NUM_CLASSES, self.source.kind.project, "keypoint" in config.HEADS)
        return Card(
            config=stored(config),
            class_names=names if self.is_complete else None,
            licence=self.entry.licence if self.entry else None,
            provenance={"weights": self.name or self.path.name},
        )


def start_of(path: PathLike) -> Start:
    """The file of a path or name, opened if it is of another project.

    Args:
        path: see `MaskRCNN.from_pretrained`.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: see `MaskRCNN.from_pretrained`.
    """
    name: str | None = None
    if zoo.is_name(path):
        name = str(path)
        found = zoo.published_weights(name)
    else:
        found = find(path)
        # A published file has a name of its own, with its checksum.
        name = next((key for key, each in zoo.ZOO.items() if each.file == found.name), None)
    entry = zoo.entry(name) if name else None
    source = open_source(found)
    if isinstance(source, ForeignWeights):
        return Start(found, source, entry, name)
    source.close()
    return Start(found)


def card_of(path: PathLike) -> Card:
    """What a file of any project says about its model.

    Args:
        path: see `MaskRCNN.from_pretrained`.

    Returns:
        Of a file of ours, its card. Otherwise, the configuration that `from_pretrained` makes,
        COCO's class names if there are as many, and a recommended score of 0.5, which Detectron2
        uses to show results: the models themselves return objects down to 0.05.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: see `MaskRCNN.from_pretrained`.
    """
    start = start_of(path)
    if start.source is None:
        return read_card(start.path)
    with start.source:
        card = start.card(start.config("inference", {}))
    return dataclasses.replace(card, min_score=_MIN_SCORE)


def config_for(path: PathLike, kind: Kind, mode: str, settings: Mapping[str, Any]) -> Config:
    """The configuration of the model that a file holds.

    Args:
        path: of the file, for messages.
        kind: what it holds.
        mode: "training" or "inference".
        settings: values that replace those of the preset and of the file, by name.

    Returns:
        A `Config`, whose NAME is the preset's unless `settings` has one.

    Raises:
        ValueError: the file holds a backbone alone, or a setting is unknown.
    """
    if kind.neck is None:
        raise ValueError(
            f"{path} holds a backbone alone ({kind}): make a MaskRCNN with a configuration, and "
            "start it with start_weights.load(model, path)."
        )
    preset = preset_of(kind)
    own: dict[str, Any] = {"NAME": preset.__name__, **kind.settings}
    made = type(preset.__name__, (preset, Config), {})()
    assign(made, own)
    config = model_config.config_for(path, Card(), mode, made, settings)
    # A class of its own could not be pickled for the processes that load images.
    values = {name: value for name, value in config.to_dict().items() if name not in DERIVED}
    return Config.from_dict(values)


def differences(config: Config, kind: Kind) -> str:
    """In which settings a model computes something else than the one that weights are from.

    Args:
        config: the model's.
        kind: what the weights' file holds.

    Returns:
        One sentence; "" if there is no difference.
    """
    found = _differing(config, kind)
    if not found:
        return ""
    return (
        f"the weights are from {kind}, but this model computes differently, so that training must "
        f"adapt them: {'; '.join(found)}. The settings of {preset_of(kind).__name__} agree."
    )


def _differing(config, kind):
    """Which settings differ, and how."""
    preset = preset_of(kind)
    found = []
    for name in _OF_BACKBONE if kind.neck is None else _COMPUTING:
        wanted, here = _value(preset, name, kind), getattr(config, name)
        if name == "RESNET_POOL_PADDING" and here is None:
            is_late = config.RESNET_STRIDE_IN == "3x3" or "resnext" in str(config.BACKBONE)
            here = "both" if is_late else "end"
        if not _agree(name, wanted, here) and not _is_published_epsilon(name, kind, here):
            found.append(f"{name} is {here!r} (there {wanted!r})")
    return found


def export(keras_model: Any, config: Config, path: PathLike) -> None:
    """Write a model's weights as a state dict of torchvision, see `MaskRCNN.export_weights`.

    Args:
        keras_model: the model.
        config: its configuration; a warning says where torchvision computes differently.
        path: file to write.

    Raises:
        ValueError, OSError: see `MaskRCNN.export_weights`.
    """
    layers = {
        name: [np.asarray(variable.numpy()) for variable in variables]
        for name, variables in weighted_layers(keras_model).items()
    }
    write(state_dict(layers, getattr(keras_model, "is_bgr", False)), path)
    own = {"HEADS": tuple(config.HEADS), "FPN_NORM": config.FPN_NORM, "BACKBONE": config.BACKBONE}
    own |= {"BOX_HEAD_NORM": config.BOX_HEAD_NORM, "MASK_HEAD_NORM": config.MASK_HEAD_NORM}
    kind = Kind("torchvision", "fpn", own)
    if found := _differing(config, kind):
        logger.warning("%s: torchvision computes differently: %s.", path, "; ".join(found))


def _value(preset, name, kind):
    if name in kind.settings:
        return kind.settings[name]
    return getattr(preset, name, getattr(Config, name))


def _is_published_epsilon(name, kind, value):
    """Whether an epsilon is 0, as torchvision's published weights of version 1 need it."""
    is_first = kind.project == "torchvision" and not kind.settings.get("FPN_NORM")
    return name == "BATCH_NORM_EPSILON" and is_first and value == 0


def _agree(name, wanted, here):
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
