"""Detect and train one step on KERAS_BACKEND, with each case's settings: run_choices.py CASES OUT

CASES is a Python literal, a dict of case to settings for `tiny.tiny_config`. Detections,
masks, losses and a weight's change go to OUT, each under "case.name".
"""

import ast
import sys

import numpy as np
from tiny import InMemory, shapes, spread, tiny_config

from mrcnn.inference.molding import anchors
from mrcnn.loading.source import SampleSource, stack
from mrcnn.network import graph
from mrcnn.training import optimization, trainable


def computed(cases, eagerly=False):
    """The arrays by "case.name"; `eagerly` computes them without a graph."""
    results = {}
    for case, settings in cases.items():
        config = tiny_config(settings)
        config.validate()
        found = {**inference(config, eagerly), **train_step(config, eagerly)}
        results.update({f"{case}.{name}": value for name, value in found.items()})
    return results


def batch(config):
    """The inputs of a training step: two images with two instances each."""
    source = SampleSource(InMemory(shapes(2)), config, shuffle=False, seed=0)
    samples = stack([source.sample(number) for number in range(2)])
    return {f"input_{name}": array for name, array in samples.items()}


def inference(config, eagerly):
    model = graph.build("inference", config)
    model.run_eagerly = eagerly
    model.jit_compile = optimization.jit_compile(config)
    spread(model)
    inputs = batch(config)
    places = np.repeat(anchors(config, config.IMAGE_SHAPE)[1][None], 2, axis=0)
    given = [inputs["input_image"], inputs["input_image_meta"], places]
    outputs = model.predict_on_batch([np.asarray(each, np.float32) for each in given])
    by_name = dict(zip(model.names, map(np.asarray, outputs), strict=True))
    # Rows of nearly equal scores may swap places: sort them by class and box.
    detections = by_name["mrcnn_detection"]
    order = np.lexsort(np.moveaxis(detections.round(3), -1, 0)[:5], axis=-1)
    sorted_ = {"mrcnn_detection": detections}
    if "mrcnn_mask" in by_name:
        sorted_["mrcnn_mask"] = by_name["mrcnn_mask"]
    return {
        name: np.stack([each[rows] for each, rows in zip(values, order, strict=True)])
        for name, values in sorted_.items()
    }


def train_step(config, eagerly):
    model = graph.build("training", config)
    model.get_layer("proposal_targets").shuffle = False
    spread(model)
    trainable.set_trainable(model, ".*")
    optimization.compile_model(model, config, learning_rate=0.1, momentum=0.9)
    model.run_eagerly = eagerly
    name = "mrcnn_mask_logits" if config.MASK_HEAD != "fcn" else "mrcnn_mask"
    kernel = model.get_layer(name).kernel
    before = kernel.numpy()
    losses = model.train_on_batch(batch(config), return_dict=True)
    after = kernel.numpy()
    return {
        **{f"loss.{name}": np.asarray(value) for name, value in losses.items()},
        "change": (after - before) / np.abs(after - before).max(),
    }


if __name__ == "__main__":
    np.savez(sys.argv[2], **computed(ast.literal_eval(sys.argv[1])))
