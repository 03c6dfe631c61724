"""How to train on a dataset: what changes in the configuration to start from, and why."""

import copy
import dataclasses
import math
from collections.abc import Collection
from typing import Any

import numpy as np

from ..anchors.coverage import anchor_coverage
from ..config import Config
from ..config_rules.derived import assign
from ..datasets.dataset import Dataset
from .facts import Facts, facts_of

# How often training sees each image, and the fewest and most batches in which it does.
_PASSES, _FEWEST, _MOST = 12, 200, 50_000
# Fewest and most batches in an epoch: validation and saving follow each.
_SHORTEST, _LONGEST = 20, 1000
# Images on which a validation computes the losses and the average precision, and the part of the
# training time that it may take, if an image takes as long as half a step.
_VALIDATED, _VALIDATION_TIME = 50, 0.25
# Of the learning rate with which the model learnt its classes.
_GENTLE = 1 / 4
# The moving average of the weights looks back on this part of the training run.
_AVERAGED, _WARMUP = 1 / 7, 0.1
# Objects may be this many times as large as those that the model knows, or as small.
_LARGER = 2.0
# The fraction of objects that may have no anchor with this IoU.
_UNFIT, _FITS = 0.05, 0.3
_MAX_SCALE = 8.0  # by which images are enlarged
# Who gives one of these has chosen how images are resized.
_CHOICES = {"IMAGE_RESIZE_MODE", "IMAGE_MIN_SCALE"}


