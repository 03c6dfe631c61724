"""A network that builds and trains in seconds, and a dataset of drawn rectangles for it."""

import contextlib

import keras
import numpy as np
import pytest
from keras import layers

from mrcnn.config import Config
from mrcnn.network.backbones import Backbone
from mrcnn.network.layers import BatchNorm
from mrcnn.training import optimization
from mrcnn.utils import Dataset


@keras.saving.register_keras_serializable(package="tiny")
def backbone(input_image, stage5=True, train_bn=None):
    """C1 to C5 with one convolution each, named like the layers of a ResNet."""
    features = [input_image]
    stages = [
        ("conv1", 8, 4),
        ("res2a", 8, 1),
        ("res3a", 12, 2),
        ("res4a", 16, 2),
        ("res5a", 16, 2),
    ]
    for name, width, stride in stages if stage5 else stages[:4]:
        features.append(stage(features[-1], name, width, stride, train_bn))
    return features[1:]


def stage(x, name, width, stride, train_bn, dilation=1):
    """One convolution of a backbone."""
    x = layers.Conv2D(width, 3, stride, padding="same", dilation_rate=dilation, name=name)(x)
    norm = BatchNorm(name="bn_conv1" if name == "conv1" else name.replace("res", "bn"))
    return layers.Activation("relu")(norm(x, training=train_bn))


@keras.saving.register_keras_serializable(package="tiny")
class Staged(Backbone):
    """`backbone`, whose last stage can also be the body of the heads, or dilated."""

    can_dilate = True

    def build(self, image, config):
        features = backbone(image, stage5=False, train_bn=config.TRAIN_BN)
        if config.NECK == "c4":
            return [*features, None]
        stride, dilation = (1, 2) if config.NECK == "dc5" else (2, 1)
        return [*features, stage(features[-1], "res5a", 16, stride, config.TRAIN_BN, dilation)]

    def stage5(self, features, config):
        return stage(features, "res5a", 16, config.C4_HEAD_STRIDE, config.TRAIN_BN)


@keras.saving.register_keras_serializable(package="tiny")
def backbone_shapes(image_shape):
    """[height, width] of P2 to P6."""
    return [[-(-side // stride) for side in image_shape[:2]] for stride in (4, 8, 16, 32, 64)]


class TinyConfig(Config):
    NAME = "Tiny"
    NUM_CLASSES = 1 + 2
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    BACKBONE = backbone
    COMPUTE_BACKBONE_SHAPE = backbone_shapes
    TOP_DOWN_PYRAMID_SIZE = 16
    FPN_CLASSIF_FC_LAYERS_SIZE = 32
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (18, 28, 36, 48, 64)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 32
    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_TRAINING = 200
    POST_NMS_ROIS_INFERENCE = 12
    TRAIN_ROIS_PER_IMAGE = 12
    POOL_SIZE = 3
    MASK_POOL_SIZE = 4
    MASK_SHAPE = [8, 8]
    MINI_MASK_SHAPE = (16, 16)
    MAX_GT_INSTANCES = 4
    DETECTION_MAX_INSTANCES = 6
    DETECTION_MIN_CONFIDENCE = 0
    SEED = 5


def tiny_config(settings):
    """A `TinyConfig` with a dict of settings, in which the BACKBONE "staged" is `Staged`."""
    own = {"BACKBONE": Staged()} if settings.get("BACKBONE") == "staged" else {}
    return TinyConfig.from_dict({**settings, **own})


class InMemory(Dataset):
    """A dataset of images in memory.

    Args:
        samples: list of (image [H, W, C], masks [H, W, N], class ids [N]).
        names: names of the classes 1, 2, ...
        source: source of all images.
    """

    def __init__(self, samples, names=("red", "blue"), source="shapes"):
        super().__init__()
        self.samples = samples
        for number, name in enumerate(names, 1):
            self.add_class(source, number, name)
        for number in range(len(samples)):
            self.add_image(source, number, path=f"shape{number}.png")
        self.prepare()

    def load_image(self, image_id):
        return self.samples[image_id][0]

    def load_mask(self, image_id):
        return self.samples[image_id][1:]


COLOURS = {1: (220, 40, 30), 2: (20, 60, 230)}


def shapes(count, size=(64, 64), seed=0):
    """`count` samples of a red rectangle on the left and a blue one on the right, on grey noise."""
    rng = np.random.default_rng(seed)
    height, width = size
    samples = []
    for _ in range(count):
        image = rng.integers(100, 140, (*size, 3), dtype=np.uint8)
        masks = np.zeros((*size, 2), bool)
        for index in range(2):
            y, x = rng.integers(2, height // 3), rng.integers(2, width // 6) + index * width // 2
            h, w = rng.integers(height // 4, height // 2), rng.integers(width // 5, width // 4)
            masks[y : y + h, x : x + w, index] = True
            image[masks[:, :, index]] = COLOURS[index + 1]
        samples.append((image, masks, np.array([1, 2], np.int32)))
    return samples


def images_of(source, numbers):
    """Image ids of a `SampleSource`'s samples with these numbers."""
    return [int(source.sample(number)["image_meta"][0]) for number in numbers]


def spread(keras_model):
    """Give a model random weights that make classes and boxes differ from RoI to RoI."""
    rng = np.random.default_rng(3)
    gains = {"conv1": 0.02, "mrcnn_class_logits": 6, "rpn_bbox_pred": 0.5}
    for variable in keras_model.trainable_variables:
        if variable.name == "kernel":
            gain = gains.get(variable.path.split("/")[-2], 1.4)
            fan_in = np.prod(variable.shape[:-1])
            variable.assign(rng.normal(0, gain / fan_in**0.5, variable.shape))


@contextlib.contextmanager
def eager_training():
    """Train without a graph: for a few steps, that is faster than compiling one."""
    compile_model = optimization.compile_model

    def compile_eagerly(model, *arguments):
        compile_model(model, *arguments)
        model.run_eagerly = True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimization, "compile_model", compile_eagerly)
        yield
