"""Exported formats beside Keras: deviation, size, load time, time and memory of `detect()`.

    python benchmarks/exported.py [--model nuclei] [--images FOLDER] [--rounds 3]

Each format loads and runs in a process of its own. A detection is the same if its class is, its IoU
with Keras's exceeds 0.95, and its score differs by less than 0.001. Memory is the largest that the
process had.
"""

import argparse
import contextlib
import json
import pickle
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from inference import run
from machine import describe, timed

NUCLEI = Path(__file__).parents[1] / "samples" / "nucleus" / "data" / "stage1_train"
KINDS = ("keras", "savedmodel", "onnx", "openvino", "openvino, bfloat16", "litert")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--images", type=Path, default=NUCLEI)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options, *options.one)))
        return
    print(describe())
    print(
        "| format | same | largest difference of a score | of a box, px | file, MB "
        "| export, s | load, s | `detect()`, s an image | CPU, s an image | memory, MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("keras", *(kind for kind in options.kinds if kind != "keras")):
            words = ["--model", options.model, "--images", options.images]
            words += ["--rounds", options.rounds, "--one", kind, folder]
            found = run(sys.executable, __file__, *words)
            shares = compared(Path(folder), kind)
            print(
                f"| {kind} | {shares[0]:.2%} | {shares[1]:.1e} | {shares[2]:.2g} | "
                f"{found['bytes'] / 1e6:.1f} | {found['export']:.0f} | {found['load']:.1f} | "
                f"{statistics.median(found['seconds']):.2f} | {found['cpu']:.2f} | "
                f"{found['memory'] / 1e6:.0f} |",
                flush=True,
            )


def images_of(folder):
    """Images in a folder as arrays; of nuclei, those of the repository."""
    from mrcnn.images.reading import read_image

    paths = sorted(folder.glob("*/images/*.png")) or sorted(
        path for path in folder.iterdir() if path.suffix in (".png", ".jpg", ".tif")
    )
    return [read_image(path) for path in paths]


def measure(options, kind, folder):
    """Export in this process's child, then load and detect."""
    images = images_of(options.images)
    exported = 0.0
    path = Path(folder) / kind.partition(",")[0]
    if kind != "keras" and not kind.endswith("bfloat16"):
        code = (
            "from mrcnn.model import MaskRCNN; import sys; "
            "MaskRCNN.load(sys.argv[1]).export(*sys.argv[2:])"
        )
        exported = timed(lambda: _call(sys.executable, "-c", code, options.model, path, path.name))
    start = time.perf_counter()
    model = load(kind, path, options.model)
    loaded = time.perf_counter() - start
    results = model.detect(images)
    with open(Path(folder) / f"{kind}.pickle", "wb") as file:
        pickle.dump([{k: r[k] for k in ("rois", "class_ids", "scores")} for r in results], file)
    before = time.process_time()
    seconds = [timed(lambda: model.detect(images)) / len(images) for _ in range(options.rounds)]
    cpu = (time.process_time() - before) / options.rounds / len(images)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    size = sum(
        file.stat().st_size
        for file in [*path.parent.glob(f"{path.name}.*"), *path.rglob("*")]
        if file.suffix not in (".json", ".pickle") and file.is_file()
    )
    return {
        "export": exported, "load": loaded, "seconds": seconds, "cpu": cpu, "memory": memory,
        "bytes": size,
    }  # fmt: skip


def _call(*words):
    import subprocess

    subprocess.run(list(map(str, words)), check=True, capture_output=True)


def load(kind, path, name):
    """What detects."""
    from mrcnn import runtime

    suffix = {"onnx": ".onnx", "openvino": ".xml", "litert": ".tflite"}.get(path.name)
    if suffix:
        precision = "bfloat16" if kind.endswith("bfloat16") else "float32"
        return runtime.load(f"{path}{suffix}", precision=precision)
    if kind == "keras":
        from mrcnn.model import MaskRCNN

        return MaskRCNN.load(name)
    return _saved_model(path)


def _saved_model(path):
    import tensorflow as tf

    from mrcnn.runtime.model import RuntimeModel
    from mrcnn.runtime.sidecar import read_sidecar

    serve = tf.saved_model.load(path).signatures["serving_default"]

    class Session:
        def run(self, image):
            return {name: value.numpy() for name, value in serve(image=tf.constant(image)).items()}

    known = read_sidecar(path)
    return RuntimeModel(Session(), known.config(), known.card, known.input_shape)


def compared(folder, kind):
    """Share of detections that are the same, largest difference of a score and of a box."""
    import numpy as np

    from mrcnn.geometry.boxes import compute_overlaps

    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(folder / f"{n}.pickle", "rb")) for n in ("keras", kind)]
        wanted, found = map(pickle.load, files)
    same = total = 0
    scores, boxes = [0.0], [0.0]
    for theirs, ours in zip(wanted, found, strict=True):
        total += max(len(theirs["scores"]), len(ours["scores"]))
        if not len(theirs["scores"]) or not len(ours["scores"]):
            continue
        overlaps = compute_overlaps(theirs["rois"], ours["rois"])
        overlaps[theirs["class_ids"][:, None] != ours["class_ids"]] = 0
        best = overlaps.argmax(axis=1)
        near = overlaps.max(axis=1) > 0.95
        difference = np.abs(theirs["scores"] - ours["scores"][best])
        same += int((near & (difference < 1e-3)).sum())
        scores.append(float(difference[near].max(initial=0)))
        apart = np.abs(theirs["rois"].astype(float) - ours["rois"][best]).max(axis=1)
        boxes.append(float(apart[near].max(initial=0)))
    return same / max(total, 1), max(scores), max(boxes)


if __name__ == "__main__":
    main()
