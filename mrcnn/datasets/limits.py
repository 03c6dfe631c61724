"""Compare a dataset with a configuration: what its limits would cut, shrink or miss."""

import dataclasses

import numpy as np

from ..anchors.coverage import best_iou
from ..config import Config
from ..config_rules.detection_rules import scores_needed
from ..config_rules.network_rules import remarks
from ..geometry.boxes import compute_overlaps
from ..geometry.soft_nms import soft_non_max_suppression
from ..images.resizing import check_sides, input_geometry, resize_options
from ..types import Array
from .report import Report

# Objects narrower than this at the network's input, in pixels, leave no trace there.
_NARROW = 2

# An anchor with a lower IoU is negative for the RPN. This fraction of objects may have no other.
_FITS, _UNFIT = 0.3, 0.05

# The fraction of objects that non-maximum suppression may drop without a remark.
_SUPPRESSED = 0.01


@dataclasses.dataclass
class LimitsCheck:
    """Compares the objects of each image with a configuration; crowds do not count.

    Attributes:
        config: the configuration to train with.
        report: where the findings go.
        objects: number of objects seen.
        suppressed: number of those that suppression would drop from a perfect result.
        boxes: list of [N, 4] for each image, in pixels of the network's input.
        inputs: list of (height, width) of the network's input for each image, in pixels.
    """

    config: Config
    report: Report
    objects: int = 0
    suppressed: int = 0
    boxes: list[Array] = dataclasses.field(default_factory=list)
    inputs: list[tuple[int, int]] = dataclasses.field(default_factory=list)

    def look(
        self, image_id: int, name: str, size: tuple[int, int], boxes: Array, class_ids: Array
    ) -> None:
        """Compare an image's instances.

        Args:
            image_id: index of the image in the dataset.
            name: of the image.
            size: (height, width) of the image in pixels.
            boxes: [N, 4] pixels; zeros for an instance without pixels.
            class_ids: int [N]; negative for a crowd.
        """
        wanted = (class_ids > 0) & (boxes[:, 2] > boxes[:, 0])
        boxes, class_ids = boxes[wanted].astype(np.float64), class_ids[wanted]
        self.objects += len(boxes)
        self._count(image_id, name, len(boxes))
        self.suppressed += _dropped(boxes, class_ids, self.config)
        self._resize(image_id, name, size, boxes)

    def _count(self, image_id: int, name: str, count: int) -> None:
        """Compare the number of objects with the limits on proposals, samples and detections."""
        config = self.config
        positive = max(1, int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO))
        limits = (
            ("DETECTION_MAX_INSTANCES", config.DETECTION_MAX_INSTANCES, "detections"),
            ("POST_NMS_ROIS_INFERENCE", config.POST_NMS_ROIS_INFERENCE, "proposals in detection"),
            ("POST_NMS_ROIS_TRAINING", config.POST_NMS_ROIS_TRAINING, "proposals in training"),
            ("PRE_NMS_LIMIT", config.PRE_NMS_LIMIT, "anchors that become proposals"),
            ("TRAIN_ROIS_PER_IMAGE * ROI_POSITIVE_RATIO", positive, "RoIs with an object per step"),
            (
                "RPN_TRAIN_ANCHORS_PER_IMAGE / 2",
                config.RPN_TRAIN_ANCHORS_PER_IMAGE // 2,
                "anchors with an object per step",
            ),
        )
        for setting, limit, things in limits:
            if count > limit:
                kind = f"images with more objects than {setting} allows: {limit} {things}"
                self.report.remark(kind, f"{name}: {count}", image_id)

    def _resize(self, image_id: int, name: str, size: tuple[int, int], boxes: Array) -> None:
        """Compare the image's size and its objects with the network's input."""
        config, report = self.config, self.report
        scale, new_size, (rows, columns, _) = input_geometry(*size, **resize_options(config))
        shape = new_size[0] + sum(rows), new_size[1] + sum(columns)
        if config.IMAGE_RESIZE_MODE == "none":
            try:
                check_sides(shape)
            except ValueError as error:
                report.error("image sizes that do not fit the configuration", f"{error}", image_id)
                return
        factors = np.array([new_size[0] / size[0], new_size[1] / size[1]] * 2)
        moved = boxes * factors + [rows[0], columns[0]] * 2
        sides = moved[:, 2:] - moved[:, :2]
        narrow = int((sides.min(axis=1, initial=np.inf) < _NARROW).sum())
        if narrow and scale < 1:
            limit = "IMAGE_MAX_DIM" if config.IMAGE_RESIZE_MODE == "square" else "IMAGE_MIN_DIM"
            kind = (
                f"objects less than {_NARROW} pixels wide or high once {limit} = "
                f"{getattr(config, limit)} has shrunk the image"
            )
            text = f"{name}: {narrow} of {len(boxes)}, with the image at {scale:.2g} of its size"
            report.remark(kind, text, image_id)
        side = config.IMAGE_MIN_DIM
        if config.IMAGE_RESIZE_MODE == "crop" and side:
            large = int((sides.max(axis=1, initial=0) > side).sum())
            if large:
                kind = f"objects larger than the crop that training sees, IMAGE_MIN_DIM = {side}"
                report.remark(kind, f"{name}: {large} of {len(boxes)}", image_id)
            shape = side, side
            moved = moved - np.tile(np.floor(moved[:, :2] / side) * side, 2)
        self.boxes.append(moved)
        self.inputs.append(shape)

    def finish(self) -> None:
        """Report what the settings do to the whole dataset."""
        for text in remarks(self.config):
            self.report.remark("settings that limit each other", text)
        if self.suppressed > _SUPPRESSED * self.objects:
            name, why = "DETECTION_NMS_THRESHOLD", "by more"
            if self.config.DETECTION_NMS != "hard":
                name = "DETECTION_NMS"
                why = "so much that their scores fall below DETECTION_MIN_CONFIDENCE"
            others = "others" if self.config.NMS_ACROSS_CLASSES else "others of their class"
            text = (
                f"{name} is {getattr(self.config, name)}: it would drop "
                f"{self.suppressed} of {self.objects} objects from a perfect result, because their "
                f"boxes overlap {others} {why}"
            )
            self.report.remark("objects that non-maximum suppression drops", text)
        if not self.objects or not self.boxes:
            return
        boxes = np.concatenate(self.boxes)
        shapes = np.repeat(np.array(self.inputs), [len(part) for part in self.boxes], axis=0)
        unfit = int((best_iou(boxes, self.config, shapes) < _FITS).sum())
        if unfit > _UNFIT * len(boxes):
            root = np.median(np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)))
            text = (
                f"{unfit} of {len(boxes)} have an IoU below {_FITS} with every anchor; the median "
                f"object measures {root:.0f} pixels at the network's input. "
                "visualize.plot_anchor_coverage(dataset, config) suggests RPN_ANCHOR_SCALES"
            )
            self.report.remark("objects that no anchor fits", text)


