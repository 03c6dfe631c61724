"""Parameters, FLOPs and time per `detect()` of each backbone, neck and pooler.

    python benchmarks/networks.py [--rounds 3] [--networks resnet50 "resnet50, c4"]

Each network runs in a separate process, at 1024 x 1024 with heads for COCO's classes, one image per
batch. A multiplication and an addition count as two FLOPs; those of convolutions and matrix
products are counted, for 1000 proposals and 100 masks. The weights are random, and every detection
is kept.
"""

import argparse
import itertools
import json
import math
import statistics
import sys

from inference import run
from machine import describe, timed

SIDE = 1024
# Differences from a ResNet-50 with a feature pyramid and crop-and-resize.
VARIANTS = {
    "resnet50, roi_align, 2 points": {"ROI_POOLER": "roi_align", "SAMPLING_RATIO": 2},
    "resnet50, roi_align, adaptive": {"ROI_POOLER": "roi_align"},
    "resnet50, roi_pool": {"ROI_POOLER": "roi_pool"},
    "resnet50, roi_warp, 2 points": {"ROI_POOLER": "roi_warp", "SAMPLING_RATIO": 2},
    "resnet50, c4": {"NECK": "c4"},
    "resnet50, c5": {"NECK": "c5"},
    "resnet50, dc5": {"NECK": "dc5"},
    "vgg16, c4": {"BACKBONE": "vgg16", "NECK": "c4"},
}


def main():
    from mrcnn.config_rules.parts import BACKBONES

    networks = {name: {"BACKBONE": name} for name in BACKBONES} | VARIANTS
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--networks", nargs="+", default=list(networks), choices=list(networks))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(networks[options.one], options.rounds)))
        return
    print(describe())
    print("| network | parameters, million | GFLOPs | of the backbone | `detect()`, s |")
    print("|---|---|---|---|---|")
    for name in options.networks:
        found = run(sys.executable, __file__, "--one", name, "--rounds", options.rounds)
        print(
            f"| {name} | {found['parameters'] / 1e6:.1f} | {found['flops'] / 1e9:.0f} | "
            f"{found['of_backbone'] / 1e9:.0f} | {statistics.median(found['seconds']):.2f} |",
            flush=True,
        )


def measure(settings, rounds):
    """Parameters, FLOPs and seconds of one network."""
    import keras
    import numpy as np

    from mrcnn.config import Config
    from mrcnn.config_rules.necks import shares_stage5
    from mrcnn.model import MaskRCNN

    class CocoConfig(Config):
        NAME = "coco"
        NUM_CLASSES = 81
        BACKBONE = "resnet50"
        IMAGES_PER_GPU = 1
        DETECTION_MIN_CONFIDENCE = 0

    model = MaskRCNN("inference", CocoConfig.from_dict(settings), "logs")
    network = model.keras_model
    image, *features = network.backbone
    # A stage 5 that the heads share has no call for whole images, one for all proposals and one for
    # all detections; both are folded into the batch, whose size is unknown.
    rois = (0, model.config.POST_NMS_ROIS_INFERENCE, model.config.DETECTION_MAX_INSTANCES)
    calls = {"res5": rois} if shares_stage5(model.config) else {}
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    model.detect([pixels])
    return {
        "parameters": network.count_params(),
        "flops": flops(network.operations, calls),
        "of_backbone": flops(keras.Function(image, features).operations),
        "seconds": [timed(lambda: model.detect([pixels])) for _ in range(rounds)],
    }


def flops(operations, calls=None):
    """Multiplications and additions of convolutions and matrix products, for one image.

    Args:
        operations: those of a network.
        calls: by the first four letters of operations' names, the size of the batch in each call; 1
            for all others.
    """
    total = 0
    for operation in operations:
        sizes = (calls or {}).get(operation.name[:4], ())
        nodes = [node for node in operation._inbound_nodes if node.input_tensors]
        for node, size in itertools.zip_longest(nodes, sizes, fillvalue=1):
            shapes = node.input_tensors[0].shape, node.output_tensors[0].shape
            total += size * _flops_of_call(operation, *shapes)
    return total


def _flops_of_call(operation, given, made):
    if hasattr(operation, "layers"):
        # The RPN: a call for each level, and one of unknown size that made it.
        kernels = [layer.kernel.shape for layer in operation.layers if hasattr(layer, "kernel")]
        known = None not in given[1:]
        return 2 * math.prod(given[1:3]) * sum(map(math.prod, kernels)) if known else 0
    if not hasattr(operation, "kernel"):
        return 0
    # A transposed convolution applies its kernel to each cell of its input.
    cells = given if "Transpose" in type(operation).__name__ else made
    return 2 * math.prod(cells[1:-1]) * math.prod(operation.kernel.shape)


if __name__ == "__main__":
    main()
