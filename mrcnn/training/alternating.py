"""Alternating training of RPN and detector: the four steps of Faster R-CNN, section 3.2."""

import copy
import dataclasses
import logging
import re
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ..config import Config
from ..config_rules.coordinates import box_margin
from ..config_rules.parts import RPN_LOSSES
from ..config_rules.values import is_integer
from ..datasets.dataset import Dataset
from ..geometry.boxes import boxes_in_pixels, denorm_boxes
from ..inference.introspection import layers_with_weights
from ..network.graph_model import GraphModel, outputs_by_name
from ..ops import outside_graphs
from ..text import log
from ..types import Array
from . import trainable, trainer

logger = logging.getLogger(__name__)

# What the run of each step is called after the configuration's NAME.
STEPS = ("1_rpn", "2_detector", "3_rpn", "4_detector")


def train_alternately(
    model: Any,
    train_dataset: Dataset,
    val_dataset: Dataset | None,
    learning_rate: float | Sequence[float],
    epochs: Sequence[int],
    layers: str = "all",
    augmentation: Any = None,
    custom_callbacks: Sequence[keras.callbacks.Callback] | None = None,
    no_augmentation_sources: Collection[str] | None = None,
    resume: bool = False,
    verbose: int = 1,
) -> None:
    """Train by the four steps of Faster R-CNN (section 3.2) instead of jointly.

    1. The RPN and the layers below it (backbone and pyramid) train on the RPN's losses.
    2. The heads and another backbone and pyramid, from the same start, train on the heads' losses.
       Their RoIs are the proposals of step 1's network.
    3. The RPN trains on the backbone and pyramid of step 2, which are frozen.
    4. The heads train on the RPN of step 3 and on the same frozen layers.

    Steps 1 and 2 both start from the weights that `model` has, so load ImageNet's first. Each step
    is a run of its own in `model_dir`, named after NAME: a "balloon" has balloon_1_rpn,
    balloon_2_detector, balloon_3_rpn and balloon_4_detector. In the end, `model` has the weights of
    the last, and its `log_dir` and `epoch`. `MaskRCNN.train` trains all at once (approximate joint
    training in the paper), which is faster and about as good.

    The first three steps are validated by their losses only, as AP needs an RPN and heads that
    belong together.

    Args:
        model: a `MaskRCNN` in training mode, whose class, configuration and weights are used.
        train_dataset, val_dataset: see `MaskRCNN.train`.
        learning_rate: initial rate of each step, or four of them. LR_SCHEDULE counts from the
            start of a step.
        epochs: four numbers, the epochs of each step.
        layers: "all", or what may train in steps 1 and 2, such as "3+" (see `MaskRCNN.train`).
        augmentation, custom_callbacks, no_augmentation_sources, verbose: see `MaskRCNN.train`.
        resume: whether finished steps are skipped, and an unfinished one is resumed. As with
            `MaskRCNN.train`, the same command then starts and resumes the training run.

    Raises:
        ValueError: the model is not in training mode, has trained before or has USE_RPN_ROIS False;
            GPU_COUNT is above 1; `epochs` or `learning_rate` does not have four values; or see
            `MaskRCNN.train`.

    Example:
        >>> model.load_weights(model.get_imagenet_weights(), by_name=True)  # doctest: +SKIP
        >>> train_alternately(model, train, val, 0.001, epochs=(8, 8, 8, 8))  # doctest: +SKIP
    """
    _check(model)
    each_epochs, rates = _four("epochs", epochs), _four("learning_rate", learning_rate)
    groups = Groups.of(model.keras_model)
    regex = trainable.regex_of(layers, model.config, model.keras_model)
    start = _weights(model)
    arguments = {
        "augmentation": augmentation,
        "custom_callbacks": custom_callbacks,
        "no_augmentation_sources": no_augmentation_sources,
        "resume_run": resume,
        "verbose": verbose,
    }

    def step(number: int, weights: Mapping[str, list[Array]], layers: str, rois: Any = None) -> Any:
        """Train a step's model from `weights`; return the model."""
        if verbose:
            log(f"\nStep {number + 1} of 4, {STEPS[number]}")
        config = step_config(model.config, number, model.keras_model.loss_names)
        network = type(model)("training", config, model.model_dir)
        _set_weights(network, weights)
        network.keras_model.loaded_from = getattr(model.keras_model, "loaded_from", None)
        trainer.train(
            network, train_dataset, val_dataset, rates[number], each_epochs[number], layers,
            rois=rois, **arguments,
        )  # fmt: skip
        return network

    rpn = step(0, start, f"{_none_of(groups.heads)}(?:{regex})")
    rpn_weights = _only(_weights(rpn), groups.rpn)
    proposals = Proposals(rpn.keras_model, box_margin(model.config))
    detector = step(1, start | rpn_weights, f"{_none_of(groups.rpn)}(?:{regex})", proposals)
    del rpn, proposals
    rpn = step(2, _weights(detector), _any_of(groups.rpn))
    detector = step(3, _weights(rpn), _any_of(groups.heads))
    _set_weights(model, _weights(detector))
    model.keras_model.card = detector.keras_model.card
    model.run_folder = detector.run_folder


