"""Time per `detect()` and peak memory of the COCO networks at 1024 x 1024, one image per batch.

    python benchmarks/inference.py [--rounds 5] [--backbones resnet50 resnet101] [--xla]
                                   [--peer PYTHON]

--peer takes the path of a Python that has torchvision. Its ResNet-50 network then takes turns with
ours, in its default and its channels-last memory format, and the ratios of the times are printed.

Each network runs in a separate process, so that peak memory is measured per network. The weights
are random and every detection is kept (DETECTION_MIN_CONFIDENCE 0): the network's work does not
depend on its weights, and about 100 masks are pasted, more than most images need.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from machine import describe

SIDE = 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backbones", nargs="+", default=["resnet50", "resnet101"])
    parser.add_argument("--xla", action="store_true", help="compile TensorFlow's graph with XLA")
    parser.add_argument("--peer", help="a Python with torchvision, to compare with")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.rounds, options.xla)))
        return
    print(describe())
    table(options)
    if options.peer:
        compare(options.peer, options.rounds)


def table(options):
    """Print the measurements of each network."""
    row = "{:10} {:34} {:>9} {:>9} {:>9}"
    print(row.format("backbone", f"measured ({SIDE} x {SIDE})", "median", "min", "max"))
    for backbone in options.backbones:
        xla = ["--xla"] if options.xla else []
        measured = run(
            sys.executable, __file__, "--one", backbone, "--rounds", options.rounds, *xla
        )
        for name, values in measured.items():
            figures = [statistics.median(values), min(values), max(values)]
            print(row.format(backbone, name, *[f"{value:.2f}" for value in figures]), flush=True)


def compare(peer, rounds, turns=3):
    """Print the time of our `detect()` relative to the peer's two forms, all run in turn."""
    script = Path(__file__).with_name("torchvision_peer.py")
    forms = {"torchvision": [], "channels-last": ["--channels-last"]}
    ratios = {form: [] for form in forms}
    for _ in range(turns):
        ours = run(sys.executable, __file__, "--one", "resnet50", "--rounds", rounds)
        seconds = next(values for name, values in ours.items() if name.startswith("detect()"))
        detect = statistics.median(seconds)
        print(f"resnet50   detect() {detect:.2f} s", flush=True)
        for form, option in forms.items():
            theirs = run(peer, script, rounds, *option)
            median = statistics.median(theirs["seconds"])
            ratios[form].append(detect / median)
            print(
                f"    {form} {median:.2f} s with {theirs['found']} instances and "
                f"{theirs['peak']:.2f} GiB: ratio {ratios[form][-1]:.2f}",
                flush=True,
            )
    for form, values in ratios.items():
        print(f"median ratio to {form} over {turns} turns: {statistics.median(values):.2f}")


def run(*command):
    """The JSON that a command prints on its last line."""
    command = [str(word) for word in command]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def measure(backbone, rounds, xla):
    """Measure one backbone in this process: dict of label to list of values."""
    start = time.perf_counter()
    import numpy as np

    from mrcnn.config import Config
    from mrcnn.model import MaskRCNN

    imported = time.perf_counter()

    class CocoConfig(Config):
        NAME = "coco"
        NUM_CLASSES = 81
        BACKBONE = backbone
        IMAGES_PER_GPU = 1
        DETECTION_MIN_CONFIDENCE = 0
        XLA = xla

    model = MaskRCNN("inference", CocoConfig(), "logs")
    built = time.perf_counter()
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    found = len(model.detect([image])[0]["scores"])
    first = time.perf_counter()
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        model.detect([image])
        seconds.append(time.perf_counter() - begin)
    molded, metas, _ = model.mold_inputs([image])
    inputs = [molded, metas.astype(np.float32), model.get_anchors(molded.shape[1:])[None]]
    graph = []
    for _ in range(rounds):
        begin = time.perf_counter()
        model.keras_model.predict_on_batch(inputs)
        graph.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "cold start: import, s": [imported - start],
        "cold start: build, s": [built - imported],
        "cold start: first detect(), s": [first - built],
        f"detect(), {found} instances, s": seconds,
        "of which the graph, s": graph,
        "peak memory, GiB": [peak],
    }


if __name__ == "__main__":
    main()
