"""Time of each RoI pooler on a CPU, as a ratio to crop-and-resize.

    python benchmarks/pooling.py [--rois 1000] [--bins 7] [--side 1024] [--channels 256]
                                 [--rounds 9] [--train]

The RoIs have random sizes (16 to 512 pixels) and places in one image, and the pyramid has random
values. The poolers run in turn, so that other load affects all of them alike; ratios are taken
within a round, and their median over the rounds is printed. --train times the forward pass and the
gradient together.
"""

import argparse
import functools
import statistics
import time

import numpy as np
from machine import describe

from mrcnn.network.poolers.align import PyramidROIAlign
from mrcnn.network.poolers.roi_align import ROIAlign
from mrcnn.network.poolers.roi_pool import ROIPool
from mrcnn.network.poolers.roi_warp import ROIWarp

POOLERS = {
    "crop_and_resize": PyramidROIAlign,
    # As many samples as "roi_align, ratio 2" averages.
    "crop_and_resize, 2x2 as many": lambda size: PyramidROIAlign([2 * side for side in size]),
    "roi_align, ratio 1": functools.partial(ROIAlign, sampling_ratio=1),
    "roi_align, ratio 2": functools.partial(ROIAlign, sampling_ratio=2),
    "roi_align, adaptive": functools.partial(ROIAlign, sampling_ratio=0),
    "roi_align, ratio 2, max": functools.partial(ROIAlign, sampling_ratio=2, aggregation="max"),
    "roi_warp, ratio 2": functools.partial(ROIWarp, sampling_ratio=2),
    "roi_pool": ROIPool,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rois", type=int, default=1000)
    parser.add_argument("--bins", type=int, default=7)
    parser.add_argument("--side", type=int, default=1024, help="of the square image, in pixels")
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--train", action="store_true", help="time the gradient too")
    options = parser.parse_args()
    print(describe())
    boxes, meta, pyramid = inputs(options)
    calls = {
        name: timed(pooler((options.bins, options.bins)), boxes, meta, options.train)
        for name, pooler in POOLERS.items()
    }
    seconds = {name: [] for name in calls}
    for turn in range(options.rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call(pyramid)
            if turn:  # the first builds the graph
                seconds[name].append(time.perf_counter() - start)
    report(seconds)


def inputs(options):
    """RoIs [1, R, 4], the image's meta vector [1, 13], and P2 to P5."""
    import tensorflow as tf  # after mrcnn, which chooses its kernels

    rng = np.random.default_rng(0)
    area = np.exp(rng.uniform(np.log(16), np.log(512), (options.rois, 1)))
    sizes = area * np.exp(rng.uniform(-0.35, 0.35, (options.rois, 1)) * [1, -1])
    centres = rng.uniform(0, options.side, (options.rois, 2))
    pixels = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    boxes = np.clip(pixels, 0, options.side) - [0, 0, 1, 1]
    meta = np.zeros((1, 13), "float32")
    meta[:, 4:7] = (options.side, options.side, 3)
    pyramid = [
        rng.normal(size=(1, options.side // stride, options.side // stride, options.channels))
        for stride in (4, 8, 16, 32)
    ]
    boxes = (boxes / (options.side - 1))[None].astype("float32")
    return tf.constant(boxes), tf.constant(meta), [tf.constant(x, "float32") for x in pyramid]


def timed(layer, boxes, meta, train):
    """The layer as a compiled function of the pyramid."""
    import tensorflow as tf

    @tf.function
    def call(pyramid):
        return layer([boxes, meta, *pyramid], training=train)

    @tf.function
    def step(pyramid):
        with tf.GradientTape() as tape:
            tape.watch(pyramid)
            total = tf.reduce_sum(layer([boxes, meta, *pyramid], training=True))
        return [tf.convert_to_tensor(x) for x in tape.gradient(total, pyramid)]

    return step if train else call


def report(seconds):
    """Print the median time of each pooler and the median of its ratios."""
    row = "{:30} {:>10} {:>10} {:>8}"
    print(row.format("pooler", "median ms", "min ms", "ratio"))
    base = np.array(seconds["crop_and_resize"])
    for name, values in seconds.items():
        times = [1000 * statistics.median(values), 1000 * min(values)]
        ratio = statistics.median(np.array(values) / base)
        print(row.format(name, *[f"{value:.1f}" for value in times], f"{ratio:.2f}"))


if __name__ == "__main__":
    main()
