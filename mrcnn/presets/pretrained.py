"""The configuration of a model that starts from weights of torchvision or Detectron2."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Config
from ..config_rules.derived import DERIVED, assign
from ..config_rules.network_rules import problems
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
from .comparing import agree, differing, name_of, preset_of, settings_of

logger = logging.getLogger(__name__)

# The score above which Detectron2's demo shows objects.
_MIN_SCORE = 0.5
# Near those of the presets, for modes in which they must be multiples of 64.
_SIDES: dict[str, dict[str, int]] = {
    "square": {"IMAGE_MAX_DIM": 1344},
    "pad64": {"IMAGE_MIN_DIM": 832},
    "crop": {"IMAGE_MIN_DIM": 832},
}


@dataclasses.dataclass
class Start:
    """A file to make a model from.

    Attributes:
        path: of the file.
        source: its weights; None for a file of ours.
        name: under which it is published, see `zoo.entry`; None for other files.
        is_complete: whether the model must get all its layers from the file, because no setting of
            its network was changed.
    """

    path: Path
    source: ForeignWeights | None = None
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
        if self.name is not None:
            changes = {"BATCH_NORM_EPSILON": zoo.entry(self.name).epsilon, **changes}
        self.is_complete = not any(
            name in changes and not agree(name, value, changes[name])
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
            licence=zoo.entry(self.name).licence if self.name else None,
            provenance={"weights": self.name or self.path.name},
        )


def start_of(path: PathLike) -> Start:
    """The file of a path or name, opened if it is of another project.

    Args:
        path: see `MaskRCNN.from_pretrained`.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: see `MaskRCNN.from_pretrained`.
    """
    found = find(path)
    name = str(path) if zoo.is_name(path) else zoo.name_of(found)
    source = open_source(found)
    if isinstance(source, ForeignWeights):
        return Start(found, source, name)
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
        A `Config`, whose NAME is that of the kind, see `name_of`, unless `settings` has one.
        TRAIN_MIN_DIMS is None in inference mode, and for images of another size or another
        IMAGE_RESIZE_MODE, whose sides are then multiples of 64.

    Raises:
        ValueError: the file holds a backbone alone or a network that cannot be built, or a setting
            is unknown.
    """
    if kind.neck is None:
        raise ValueError(
            f"{path} holds a backbone alone ({kind}): make a MaskRCNN with a configuration, and "
            "start it with start_weights.load(model, path)."
        )
    preset = preset_of(kind)
    own: dict[str, Any] = {"NAME": name_of(kind), **settings_of(kind)}
    made = type(preset.__name__, (preset, Config), {})()
    assign(made, own)
    if wrong := problems(made):
        raise ValueError(f"{path}: {kind}, but it cannot be built: {' '.join(wrong)}")
    if mode == "inference" or {"IMAGE_MIN_DIM", "IMAGE_RESIZE_MODE"} & settings.keys():
        made.TRAIN_MIN_DIMS = None
    assign(made, _SIDES.get(str(settings.get("IMAGE_RESIZE_MODE")), {}))
    config = model_config.config_for(path, Card(), mode, made, settings)
    # A class of its own could not be pickled for the processes that load images.
    values = {name: value for name, value in config.to_dict().items() if name not in DERIVED}
    return Config.from_dict(values)


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
    if found := differing(config, kind, published=False):
        zero = " Call torchvision.models.detection._utils.overwrite_eps(model, 0.0) there."
        advice = zero if config.BATCH_NORM_EPSILON == 0 else ""
        how = "; ".join(found)
        logger.warning("%s: torchvision computes differently: %s.%s", path, how, advice)
