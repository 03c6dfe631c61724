"""Average precision and mean IoU on the validation images while the network trains."""

import copy
import functools
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ...config import Config
from ...config_rules import parts
from ...config_rules.derived import DERIVED, is_read_only
from ...config_rules.detection_rules import min_scores
from ...datasets.dataset import Dataset
from ...datasets.prepared import prepared_ids
from ...datasets.reading import read_instances
from ...inference.detector import Detector, SharedDetector, with_score
from ...inference.over_dataset import over_dataset
from ...metrics.coco import MAX_DETECTIONS
from ...metrics.coco_dataset import CocoMetrics
from ...metrics.comparison import Comparison
from ...metrics.pixel_classes import PixelScores
from ...runs.history import Carried
from ...text import log, some
from ...types import Array
from ..distribution import undistributed

logger = logging.getLogger(__name__)

# Number of images shown with their predictions, and roughly their longer side in pixels.
SHOWN = 4
SHOWN_SIDE = 1024
# The name of the mean IoU among the metrics.
MEAN_IOU = "mean_iou"
# COCO's AP is the area under a curve, which needs the weak detections too.
MIN_CONFIDENCE = 0.05


class ValidateAP(keras.callbacks.Callback):
    """Runs detection on validation images and adds COCO's AP and mean IoU to the logs of an epoch.

    The mean IoU is that of semantic segmentation, see `PixelScores`: how well the pixels of each
    class are found, with the background as a class, by the detections that score at least
    DETECTION_MIN_CONFIDENCE. Unlike AP, it does not ask whether objects that touch are told apart.

    It must come before the callbacks that read the logs. Those that monitor the AP need mode="max",
    as in `EarlyStopping("val_segm_AP", mode="max")`.

    It measures after the first epoch, after every VALIDATION_EVERY epochs and after the last. In
    between, the logs repeat the last values as `history.Carried`. So every epoch has the same keys,
    as `CSVLogger` needs, and an epoch without a measurement counts as one without improvement, both
    for early stopping and for the choice of the best.

    It never ends training. Images that cannot be read are left out. If no detection graph can be
    built, nothing is added to the logs; if a measurement fails, NaN is logged from then on. Each
    case is reported in one warning.

    Up to max(100, DETECTION_MAX_INSTANCES) detections per image count: COCO's 100, unless the
    configuration expects images with more. Images with more instances than DETECTION_MAX_INSTANCES
    are logged once: their AP cannot reach 1.

    Args:
        dataset: the validation images, prepared.
        config: that of the training run.
        metric_names: names of the metrics to log, see `CocoMetrics.compute`. "AP" is logged as
            "val_bbox_AP", with a mask head also as "val_segm_AP", and with a keypoint head as
            "val_keypoints_AP". "mean_iou" is logged as "val_mean_iou", only with a mask head.
        show: function that takes the samples of `visualize.draw_predictions` after each
            measurement: four images, with the detections that score at least
            DETECTION_MIN_CONFIDENCE.
        last_epoch: number of the run's last epoch, counted from 1; None if unknown.

    Attributes:
        kinds: kinds of AP, ("bbox", "segm"), or ("bbox",) without a mask head; a keypoint head adds
            "keypoints".
        image_ids: [N] int, the images: the same ones each time, spread over the dataset. Empty if
            nothing is measured.
        values: all metrics by name, "bbox_AP" and so on, as last measured. It may be set when a
            run is resumed: while it is empty, the next epoch is measured.

    Example:
        >>> from mrcnn.training.callbacks.validation import ValidateAP
        >>> callback = ValidateAP(val_dataset, model.config)  # doctest: +SKIP
        >>> model.keras_model.fit(batches, callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        metric_names: Sequence[str] = ("AP", "AP50", "AP75", MEAN_IOU),
        show: Callable[[list[Any]], Any] | None = None,
        last_epoch: int | None = None,
    ) -> None:
        super().__init__()
        self.last_epoch = last_epoch
        self.show = show
        self.min_scores = min_scores(config)
        self.config = validation_config(config)
        self.every = config.VALIDATION_EVERY
        self.metric_names = metric_names
        self.dataset = dataset
        self.image_ids = choose_images(dataset, config)
        self.kinds = kinds_of(config)
        limit = max(MAX_DETECTIONS, config.DETECTION_MAX_INSTANCES)
        self.metrics = CocoMetrics(dataset, limit, self.kinds)
        self.measures_pixels = MEAN_IOU in metric_names and self.metrics.field == "masks"
        self.values: dict[str, float] = {}
        self.detector: Detector | None = None
        self.failed = False
        self.has_warned = False

    def set_model(self, model: keras.Model) -> None:
        """Take the training graph, and build a detection graph that shares its weights."""
        is_other = model is not self._model
        super().set_model(model)
        if not is_other or not self.every or not len(self.image_ids):
            return
        try:
            with undistributed():
                self.detector = SharedDetector(model, self.config)
        except Exception as error:
            self.image_ids = self.image_ids[:0]
            logger.warning("no AP while this network trains: %s", error)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure if a measurement is due, and add the metrics to the logs."""
        if not self.every or not len(self.image_ids):
            return
        done = epoch + 1
        is_due = not self.values or done % self.every == 0 or done == self.last_epoch
        if is_due:
            self._try_to_measure()
        if logs is not None:
            kind_of: type[float] = float if is_due else Carried
            aps = [name for name in self.metric_names if name != MEAN_IOU]
            names = [f"{kind}_{name}" for name in aps for kind in self.kinds]
            names += [MEAN_IOU] if self.measures_pixels else []
            logs.update({f"val_{name}": kind_of(self.values.get(name, "nan")) for name in names})

    def _try_to_measure(self) -> None:
        if self.failed:
            return
        begin = time.perf_counter()
        try:
            with undistributed():
                self.values = self.measure()
        except Exception as error:
            self.failed, self.values = True, {}
            logger.warning("no AP from now on: %s: %s", type(error).__name__, error)
            return
        self._print(time.perf_counter() - begin)

    def measure(self) -> dict[str, float]:
        """The metrics of the current weights, see `CocoMetrics.compute`, and the mean IoU."""
        assert self.detector is not None, "set_model() comes first"
        self.metrics.reset()
        pixels = PixelScores(self.dataset.class_ids[1:])
        samples: list[Any] = []
        unread: list[dict[str, Any]] = []
        found = over_dataset(
            functools.partial(self.detector.detect, dense=False),
            self.dataset,
            self.image_ids,
            read=self.metrics.read_truth,
            config=self.config,
            unread=unread,
            desc="AP",
            leave=False,
            progress=not self._quiet(),
        )
        for each in found:
            self.metrics.add(each.image_id, each.result)
            if self.measures_pixels:
                pixels.add(self._comparison(each.image_id, each.result))
            if self.show and len(samples) < SHOWN:
                samples.append(self._to_show(each.image_id, each.image, each.result))
        if self.show and samples:
            self.show(samples)
        if unread:
            left_out = [row["image_id"] for row in unread]
            self.image_ids = self.image_ids[~np.isin(self.image_ids, left_out)]
            reasons = some([f"{row['image_id']} ({row['reason']})" for row in unread])
            logger.warning("images left out of the AP: %s", reasons)
        self._warn_of_limit()
        values = self.metrics.compute()
        if self.measures_pixels:
            values[MEAN_IOU] = pixels.compute()["mean_iou"]
        return values

    def _comparison(self, image_id: int, result: Mapping[str, Any]) -> Comparison:
        """The truth of an image and the detections to trust, of classes of the image's source."""
        least = np.array(self.min_scores)
        source = self.dataset.image_info[image_id]["source"]
        others = np.setdiff1d(self.dataset.class_ids, self.dataset.source_class_ids[source])
        least[others] = np.inf
        return Comparison(*self.metrics.truth_masks(image_id), with_score(result, least))

    def _warn_of_limit(self) -> None:
        """Log, once, that images have more instances than can be detected."""
        limit = self.config.DETECTION_MAX_INSTANCES
        counts = [self.metrics.instances(image_id) for image_id in self.image_ids]
        larger = [count for count in counts if count > limit]
        if larger and not self.has_warned:
            logger.warning(
                "%d of %d validation images have more instances than DETECTION_MAX_INSTANCES (%d), "
                "up to %d: the excess cannot be found, which lowers the AP. Raise the limit.",
                *(len(larger), len(counts), limit, max(larger)),
            )
            self.has_warned = True

    def _to_show(
        self, image_id: int, image: Array, result: Mapping[str, Any]
    ) -> tuple[Array, dict[str, Any], dict[str, Any]]:
        """Image, ground truth and what `MaskRCNN.detect` would have returned, with dense masks.

        Large images keep only every n-th row and column: their dense masks would take gigabytes.
        """
        step = -(-max(image.shape[:2]) // SHOWN_SIDE)
        instances = read_instances(self.dataset, image_id, image.shape, (self.metrics.field,))
        truth: dict[str, Any] = {
            "rois": instances.boxes,
            "class_ids": instances.class_ids,
            **instances.fields,
        }
        truth.pop("boxes", None)
        sure: dict[str, Any] = {**with_score(result, self.min_scores)}
        for part in (truth, sure):
            y1, x1, y2, x2 = part["rois"].T
            part["rois"] = np.stack([y1 // step, x1 // step, -(-y2 // step), -(-x2 // step)], 1)
            if "masks" in part:
                part["masks"] = part["masks"].thinned(step).dense()
        return image[::step, ::step], truth, sure

    def _quiet(self) -> bool | None:
        """True for `fit(verbose=0)`; None leaves it to tqdm, which is silent without a terminal."""
        return None if (self.params or {}).get("verbose", 1) else True

    def _print(self, seconds: float) -> None:
        if not self._quiet():
            words = {"bbox": "boxes", "segm": "masks", "keypoints": "keypoints"}
            values = [f"{words[kind]} {self.values[f'{kind}_AP']:.3f}" for kind in self.kinds]
            count = len(self.image_ids)
            iou = f"; mean IoU {self.values[MEAN_IOU]:.3f}" if self.measures_pixels else ""
            log(f"\nAP on {count} images: {', '.join(values)}{iou} ({seconds:.1f} s)")


def kinds_of(config: Config) -> tuple[str, ...]:
    """Kinds of AP for a network of `config`: "bbox", "segm" with a mask head, and "keypoints".

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.training.callbacks.validation import kinds_of
        >>> kinds_of(Config())
        ('bbox', 'segm')
    """
    fields = parts.filled_fields(config)
    kinds = {"bbox": "boxes", "segm": "masks", "keypoints": "keypoints"}
    return tuple(kind for kind, field in kinds.items() if field in fields)


def validation_config(config: Config) -> Config:
    """The detection configuration for the AP of a network that trains with `config`.

    DETECTION_MIN_CONFIDENCE is at most 0.05. A single device detects, in batches of at most
    IMAGES_PER_GPU, however many devices train. Where training sees random crops, detection takes
    whole images one by one: IMAGE_RESIZE_MODE "pad64" scales them as "crop" does.

    Args:
        config: that of the training run.

    Returns:
        A copy of it.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.training.callbacks.validation import validation_config
        >>> validation_config(Config()).DETECTION_MIN_CONFIDENCE
        0.05
    """
    settings: dict[str, Any] = {
        "DETECTION_MIN_CONFIDENCE": _at_most(config, MIN_CONFIDENCE),
        "BATCH_SIZE": min(config.BATCH_SIZE, config.IMAGES_PER_GPU),
    }
    if config.IMAGE_RESIZE_MODE == "crop":
        settings |= {"IMAGE_RESIZE_MODE": "pad64", "BATCH_SIZE": 1}
    config = copy.copy(config)
    # Sources come before what is derived from them.
    for name in sorted(settings, key=lambda name: name in DERIVED):
        if not is_read_only(config, name):
            setattr(config, name, settings[name])
    return config


def _at_most(config: Config, limit: float) -> float | dict[int, float]:
    """The DETECTION_MIN_CONFIDENCE of a `Config`, capped at a limit for each class."""
    confidence = config.DETECTION_MIN_CONFIDENCE
    if isinstance(confidence, Mapping):
        lowered = enumerate(min(score, limit) for score in min_scores(config))
        return {class_id: score for class_id, score in lowered if class_id}
    return min(confidence or 0, limit)


def choose_images(dataset: Dataset, config: Config) -> Array:
    """Images for the AP: chosen at random, but the same in every call and run.

    Args:
        dataset: a prepared `Dataset`.
        config: for VALIDATION_IMAGES or, if None, VALIDATION_STEPS and BATCH_SIZE.

    Returns:
        [N] int, sorted indices in the dataset.
    """
    count = config.VALIDATION_IMAGES
    if count is None:
        count = math.ceil(config.VALIDATION_STEPS or 0) * config.BATCH_SIZE
    chosen = np.random.default_rng(0).permutation(prepared_ids(dataset))[:count]
    return np.sort(chosen)
