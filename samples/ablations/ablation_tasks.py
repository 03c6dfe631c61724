"""The two tasks: generated shapes that overlap, and nuclei in microscopy images."""

import sys
from pathlib import Path

import numpy as np

from mrcnn import utils
from mrcnn.config import Config

# The tasks are those of two other samples.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shapes"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "nucleus"))

from ablation_rows import CONFIGURATIONS, make_backbone
from nucleus_dataset import NucleusDataset, kind_of
from shapes_dataset import ShapesDataset

SAMPLES = Path(__file__).resolve().parents[1]
NUCLEI_DIR = SAMPLES / "nucleus" / "data"
# Number of images in each part, and the seeds that make the parts differ.
COUNTS = {"train": 1600, "val": 100}
SEEDS = {"train": 0, "val": 1}
# Side of the pieces of the nucleus images in pixels; they are enlarged to the input size.
PIECE = 48
# What a piece's edge leaves of a nucleus is kept from this area on, in pixels.
MIN_AREA = 20


class AblationConfig(Config):
    """What all configurations share: small images, narrow heads, a short training run."""

    NAME = "ablation"
    NUM_CLASSES = 1 + 3
    IMAGES_PER_GPU = 4
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (20, 32, 48, 64, 88)
    RPN_CHANNELS = 64
    MASK_HEAD_CHANNELS = 64
    TRAIN_ROIS_PER_IMAGE = 32
    MAX_GT_INSTANCES = 20
    STEPS_PER_EPOCH = 160

    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_TRAINING = 100
    POST_NMS_ROIS_INFERENCE = 50
    DETECTION_MAX_INSTANCES = 30
    DETECTION_MIN_CONFIDENCE = 0.05

    OPTIMIZER = "adamw"
    LEARNING_RATE = 1e-3
    WEIGHT_DECAY = 0.02
    LR_SCHEDULE = "cosine"
    LR_WARMUP_STEPS = 30
    KEEP_CHECKPOINTS = 1
    SAVE_EVERY_MINUTES = None


def make_config(configuration, num_classes=4, seed=0, **settings):
    """The `Config` of a configuration.

    Args:
        configuration: name in `CONFIGURATIONS`.
        num_classes: including the background.
        seed: of the order of the images and of the sampling.
        **settings: further settings, which replace the configuration's.
    """
    own = dict(CONFIGURATIONS[configuration])
    own["BACKBONE"] = make_backbone(own["BACKBONE"])
    return AblationConfig.from_dict({"NUM_CLASSES": num_classes, "SEED": seed, **own, **settings})


class NucleusPieces(utils.Dataset):
    """Square pieces of fluorescence images of nuclei."""

    def load_pieces(self, part, count):
        """Register pieces.

        Args:
            part: "train", random pieces of the ten training images, or "val", pieces side by side
                of the held-back images.
            count: number of pieces; of "val", at most.
        """
        images = NucleusDataset()
        images.load_nucleus(NUCLEI_DIR, part)
        images.prepare()
        self.add_class("nuclei", 1, "nucleus")
        rng = np.random.default_rng(SEEDS[part])
        whole = [self._read(images, image_id) for image_id in images.image_ids]
        whole = [each for each in whole if kind_of(each[0]) == "fluorescence"]
        self.whole = whole
        if part == "train":
            sides = [np.array(image.shape[:2]) - PIECE + 1 for image, _ in whole]
            chosen = rng.integers(len(whole), size=count)
            places = [(int(i), *rng.integers(0, sides[i]).tolist()) for i in chosen]
        else:
            places = [
                (i, y, x)
                for i, (image, _) in enumerate(whole)
                for y in range(0, image.shape[0] - PIECE + 1, PIECE)
                for x in range(0, image.shape[1] - PIECE + 1, PIECE)
            ]
            places = [place for place in places if self._masks(place).shape[2]]
            places = [places[i] for i in sorted(rng.permutation(len(places))[:count])]
        for number, place in enumerate(places):
            self.add_image("nuclei", number, path=None, place=place)

    @staticmethod
    def _read(images, image_id):
        return images.load_image(image_id), images.load_mask(image_id)[0]

    def load_image(self, image_id):
        """A piece, uint8 [PIECE, PIECE, 3]."""
        number, y, x = self.image_info[image_id]["place"]
        return self.whole[number][0][y : y + PIECE, x : x + PIECE]

    def load_mask(self, image_id):
        """The nuclei in a piece, bool [PIECE, PIECE, N], and the class ids, int32 [N]."""
        masks = self._masks(self.image_info[image_id]["place"])
        return masks, np.ones(masks.shape[2], np.int32)

    def _masks(self, place):
        number, y, x = place
        masks = self.whole[number][1][y : y + PIECE, x : x + PIECE]
        return masks[:, :, masks.sum(axis=(0, 1)) >= MIN_AREA]


def load_shapes(part, count=None):
    """Generated images of 128x128 pixels, in which shapes hide parts of others.

    Args:
        part: "train" or "val".
        count: number of images; None: `COUNTS`.
    """
    dataset = ShapesDataset()
    side = AblationConfig.IMAGE_MAX_DIM
    dataset.load_shapes(count or COUNTS[part], side, side, SEEDS[part])
    dataset.prepare()
    return dataset


def load_nuclei(part, count=None):
    """Pieces of images of nuclei, see `NucleusPieces.load_pieces`.

    Args:
        part: "train" or "val".
        count: number of pieces; None: `COUNTS`.
    """
    dataset = NucleusPieces()
    dataset.load_pieces(part, count or COUNTS[part])
    dataset.prepare()
    return dataset


# Function (part, count) -> dataset by task.
TASKS = {"shapes": load_shapes, "nuclei": load_nuclei}
