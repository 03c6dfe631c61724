"""Images per second of `mrcnn detect`, next to a plain loop over the same images.

    python benchmarks/detect_folder.py [--images 60] [--rounds 3] [--workers 1 2]

The images are those of samples/nucleus/data, copied until there are enough. Each measurement is a
process of its own, and all of them take turns:

- loop: read an image, detect, write its table and its overlay, then the next one;
- detect: `mrcnn detect`, which writes the same files and notes what is done;
- N workers: `mrcnn detect --workers N`, which divides the cores among N processes.

The rate is that after the first third of the images, when networks are loaded and traced; the time
until then is printed, too, and the CPU time of all processes, which other programs on the machine
change less. All are medians over the rounds.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

DATA = Path(__file__).parents[1] / "samples" / "nucleus" / "data" / "stage1_train"
KINDS = ("csv", "overlay")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--loop", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop:
        print(json.dumps(loop(*options.loop)))
        return
    print(describe())
    ways = {
        "loop": None,
        "detect": [],
        **{f"{n} workers": ["--workers", str(n)] for n in options.workers},
    }
    measured = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        images = copies(Path(folder) / "images", options.images)
        for turn in range(options.rounds):
            for name, words in ways.items():
                measured[name].append(measure(images, Path(folder) / f"{turn}{name}", words))
    titles = ("images/s", "of the loop", "first third, s", "CPU, s")
    print(" " * 10 + "".join(f"{title:>16}" for title in titles))
    base = statistics.median(rate for rate, _, _ in measured["loop"])
    for name, values in measured.items():
        rate, start, cpu = (statistics.median(each) for each in zip(*values, strict=True))
        print(f"{name:10}{rate:16.2f}{rate / base:16.2f}{start:16.1f}{cpu:16.1f}")


def copies(folder, count):
    """A folder with `count` copies of the sample's images."""
    folder.mkdir()
    paths = sorted(DATA.glob("*/images/*.png"))
    for number in range(count):
        shutil.copy(paths[number % len(paths)], folder / f"{number:04}.png")
    return folder


def measure(images, out, words):
    """Images per second after the first third, the seconds until then, and those of the CPUs."""
    begin, cpu = time.time(), cpu_seconds()
    if words is None:
        command = [sys.executable, __file__, "--loop", str(images), str(out)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        done = json.loads(output.splitlines()[-1])
    else:
        command = [sys.executable, "-m", "mrcnn", "detect", str(images), "--model", "nuclei"]
        command += ["--out", str(out), "--to", ",".join(KINDS), "--quiet", *words]
        subprocess.run(command, check=True, capture_output=True)
        records = (json.loads(path.read_text()) for path in (out / ".done").glob("*.json"))
        done = sorted(record["written"] / 1e9 for record in records)
    third = len(done) // 3
    rate = (len(done) - third) / (done[-1] - done[third - 1])
    return rate, done[third - 1] - begin, cpu_seconds() - cpu


def cpu_seconds():
    """CPU time of all processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def loop(images, out):
    """The times at which the images of a plain loop are done."""
    from mrcnn.images import read_image
    from mrcnn.mask_rcnn import MaskRCNN
    from mrcnn.results import ImageFacts, Objects
    from mrcnn.results.kinds import KINDS as kinds

    model, done = MaskRCNN.load("nuclei"), []
    out.mkdir()
    for path in sorted(images.iterdir()):
        image = read_image(path)
        [result] = model.detect([image])
        facts = ImageFacts(path.name, image.shape[:2], model.class_names, path, image)
        for kind in KINDS:
            kinds[kind].write(out / f"{path.stem}.{kind}", facts, [Objects.of_result(result)])
        done.append(time.time())
    return done


if __name__ == "__main__":
    main()