@dataclasses.dataclass(frozen=True)
class Groups:
    """The names of a network's layers with weights, by what they belong to.

    Attributes:
        shared: the layers that both RPN and heads need, or the RPN alone: backbone and pyramid.
        rpn: the RPN's own.
        heads: all others. With NECK "c4", the backbone's stage 5 is one of them.
    """

    shared: frozenset[str]
    rpn: frozenset[str]
    heads: frozenset[str]

    @classmethod
    def of(cls, model: GraphModel) -> "Groups":
        """Sort the layers of a training graph.

        Args:
            model: the graph, whose RPN is the nested model `rpn_model`.

        Returns:
            The groups, in which each layer with weights is once.
        """
        rpn = _names(model.get_layer("rpn_model"))
        tensors = outputs_by_name(model, model.outputs)
        needed = keras.Function(_image(model), tensors["rpn_class_logits"]).operations
        shared = {operation.name for operation in needed} & _names(model) - rpn
        return cls(frozenset(shared), rpn, _names(model) - rpn - shared)


class Proposals:
    """The proposals of a trained RPN, as RoIs for another network.

    Args:
        model: a training graph with `ROI` among its outputs.
        margin: of normalised boxes, 1 or 0, see `config_rules.coordinates`.

    Call arguments:
        batch: dict with `input_image`, float32 [B, H, W, C], molded.

    Returns:
        int32 [B, POST_NMS_ROIS_TRAINING, 4], or float32 with a margin of 0, in pixels; zero rows
        are padding.
    """

    def __init__(self, model: GraphModel, margin: int = 1) -> None:
        self._margin = margin
        image, rois = _image(model), outputs_by_name(model, model.outputs)["ROI"]
        self._model = outside_graphs(keras.Model)(image, rois)
        self._model.jit_compile = model.jit_compile
        self._lock = threading.Lock()

    def __call__(self, batch: Mapping[str, Array]) -> Array:
        """See the class."""
        images = batch["input_image"]
        with self._lock:
            rois = np.asarray(self._model.predict_on_batch(images))
        is_roi = np.any(rois != 0, axis=-1, keepdims=True)
        if not self._margin:
            pixels = boxes_in_pixels(rois, images.shape[1:3], self._margin)
            return np.where(is_roi, pixels, np.float32(0))
        return np.where(is_roi, denorm_boxes(rois, images.shape[1:3]), 0).astype(np.int32)


def step_config(config: Config, number: int, losses: Sequence[str]) -> Config:
    """The configuration of a step.

    Args:
        config: that of the whole; it is not changed.
        number: of the step, from 0.
        losses: names of the network's losses.

    Returns:
        A copy with the step's NAME and LOSS_WEIGHTS. Step 1 (counted from 0) takes RoIs from
        outside, and only the last is validated by AP.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.training.alternating import step_config
        >>> losses = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss")
        >>> step = step_config(Config.from_dict({"NAME": "cell"}), 1, losses)
        >>> step.NAME, step.USE_RPN_ROIS, step.LOSS_WEIGHTS["rpn_class_loss"]
        ('cell_2_detector', False, 0.0)
    """
    step = copy.copy(config)
    step.NAME = f"{config.NAME}_{STEPS[number]}"
    trains_rpn = number in (0, 2)
    others = [name for name in losses if (name in RPN_LOSSES) != trains_rpn]
    step.LOSS_WEIGHTS = {**config.LOSS_WEIGHTS, **dict.fromkeys(others, 0.0)}
    step.USE_RPN_ROIS = number != 1
    if number != 3:
        step.VALIDATION_EVERY, step.MONITOR = 0, None
    return step


def _check(model: Any) -> None:
    config = model.config
    if model.mode != "training":
        raise ValueError(
            f"train_alternately() needs a model in training mode, but this one is in {model.mode} "
            "mode."
        )
    if model.epoch:
        raise ValueError(
            f"the model has the weights of {model.log_dir} after epoch {model.epoch}: "
            "train_alternately() starts from weights that no run has trained, such as ImageNet's. "
            "To resume, load those again and pass resume=True."
        )
    if not config.USE_RPN_ROIS:
        raise ValueError("USE_RPN_ROIS is False: train_alternately() needs it to be True.")
    if config.GPU_COUNT > 1:
        raise ValueError(
            f"GPU_COUNT is {config.GPU_COUNT}: train_alternately() trains on one device, because "
            "the proposals of step 1 are computed while batches are prepared."
        )


def _four(name: str, value: Any) -> list[Any]:
    """Four values, one for each step; a single learning rate is that of all."""
    if name == "learning_rate" and not np.iterable(value):
        return [float(value)] * 4
    values = list(value) if np.iterable(value) else []
    if len(values) != 4 or (
        name == "epochs" and not all(is_integer(count) and count > 0 for count in values)
    ):
        what = "whole numbers of at least 1" if name == "epochs" else "numbers"
        raise ValueError(f"{name} is {value!r}: it must be four {what}, one for each step.")
    return values


def _image(model: GraphModel) -> Any:
    return next(tensor for tensor in model.inputs if tensor.name == "input_image")


def _names(model: keras.Model) -> frozenset[str]:
    return frozenset(layer.name for layer in layers_with_weights(model))


def _weights(model: Any) -> dict[str, list[Array]]:
    """A `MaskRCNN`'s weights by layer name."""
    return {layer.name: layer.get_weights() for layer in layers_with_weights(model.keras_model)}


@outside_graphs
def _set_weights(model: Any, weights: Mapping[str, list[Array]]) -> None:
    for layer in layers_with_weights(model.keras_model):
        layer.set_weights(weights[layer.name])


def _only(weights: Mapping[str, list[Array]], names: Collection[str]) -> dict[str, list[Array]]:
    return {name: weights[name] for name in names}


def _any_of(names: Collection[str]) -> str:
    """Regular expression for exactly these layers."""
    return "|".join(map(re.escape, sorted(names)))


def _none_of(names: Collection[str]) -> str:
    """Start of a regular expression for layers other than these."""
    return f"(?!(?:{_any_of(names)})$)"
