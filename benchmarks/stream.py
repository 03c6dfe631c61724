"""Images per second of `detect_stream`, next to a plain loop, and its memory over many frames.

    python benchmarks/stream.py [--images 45] [--rounds 5] [--frames 5000]

The images are those of samples/nucleus/data, read again and again. The loop and the stream take
turns on one network, and both do something with each result: they write a table and an overlay.

- loop: read an image, detect, use the result, then the next one;
- stream: reading, network, unmolding and use overlap.

The memory is that of this process while a detector that finds nothing is given noisy frames of one
megapixel; the network is not among it.
"""

import argparse
import itertools
import statistics
import tempfile
from pathlib import Path

import numpy as np
from machine import describe, timed

from mrcnn.images import read_image
from mrcnn.inference.stream import detect_pairs, detect_stream
from mrcnn.results import ImageFacts, Objects
from mrcnn.results.kinds import KINDS

DATA = Path(__file__).parents[1] / "samples" / "nucleus" / "data" / "stage1_train"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=45)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=5000)
    options = parser.parse_args()
    print(describe())
    print_memory(options.frames)
    if options.rounds:
        print_speed(options.images, options.rounds)


def print_memory(frames):
    """Print the memory after a tenth of the frames, and after all of them."""
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    images = (noise + np.uint8(number % 256) for number in range(frames))
    found = detect_stream(lambda given: [{} for _ in given], images, batch=2)
    for count, _ in enumerate(found, 1):
        if count in (frames // 10, frames):
            print(f"{count:6} frames: {resident_mb():6.0f} MB")


def resident_mb():
    """Memory of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def print_speed(count, rounds):
    """Print the images per second of both ways, medians over the rounds."""
    from mrcnn.mask_rcnn import MaskRCNN

    model = MaskRCNN.load("nuclei")
    paths = list(itertools.islice(itertools.cycle(sorted(DATA.glob("*/images/*.png"))), count))
    with tempfile.TemporaryDirectory() as folder:

        def use(image, result):
            facts = ImageFacts("a.png", image.shape[:2], model.class_names, None, image)
            for kind in ("csv", "overlay"):
                KINDS[kind].write(Path(folder) / kind, facts, [Objects.of_result(result)])

        def loop():
            for path in paths:
                image = read_image(path)
                use(image, model.detect([image])[0])

        def stream():
            for image, result in detect_pairs(model, map(read_image, paths)):
                use(image, result)

        seconds = {"loop": [], "stream": []}
        for way in (loop, stream):
            way()  # traces the network for each size of image
        for _ in range(rounds):
            for way in (loop, stream):
                seconds[way.__name__].append(timed(way))
    for name, each in seconds.items():
        print(f"{name:8}{count / statistics.median(each):8.2f} images/s")


if __name__ == "__main__":
    main()