def _dropped(boxes: Array, class_ids: Array, config: Config) -> int:
    """The number of objects that a `Config`'s suppression would drop from a perfect result."""
    groups = np.zeros_like(class_ids) if config.NMS_ACROSS_CLASSES else class_ids
    threshold = config.DETECTION_NMS_THRESHOLD
    if config.DETECTION_NMS == "hard":
        return suppressed(boxes, groups, threshold)
    # The dataset may have more classes than the configuration, which another check reports.
    least = scores_needed(config, class_ids)
    perfect = np.ones(len(boxes))
    method, sigma = config.DETECTION_NMS, config.SOFT_NMS_SIGMA
    kept, _ = soft_non_max_suppression(boxes, perfect, method, threshold, sigma, groups, least)
    return len(boxes) - len(kept)


def suppressed(boxes: Array, class_ids: Array, threshold: float) -> int:
    """The number of objects that non-maximum suppression would drop from a perfect result.

    Args:
        boxes: float [N, 4] pixels; the first one wins.
        class_ids: int [N]; only boxes of the same class suppress each other.
        threshold: IoU above which a box is dropped.
    """
    dropped = 0
    for class_id in np.unique(class_ids):
        own = boxes[class_ids == class_id]
        overlaps = compute_overlaps(own, own) > threshold
        kept = np.ones(len(own), bool)
        for i in np.flatnonzero(overlaps.sum(axis=1) > 1):
            if kept[i]:
                kept[i + 1 :] &= ~overlaps[i, i + 1 :]
        dropped += int((~kept).sum())
    return dropped
