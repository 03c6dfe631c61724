"""Detect COCO's 80 object classes in photographs, and measure how well.

Compute the official metrics on the 5000 validation images, with files to submit, or draw what is
found in your own photographs:

    python samples/coco/coco.py evaluate --dataset=DIR --weights=coco
    python samples/coco/coco.py evaluate --dataset=DIR --weights=torchvision:maskrcnn_resnet50_fpn
    python samples/coco/coco.py detect --image=FILE_OR_FOLDER --weights=coco

Write the files to submit for images whose annotations are not public:

    python samples/coco/coco.py detect --dataset=DIR --subset=test-dev --no-pictures

Train from ImageNet weights; --resume continues the last run where it stopped:

    python samples/coco/coco.py train --dataset=DIR --weights=imagenet
    python samples/coco/coco.py train --dataset=DIR --weights=imagenet --resume

DIR holds annotations, train2017 and val2017, as unpacked from COCO's archives; --download fetches
what is missing.
"""

import argparse
import sys
from pathlib import Path

from mrcnn import augment, cli, evaluation, visualize
from mrcnn import model as modellib
from mrcnn.config import Config
from mrcnn.files.whole import new_folder
from mrcnn.inference.counts import CountsTable
from mrcnn.inference.detector import with_score
from mrcnn.weights import start_weights
from mrcnn.weights.readers import is_foreign

# Lets notebooks, which import samples.coco.coco, find the modules beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from coco_dataset import (  # noqa: F401 (notebooks import these from here)
    CATEGORIES,
    DEFAULT_YEAR,
    SUBSETS,
    TEST_SUBSETS,
    YEARS,
    CocoDataset,
)
from coco_evaluation import measure, official
from coco_results import build_coco_results, counted, file_name, kinds_of, result_files

ROOT_DIR = Path(__file__).resolve().parents[2]
DEFAULT_LOGS_DIR = ROOT_DIR / "logs"
RESULTS_DIR = ROOT_DIR / "results" / "coco"
COCO_WEIGHTS_PATH = ROOT_DIR / "mask_rcnn_coco.h5"

# Training stages: layers, last epoch and learning rate factor.
STAGES = (("heads", 40, 1.0), ("4+", 120, 1.0), ("all", 160, 0.1))


class CocoConfig(Config):
    """Photographs at 1024 pixels, on one GPU with 12 GB."""

    NAME = "coco"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 80


class CocoInferenceConfig(CocoConfig):
    """Inference on one image at a time, keeping weak detections: average precision needs them."""

    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0


def load_training(dataset_dir, year=DEFAULT_YEAR, limit=None, download=False):
    """Load the prepared training and validation datasets.

    Args:
        dataset_dir, year: see `CocoDataset.load_coco`.
        limit: maximum number of images in each, or None for all.
        download: whether to fetch what is missing.
    """
    subsets = {
        "2017": (["train"], ["val"]),
        "2014": (["train", "valminusminival"], ["minival"]),
    }
    parts = []
    for names in subsets[str(year)]:
        dataset = CocoDataset()
        for name in names:
            dataset.load_coco(dataset_dir, name, year, auto_download=download)
        dataset.prepare()
        parts.append(cli.limited(dataset, limit))
    return parts


def stages(epochs, learning_rate):
    """Training stages up to an epoch: lists of layers, last epochs and learning rates."""
    kept, start = [], 0
    for layers, end, factor in STAGES:
        if start < epochs:
            kept.append((layers, min(end, epochs), learning_rate * factor))
        start = end
    if epochs > start:
        kept[-1] = (kept[-1][0], epochs, kept[-1][2])
    return tuple(map(list, zip(*kept, strict=True)))


