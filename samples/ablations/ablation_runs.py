"""One run: train a configuration on a task with a seed, measure it, and write what was measured."""

import json
import re
import tempfile
import time
import zlib
from collections import Counter

import ablation_tasks as tasks
import keras
from ablation_rows import BACKBONES, CONFIGURATIONS, is_measured
from keras import ops

from mrcnn.augment import Flips
from mrcnn.evaluation import evaluate
from mrcnn.files import replacing
from mrcnn.model import MaskRCNN

START_WEIGHTS = "nuclei"
# The layers that they start: the rest of the network is not the same.
STARTED = re.compile(r"conv1|bn_conv1|(res|bn)[23].*")
# The last BatchNorm of each new block, which scales what the block adds to its input.
LAST_NORM = re.compile(r"bn([45])\w_branch2c")
# The new stages' BatchNorm. Few steps are enough for moving averages of this momentum.
NEW_NORM = re.compile(r"bn[45].*")
MOMENTUM = 0.9
# Masks and boxes, as COCO's metrics call them.
KINDS = ("segm", "bbox")
METRICS = ("AP", "AP50", "AP75")


def plan(task_names, seeds, configurations):
    """The runs in the order in which they are done: all of a seed before the next.

    Args:
        task_names: names in `ablation_tasks.TASKS`.
        seeds: number of seeds.
        configurations: names in `CONFIGURATIONS`.

    Returns:
        list of (task, configuration, seed). Configurations that need several classes are left out
        where there is one.
    """
    return [
        (task, name, seed)
        for seed in range(seeds)
        for name in configurations
        for task in task_names
        if is_measured(task, name)
    ]


def describe(task, configuration, seed):
    """What determines a run's result, as plain values.

    Returns:
        dict. A result with another description is out of date.
    """
    own = dict(CONFIGURATIONS[configuration])
    shared = {
        name: value
        for name, value in vars(tasks.AblationConfig).items()
        if name.isupper() and name not in own
    }
    described = {
        "task": task,
        "configuration": configuration,
        "seed": seed,
        "data": {
            "counts": tasks.COUNTS,
            "seeds": tasks.SEEDS,
            "piece": tasks.PIECE,
            "min_area": tasks.MIN_AREA,
        },
        "backbone": BACKBONES[own.pop("BACKBONE")],
        "settings": {**shared, **own},
    }
    return json.loads(json.dumps(described))


def path_of(folder, task, configuration, seed):
    """Path of a run's result."""
    return folder / f"{task}_{configuration}_seed{seed}.json"


def read(folder, task, configuration, seed):
    """A run's result, or None if there is none, or it is broken or out of date.

    Returns:
        dict of what `describe` returns and `segm`, `bbox` (AP, AP50 and AP75 in 0..1; no `segm`
        without a mask head) and `seconds`.
    """
    try:
        result = json.loads(path_of(folder, task, configuration, seed).read_text("utf-8"))
        described = describe(task, configuration, seed)
        is_current = all(result[key] == value for key, value in described.items())
        return result if is_current and len(result["bbox"]) == 3 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run_all(runs, folder):
    """Do the runs that have no result yet, one after the other.

    An interrupted run starts again. Processes that share the folder must have different runs.

    Args:
        runs: list of (task, configuration, seed).
        folder: `Path`; created if it does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, run in enumerate(runs, 1):
        if read(folder, *run) is not None:
            continue
        result = run_one(*run)
        with replacing(path_of(folder, *run)) as part:
            part.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        task, configuration, seed = run
        aps = ", ".join(f"{kind} AP {result[kind][0]:.3f}" for kind in KINDS if kind in result)
        print(
            f"{number} of {len(runs)}: {task}, {configuration}, seed {seed}: {aps}, "
            f"{result['seconds']:.0f} s",
            flush=True,
        )


def run_one(task, configuration, seed):
    """Train and measure once.

    Returns:
        dict, see `read`.
    """
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as logs:
        trained = train(task, configuration, seed, logs)
        aps = measure(trained, tasks.TASKS[task]("val"))
    keras.backend.clear_session()
    seconds = round(time.perf_counter() - begin, 1)
    return {**describe(task, configuration, seed), **aps, "seconds": seconds}


def train(task, configuration, seed, logs, **settings):
    """Train a configuration.

    Args:
        task: name in `ablation_tasks.TASKS`.
        configuration: name in `CONFIGURATIONS`.
        seed: of the initial weights, the order of the images and the sampling.
        logs: folder for the run.
        **settings: of the `Config`, in place of the configuration's.

    Returns:
        `MaskRCNN` in inference mode with the trained weights.
    """
    dataset = tasks.TASKS[task]("train")
    config = tasks.make_config(configuration, dataset.num_classes, seed, **settings)
    model = MaskRCNN("training", config, str(logs))
    initialise(model, seed)
    flips = Flips(horizontal=0.5, vertical=0.5 if task == "nuclei" else 0)
    model.train(
        dataset, None, config.LEARNING_RATE, epochs=1, layers="4+", augmentation=flips, verbose=0
    )
    trained = MaskRCNN("inference", config, str(logs))
    trained.load_weights(model.find_last())
    return trained


def initialise(model, seed):
    """Give a network its initial weights.

    C1 to C3 come from the nucleus sample. All others depend on the seed and the layer's name only,
    so that two configurations start with the same weights wherever their layers have the same
    shape. What a new block adds to its input is divided by the square root of its stage's number
    of blocks.

    Args:
        model: a `MaskRCNN` whose backbone is an `AblationBackbone`.
        seed: whole number.
    """
    names = [layer.name for layer in model.keras_model.layers]
    others = [name for name in names if not STARTED.fullmatch(name)]
    # The blocks of a stage add up: without this, C4 and C5 grow with the square root of the depth,
    # and the layers on a deep C4 die in their first steps.
    blocks = Counter(last[1] for name in names if (last := LAST_NORM.fullmatch(name)))
    model.load_weights(str(START_WEIGHTS), exclude=others)
    for layer in model.get_trainable_layers():
        if STARTED.fullmatch(layer.name):
            continue
        if hasattr(layer, "kernel_initializer"):
            initializer = layer.kernel_initializer
            settings = initializer.get_config()
            settings["seed"] = zlib.crc32(f"{seed} {layer.name}".encode())
            kernel = type(initializer).from_config(settings)(layer.kernel.shape)
            layer.kernel.assign(kernel)
        elif NEW_NORM.fullmatch(layer.name):
            layer.momentum = MOMENTUM
            if last := LAST_NORM.fullmatch(layer.name):
                layer.gamma.assign(ops.full_like(layer.gamma, blocks[last[1]] ** -0.5))


def measure(model, dataset):
    """COCO's metrics of a network.

    Args:
        model: `MaskRCNN` in inference mode.
        dataset: prepared, with masks.

    Returns:
        dict of `bbox` and, with a mask head, `segm`: [AP, AP50, AP75] in 0..1.
    """
    found = evaluate(model, dataset, metrics="coco", progress=False)["coco"]
    return {
        kind: [round(found[kind][name], 4) for name in METRICS] for kind in KINDS if kind in found
    }
