"""Make the sample's weights from a training run, and record where they are from.

    python samples/nucleus/nucleus.py train --dataset=DIR --subset=fit --weights=imagenet
    python samples/nucleus/release.py --dataset=DIR --run=logs/nucleus_small20261120T1444

writes nuclei.h5 into the package, with kernels in half precision and a card, and nuclei.json beside
it: command, seed, commit, versions, time, digests of data and weights, and metrics of the weights
as stored in the file.
"""

import argparse
import csv
import hashlib
import json
import shlex
from pathlib import Path

from nucleus import NUCLEUS_WEIGHTS_PATH, detector, load_dataset, make_model
from nucleus_config import MIN_SCORE, SmallNucleusConfig, SmallNucleusInferenceConfig
from nucleus_dataset import kind_of

from mrcnn import evaluation, weights
from mrcnn.files.whole import replacing
from mrcnn.inference.no_overlaps import without_overlaps
from mrcnn.runs.settings import as_json, stored
from mrcnn.training.model_card import object_size
from mrcnn.weights import start_weights
from mrcnn.weights.card import Card

# Options of the training command that depend on the machine, and what is recorded instead.
PLACEHOLDERS = {"--dataset": "DIR", "--logs": "logs"}
LICENCE = (
    "CC0 1.0: trained on images of BBBC038v1 (CC0), from weights of Keras applications (MIT) that "
    "were trained on ImageNet"
)
# Number of orientations to detect in.
ORIENTATIONS = {"plain": 1, "tta_8": 8}


def digest(dataset):
    """Compute the SHA-256 of a dataset's images and masks, as hexadecimal digits.

    It covers each image, in order of id: the id, its pixels, and the boxes and pixels of its masks.
    It does not depend on how the files are stored.
    """
    found = hashlib.sha256()
    ids = {dataset.image_info[i]["id"]: i for i in dataset.image_ids}
    for name, image_id in sorted(ids.items()):
        masks, _ = dataset.load_instances(image_id)
        found.update(name.encode())
        found.update(dataset.load_image(image_id).tobytes())
        found.update(masks.boxes.tobytes())
        for crop in masks.crops:
            found.update(crop.tobytes())
    return found.hexdigest()