@dataclasses.dataclass
class Recipe:
    """How to train on a dataset; each step of it sees what the ones before have changed.

    Args:
        config: the configuration of the model to start from, with the user's settings.
        given: names of the settings that the user gives: they stay as they are.

    Attributes:
        config: a copy of it, with all changes.
        settings: the changes, by name.
        epochs: number of epochs; None until `fit_schedule`.
        reasons: sentences for the user, on what is not obvious.
        is_photographs: whether the images look like photographs.
    """

    config: Config
    given: Collection[str] = ()
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    epochs: int | None = None
    reasons: list[str] = dataclasses.field(default_factory=list)
    is_photographs: bool = False

    def __post_init__(self) -> None:
        self.config = copy.copy(self.config)

    @classmethod
    def of(
        cls, config: Config, given: Collection[str], dataset: Dataset, known_size: float | None
    ) -> "Recipe":
        """All but the schedule.

        Args:
            config, given: see the class.
            dataset: to train on.
            known_size: see `fit_size`.
        """
        made, facts = cls(config, given), facts_of(dataset)
        made.fit_content(facts, dataset.num_classes)
        made.fit_size(facts, known_size, dataset)
        made.fit_counts(facts)
        made.is_photographs = facts.is_photographs
        return made

    def change(self, **settings: Any) -> bool:
        """Change settings, except those that the user gives; returns whether any differs."""
        own = {
            name: value
            for name, value in settings.items()
            if name not in self.given and not _equal(getattr(self.config, name), value)
        }
        self.settings.update(own)
        assign(self.config, own)
        return bool(own)

    @property
    def has_keypoints(self) -> bool:
        """Whether the network has a head for keypoints."""
        return any(getattr(head, "name", head) == "keypoint" for head in self.config.HEADS)

    def fit_content(self, facts: Facts, num_classes: int) -> None:
        """Fit the classes, the heads and the channels.

        Args:
            facts: what is known about the dataset.
            num_classes: number of its classes, with the background.
        """
        config = self.config
        weights, least = config.CLASS_WEIGHTS, config.DETECTION_MIN_CONFIDENCE
        if num_classes != config.NUM_CLASSES:
            # What is listed by class belongs to other classes.
            if isinstance(weights, dict):
                self.change(CLASS_WEIGHTS={0: weights.get(0, 1.0)})
            if isinstance(least, dict):
                self.change(DETECTION_MIN_CONFIDENCE=Config.DETECTION_MIN_CONFIDENCE)
            self.change(NUM_CLASSES=num_classes)
        heads = [head for head in config.HEADS if getattr(head, "name", head) != "mask"]
        if not facts.has_masks and self.change(HEADS=tuple(heads)):
            self.reasons.append("The data has boxes but no masks: the network finds boxes only.")
        if facts.keypoints and self.has_keypoints:
            self.change(NUM_KEYPOINTS=facts.keypoints)
        elif facts.keypoints:
            self.reasons.append(
                "The network does not learn the data's keypoints: --set HEADS=box,mask,keypoint "
                "adds them."
            )
        channels = facts.channels or 3
        if channels != config.IMAGE_CHANNEL_COUNT:
            mean = float(np.mean(np.asarray(config.MEAN_PIXEL, np.float64)))
            self.change(IMAGE_CHANNEL_COUNT=channels, MEAN_PIXEL=(mean,) * channels)
            if np.size(config.PIXEL_STD) > 1:
                self.change(PIXEL_STD=float(np.mean(np.asarray(config.PIXEL_STD, np.float64))))
            self.reasons.append(f"Images have {channels} channels, and so has the network's input.")

    def fit_size(self, facts: Facts, known_size: float | None, dataset: Dataset) -> None:
        """Fit how images are resized, and the anchors, to the size of the objects.

        Args:
            facts: what is known about the dataset.
            known_size: median side of the objects that the model was trained on, in pixels of the
                network's input; None if unknown.
            dataset: to train on.
        """
        if facts.side is None:
            return
        size = self._object_size(dataset, facts)
        times = size / known_size if known_size else 1.0
        if not 1 / _LARGER <= times <= _LARGER and not _CHOICES & {*self.given}:
            self._resize(size / facts.side, times)
        if "RPN_ANCHOR_SCALES" in self.given:
            return
        coverage = anchor_coverage(dataset, self.config, facts.image_ids)
        if 1 - coverage.recall(_FITS) > _UNFIT:
            scales = coverage.suggested_scales()
            if self.change(RPN_ANCHOR_SCALES=scales):
                sides = ", ".join(map(str, scales))
                self.reasons.append(f"Anchors of {sides} pixels suit these objects.")

    def _object_size(self, dataset: Dataset, facts: Facts) -> float:
        coverage = anchor_coverage(dataset, self.config, facts.image_ids)
        return float(np.median(np.sqrt(coverage.sizes.prod(axis=1))))

    def _resize(self, scale: float, times: float) -> None:
        """Fit how images are resized.

        Args:
            scale: how many times an image is enlarged now.
            times: how many times as large as those that the model knows the objects are then.
        """
        config, scale = self.config, scale / times
        if config.IMAGE_RESIZE_MODE == "short_side":
            return  # every image is brought to the size that the model knows
        side = config.IMAGE_MAX_DIM
        if config.IMAGE_RESIZE_MODE == "crop" and "IMAGE_MAX_DIM" not in self.given:
            side = config.IMAGE_MIN_DIM
        than = f"about {max(times, 1 / times):.1f} times as {'large' if times > 1 else 'small'}"
        reason = f"The objects are {than} as those that the model was trained on: images are "
        if config.IMAGE_RESIZE_MODE != "square" and scale >= 1:
            scale = round(min(scale, _MAX_SCALE), 2)
            self.change(IMAGE_MIN_SCALE=scale)
            self.reasons.append(f"{reason}enlarged {scale:g} times.")
        elif config.IMAGE_RESIZE_MODE != "square":
            self.change(
                IMAGE_RESIZE_MODE="square",
                IMAGE_MIN_SCALE=0,
                IMAGE_MIN_DIM=side,
                IMAGE_MAX_DIM=side,
            )
            self.reasons.append(f"{reason}resized to {side} x {side} pixels as a whole.")

    def fit_counts(self, facts: Facts) -> None:
        """Raise the limits on the number of objects in an image.

        Args:
            facts: what is known about the dataset.
        """
        config = self.config
        if facts.most > config.MAX_GT_INSTANCES:
            self.change(MAX_GT_INSTANCES=_rounded(facts.most))
        if facts.most * 1.25 > config.DETECTION_MAX_INSTANCES:
            self.change(DETECTION_MAX_INSTANCES=_rounded(facts.most * 1.25))
        least = 2 * config.DETECTION_MAX_INSTANCES
        if least > config.POST_NMS_ROIS_INFERENCE:
            self.change(POST_NMS_ROIS_INFERENCE=least)
        if config.POST_NMS_ROIS_INFERENCE > config.PRE_NMS_LIMIT:
            self.change(PRE_NMS_LIMIT=2 * config.POST_NMS_ROIS_INFERENCE)

    def be_gentle(self) -> None:
        """Lower the learning rate, for a model that knows the classes: little is left to learn."""
        rate = self.config.LEARNING_RATE * _GENTLE
        if self.change(LEARNING_RATE=rate):
            self.reasons.append(
                f"The model knows the classes: its learning rate is lowered to {rate:g}."
            )

    def fit_schedule(self, images: int, validation_images: int, epochs: int | None = None) -> None:
        """Fit the number of batches and epochs, and what counts in batches.

        Args:
            images, validation_images: how many there are.
            epochs: if the user gives it.
        """
        config = self.config
        once = math.ceil(images / config.BATCH_SIZE)
        self.change(STEPS_PER_EPOCH=min(max(once, _SHORTEST), _LONGEST))
        steps = math.ceil(config.STEPS_PER_EPOCH)
        total = min(max(_PASSES * once, _FEWEST), _MOST)
        epochs = epochs or max(1, round(total / steps))
        self.epochs, total = epochs, epochs * steps
        validated = min(validation_images, _VALIDATED)
        self.change(VALIDATION_STEPS=math.ceil(validated / config.BATCH_SIZE))
        every = math.ceil(validated / 2 / (_VALIDATION_TIME * steps))
        self.change(VALIDATION_EVERY=min(every, epochs))
        self.change(LR_WARMUP_STEPS=min(config.LR_WARMUP_STEPS, int(_WARMUP * total)))
        if config.EMA is not None:
            self.change(EMA=min(config.EMA, max(0.5, round(1 - 1 / (_AVERAGED * total), 4))))


def _rounded(count: float) -> int:
    return math.ceil(count / 50) * 50


def _equal(value: Any, other: Any) -> bool:
    sequences = tuple | list | np.ndarray
    if isinstance(value, sequences) and isinstance(other, sequences):
        return list(value) == list(other)
    return type(value) is type(other) and value == other
