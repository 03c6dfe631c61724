"""COCO's average precision on the validation images while the network trains."""

import copy
import time

import keras
import numpy as np
from tqdm import tqdm

from ..coco_metrics import KINDS, MAX_DETECTIONS, CocoMetrics
from ..instance_masks import InstanceMasks
from ..prediction import detect_crops
from ..shared_inference import SharedDetector
from ..text import log

# Images whose predictions are shown.
SHOWN = 4
# COCO's AP is an area under a curve, which wants the weak detections too.
MIN_CONFIDENCE = 0.05


class ValidateAP(keras.callbacks.Callback):
    """Detects in validation images and adds COCO's AP to the logs of an epoch.

    It comes before the callbacks that look at the logs. Those that choose by it need mode="max",
    as in `EarlyStopping("val_segm_AP", mode="max")`.

    It measures after the first epoch and after every VALIDATION_EVERY-th; after the others the logs
    have the last values once more. So every epoch has the same keys, as `CSVLogger` needs, and to
    early stopping and the choice of the best an epoch without AP is one without improvement.

    Up to max(100, DETECTION_MAX_INSTANCES) detections of an image count: COCO's own 100, unless the
    configuration expects images with more.

    Args:
        dataset: a prepared `Dataset`.
        config: the `Config` of the training.
        figures: names of what goes into the logs, see `CocoMetrics.compute`: each as
            "val_bbox_AP" and as "val_segm_AP".
        show: function that takes the samples of `visualize.draw_predictions` after each
            measurement: four images, with the detections of at least DETECTION_MIN_CONFIDENCE.

    Attributes:
        image_ids: [N] int, the images: the same ones each time, spread over the data set.
        values: dict of all figures by name, "bbox_AP" and so on, measured last. Who resumes a run
            may set it: while it is empty, the next epoch is measured.
    """

    def __init__(self, dataset, config, figures=("AP", "AP50", "AP75"), show=None):
        super().__init__()
        self.show = show
        self.min_confidence = config.DETECTION_MIN_CONFIDENCE or 0
        self.config = validation_config(config)
        self.every = config.VALIDATION_EVERY
        self.figures = figures
        self.dataset = dataset
        self.image_ids = choose_images(dataset, config)
        self.metrics = CocoMetrics(dataset, max(MAX_DETECTIONS, config.DETECTION_MAX_INSTANCES))
        self.values = {}
        self.detector = None

    def set_model(self, model):
        """Take the training graph."""
        if model is not self._model:
            self.detector = None
        super().set_model(model)

    def on_epoch_end(self, epoch, logs=None):
        """Measure if it is time to, and add the figures to the logs."""
        if not self.every or not len(self.image_ids):
            return
        if not self.values or (epoch + 1) % self.every == 0:
            begin = time.perf_counter()
            self.values = self.measure()
            self._print(time.perf_counter() - begin)
        if logs is not None:
            names = [f"{kind}_{figure}" for figure in self.figures for kind in KINDS]
            logs.update({f"val_{name}": self.values[name] for name in names})

    def measure(self):
        """The figures of the weights as they are, see `CocoMetrics.compute`."""
        self.detector = self.detector or SharedDetector(self.model, self.config)
        self.metrics.reset()
        samples = []
        size = self.config.BATCH_SIZE
        with tqdm(
            total=len(self.image_ids), desc="AP", unit="image", leave=False, disable=self._quiet()
        ) as progress:
            for first in range(0, len(self.image_ids), size):
                image_ids = self.image_ids[first : first + size]
                images = [self.dataset.load_image(i) for i in image_ids]
                results = detect_crops(self.detector, images)
                for image_id, image, result in zip(image_ids, images, results, strict=True):
                    self.metrics.add(image_id, result)
                    if self.show and len(samples) < SHOWN:
                        samples.append((image, *self._to_show(image_id, image, result)))
                progress.update(len(images))
        if self.show:
            self.show(samples)
        return self.metrics.compute()

    def _to_show(self, image_id, image, result):
        """Ground truth and what `MaskRCNN.detect` would have given, with dense masks."""
        masks, class_ids = self.dataset.load_instances(image_id)
        masks = masks if len(masks) else InstanceMasks([], [], image.shape)
        truth = {"rois": masks.boxes, "class_ids": class_ids, "masks": masks.dense()}
        sure = result["scores"] >= self.min_confidence
        result = {name: part[sure] for name, part in result.items()}
        return truth, {**result, "masks": result["masks"].dense()}

    def _quiet(self):
        """True for `fit(verbose=0)`; None lets tqdm decide, which is silent where no one looks."""
        return None if (self.params or {}).get("verbose", 1) else True

    def _print(self, seconds):
        if not self._quiet():
            box, mask = (self.values[f"{kind}_AP"] for kind in KINDS)
            count = len(self.image_ids)
            log(f"\nAP of {count} images: boxes {box:.3f}, masks {mask:.3f} ({seconds:.1f} s)")


def validation_config(config):
    """The configuration to detect with, for the AP of a network that trains with `config`.

    DETECTION_MIN_CONFIDENCE is at most 0.05. Where training sees random crops, detection takes
    whole images one by one: IMAGE_RESIZE_MODE "pad64" scales them as "crop" does.

    Args:
        config: a `Config`.

    Returns:
        A copy of it.
    """
    config = copy.copy(config)
    config.DETECTION_MIN_CONFIDENCE = min(config.DETECTION_MIN_CONFIDENCE or 0, MIN_CONFIDENCE)
    if config.IMAGE_RESIZE_MODE == "crop":
        config.IMAGE_RESIZE_MODE = "pad64"
        config.BATCH_SIZE = 1
    return config


def choose_images(dataset, config):
    """Images for the AP: random ones, but the same for every call and run.

    Args:
        dataset: a prepared `Dataset`.
        config: VALIDATION_IMAGES; if that is None, VALIDATION_STEPS and BATCH_SIZE.

    Returns:
        [N] int, sorted indices in the data set.
    """
    count = config.VALIDATION_IMAGES
    if count is None:
        count = (config.VALIDATION_STEPS or 0) * config.BATCH_SIZE
    chosen = np.random.default_rng(0).permutation(dataset.image_ids)[:count]
    return np.sort(chosen)