def train(model, train_set, val_set, epochs=STAGES[-1][1], resume=False):
    """Train the heads, then more layers, then all layers.

    Args:
        model: a `MaskRCNN` in training mode, with its weights loaded.
        train_set, val_set: see `load_training`.
        epochs: number of the last epoch.
        resume: whether to resume the last run, if there is one.
    """
    layers, ends, rates = stages(epochs, model.config.LEARNING_RATE)
    model.train(
        train_set,
        val_set,
        learning_rate=rates,
        epochs=ends,
        layers=layers,
        augmentation=augment.Flips(horizontal=0.5),
        resume=resume,
    )


def evaluate_coco(model, dataset, coco, eval_type="bbox", limit=0, image_ids=None):
    """Print a model's COCO metrics.

    Args:
        model, dataset, coco, image_ids: see `measure`.
        eval_type: "bbox" or "segm".
        limit: number of images to use, the first ones; 0: all.

    Returns:
        dict of the metrics, see `CocoFigures.figures`.
    """
    if eval_type not in evaluation.KINDS:
        raise ValueError(f"eval_type is {eval_type!r}: it must be {' or '.join(evaluation.KINDS)}.")
    image_ids = dataset.image_ids if image_ids is None else image_ids
    image_ids = image_ids[:limit] if limit else image_ids
    result = measure(model, dataset, coco, (eval_type,), image_ids)
    print(official(result))
    figures = result["coco"][eval_type]
    return {name: value for name, value in figures.items() if name != "per_class"}


def evaluate(model, dataset, coco):
    """Print COCO's box and mask metrics; write them and the files to submit to a new folder.

    A model without masks has box metrics only.

    Args:
        model, dataset, coco: see `measure`.

    Returns:
        dict, see `measure`, and the folder's path, which is under `RESULTS_DIR`.
    """
    folder = new_folder(RESULTS_DIR, "evaluate")
    with result_files(folder, kinds_of(model)) as write:
        result = measure(model, dataset, coco, write=write)
    evaluation.write(result, folder)
    print(f"{official(result)}\nSaved to {folder}")
    return result, folder


def detect(model, dataset, min_score=0.7, pictures=True, given=None, native=False):
    """Write the files to submit, with all detections, and pictures of them to a new folder.

    counts.csv has a row for every image: the number of objects, the limit that cut them
    ("truncated"), if any, or the reason why the image could not be used.

    Args:
        model: a `MaskRCNN` in inference mode, with its weights loaded.
        dataset: a prepared `CocoDataset`.
        min_score: score threshold for the pictures and counts.
        pictures: whether to draw them.
        given: the file or folder that the images are from, if they are the user's own.
        native: whether pictures have exactly their images' pixels, without margins or titles.

    Returns:
        the folder's path, which is under `RESULTS_DIR`.
    """
    folder = new_folder(RESULTS_DIR, "detect")
    counts = CountsTable(folder / "counts.csv")
    with result_files(folder, kinds_of(model)) as write:
        for each in counted(model, dataset, counts):
            i, found, name = each.image_id, each.result, file_name(dataset, each.image_id)
            write(build_coco_results(dataset, [dataset.image_info[i]["id"]], **found))
            counts.add(name, found, min_score)
            if pictures:
                path = folder / f"{name}.png"
                draw(each.image, found, dataset.class_names, min_score, path, native)
    if given:
        counts.refuse_other_files(given)
    print(f"Saved to {folder}\n{counts.last_line()}")
    return folder


def draw(image, found, class_names, min_score, path, native=False):
    """Draw the detections that score at least `min_score`, see `visualize.display_instances`."""
    sure = with_score(found, min_score)
    visualize.display_instances(
        image,
        sure["rois"],
        sure["masks"].dense() if "masks" in sure else None,
        sure["class_ids"],
        class_names,
        sure["scores"],
        save_to=path,
        native=native,
    )


