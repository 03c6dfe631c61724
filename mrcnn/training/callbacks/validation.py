"""COCO's average precision on the validation images while the network trains."""

import copy
import logging
import time

import keras
import numpy as np
from tqdm import tqdm

from ...inference.detector import SharedDetector, detect_crops, with_score
from ...inference.molding import check_images
from ...instances.masks import InstanceMasks
from ...metrics.coco import KINDS, MAX_DETECTIONS
from ...metrics.coco_dataset import CocoMetrics
from ...runs.history import Carried
from ...text import log, some
from ..distribution import undistributed

logger = logging.getLogger(__name__)

# Images whose predictions are shown, and about how many pixels of their longer side.
SHOWN = 4
SHOWN_SIDE = 1024
# COCO's AP is an area under a curve, which wants the weak detections too.
MIN_CONFIDENCE = 0.05


class ValidateAP(keras.callbacks.Callback):
    """Detects in validation images and adds COCO's AP to the logs of an epoch.

    It comes before the callbacks that look at the logs. Those that choose by it need mode="max",
    as in `EarlyStopping("val_segm_AP", mode="max")`.

    It measures after the first epoch, after every VALIDATION_EVERY-th and after the last; after the
    others the logs have the last values once more, as `history.Carried`. So every epoch has the
    same keys, as `CSVLogger` needs, and to early stopping and the choice of the best an epoch
    without AP is one without improvement.

    It never ends a training. Images that cannot be read are left out. If there can be no graph to
    detect with, nothing is added to the logs, and if a measurement fails, NaN from then on; each is
    said in one warning.

    Up to max(100, DETECTION_MAX_INSTANCES) detections of an image count: COCO's own 100, unless the
    configuration expects images with more.

    Args:
        dataset: a prepared `Dataset`.
        config: the `Config` of the training.
        figures: names of what goes into the logs, see `CocoMetrics.compute`: each as
            "val_bbox_AP" and as "val_segm_AP".
        show: function that takes the samples of `visualize.draw_predictions` after each
            measurement: four images, with the detections of at least DETECTION_MIN_CONFIDENCE.
        last_epoch: number of the last epoch of the run, counted from 1; None if it is not known.

    Attributes:
        image_ids: [N] int, the images: the same ones each time, spread over the data set. Empty
            where nothing is measured.
        values: dict of all figures by name, "bbox_AP" and so on, measured last. Who resumes a run
            may set it: while it is empty, the next epoch is measured.
    """

    def __init__(self, dataset, config, figures=("AP", "AP50", "AP75"), show=None, last_epoch=None):
        super().__init__()
        self.last_epoch = last_epoch
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
        self.failed = False
        self.unread = {}  # image id to what is wrong, of this measurement

    def set_model(self, model):
        """Take the training graph, and build the one to detect with on its weights."""
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

    def on_epoch_end(self, epoch, logs=None):
        """Measure if it is time to, and add the figures to the logs."""
        if not self.every or not len(self.image_ids):
            return
        done = epoch + 1
        is_due = not self.values or done % self.every == 0 or done == self.last_epoch
        if is_due:
            self._try_to_measure()
        if logs is not None:
            kind_of = float if is_due else Carried
            names = [f"{kind}_{figure}" for figure in self.figures for kind in KINDS]
            logs.update({f"val_{name}": kind_of(self.values.get(name, "nan")) for name in names})

    def _try_to_measure(self):
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

    def measure(self):
        """The figures of the weights as they are, see `CocoMetrics.compute`."""
        self.metrics.reset()
        samples = []
        size = self.config.BATCH_SIZE
        with tqdm(
            total=len(self.image_ids), desc="AP", unit="image", leave=False, disable=self._quiet()
        ) as progress:
            for first in range(0, len(self.image_ids), size):
                image_ids = self.image_ids[first : first + size]
                images = self._read(image_ids)
                results = detect_crops(self.detector, list(images.values())) if images else []
                for (image_id, image), result in zip(images.items(), results, strict=True):
                    self.metrics.add(image_id, result)
                    if self.show and len(samples) < SHOWN:
                        samples.append(self._to_show(image_id, image, result))
                progress.update(len(image_ids))
        if self.show and samples:
            self.show(samples)
        self._leave_out_unread()
        return self.metrics.compute()

    def _read(self, image_ids):
        """Images by id, without those that fail."""
        images = {}
        for image_id in image_ids:
            try:
                image = self.dataset.load_image(image_id)
                check_images([image], self.config)
                shape = self.metrics.read_truth(image_id, image.shape)
                if shape != image.shape[:2]:
                    raise ValueError(f"its masks are of {shape}, itself of {image.shape[:2]}")
                images[image_id] = image
            except Exception as error:
                self.unread[image_id] = f"{image_id} ({type(error).__name__}: {error})"
        return images

    def _leave_out_unread(self):
        if self.unread:
            self.image_ids = self.image_ids[~np.isin(self.image_ids, list(self.unread))]
            logger.warning("images left out of the AP: %s", some(self.unread.values()))
            self.unread.clear()

    def _to_show(self, image_id, image, result):
        """Image, ground truth and what `MaskRCNN.detect` would have given, with dense masks.

        Of a large image every n-th row and column: its dense masks would take gigabytes.
        """
        step = -(-max(image.shape[:2]) // SHOWN_SIDE)
        masks, class_ids = self.dataset.load_instances(image_id)
        masks = masks if len(masks) else InstanceMasks([], [], image.shape)
        truth = {"rois": masks.boxes, "class_ids": class_ids, "masks": masks}
        result = with_score(result, self.min_confidence)
        for part in (truth, result):
            y1, x1, y2, x2 = part["rois"].T
            part["rois"] = np.stack([y1 // step, x1 // step, -(-y2 // step), -(-x2 // step)], 1)
            part["masks"] = part["masks"].thinned(step).dense()
        return image[::step, ::step], truth, result

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

    DETECTION_MIN_CONFIDENCE is at most 0.05. One device alone detects, in batches of at most
    IMAGES_PER_GPU, however many devices train. Where training sees random crops, detection takes
    whole images one by one: IMAGE_RESIZE_MODE "pad64" scales them as "crop" does.

    Args:
        config: a `Config`.

    Returns:
        A copy of it.
    """
    config = copy.copy(config)
    config.DETECTION_MIN_CONFIDENCE = min(config.DETECTION_MIN_CONFIDENCE or 0, MIN_CONFIDENCE)
    config.BATCH_SIZE = min(config.BATCH_SIZE, config.IMAGES_PER_GPU)
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
