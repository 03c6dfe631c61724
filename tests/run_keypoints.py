"""Detect and train one step with a keypoint head on KERAS_BACKEND: run_keypoints.py OUT

Also holds the network and the dataset of the tests of keypoints.
"""

import sys
import tempfile

import keras
import numpy as np
from tiny import InMemory, TinyConfig, shapes, spread

from mrcnn.instances import InstanceKeypoints, KeypointLayout
from mrcnn.loading.source import SampleSource, stack
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import graph
from mrcnn.training import optimization, trainable

LAYOUT = KeypointLayout(["centre", "left", "right"], [(0, 1), (0, 2)])


class KeypointConfig(TinyConfig):
    HEADS = ("box", "keypoint")
    NUM_KEYPOINTS = 3
    KEYPOINT_POOL_SIZE = 3
    KEYPOINT_HEAD_LAYERS = 2
    KEYPOINT_HEAD_CHANNELS = 8


class AllHeadsConfig(KeypointConfig):
    HEADS = ("box", "mask", "keypoint")
    KEYPOINT_FLIP_PAIRS = LAYOUT.flip_pairs


class Rectangles(InMemory):
    """Rectangles with a keypoint in the centre and at the middle of the left and right sides."""

    keypoint_layout = LAYOUT

    def __init__(self, count=4):
        super().__init__(shapes(count))

    def load_keypoints(self, image_id):
        masks, _ = self.load_mask(image_id)
        points = []
        for mask in np.moveaxis(masks, -1, 0):
            (y1, x1), (y2, x2) = np.argwhere(mask).min(axis=0), np.argwhere(mask).max(axis=0) + 1
            y, x = (y1 + y2) / 2, (x1 + x2) / 2
            points.append([[y, x, 2], [y, x1, 2], [y, x2, 1]])
        return InstanceKeypoints(points, masks.shape, LAYOUT.flip_pairs)


def build(folder, mode="training", config=None):
    keras.utils.set_random_seed(0)
    return MaskRCNN(mode, config or KeypointConfig(), str(folder))


def detected(folder):
    """The result for one image, by name; `folder` is for logs."""
    model = build(folder, "inference")
    spread(model.keras_model)
    (result,) = model.detect([shapes(1)[0][0]])
    names = ("rois", "class_ids", "scores", "keypoints")
    return {f"detect.{name}": result[name] for name in names}


def trained(eagerly=False):
    """Losses and changes of weights of a training step, by name."""
    config = KeypointConfig()
    source = SampleSource(Rectangles(2), config, shuffle=False, seed=0)
    samples = stack([source.sample(number) for number in range(2)])
    model = graph.build("training", config)
    model.get_layer("proposal_targets").shuffle = False
    spread(model)
    trainable.set_trainable(model, ".*")
    optimization.compile_model(model, config, learning_rate=0.1, momentum=0.9)
    model.run_eagerly = eagerly
    names = ("conv1", "mrcnn_keypoint_conv1", "mrcnn_keypoint_deconv")
    before = {name: model.get_layer(name).kernel.numpy() for name in names}
    inputs = {f"input_{name}": array for name, array in samples.items()}
    losses = model.train_on_batch(inputs, return_dict=True)
    results = {f"loss.{name}": np.asarray(value) for name, value in losses.items()}
    for name in names:
        change = model.get_layer(name).kernel.numpy() - before[name]
        # Relative to the largest change, so that one tolerance fits all.
        results[f"step.{name}"] = change / np.abs(change).max()
    return results


def main(out):
    with tempfile.TemporaryDirectory() as folder:
        np.savez(out, **detected(folder), **trained())


if __name__ == "__main__":
    main(sys.argv[1])
