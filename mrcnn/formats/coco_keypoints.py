"""Datasets in COCO's keypoints format: https://cocodataset.org/#format-data."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.keypoints import layout_of, misplaced
from ..instances import InstanceKeypoints, KeypointLayout
from ..instances.keypoints import VISIBLE
from ..text import some
from ..types import Array
from .coco import CocoDataset
from .coco_json import KeypointReader
from .coco_masks import BadEntryError

logger = logging.getLogger(__name__)


class CocoKeypointsDataset(CocoDataset):
    """Images, instances and keypoints of COCO's people, or of any file in that format.

        people = CocoKeypointsDataset.read("coco/annotations/person_keypoints_val2017.json")
        people.keypoint_layout.names  # "nose", "left_eye", ...

    Names and skeleton are those of the file's categories. Flips swap the keypoints whose names
    differ in "left" and "right" only. The arguments of `load` are those of `CocoDataset.load`; with
    `strict=False`, annotations with a different number of keypoints are left out.

    COCO counts pixels, so 0 is the centre of the first one. Here that centre is 0.5, as for boxes:
    `load_keypoints` adds 0.5 to the positions of the file, and `to_coco` subtracts it again.
    """

    def load_keypoints(self, image_id: int) -> InstanceKeypoints:
        """The keypoints of an image's instances, in the order of `load_instances`.

        Args:
            image_id: index of the image in the dataset.

        Returns:
            `InstanceKeypoints`; those of an instance without keypoints in the file are unlabelled.
        """
        instances, _, size = self._annotations(image_id)
        layout = layout_of(self)
        points = np.zeros((len(instances), len(layout), 3), np.float32)
        for row, instance in zip(points, instances, strict=True):
            if instance.keypoints is not None:
                row[:] = instance.keypoints
        return InstanceKeypoints(points, size, layout.flip_pairs)

    def _keypoint_reader(self, content: Any, path: Path) -> KeypointReader:
        """Set the layout, and return the function that reads the keypoints of an annotation."""
        layout = layout_of_file(content, path)
        if self.keypoint_layout not in (None, layout):
            raise ValueError(
                f"{path}: its keypoints are {', '.join(layout.names)}, but those of the dataset "
                f"are {', '.join(self.keypoint_layout.names)}: they must be the same."
            )
        self.keypoint_layout = layout
        return _Reader(layout, path)


def layout_of_file(content: Any, path: object) -> KeypointLayout:
    """The keypoints that the categories of a file name.

    Args:
        content: the parsed JSON.
        path: of the file, for messages.

    Raises:
        ValueError: no category has keypoints, or two have different ones.
    """
    categories = content.get("categories") if isinstance(content, Mapping) else None
    rows = [row for row in categories or [] if isinstance(row, Mapping) and row.get("keypoints")]
    if not rows:
        raise ValueError(
            f"{path}: no category has keypoints, a list of their names. A file of instances "
            "without keypoints is read by CocoDataset."
        )
    layouts = []
    for row in rows:
        try:
            # COCO counts the ends of the skeleton's lines from 1.
            lines = [tuple(int(end) - 1 for end in line) for line in row.get("skeleton") or ()]
            layouts.append(KeypointLayout(row["keypoints"], lines))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, category {row.get('name')!r}: {error}") from None
    for row, layout in zip(rows, layouts, strict=True):
        if layout != layouts[0]:
            raise ValueError(
                f"{path}: the categories {rows[0].get('name')!r} and {row.get('name')!r} have "
                "different keypoints: all instances of a dataset must have the same."
            )
    return layouts[0]


def read_keypoints(entry: Mapping[str, Any], layout: KeypointLayout) -> InstanceKeypoints | None:
    """The keypoints of an annotation.

    Args:
        entry: the annotation.
        layout: of the file.

    Returns:
        `InstanceKeypoints` of this one instance, without an image; None if it has none. Positions
        are those of `CocoKeypointsDataset`.

    Raises:
        BadEntryError: their number is not what the category says, or one has an unknown visibility.
    """
    given = entry.get("keypoints")
    if given is None or (isinstance(given, Sequence) and not given):
        return None
    try:
        flat = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        flat = np.zeros((0, 0))
    if flat.ndim != 1 or len(flat) != 3 * len(layout):
        what = f"{len(flat)} numbers" if flat.ndim == 1 else f"{given!s:.60}"
        raise BadEntryError(
            f"its keypoints are {what}: they must be {3 * len(layout)}, x, y and visibility for "
            f"each of the {len(layout)} keypoints {some(layout.names, 3)}."
        )
    points = flat.reshape(-1, 3)[:, [1, 0, 2]]
    points[:, :2] += 0.5
    try:
        return InstanceKeypoints(points[None], (0, 0))
    except ValueError as error:
        raise BadEntryError(str(error)) from None


def _box(entry):
    """The bbox of an annotation as (y1, x1, y2, x2), or None."""
    try:
        x, y, width, height = np.asarray(entry.get("bbox"), np.float64)
    except (TypeError, ValueError):
        return None
    return [y, x, y + height, x + width]


class _Reader:
    """Reads the keypoints of a file's annotations; logs the first visible one out of place."""

    def __init__(self, layout: KeypointLayout, path: Path) -> None:
        self.layout = layout
        self.path = path
        self.has_warned = False

    def __call__(self, entry: dict[str, Any]) -> Array | None:
        """The keypoints of an annotation, float32 [K, 3] of (y, x, visibility), or None.

        Raises:
            BadEntryError: see `read_keypoints`; or some are visible, and all lie outside the bbox.
        """
        keypoints, box = read_keypoints(entry, self.layout), _box(entry)
        if keypoints is None:
            return None
        points: Array = keypoints.points[0]
        if box is None:
            return points
        outside = keypoints.outside([box])[0]
        outside &= points[:, 2] == VISIBLE  # COCO's boxes often leave hidden ones out
        if outside.any():
            # `misplaced` takes its time, and is true only if a visible one lies outside.
            if misplaced(keypoints, [box]).any():
                raise BadEntryError(_lost(entry))
            self._warn(entry, points, int(outside.argmax()))
        return points

    def _warn(self, entry, points, k):
        """Log, once, that keypoint number `k` of an annotation is outside its bbox."""
        if self.has_warned:
            return
        self.has_warned = True
        y, x = (points[k, :2] - 0.5).tolist()
        logger.warning(
            "%s: %r (%g, %g) of annotation %s is visible but lies outside its bbox %s: only "
            "RoIs that contain a keypoint learn it. This may apply to other annotations too.",
            *(self.path, self.layout.names[k], x, y, entry.get("id"), entry["bbox"]),
        )


def _lost(entry):
    """Say of an annotation that all its keypoints lie outside its bbox."""
    rows = np.asarray(entry["keypoints"], np.float64).reshape(-1, 3).tolist()
    x, y, _ = next(row for row in rows if row[2])
    return (
        f"all its keypoints, such as ({x:g}, {y:g}), lie outside its bbox {entry['bbox']}: they "
        "must be x, y and visibility in pixels of the image."
    )
