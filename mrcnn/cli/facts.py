"""What a few of a dataset's images tell about all: sizes, numbers of objects, kind of pixels."""

import dataclasses
from pathlib import PurePath
from typing import Any

import numpy as np

from ..datasets.dataset import Dataset
from ..datasets.splits import random_subset
from ..types import Array

# How many images' objects, and how many images' pixels, are looked at.
_SAMPLED, _READ = 50, 8
# Mean difference between channels, of 255, above which an image is in colour.
_COLOURFUL = 4


@dataclasses.dataclass
class Facts:
    """What is known about a dataset.

    Attributes:
        count: number of images.
        image_ids: those whose objects were looked at.
        objects: number of objects in each of these, without crowds.
        sides: [N] pixels of the image, the square root of the area of each object's box.
        has_masks: whether the objects have masks, and not only boxes.
        keypoints: number of keypoints of each object; 0 if they have none.
        channels: of the images; None if none could be read.
        is_photographs: whether they look like photographs: 8-bit and in colour.
    """

    count: int
    image_ids: list[int]
    objects: list[int]
    sides: Array
    has_masks: bool = True
    keypoints: int = 0
    channels: int | None = None
    is_photographs: bool = False

    @property
    def side(self) -> float | None:
        """The median object's side in pixels; None without objects."""
        return float(np.median(self.sides)) if len(self.sides) else None

    @property
    def most(self) -> int:
        """The largest number of objects in an image."""
        return max(self.objects, default=0)


def facts_of(dataset: Dataset) -> Facts:
    """What some of a dataset's images tell; those that cannot be read are left out.

    Args:
        dataset: a prepared `Dataset`.
    """
    image_ids, objects, has_masks = [], [], True
    sides: list[Array] = [np.zeros(0)]
    for image_id in random_subset(dataset.image_ids, _SAMPLED).tolist():
        try:
            is_masks = dataset.has("masks", image_id)
            load = dataset.load_instances if is_masks else dataset.load_boxes
            instances, class_ids = load(image_id)
            boxes = instances.boxes[class_ids > 0].astype(np.float64)
        except Exception:  # training leaves out such an image, and says why
            continue
        has_masks = has_masks and is_masks
        boxes = boxes[boxes[:, 2] > boxes[:, 0]]
        image_ids.append(image_id)
        objects.append(len(boxes))
        sides.append(np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)))
    found = Facts(dataset.num_images, image_ids, objects, np.concatenate(sides), has_masks)
    if dataset.keypoint_layout is not None:
        found.keypoints = len(dataset.keypoint_layout)
    _look_at_pixels(dataset, found)
    return found


def _look_at_pixels(dataset: Dataset, found: Facts) -> None:
    photographs = []
    for image_id in random_subset(dataset.image_ids, _READ).tolist():
        try:
            image = np.asarray(dataset.load_image(image_id))
        except Exception:
            continue
        found.channels = max(found.channels or 0, image.shape[2])
        photographs.append(_is_photograph(image, dataset.image_info[image_id]["path"]))
    found.is_photographs = 2 * sum(photographs) > len(photographs)


def _is_photograph(image: Array, path: Any) -> bool:
    if image.dtype != np.uint8 or image.shape[2] != 3:
        return False
    if PurePath(str(path)).suffix.lower() in (".tif", ".tiff"):
        return False
    values = image[::4, ::4].astype(np.float32)
    return float((values.max(axis=2) - values.min(axis=2)).mean()) > _COLOURFUL