def parse(argv=None):
    """Parse the command line; see the top of this file."""
    commands = ("train", "evaluate", "detect")
    parser = cli.parser("Find COCO objects with Mask R-CNN.", commands, DEFAULT_LOGS_DIR, "coco")
    # The name in matterport's Mask_RCNN.
    parser.add_argument(
        "--model", dest="weights", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    parser.add_argument("--year", choices=YEARS, default=DEFAULT_YEAR)
    parser.add_argument("--download", action="store_true", help="fetch missing data to --dataset")
    parser.add_argument(
        "--subset",
        choices=SUBSETS,
        help="evaluate, detect: default val, or minival for 2014",
    )
    parser.add_argument("--image", help="detect: image or folder of images, instead of --dataset")
    cli.add_native(parser)
    parser.add_argument("--no-pictures", action="store_true", help="detect: draw nothing")
    parser.add_argument(
        "--epochs", type=cli.count, default=STAGES[-1][1], help="train: number of the last epoch"
    )
    parser.add_argument(
        "--min-score",
        type=cli.fraction,
        default=0.7,
        help="detect: score threshold for the pictures",
    )
    args = parser.parse_args(argv)
    if args.command == "detect":
        if bool(args.image) == bool(args.dataset):
            parser.error("detect takes either --image=FILE_OR_FOLDER or --dataset=DIR")
    elif args.image:
        parser.error(f"{args.command} takes no --image")
    elif not args.dataset:
        parser.error(f"{args.command} needs --dataset=DIR, the folder with annotations and val2017")
    if args.command == "train" and args.subset:
        parser.error("train takes no --subset: it trains on train and validates on val")
    if args.command == "evaluate" and args.subset in TEST_SUBSETS:
        parser.error(f"--subset={args.subset} has no annotations to compare with: use detect")
    if args.command != "train" and args.weights == "imagenet":
        parser.error("--weights=imagenet was not trained on COCO: train first")
    args.subset = args.subset or {"2017": "val", "2014": "minival"}[args.year]
    return args


def load_data(args):
    """Load a command's datasets, and for evaluate COCO's annotations."""
    if args.command == "train":
        return load_training(args.dataset, args.year, args.limit, args.download)
    dataset, truth = CocoDataset(), None
    if args.image:
        dataset.load_images(args.image)
    else:
        truth = dataset.load_coco(
            args.dataset,
            args.subset,
            args.year,
            return_coco=args.command == "evaluate",
            auto_download=args.download,
        )
    dataset.prepare()
    return cli.limited(dataset, args.limit), truth


def make_model(weights, config, logs, training=False):
    """Make a model with its weights.

    Args:
        weights: what `start_weights.load` takes. For detection, weights of torchvision or
            Detectron2 come with the configuration that they need.
        config: for other weights.
        logs: folder of training runs.
        training: whether to train it.

    Raises:
        OSError, ValueError: the weights cannot be read, or were not trained on COCO.
    """
    if training or not is_foreign(weights):
        model = modellib.MaskRCNN("training" if training else "inference", config, str(logs))
        start_weights.load(model, weights, COCO_WEIGHTS_PATH)
        return model
    model = modellib.MaskRCNN.from_pretrained(weights, "inference", str(logs))
    if model.class_names is None:
        raise ValueError(
            f"{weights} has {model.config.NUM_CLASSES} classes with the background, which are not "
            "COCO's 80 (81), its ids (91) or people (2, with keypoints)."
        )
    return model


def main(argv=None):
    """Run the command line; see the top of this file."""
    args = parse(argv)
    training = args.command == "train"
    config = CocoConfig() if training else CocoInferenceConfig()
    with cli.one_line_errors():
        data = load_data(args)
        cli.shorten_epochs(config, args.limit)
        model = make_model(args.weights, config, args.logs, training)
    if training:
        train(model, *data, args.epochs, args.resume)
    elif args.command == "evaluate":
        evaluate(model, *data)
    else:
        pictures = not args.no_pictures
        detect(model, data[0], args.min_score, pictures, args.image, args.native)


if __name__ == "__main__":
    cli.run(main)