def file_digest(path):
    """Compute the SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def machine_independent(command, started_from):
    """Replace a command line's machine-dependent paths with what is recorded for them.

    Args:
        command: the command as in a run's `starts.json`.
        started_from: what to record for a weights file, such as "imagenet".
    """
    words, recorded = iter(shlex.split(command)[1:]), ["python"]
    for word in words:
        option, given, value = word.partition("=")
        if option in (*PLACEHOLDERS, "--weights") and not given:
            value = next(words)
        if option == "--weights" and value not in (*start_weights.NAMES, "nucleus"):
            value = started_from
        value = PLACEHOLDERS.get(option, value)
        recorded.append(f"{option}={value}" if value else word)
    return shlex.join(recorded)


def rounded(figures):
    """Round the numbers in a dict to four decimals."""
    return {name: round(value, 4) for name, value in figures.items()}


def provenance(run, dataset_dir, started_from):
    """Collect what there is to know about a run, as a dict for JSON.

    Args:
        run: the run's folder.
        dataset_dir: folder that holds stage1_train.
        started_from: see `machine_independent`.
    """
    starts = json.loads((run / "starts.json").read_text())
    with open(run / "history.csv", newline="") as file:
        epochs = list(csv.DictReader(file))
    config = json.loads((run / "config.json").read_text())
    images = {name: load_dataset(dataset_dir, name) for name in ("fit", "tune", "val")}
    return {
        "licence": LICENCE,
        "commands": [machine_independent(start["command"], started_from) for start in starts],
        "commits": [start["commit"] for start in starts],
        "date": starts[-1]["date"],
        "seed": starts[0]["seed"],
        "versions": starts[0]["versions"],
        "devices": starts[0]["devices"],
        "epochs": len(epochs),
        "steps_per_epoch": config["STEPS_PER_EPOCH"],
        "training_seconds": round(sum(float(epoch["seconds"]) for epoch in epochs)),
        "last_loss": float(epochs[-1]["loss"]),
        "data": {
            name: {"images": dataset.num_images, "sha256": digest(dataset)}
            for name, dataset in images.items()
        },
    }


def card(facts, dataset, min_score):
    """Make the card of the weights file.

    Args:
        facts: result of `provenance`.
        dataset: the training images, a prepared `NucleusDataset`.
        min_score: score threshold.
    """
    config = SmallNucleusConfig()
    # Whether it trained in bfloat16 depends on the machine.
    settings = {**stored(config), "MIXED_PRECISION": None, "DETECTION_MIN_CONFIDENCE": min_score}
    return Card(
        config=settings,
        class_names=dataset.class_names,
        object_size=object_size(dataset, config),
        min_score=min_score,
        licence=facts["licence"],
        provenance={
            "name": config.NAME,
            "started_from": "ImageNet weights of Keras",
            "command": facts["commands"][-1],
            "dataset": {
                "images": facts["data"]["fit"]["images"],
                "validation_images": facts["data"]["val"]["images"],
                "sources": ["BBBC038v1, the 2018 Data Science Bowl"],
            },
            **{name: facts[name] for name in ("date", "commits", "epochs", "versions")},
        },
    )


def cached(detect):
    """Wrap a detector so that it detects in each image only once."""
    known = {}

    def cached_detect(images):
        for image in images:
            if image.tobytes() not in known:
                known[image.tobytes()] = detect([image])[0]
        return [known[image.tobytes()] for image in images]

    return cached_detect


def measure(detect, dataset, min_score):
    """Print a detector's metrics.

    Returns:
        dict from "all" and each kind of image to `evaluation.headline`, and seconds_per_image.
    """
    result = evaluation.evaluate(
        None,
        dataset,
        min_score=min_score,
        detect=detect,
        max_detections=500,
        group_of=lambda image_id, image: kind_of(image),
    )
    print(f"{evaluation.table(result)}\n{result['seconds_per_image']:.2f} seconds per image\n")
    rows = {"all": result, **result["groups"]}
    figures = {row: rounded(evaluation.headline(part)) for row, part in rows.items()}
    return {"seconds_per_image": round(result["seconds_per_image"], 2), **figures}


def release(run, dataset_dir, started_from, min_score):
    """Write the weights and their JSON file, and print the metrics.

    Args:
        run, dataset_dir, started_from: see `provenance`.
        min_score: score threshold.
    """
    facts = provenance(run, dataset_dir, started_from)
    checkpoints = sorted(run.glob("mask_rcnn_*.h5"))
    if not checkpoints:
        raise FileNotFoundError(f"{run} has no mask_rcnn_*.h5: it must be a run's folder.")
    model = make_model("inference", weights=checkpoints[-1])
    fit = load_dataset(dataset_dir, "fit", balance=True)
    weights.save(
        model.keras_model, NUCLEUS_WEIGHTS_PATH, True, "float16", card(facts, fit, min_score)
    )
    model = make_model("inference", weights="nucleus", min_score=0.05)
    facts["weights"] = {
        "sha256": file_digest(NUCLEUS_WEIGHTS_PATH),
        "bytes": NUCLEUS_WEIGHTS_PATH.stat().st_size,
        "parameters": model.keras_model.count_params(),
    }
    facts["min_score"] = min_score
    facts["figures_on_val"] = {}
    val = load_dataset(dataset_dir, "val")
    for name, orientations in ORIENTATIONS.items():
        find = cached(detector(model, orientations))
        figures = facts["figures_on_val"]
        figures[name] = measure(find, val, min_score)
        figures[f"{name}_remove_overlaps"] = {
            **measure(without_overlaps(find), val, min_score),
            "seconds_per_image": figures[name]["seconds_per_image"],
        }
    config = SmallNucleusInferenceConfig()
    facts["inference_config"] = {
        name: as_json(getattr(config, name))
        for name in ("DETECTION_MIN_CONFIDENCE", "DETECTION_NMS_THRESHOLD", "IMAGE_MIN_SCALE")
    }
    with replacing(NUCLEUS_WEIGHTS_PATH.with_suffix(".json")) as part:
        part.write_text(json.dumps(facts, indent=2) + "\n")


def main(argv=None):
    """Run the command line; see the top of this file."""
    parser = argparse.ArgumentParser(description="Release the weights of the nucleus sample.")
    parser.add_argument("--dataset", required=True, help="folder that holds stage1_train")
    parser.add_argument("--run", required=True, type=Path, help="folder of the run")
    parser.add_argument(
        "--started-from", default="imagenet", help="what to record for a weights file"
    )
    parser.add_argument("--min-score", type=float, default=MIN_SCORE, help="score threshold")
    args = parser.parse_args(argv)
    release(args.run, args.dataset, args.started_from, args.min_score)


if __name__ == "__main__":
    main()
