"""Parameters, FLOPs and time per `detect()` of each backbone, and of grouped convolutions.

    python benchmarks/backbones.py [--rounds 5] [--backbones resnet50 vgg16] [--grouped]

Each network runs in a separate process, at 1024 x 1024 with heads for COCO's classes, one image per
batch. Parameters and FLOPs are those of the backbone alone, C1 to C5; a multiplication and an
addition count as two. The weights are random, and every detection is kept. --grouped measures
convolutions of ResNeXt-50's shapes instead: `GroupedConv2D`, Keras's own grouped convolution and a
plain one with as many FLOPs, forward and in a training step.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from machine import describe

SIDE = 1024
# (side, channels) of the 3x3 convolutions of ResNeXt-50 32x4d at 512 pixels, and the groups.
SHAPES = ((128, 128), (64, 256), (32, 512), (16, 1024))
GROUPS = 32


def main():
    from mrcnn.config_rules.parts import BACKBONES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES), choices=list(BACKBONES))
    parser.add_argument("--grouped", action="store_true", help="measure grouped convolutions")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.rounds)))
        return
    print(describe())
    if options.grouped:
        grouped(options.rounds)
        return
    print("| backbone | parameters, million | GFLOPs | `detect()`, s (median, min, max) |")
    print("|---|---|---|---|")
    for backbone in options.backbones:
        command = [sys.executable, __file__, "--one", backbone, "--rounds", str(options.rounds)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(output.splitlines()[-1])
        seconds = found["seconds"]
        times = ", ".join(f"{f(seconds):.2f}" for f in (statistics.median, min, max))
        print(
            f"| {backbone} | {found['parameters'] / 1e6:.1f} | {found['flops'] / 1e9:.0f} | "
            f"{times} |",
            flush=True,
        )


def measure(backbone, rounds):
    """Parameters, FLOPs and seconds of one backbone."""
    import keras
    import numpy as np

    from mrcnn.config import Config
    from mrcnn.model import MaskRCNN
    from mrcnn.network import backbones

    class CocoConfig(Config):
        NAME = "coco"
        NUM_CLASSES = 81
        BACKBONE = backbone
        IMAGES_PER_GPU = 1
        DETECTION_MIN_CONFIDENCE = 0

    image = keras.Input((SIDE, SIDE, 3))
    alone = keras.Model(image, backbones.build(CocoConfig(), image))
    model = MaskRCNN("inference", CocoConfig(), "logs")
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    model.detect([pixels])
    seconds = [timed(lambda: model.detect([pixels])) for _ in range(rounds)]
    return {"parameters": alone.count_params(), "flops": flops(alone), "seconds": seconds}


def flops(model):
    """Multiplications and additions of a model's convolutions, for one image."""
    total = 0
    for layer in model.layers:
        if len(getattr(layer, "kernel", None).shape if hasattr(layer, "kernel") else ()) == 4:
            height, width = layer.output.shape[1:3]
            size = 1
            for side in layer.kernel.shape:
                size *= side
            total += 2 * height * width * size
    return total


def timed(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def grouped(rounds):
    """Print the times of grouped convolutions and of plain ones with as many FLOPs."""
    import keras

    from mrcnn.network.backbones.grouped import GroupedConv2D

    print(f"backend {keras.backend.backend()}; milliseconds, the fastest of {rounds}")
    print("| side, channels | convolution | forward | forward and gradient |")
    print("|---|---|---|---|")
    for side, channels in SHAPES:
        plain = round(channels / GROUPS**0.5)
        layers = {
            "GroupedConv2D": (GroupedConv2D(channels, 3, padding="same", groups=GROUPS), channels),
            "Keras, groups": (
                keras.layers.Conv2D(channels, 3, padding="same", groups=GROUPS),
                channels,
            ),
            f"plain, {plain} channels": (keras.layers.Conv2D(plain, 3, padding="same"), plain),
        }
        for name, (layer, width) in layers.items():
            layer.build((1, side, side, width))
            times = steps(layer, keras.random.normal((1, side, side, width), seed=0), rounds)
            print(f"| {side}, {channels} | {name} | {times[0]:.1f} | {times[1]:.1f} |", flush=True)


def steps(layer, image, rounds):
    """Milliseconds of a layer's forward pass, and of one with the gradients."""
    import keras

    kernel = layer.kernel.value
    if keras.backend.backend() == "jax":
        import jax

        def call(image, kernel):
            return layer.stateless_call([kernel, layer.bias.value], [], image)[0]

        def loss(image, kernel):
            return (call(image, kernel) ** 2).sum()

        functions = [jax.jit(call), jax.jit(jax.grad(loss, (0, 1)))]
    else:
        import tensorflow as tf

        @tf.function
        def call(image, kernel):
            return layer(image)

        @tf.function
        def gradient(image, kernel):
            with tf.GradientTape() as tape:
                tape.watch(image)
                value = tf.reduce_sum(layer(image) ** 2)
            return tape.gradient(value, [image, layer.kernel.value])

        functions = [call, gradient]

    def run(function):
        result = function(image, kernel)
        for value in result if isinstance(result, list | tuple) else [result]:
            keras.ops.convert_to_numpy(value)

    found = []
    for function in functions:
        run(function)
        found.append(1000 * min(timed(lambda f=function: run(f)) for _ in range(rounds)))
    return found


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
