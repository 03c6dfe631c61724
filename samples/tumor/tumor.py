"""Detect lesions in medical images that have one mask each, as in the LGG brain MRI dataset.

Train on the slices of four in five patients; --resume continues the last run where it stopped:

    python samples/tumor/tumor.py train --dataset=DIR --weights=imagenet
    python samples/tumor/tumor.py train --dataset=DIR --weights=imagenet --resume

Compute Dice, Hausdorff distance and all other metrics on the other patients' slices:

    python samples/tumor/tumor.py evaluate --dataset=DIR --weights=best

Write masks, pictures and a table of the lesions found; the images need no masks:

    python samples/tumor/tumor.py detect --dataset=DIR --weights=best

DIR has one folder per patient, in which `<name>_mask.tif` is the mask of `<name>.tif`.
"""

import contextlib
import csv
import functools
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from mrcnn import augment, cli, evaluation, visualize
from mrcnn import model as modellib
from mrcnn.datasets.splits import random_subset
from mrcnn.files.whole import new_folder
from mrcnn.inference.counts import CountsTable
from mrcnn.inference.detector import detect_crops, with_score
from mrcnn.inference.no_overlaps import without_overlaps
from mrcnn.inference.truncation import cut_above
from mrcnn.weights import start_weights

# Lets notebooks, which import samples.tumor.tumor, find the modules beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from tumor_config import (
    SmallTumorConfig,
    SmallTumorInferenceConfig,
    TumorConfig,
    TumorInferenceConfig,
)
from tumor_dataset import TumorDataset

ROOT_DIR = Path(__file__).resolve().parents[2]
DEFAULT_LOGS_DIR = ROOT_DIR / "logs"
RESULTS_DIR = ROOT_DIR / "results" / "tumor"
COCO_WEIGHTS_PATH = ROOT_DIR / "mask_rcnn_coco.h5"

# For each --network: the configurations for training and inference.
NETWORKS = {
    "small": (SmallTumorConfig, SmallTumorInferenceConfig),
    "resnet50": (TumorConfig, TumorInferenceConfig),
}


def load_parts(args):
    """Load the images that a command uses.

    Returns:
        dict of prepared datasets: "all", or "train" and "val", which share no patient.
    """
    dataset = TumorDataset()
    labelled = args.command != "detect" or args.subset != "all"
    dataset.load_tumor(args.dataset, args.classes, args.min_area, args.patient, labelled)
    dataset.prepare()
    parts = {"all": dataset}
    if args.subset != "all":
        parts = dict(zip(("train", "val"), dataset.split_by_group("patient", 0.2, 0), strict=True))
    for name, part in parts.items():
        infos = [part.image_info[i] for i in part.image_ids]
        patients = {info["patient"] for info in infos} - {None}
        lesions = [info["has_lesion"] for info in infos if info["has_lesion"] is not None]
        known = f", {sum(lesions)} of them with lesions" if lesions else ""
        patients = len(patients) or "unknown"
        print(f"{name}: {len(infos)} images or slices of {patients} patients{known}")
    return {name: cli.limited(part, args.limit) for name, part in parts.items()}


def balanced(dataset):
    """Keep all images with lesions and the same number without, the same ones each time.

    Two in three slices have no lesion, and training on them teaches little.
    """
    with_lesion = [i for i in dataset.image_ids if dataset.image_info[i]["has_lesion"]]
    without = np.setdiff1d(dataset.image_ids, with_lesion)
    if with_lesion:
        without = random_subset(without, len(with_lesion))
    return dataset.subset(sorted([*with_lesion, *without]))


def make_config(dataset, mode, network="small"):
    """Make the configuration for a mode, with the dataset's classes and channels."""
    config = NETWORKS[network][0 if mode == "training" else 1]()
    config.NUM_CLASSES = dataset.num_classes
    channels = first_readable(dataset).shape[2]
    if channels != 3:
        config.IMAGE_CHANNEL_COUNT = channels
        config.MEAN_PIXEL = np.full(channels, config.MEAN_PIXEL.mean())
    return config


def first_readable(dataset):
    """The first image [H, W, C] that can be read; if none can, the error of the last one."""
    for image_id in dataset.image_ids[:-1]:
        with contextlib.suppress(Exception):
            return dataset.load_image(image_id)
    return dataset.load_image(dataset.image_ids[-1])


def train(model, parts, epochs, resume=False):
    """Train all layers.

    Args:
        model: a `MaskRCNN` in training mode, with its weights loaded.
        parts: dict of the datasets "train" and "val".
        epochs: number of the last epoch.
        resume: whether to resume the last run, if there is one.
    """
    model.train(
        balanced(parts["train"]),
        parts["val"],
        learning_rate=model.config.LEARNING_RATE,
        epochs=epochs,
        layers="all",
        augmentation=augment.Flips(horizontal=0.5),
        resume=resume,
    )


def detector(model):
    """Make a function that detects lesions in a list of images, with masks as `InstanceMasks`.

    Instances are connected components, so no two share a pixel; small detections inside a larger
    one are dropped.
    """
    return without_overlaps(functools.partial(detect_crops, model))


def evaluate(model, dataset, min_score):
    """Print the metrics and write them to a new folder under `RESULTS_DIR`.

    Returns:
        dict, see `mrcnn.evaluation.evaluate`, and the folder's path.
    """
    folder = new_folder(RESULTS_DIR, "evaluate")
    result = evaluation.evaluate(
        model,
        dataset,
        min_score=min_score,
        detect=detector(model),
        group_of=lambda image_id, image: dataset.image_info[image_id]["patient"],
        folder=folder,
    )
    print(headline(result))
    print(evaluation.summary(result))
    print(f"Saved to {folder}")
    return result, folder


