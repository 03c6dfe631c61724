"""Checks of a dataset's keypoints against its layout, its boxes and a configuration."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..config import Config
from ..config_rules import parts
from ..instances import InstanceKeypoints, KeypointLayout
from ..instances.keypoints import VISIBLE
from ..types import Array
from .report import Report

if TYPE_CHECKING:
    from .dataset import Dataset


def check_layout(dataset: "Dataset", config: Config) -> None:
    """Check that a dataset has the keypoints that a configuration's keypoint head learns.

    Args:
        dataset: a `Dataset`; if there is such a head, its images have keypoints.
        config: HEADS, NUM_KEYPOINTS, KEYPOINT_FLIP_PAIRS. Without that head, all is well.

    Raises:
        ValueError: the number of keypoints or the flip pairs differ, or the dataset does not say
            which keypoints it has.
    """
    if parts.needed_fields(config).get("keypoints") != "keypoint":
        return  # keypoints for a head of one's own may be others
    layout = layout_of(dataset)
    if len(layout) != config.NUM_KEYPOINTS:
        raise ValueError(
            f"NUM_KEYPOINTS is {config.NUM_KEYPOINTS}, but {type(dataset).__name__} has "
            f"{len(layout)} keypoints: {', '.join(layout.names)}."
        )
    pairs = config.KEYPOINT_FLIP_PAIRS
    if pairs is not None and _as_set(pairs) != _as_set(layout.flip_pairs):
        raise ValueError(
            f"KEYPOINT_FLIP_PAIRS is {list(map(tuple, pairs))}, but those of "
            f"{type(dataset).__name__} are {list(layout.flip_pairs)}: they must be the same. None "
            "uses the dataset's."
        )


def layout_of(dataset: "Dataset") -> KeypointLayout:
    """The keypoints of a dataset.

    Raises:
        ValueError: the dataset does not say which they are.
    """
    layout = dataset.keypoint_layout
    if layout is None:
        raise ValueError(
            f"{type(dataset).__name__} has no keypoint_layout: set it to a KeypointLayout with the "
            "names of its keypoints."
        )
    return layout


def checked_keypoints(
    dataset: "Dataset", keypoints: InstanceKeypoints, boxes: npt.ArrayLike, where: str
) -> InstanceKeypoints:
    """The keypoints that `load_keypoints` returned, with the flip pairs of the dataset.

    Args:
        dataset: a `Dataset`.
        keypoints: what it returned for an image.
        boxes: [N, 4] pixels, of the image's instances.
        where: name of the image in messages.

    Raises:
        ValueError: the number of keypoints is not what the dataset says, or that of instances is
            not the image's, or not one keypoint of an instance is in its box.
    """
    layout = layout_of(dataset)
    if keypoints.count != len(layout):
        raise ValueError(
            f"{where}: load_keypoints returned {keypoints.count} keypoints for each instance: the "
            f"keypoint_layout of {type(dataset).__name__} has {len(layout)}, "
            f"{', '.join(layout.names)}."
        )
    count = len(np.asarray(boxes))
    if len(keypoints) != count:
        raise ValueError(
            f"{where}: load_keypoints returned the keypoints of {len(keypoints)} instances, but "
            f"the image has {count}."
        )
    if (lost := misplaced(keypoints, boxes)).any():
        index = int(lost.argmax())
        points = keypoints.points[index]
        y, x, _ = points[points[:, 2] > 0][0].tolist()
        box = [round(float(side), 1) for side in np.asarray(boxes)[index]]
        raise ValueError(
            f"{where}, instance {index}: all its keypoints, such as ({y:g}, {x:g}), lie outside "
            f"its box {box}: they must be (y, x, visibility) in pixels of the image."
        )
    return InstanceKeypoints(keypoints.points, keypoints.shape, layout.flip_pairs)


class KeypointsCheck:
    """Reports what is wrong with the keypoints of a dataset, see `check.check`.

    Args:
        dataset: a prepared `Dataset`; its keypoints are not checked without a `keypoint_layout`.
        config: the `Config` to train with, or None.
        report: receives what is found.
    """

    def __init__(self, dataset: "Dataset", config: Config | None, report: Report) -> None:
        self.dataset = dataset
        self.report = report
        if config is not None and hasattr(dataset, "load_keypoints"):
            try:
                check_layout(dataset, config)
            except ValueError as error:
                report.error("keypoints that do not fit the configuration", str(error))

    def look(self, image_id: int, name: str, size: tuple[int, ...], boxes: Array) -> None:
        """Check the keypoints of an image.

        Args:
            image_id: index of the image in the dataset.
            name: of the image, for the report.
            size: (height, width) of its instances in pixels.
            boxes: [N, 4] pixels, of its instances.
        """
        layout, dataset = self.dataset.keypoint_layout, self.dataset
        if layout is None or not dataset.has("keypoints", image_id):
            return
        load: Any = dataset.load_keypoints  # type: ignore[attr-defined]
        try:
            keypoints = load(image_id)
            if not isinstance(keypoints, InstanceKeypoints):
                raise TypeError(
                    f"{name}: load_keypoints returned a {type(keypoints).__name__}: it must be an "
                    "InstanceKeypoints."
                )
            keypoints = checked_keypoints(dataset, keypoints, boxes, name)
            if keypoints.shape[:2] != tuple(size):
                raise ValueError(
                    f"{name}: its keypoints are {keypoints.height}x{keypoints.width} pixels, but "
                    f"its instances {size[0]}x{size[1]} (height x width): they must be equal."
                )
        except Exception as error:  # a subclass's load_keypoints may raise anything
            text = str(error) if name in str(error) else f"{name}: {type(error).__name__}: {error}"
            self.report.error("keypoints that cannot be used", text, image_id)
            return
        seen = keypoints.points[..., 2] == VISIBLE
        for i, k in np.argwhere(keypoints.outside(boxes) & seen).tolist():
            y, x, _ = keypoints.points[i, k].tolist()
            text = f"{name}: {layout.names[k]} ({y:g}, {x:g})"
            self.report.remark("visible keypoints outside their box", text, image_id, i)


def misplaced(keypoints: InstanceKeypoints, boxes: npt.ArrayLike) -> Array:
    """Which instances have visible keypoints, but not one labelled keypoint in or near their box.

    Some keypoints outside are usual: COCO's boxes enclose what can be seen, and its hidden
    keypoints may lie beyond.

    Args:
        keypoints: of N instances.
        boxes: [N, 4] pixels; rows of zeros are instances that are not in the image.

    Returns:
        bool [N].
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    margin = 1 + 0.1 * sides.max(axis=1, initial=0)
    near = keypoints.labelled & ~keypoints.outside(boxes, margin[:, None, None])
    seen = (keypoints.points[..., 2] == VISIBLE).any(axis=1)
    return seen & ~near.any(axis=1) & (sides > 0).all(axis=1)


def _as_set(pairs: Sequence[Sequence[int]] | Array) -> set[frozenset[int]]:
    return {frozenset(map(int, pair)) for pair in pairs}
