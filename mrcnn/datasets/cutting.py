"""Instances of an image that are cut by the border of a part of it."""

import dataclasses
from typing import Any

import numpy as np

from ..instances import InstanceKeypoints
from ..types import Array
from .keypoints import misplaced

Box = tuple[int, int, int, int]

# The area of a box that was moved may differ by a rounding error.
_NEARLY = 1 - 1e-6


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """The N instances of which something is seen in a part of an image.

    Attributes:
        shapes: `InstanceMasks` or `InstanceBoxes` of what is seen, in pixels of the part.
        class_ids: int32 [N], negative for a crowd.
        indices: int [N], among the instances of the image.
        is_whole: bool [N], whether all of an instance is seen.
    """

    shapes: Any
    class_ids: Array
    indices: Array
    is_whole: Array

    def seen(self, keypoints: InstanceKeypoints) -> InstanceKeypoints:
        """Keypoints as they are seen in the part: those outside are not labelled.

        Args:
            keypoints: of the N instances, in pixels of the part.

        Returns:
            Keypoints. If what is seen of a cut instance has none near, all of its are unlabelled.
        """
        points = keypoints.points.copy()
        inside = (points[..., :2] >= 0) & (points[..., :2] <= [keypoints.height, keypoints.width])
        points[~inside.all(axis=-1)] = 0
        left = type(keypoints)(points, keypoints.shape, keypoints.flip_pairs)
        points[misplaced(left, self.shapes.boxes) & ~self.is_whole] = 0
        return type(keypoints)(points, keypoints.shape, keypoints.flip_pairs)


def cut_out(shapes: Any, class_ids: Array, box: Box, keep: float) -> Cut:
    """Cut the instances of an image.

    Args:
        shapes: `InstanceMasks` or `InstanceBoxes` of the image's M instances.
        class_ids: int [M], negative for a crowd.
        box: (y1, x1, y2, x2) pixels of the part, inside the image.
        keep: fraction of its area of which an instance must be seen, or it becomes a crowd.

    Returns:
        `Cut`, without the instances of which nothing is seen.

    Example:
        >>> from mrcnn.datasets.cutting import cut_out
        >>> from mrcnn.instances import InstanceBoxes
        >>> boxes = InstanceBoxes([[0, 0, 10, 10], [0, 30, 10, 50]], shape=(40, 60))
        >>> cut = cut_out(boxes, np.array([1, 1]), (0, 0, 40, 35), keep=0.5)
        >>> cut.class_ids, cut.shapes.boxes[1]
        (array([ 1, -1], dtype=int32), array([ 0., 30., 10., 35.], dtype=float32))
    """
    meets = (shapes.boxes[:, :2] < box[2:]) & (shapes.boxes[:, 2:] > box[:2])
    near = np.flatnonzero(shapes.visible & meets.all(axis=1))
    cut, areas = moved(shapes[near], box), shapes[near].areas
    # An instance is learnt where enough of it is seen. A smaller part must not be learnt as
    # background, because it looks like an instance: it is ignored, as a crowd.
    kept = cut.areas >= keep * areas * _NEARLY
    own = np.where(kept, class_ids[near], -np.abs(class_ids[near])).astype(np.int32)
    seen = cut.visible
    return Cut(cut[seen], own[seen], near[seen], (cut.areas >= areas * _NEARLY)[seen])


def moved(field: Any, box: Box) -> Any:
    """A field of an image's instances, moved to a part of the image and cut by its border.

    Args:
        field: such as `InstanceMasks`, see `InstanceField`.
        box: see `cut_out`.
    """
    y1, x1, y2, x2 = box
    return field.resize(1, ((0, 0), (0, 0)), (y1, x1, y2 - y1, x2 - x1))