def headline(result):
    """Format the Dice and Hausdorff distance of each class; str, one line each."""
    lines = []
    for name, figures in result["pixels"]["per_class"].items():
        patients = [
            g["pixels"]["per_class"][name]["pooled_dice"] for g in result["groups"].values()
        ]
        known = [dice for dice in patients if not np.isnan(dice)]
        lines.append(
            f"Dice       {name}: {np.mean(known) if known else np.nan:.3f} mean over {len(known)} "
            f"patients, {figures['image_mean_dice']:.3f} mean over images, "
            f"{figures['pooled_dice']:.3f} over all pixels"
        )
    for name, figures in result["hausdorff"]["per_class"].items():
        lines.append(
            f"Hausdorff  {name}: {figures['hausdorff']:.1f} pixels, {figures['hausdorff95']:.1f} "
            f"at the 95th percentile; in {figures['one_empty']} of {figures['images']} images it "
            "is the diagonal, because only the truth or only the detection has a lesion"
        )
    return "\n".join(lines)


def detect(model, dataset, min_score, native=False):
    """Write masks, pictures, lesions.csv and counts.csv to a new folder under `RESULTS_DIR`.

    The masks are PNGs with 255 for a single class, or else the number of the class; where
    lesions overlap, the higher score wins. lesions.csv has a row for every lesion, and counts.csv
    one for every image, with the reason if it could not be used. With `native`, pictures have
    exactly their images' pixels, without margins or titles.

    Returns:
        the folder's path.
    """
    find, folder = detector(model), new_folder(RESULTS_DIR, "detect")
    counts = CountsTable(folder / "counts.csv", ("image", "lesions"))
    for name, reason in dataset.refused:
        print(counts.refuse(name, reason))
    with open(folder / "lesions.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "class", "score", "y1", "x1", "y2", "x2", "pixels", "truncated"])
        for each in counts.detect(find, dataset, dataset.image_reference):
            image, name = each.image, dataset.image_reference(each.image_id)
            line = counts.add(name, each.result, min_score)
            found = with_score(each.result, min_score)
            truncated = cut_above(each.result, min_score)
            rois, class_ids, scores = (found[k] for k in ("rois", "class_ids", "scores"))
            masks = found["masks"].dense()
            drawn = np.zeros(image.shape[:2], np.uint8)
            for i, score in enumerate(scores):
                drawn[masks[:, :, i]] = 255 if dataset.num_classes == 2 else class_ids[i]
                label = dataset.class_names[class_ids[i]]
                pixels = masks[:, :, i].sum()
                table.writerow([name, label, f"{score:.4f}", *rois[i], pixels, truncated])
            paths = [folder / "masks" / f"{name}_mask.png", folder / "pictures" / f"{name}.png"]
            for path in paths:
                path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawn).save(paths[0])
            visualize.display_instances(
                image,
                rois,
                masks,
                class_ids,
                dataset.class_names,
                scores,
                title=name,
                figsize=(8, 8),
                save_to=paths[1],
                native=native,
            )
            print(line)
    print(f"Saved to {folder}\n{counts.last_line()}")
    return folder


def parse(argv=None):
    """Parse the command line; see the top of this file."""
    commands = ("train", "evaluate", "detect")
    parser = cli.parser("Find lesions with Mask R-CNN.", commands, DEFAULT_LOGS_DIR)
    add = parser.add_argument
    add("--network", choices=tuple(NETWORKS), default="small")
    add("--classes", default="lesion", help="names of mask values 1, 2, ..., as in a,b")
    add("--patient", help="regular expression that finds the patient in a path")
    add("--min-area", type=cli.count, default=1, help="minimum size of a lesion in pixels")
    add("--subset", choices=("train", "val", "all"), help="patients to use")
    cli.add_native(parser)
    add("--epochs", type=cli.count, default=40, help="train: number of the last epoch")
    add("--min-score", type=cli.fraction, default=0.5, help="score threshold")
    args = parser.parse_args(argv)
    if not args.dataset:
        parser.error(f"{args.command} needs --dataset=DIR, the folder with the patients' folders")
    args.classes = [name.strip() for name in args.classes.split(",")]
    if not all(args.classes) or len(set(args.classes)) < len(args.classes):
        parser.error("--classes needs different names, such as --classes=edema,core")
    if args.command != "train" and args.weights in ("coco", "imagenet"):
        parser.error(f"--weights={args.weights} was not trained on lesions: train first")
    if args.command == "train" and args.subset:
        parser.error("train takes no --subset: it trains on train and validates on val")
    args.subset = (
        args.subset or {"train": "train", "evaluate": "val", "detect": "all"}[args.command]
    )
    return args


def main(argv=None):
    """Run the command line; see the top of this file."""
    args = parse(argv)
    mode = "training" if args.command == "train" else "inference"
    with cli.one_line_errors():
        parts = load_parts(args)
        dataset = parts[args.subset]
        config = make_config(dataset, mode, args.network)
        if mode == "training":
            count = balanced(dataset).num_images
            config.STEPS_PER_EPOCH = max(1, count // config.BATCH_SIZE)
            config.VALIDATION_STEPS = max(1, parts["val"].num_images // config.BATCH_SIZE)
        model = modellib.MaskRCNN(mode, config, str(args.logs))
        print(f"Loading weights {args.weights}")
        start_weights.load(model, args.weights, COCO_WEIGHTS_PATH)
    if args.command == "train":
        train(model, parts, args.epochs, args.resume)
    elif args.command == "evaluate":
        evaluate(model, dataset, args.min_score)
    else:
        detect(model, dataset, args.min_score, args.native)


if __name__ == "__main__":
    cli.run(main)
