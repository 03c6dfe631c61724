"""Run inference and one training step on KERAS_BACKEND: run_network.py WEIGHTS OUT

With --xla, TensorFlow compiles with XLA. Outputs, losses and the step's weight changes go to OUT.
"""

import sys

import numpy as np
from conftest import config_of, load_reference

from mrcnn.network import graph as network
from mrcnn.training import optimization, trainable
from mrcnn.weights import loading as weights

CHANGED = ["conv1", "res4f_branch2b", "fpn_p4", "mrcnn_class_logits", "mrcnn_mask"]


def main(weights_path, out, xla):
    results = inference(weights_path, xla) | train_step(weights_path, xla)
    np.savez(out, **results)


def inference(weights_path, xla):
    small = load_reference("small")
    config = config_of(small)
    config.XLA = xla
    model = network.build("inference", config)
    model.jit_compile = optimization.jit_compile(config)
    weights.load(model, weights_path)
    image = small["img1.resized_u8"].astype(np.float32) - config.MEAN_PIXEL.astype(np.float32)
    inputs = [image[None], small["img1.meta"][None].astype(np.float32), small["anchors_norm"][None]]
    outputs = model.predict_on_batch(inputs)
    names = ["detections", "mrcnn_class", "mrcnn_bbox", "mask", "rois", "rpn_class", "rpn_bbox"]
    results = {name: np.asarray(value)[0] for name, value in zip(names, outputs, strict=True)}
    # Proposals with nearly equal scores may swap places: sort them by their boxes.
    order = np.lexsort(results["rois"].round(3).T)
    for name in ("rois", "mrcnn_class", "mrcnn_bbox"):
        results[name] = results[name][order]
    return results


def train_step(weights_path, xla):
    train = load_reference("train")
    config = config_of(train)
    config.XLA = xla
    model = network.build("training", config)
    model.get_layer("proposal_targets").shuffle = False
    weights.load(model, weights_path)
    trainable.set_trainable(model, ".*")
    # A high rate, so that the step is not lost in the last bits of the weights.
    optimization.compile_model(model, config, learning_rate=1.0, momentum=0.9)
    shape = train["batch.gt_masks_shape"]
    masks = np.unpackbits(train["batch.gt_masks_packed"])[: np.prod(shape)].reshape(shape)
    images = train["batch.images_u8"].astype(np.float32) - config.MEAN_PIXEL.astype(np.float32)
    inputs = {
        "input_image": images,
        "input_image_meta": train["batch.image_meta"].astype(np.float32),
        "input_rpn_match": train["batch.rpn_match"],
        "input_rpn_bbox": train["batch.rpn_bbox"].astype(np.float32),
        "input_gt_class_ids": train["batch.gt_class_ids"],
        "input_gt_boxes": train["batch.gt_boxes"],
        "input_gt_masks": masks.astype(bool),
    }
    before = {name: model.get_layer(name).kernel.numpy() for name in CHANGED}
    losses = model.train_on_batch(inputs, return_dict=True)
    after = {name: model.get_layer(name).kernel.numpy() for name in CHANGED}
    # Relative to the largest change, so that one tolerance fits all.
    changes = {
        f"step.{name}": (after[name] - before[name]) / np.abs(after[name] - before[name]).max()
        for name in CHANGED
    }
    return {f"loss.{name}": np.asarray(value) for name, value in losses.items()} | changes


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "--xla" in sys.argv)
