"""Our `detect()` beside torchvision's, with its own weights on the same image, in turn.

    python benchmarks/torchvision_weights.py WEIGHTS.pth PEER_PYTHON [--rounds 3]

WEIGHTS.pth is a state dict of maskrcnn_resnet50_fpn, PEER_PYTHON a Python that has torchvision. The
image has 800 x 1333 pixels, the size at which both work by default; masks are pasted. Each of the
two is a process that waits while the other works. Loading is timed too, from the import on.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time


def main():
    if len(sys.argv) == 3 and sys.argv[2] in ("ours", "torchvision"):
        work(sys.argv[1], sys.argv[2])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("peer")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    pythons = {"ours": sys.executable, "torchvision": options.peer}
    workers, seconds = {}, {name: [] for name in pythons}
    for name, python in pythons.items():
        command = [python, __file__, options.weights, name]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        workers[name] = subprocess.Popen(command, text=True, **pipes)
        print(name, answer(workers[name]), flush=True)
    for _ in range(options.rounds):
        for name, worker in workers.items():
            print("go", file=worker.stdin, flush=True)
            found = answer(worker)
            seconds[name].append((found["wall"], found["cpu"]))
            print(f"    {name}: {found}", flush=True)
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    for index, kind in enumerate(("wall", "CPU")):
        medians = {
            name: statistics.median(each[index] for each in values)
            for name, values in seconds.items()
        }
        ratio = medians["ours"] / medians["torchvision"]
        print(f"{kind} seconds, medians: {medians}, ratio {ratio:.2f}")


def answer(worker):
    """The next line of JSON that a worker prints."""
    for line in worker.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise RuntimeError("a worker ended")


def work(weights, name):
    """Load, then detect once for every line on stdin."""
    start, used = time.perf_counter(), time.process_time()
    detect = {"ours": ours, "torchvision": torchvision}[name](weights)
    loading = {"load": time.perf_counter() - start, "load_cpu": time.process_time() - used}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    detect()
    print(json.dumps({**loading, "load_peak_gib": peak}), flush=True)
    for _ in sys.stdin:
        start, used = time.perf_counter(), time.process_time()
        found = detect()
        spent = {"wall": time.perf_counter() - start, "cpu": time.process_time() - used}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({**spent, "found": found, "peak_gib": peak}), flush=True)


def picture():
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (800, 1333, 3), dtype=np.uint8)


def ours(weights):
    from mrcnn.model import MaskRCNN

    model, image = MaskRCNN.from_pretrained(weights), picture()
    return lambda: len(model.detect([image])[0]["scores"])


def torchvision(weights):
    import torch
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    model.load_state_dict(torch.load(weights))
    model.eval()
    image = torch.from_numpy(picture()).permute(2, 0, 1) / 255

    def detect():
        with torch.inference_mode():
            found = model([image])[0]
            return len(found["masks"] > 0.5)

    return detect


if __name__ == "__main__":
    main()
