"""Time of a training step at 512 x 512, two images per batch, all layers of ResNet-50.

    python benchmarks/training.py [--rounds 5] [--peer PYTHON]

--peer takes the path of a Python that has torchvision. Its network then takes turns with ours, on
images and instances of the same sizes, and the ratio is printed. Each turn is a separate process;
its first two steps, which compile graphs, do not count.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

SIDE, BATCH, CLASSES, INSTANCES = 512, 2, 81, 10
WARM_UP = 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", help="a Python with torchvision, to compare with")
    parser.add_argument("--one", choices=["ours", "peer"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        step, name = {"ours": our_step, "peer": peer_step}[options.one]()
        print(json.dumps({"name": name, **measure(step, options.rounds)}))
        return
    from machine import describe

    print(describe())
    ratios = []
    for _ in range(3 if options.peer else 1):
        pair = [run(sys.executable, "ours", options.rounds)]
        if options.peer:
            pair.append(run(options.peer, "peer", options.rounds))
            ratios.append(pair[0]["median"] / pair[1]["median"])
        for figures in pair:
            text = "{name:12} {median:.2f} s ({min:.2f} to {max:.2f}), peak {peak:.2f} GiB"
            print(text.format(**figures), flush=True)
    if ratios:
        print(
            f"ratio {', '.join(f'{r:.2f}' for r in ratios)}: median {statistics.median(ratios):.2f}"
        )


def run(python, which, rounds):
    """The JSON that a separate process prints on its last line."""
    command = [python, __file__, "--one", which, "--rounds", str(rounds)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def measure(step, rounds):
    """Seconds per step, and peak memory in GiB."""
    seconds = []
    for _ in range(rounds + WARM_UP):
        begin = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begin)
    seconds = seconds[WARM_UP:]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    figures = {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}
    return {**figures, "peak": peak}


def instances(rng):
    """Boxes (y1, x1, y2, x2) of an image's instances in pixels, each filled by its mask."""
    corner = rng.integers(0, SIDE - 160, (INSTANCES, 2))
    return [
        (y, x, y + h, x + w)
        for (y, x), (h, w) in zip(corner, rng.integers(20, 160, (INSTANCES, 2)), strict=True)
    ]


def our_step():
    """A function that runs one training step, and a name for it."""
    import numpy as np

    from mrcnn.config import Config
    from mrcnn.datasets.dataset import Dataset
    from mrcnn.instances.masks import InstanceMasks
    from mrcnn.loading.batches import BatchSequence
    from mrcnn.loading.source import SampleSource
    from mrcnn.model import MaskRCNN

    class Boxes(Dataset):
        """Images of random pixels, whose instances are filled boxes."""

        def load_image(self, image_id):
            return np.random.default_rng(image_id).integers(0, 256, (SIDE, SIDE, 3), np.uint8)

        def load_instances(self, image_id):
            boxes = instances(np.random.default_rng(image_id))
            crops = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
            masks = InstanceMasks(crops, [box[:2] for box in boxes], (SIDE, SIDE))
            return masks, np.arange(1, INSTANCES + 1, dtype=np.int32)

    data = Boxes()
    for class_id in range(1, CLASSES):
        data.add_class("bench", class_id, f"class {class_id}")
    for image_id in range(BATCH):
        data.add_image("bench", image_id, None)
    data.prepare()
    config = Config.from_dict({
        "NAME": "bench", "NUM_CLASSES": CLASSES, "BACKBONE": "resnet50", "IMAGES_PER_GPU": BATCH,
        "IMAGE_MIN_DIM": SIDE, "IMAGE_MAX_DIM": SIDE,
    })  # fmt: skip
    model = MaskRCNN("training", config, "logs")
    model.set_trainable(".*", verbose=0)
    model.compile(1e-4, 0.9)
    (batch,) = BatchSequence(SampleSource(data, config, seed=0), 1)[0]
    return lambda: model.keras_model.train_on_batch(batch), "ours"


def peer_step():
    """The same with torchvision."""
    import numpy as np
    import torch
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    model = maskrcnn_resnet50_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=CLASSES,
        min_size=SIDE,
        max_size=SIDE,
        trainable_backbone_layers=5,
    ).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    images, targets = [], []
    for image_id in range(BATCH):
        rng = np.random.default_rng(image_id)
        images.append(torch.from_numpy(rng.random((3, SIDE, SIDE), dtype=np.float32)))
        boxes = instances(rng)
        masks = np.zeros((INSTANCES, SIDE, SIDE), np.uint8)
        for mask, (y1, x1, y2, x2) in zip(masks, boxes, strict=True):
            mask[y1:y2, x1:x2] = 1
        targets.append({
            "boxes": torch.tensor([(x1, y1, x2, y2) for y1, x1, y2, x2 in boxes]).float(),
            "labels": torch.arange(1, INSTANCES + 1),
            "masks": torch.from_numpy(masks),
        })  # fmt: skip

    def step():
        loss = sum(model(images, targets).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step, "torchvision"


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
