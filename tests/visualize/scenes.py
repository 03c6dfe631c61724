"""Images, datasets and instances for the figures to show, and helpers that read axes."""

import matplotlib.pyplot as plt
import numpy as np

from mrcnn.config import Config
from mrcnn.datasets.dataset import Dataset
from mrcnn.instances import InstanceBoxes

NAMES = ["BG", "cat", "dog"]
CAT, DOG, CROWD = 1, 2, -1


def three_instances():
    """A 60 x 80 image with two cats, a dog and a row of padding."""
    image = np.full((60, 80, 3), 100, np.uint8)
    boxes = np.array([[10, 10, 20, 25], [30, 40, 50, 60], [5, 60, 15, 75], [0, 0, 0, 0]])
    masks = np.zeros((60, 80, 4), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    class_ids = np.array([1, 2, 1, 0])
    scores = np.array([0.9, 0.0, 0.75, 0.0])
    return image, boxes, masks, class_ids, scores


class SmallConfig(Config):
    NAME = "small"
    NUM_CLASSES = 4
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    MAX_GT_INSTANCES = 2
    RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)


class Boxes(Dataset):
    """64 x 64 images whose instances fill their boxes: cats are bright, the rest are dim."""

    INSTANCES = (
        [(CAT, (10, 4, 20, 14)), (DOG, (30, 30, 50, 50)), (CAT, (40, 2, 60, 12))],
        [(CAT, (5, 5, 15, 15)), (CROWD, (30, 0, 60, 64))],
        [],
    )

    def __init__(self):
        super().__init__()
        for i, name in enumerate(("cat", "dog", "owl"), 1):
            self.add_class("shapes", i, name)
        for i in range(len(self.INSTANCES)):
            self.add_image("shapes", f"id{i}", path=f"folder/{i}.png")
        self.prepare()

    def load_image(self, image_id):
        image = np.full((64, 64, 3), 20, np.uint8)
        for class_id, (y1, x1, y2, x2) in self.INSTANCES[image_id]:
            image[y1:y2, x1:x2] = 200 if class_id == CAT else 100
        return image

    def load_mask(self, image_id):
        instances = self.INSTANCES[image_id]
        masks = np.zeros((64, 64, len(instances)), bool)
        for i, (_, (y1, x1, y2, x2)) in enumerate(instances):
            masks[y1:y2, x1:x2, i] = True
        return masks, np.array([class_id for class_id, _ in instances], np.int32)


class OneClass(Boxes):
    """Cats only, 50 of them in the first image."""

    INSTANCES = (
        [(CAT, (y, x, y + 4, x + 4)) for y in range(0, 60, 6) for x in range(0, 30, 6)],
        [(CAT, (8, 8, 24, 24))],
    )

    def __init__(self):
        super().__init__()
        self.class_info = self.class_info[:2]
        self.prepare()


class BoxesOnly(Boxes):
    """The same instances without masks."""

    load_mask = Dataset.load_mask

    def load_boxes(self, image_id):
        instances = self.INSTANCES[image_id]
        class_ids = np.array([class_id for class_id, _ in instances], np.int32)
        return InstanceBoxes([box for _, box in instances], (64, 64)), class_ids


def drawn_boxes(ax):
    """(y1, x1, y2, x2) of each box on the axes, and the colours."""
    extents = [patch.get_bbox().extents for patch in ax.patches]
    boxes = [tuple(float(side + 0.5) for side in (y1, x1, y2, x2)) for x1, y1, x2, y2 in extents]
    return boxes, [patch.get_edgecolor()[:3] for patch in ax.patches]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def was_written(path):
    """Whether a PNG with more than one colour was written and its figure closed."""
    pixels = plt.imread(path)
    return pixels.shape[0] > 50 and np.ptp(pixels[..., :3]) > 0 and plt.get_fignums() == []


def outlines(ax):
    """(y1, x1, y2, x2) of each outline on the axes, and the colours."""
    (lines,) = ax.collections
    ends = [(*line.min(axis=0)[::-1] + 0.5, *line.max(axis=0)[::-1] + 0.5) for line in (
        np.asarray(segment) for segment in lines.get_segments())]  # fmt: skip
    return [tuple(map(float, box)) for box in ends], [tuple(c[:3]) for c in lines.get_colors()]
