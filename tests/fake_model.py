"""A model that finds bright squares without a network, and images of them."""

import dataclasses

import numpy as np
from PIL import Image
from scipy import ndimage

from mrcnn.config import Config
from mrcnn.inference.molding import mold_input
from mrcnn.instances import InstanceMasks
from mrcnn.jobs.model import ModelFile


class FakeConfig(Config):
    NAME = "squares"
    NUM_CLASSES = 1 + 2
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    IMAGE_MIN_DIM = None


class FakeDetector:
    """Finds squares of 255 (class 1, score 0.9) and 128 (class 2, score 0.6).

    Attributes:
        calls: for each call of the network, the number of images.
    """

    is_own_scale = True

    def __init__(self, batch=1, limit=100):
        self.config = FakeConfig.from_dict({"IMAGES_PER_GPU": batch})
        self.limit, self.calls = limit, []

    def scale_of(self, shape):
        return 1.0

    def mold(self, image):
        return mold_input(image, self.config)

    def predict(self, molded, frames):
        self.calls.append(len(molded))
        pixels = np.stack(molded) + self.config.MEAN_PIXEL
        return {"pixels": np.rint(pixels[..., 0])}, np.zeros((len(molded), 1))

    def results(self, outputs, metas, frames):
        found = []
        for pixels, frame in zip(outputs["pixels"], frames, strict=True):
            y1, x1, y2, x2 = frame.window
            found.append(squares(pixels[y1:y2, x1:x2], self.limit))
        return found

    def __call__(self, images):
        return [squares(np.atleast_3d(image)[..., 0], self.limit) for image in images]


def squares(pixels, limit=100):
    """The result of an image [H, W]."""
    crops, corners, class_ids = [], [], []
    for class_id, value in ((1, 255), (2, 128)):
        labels, count = ndimage.label(pixels == value)
        for index, place in enumerate(ndimage.find_objects(labels, count), 1):
            crops.append(labels[place] == index)
            corners.append((place[0].start, place[1].start))
            class_ids.append(class_id)
    truncated = "DETECTION_MAX_INSTANCES" if len(crops) > limit else ""
    crops, corners, class_ids = crops[:limit], corners[:limit], np.array(class_ids[:limit], int)
    masks = InstanceMasks(crops, corners, pixels.shape)
    scores = np.array([0.9 if each == 1 else 0.6 for each in class_ids], np.float32)
    return {
        "rois": masks.boxes,
        "class_ids": class_ids,
        "scores": scores,
        "masks": masks,
        "truncated": truncated,
    }


class FakeModel:
    """Stands for `jobs.model.Model`."""

    def __init__(self, job, **options):
        # A file without a card has no class names to choose from.
        self.job, self.file = job, ModelFile.of(dataclasses.replace(job, classes=()))
        self.class_names = ["BG", "bright", "dim"]
        self.min_score = job.min_score or 0.0
        self.class_ids = [self.class_names.index(name) for name in job.classes]
        self.detector = FakeDetector(**options)


def save_squares(path, bright=1, dim=0, size=(40, 60)):
    """Save an image with squares of 4 x 4 pixels, 6 apart."""
    pixels = np.zeros((*size, 3), np.uint8)
    for index, value in enumerate([255] * bright + [128] * dim):
        y, x = divmod(index, size[1] // 6)
        pixels[6 * y + 1 : 6 * y + 5, 6 * x + 1 : 6 * x + 5] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path
