"""Images per second of the loader, compared with a plain implementation of the same work.

    python benchmarks/loader.py [--rounds 5] [--profile] [--step]

A 768 x 768 image file and its polygons become a training sample: read the image, draw the masks,
resize to the network's input, compute boxes, mini masks and RPN targets, and subtract the mean.
This is done in three ways, in turn, each on one core:

- polygons: the package, from annotations as the readers in `mrcnn.formats` store them;
- load_mask: the package, with a `Dataset` that returns dense masks, as older projects do, including
  the time to draw them;
- plain: `plain_loader.py`, which processes one instance after another.

--profile shows where `polygons` spends its time, and --step how long a training step of ResNet-50
takes on this machine.
"""

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage.data
import skimage.transform
from machine import describe
from PIL import Image
from plain_loader import draw, plain_sample

from mrcnn.config import Config
from mrcnn.formats.records import AnnotatedDataset, Instance
from mrcnn.formats.shapes import Polygon
from mrcnn.loading.source import SampleSource

SOURCE_SIDE = 768
STEPS = {
    "read the image": ("load_image",),
    "draw the polygons": ("load_instances",),
    "resize the image": ("resize_to_input",),
    "resize the masks": ("resize",),
    "RPN targets": ("build_rpn_targets",),
    "mini masks": ("minimize",),
    "subtract the mean": ("mold_image",),
    "all": ("build_sample",),
}


class Compact(AnnotatedDataset):
    """Dataset of a single image, with its instances as polygons."""

    def __init__(self, path, polygons):
        super().__init__()
        self.polygons = polygons
        self.add_class("bench", 1, "thing")
        annotations = [Instance("thing", Polygon(*polygon)) for polygon in polygons]
        sides = {"height": SOURCE_SIDE, "width": SOURCE_SIDE}
        self.add_image("bench", 0, path, annotations=annotations, **sides)
        self.prepare()


class Dense(Compact):
    """The same image, with dense masks."""

    def load_mask(self, image_id):
        shape = (SOURCE_SIDE, SOURCE_SIDE)
        masks = np.stack([draw(polygon, shape) for polygon in self.polygons], axis=-1)
        return masks, np.ones(len(self.polygons), np.int32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    parser.add_argument("--step", action="store_true", help="time a training step")
    options = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.jpg"
        photograph = skimage.transform.resize(skimage.data.coffee(), (SOURCE_SIDE, SOURCE_SIDE))
        Image.fromarray((photograph * 255).astype(np.uint8)).save(path, quality=90)
        row = "{:>6} {:>10} {:>10} {:>10} {:>10} {:>12} {:>12}"
        print("images per second, and speed-up over plain")
        print(row.format("pixels", "instances", "polygons", "load_mask", "plain", "polygons x",
                         "load_mask x"))  # fmt: skip
        for side in (512, 1024):
            for count in (1, 20, 200):
                rates = compare(path, side, count, options.rounds)
                ratios = [
                    f"{statistics.median(np.divide(rates[way], rates['plain'])):.1f}"
                    for way in ("polygons", "load_mask")
                ]
                medians = [f"{statistics.median(rate):.2f}" for rate in rates.values()]
                print(row.format(side, count, *medians, *ratios), flush=True)
        if options.profile:
            for side, count in ((512, 200), (1024, 20), (1024, 200)):
                profile(path, side, count)
    if options.step:
        step()


def bench_config(side):
    return Config.from_dict(
        {
            "NAME": "bench",
            "NUM_CLASSES": 2,
            "BACKBONE": "resnet50",
            "IMAGES_PER_GPU": 1,
            "IMAGE_MIN_DIM": side,
            "IMAGE_MAX_DIM": side,
            "MAX_GT_INSTANCES": 200,
        }
    )


def outlines(count):
    """`count` polygons with 24 corners, as small as nuclei if there are more than 20."""
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    polygons = []
    for _ in range(count):
        radius = rng.uniform(8, 30) if count > 20 else rng.uniform(20, 200)
        y, x = rng.uniform(radius, SOURCE_SIDE - radius, 2)
        wobble = radius * rng.uniform(0.7, 1, len(angle))
        polygons.append((y + wobble * np.sin(angle), x + wobble * np.cos(angle)))
    return polygons


def compare(path, side, count, rounds):
    """Images per second of each way, `rounds` values each, after checking that samples agree."""
    config, polygons = bench_config(side), outlines(count)
    compact, dense = (
        SampleSource(kind(path, polygons), config, seed=0) for kind in (Compact, Dense)
    )
    anchors = compact.anchors((side, side)).anchors
    ways = {
        "polygons": lambda: compact.sample(0),
        "load_mask": lambda: dense.sample(0),
        "plain": lambda: plain_sample(path, polygons, config, anchors, np.random.default_rng(0)),
    }
    ours, also_ours, plain = (way() for way in ways.values())
    agree(ours, also_ours, plain, count)
    rates = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            repeats = 1 if name == "plain" else 3
            begin = time.perf_counter()
            for _ in range(repeats):
                way()
            rates[name].append(repeats / (time.perf_counter() - begin))
    return rates


def agree(ours, also_ours, plain, count):
    """Check that all ways gave the same sample, except for pixels that are rounding ties."""
    np.testing.assert_array_equal(ours.gt_masks, also_ours.gt_masks)
    np.testing.assert_array_equal(ours.gt_boxes[:count], plain["boxes"])
    assert np.mean(ours.gt_masks[:, :, :count] != plain["mini_masks"]) < 0.01
    assert np.abs(ours.image - plain["image"]).max() <= 1.001
    positives = [np.count_nonzero(match == 1) for match in (ours.rpn_match, plain["rpn_match"])]
    assert positives[0] == positives[1]


def profile(path, side, count, images=10):
    """Print the milliseconds per image of each step."""
    source = SampleSource(Compact(path, outlines(count)), bench_config(side), seed=0)
    source.sample(0)
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(images):
        source.sample(0)
    profiler.disable()
    stats = pstats.Stats(profiler).stats
    print(f"\nms per image at {side} with {count} instances, under the profiler")
    for title, names in STEPS.items():
        seconds = sum(
            entry[3]
            for (file, _, name), entry in stats.items()
            if name in names and "mrcnn" in file
        )
        print(f"  {title:20} {seconds / images * 1e3:6.1f}")


def step(side=1024):
    """Print the time of a training step on one image, for all layers of ResNet-50."""
    from mrcnn.loading.batches import BatchSequence
    from mrcnn.model import MaskRCNN

    config = bench_config(side)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.png"
        Image.new("RGB", (SOURCE_SIDE, SOURCE_SIDE)).save(path)
        source = SampleSource(Compact(path, outlines(20)), config, seed=0)
        ((batch,),) = [BatchSequence(source, 1)[0]]
        model = MaskRCNN("training", config, folder)
        model.set_trainable(".*", verbose=0)
        model.compile(0.0, 0.9)
        seconds = []
        for _ in range(4):
            begin = time.perf_counter()
            model.keras_model.train_on_batch(batch)
            seconds.append(time.perf_counter() - begin)
    print(f"\ntraining step on one image at {side}: {statistics.median(seconds[1:]):.2f} s")


if __name__ == "__main__":
    main()
