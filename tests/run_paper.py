"""Train a step and detect on KERAS_BACKEND with a paper's whole network: run_paper.py NETWORK OUT

NETWORK is a name in `NETWORKS`. Losses, the change of a backbone's weight and the number of
detections go to OUT. Images have 128 pixels a side, RoIs are fewer; all layers are the paper's.
"""

import sys

import numpy as np
from tiny import InMemory, shapes

from mrcnn import presets
from mrcnn.config import Config
from mrcnn.loading.source import SampleSource, stack
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.training import optimization, trainable

# Table 1 and table 3 of Mask R-CNN, and Faster R-CNN itself.
NETWORKS = {
    "R50-C4": (presets.PaperC4, {"BACKBONE": "resnet50"}),
    "R101-FPN": (presets.PaperFPN, {"BACKBONE": "resnet101"}),
    "X101-FPN": (presets.PaperResNeXt, {}),
    "Faster R-CNN R101-FPN": (presets.PaperFPN, {"BACKBONE": "resnet101", "HEADS": ("box",)}),
    "Faster R-CNN VGG-16": (presets.FasterRCNN, {}),
}
SMALLER = {
    "NAME": "paper",
    "NUM_CLASSES": 3,
    "IMAGES_PER_GPU": 1,
    "IMAGE_MIN_DIM": 128,
    "IMAGE_MAX_DIM": 128,
    "POST_NMS_ROIS_TRAINING": 200,
    "POST_NMS_ROIS_INFERENCE": 50,
    "TRAIN_ROIS_PER_IMAGE": 32,
    "DETECTION_MAX_INSTANCES": 20,
    "DETECTION_MIN_CONFIDENCE": 0,
    "LR_WARMUP_STEPS": 0,
}


def main(network, out):
    recipe, settings = NETWORKS[network]
    config = type("Paper", (recipe, Config), {**settings, **SMALLER})()
    data = InMemory(shapes(2, size=(128, 128)))
    model = MaskRCNN("training", config, "logs")
    graph = model.keras_model
    trainable.set_trainable(graph, ".*")
    optimization.compile_model(graph, config, learning_rate=1e-3, momentum=0.9)
    samples = stack([SampleSource(data, config, seed=0).sample(0)])
    stem = graph.get_layer(graph.stem).kernel
    before = stem.numpy()
    losses = graph.train_on_batch(
        {f"input_{name}": array for name, array in samples.items()}, return_dict=True
    )
    detector = MaskRCNN("inference", config, "logs")
    trained = {layer.name: layer.get_weights() for layer in graph.layers if layer.weights}
    for layer in detector.keras_model.layers:
        if layer.weights:
            layer.set_weights(trained[layer.name])
    # After one step, boxes may be anywhere and everything background: detections are anchors.
    network = detector.keras_model
    network.get_layer("mrcnn_class_logits").bias.assign([-9, 0, 0])
    for layer in (
        network.get_layer("rpn_model").get_layer("rpn_bbox_pred"),
        network.get_layer("mrcnn_bbox_fc"),
    ):
        layer.kernel.assign(0 * layer.kernel)
    [result] = detector.detect([data.load_image(0)])
    found = {
        "changed": (stem.numpy() != before).any(),
        "detections": len(result["rois"]),
        "masks": np.asarray(result["masks"].shape if "masks" in result else ()),
    }
    np.savez(out, **found, **{f"loss.{name}": np.asarray(x) for name, x in losses.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
