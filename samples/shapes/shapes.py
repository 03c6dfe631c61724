"""Detect squares, circles and triangles: a first training run, on images drawn as it runs.

Train for two minutes, without a download, from the weights of the nucleus sample:

    python samples/shapes/shapes.py train

Measure how good it is on images that it was not trained on, and draw what it finds:

    python samples/shapes/shapes.py evaluate --weights=last
    python samples/shapes/shapes.py detect --weights=last
"""

import sys
from pathlib import Path

from mrcnn import cli, evaluation, utils, visualize
from mrcnn import model as modellib
from mrcnn.config import Config
from mrcnn.files.whole import new_folder
from mrcnn.inference.counts import CountsTable
from mrcnn.inference.detector import with_score
from mrcnn.presets import SmallNetwork
from mrcnn.weights import catalogue, start_weights

# Lets notebooks, which import samples.shapes.shapes, find the module beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from shapes_dataset import ShapesDataset

ROOT_DIR = Path(__file__).resolve().parents[2]
DEFAULT_LOGS_DIR = ROOT_DIR / "logs"
RESULTS_DIR = ROOT_DIR / "results" / "shapes"
COCO_WEIGHTS_PATH = ROOT_DIR / "mask_rcnn_coco.h5"
NUCLEUS_WEIGHTS_PATH = catalogue.MODELS["nuclei"].path
# Values of --weights that were not trained on shapes: only `train` accepts them.
FOREIGN_WEIGHTS = ("nucleus", "imagenet", "coco")

# Number of images in each part, and the seeds that make the parts differ.
COUNTS = {"train": 1280, "val": 50}
SEEDS = {"train": 0, "val": 1}


class ShapesConfig(SmallNetwork, Config):
    """Images of 128x128 pixels, for the 9-million-parameter network of the nucleus sample."""

    NAME = "shapes"
    NUM_CLASSES = 1 + 3
    IMAGES_PER_GPU = 4
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    # The nucleus sample's anchors: its weights were trained with them.
    RPN_ANCHOR_SCALES = (16, 28, 48, 84, 160)
    TRAIN_ROIS_PER_IMAGE = 32
    MAX_GT_INSTANCES = 8
    STEPS_PER_EPOCH = 80
    VALIDATION_STEPS = 5
    SEED = 0

    PRE_NMS_LIMIT = 1000
    POST_NMS_ROIS_TRAINING = 200
    POST_NMS_ROIS_INFERENCE = 100
    DETECTION_MAX_INSTANCES = 16

    OPTIMIZER = "adamw"
    LEARNING_RATE = 1e-3
    WEIGHT_DECAY = 0.02
    LR_SCHEDULE = "cosine"
    LR_WARMUP_STEPS = 30
    EMA = 0.98


class ShapesInferenceConfig(ShapesConfig):
    """Inference on one image at a time."""

    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0.05


def load_dataset(part, limit=None):
    """Make a prepared `ShapesDataset`.

    Args:
        part: "train" or "val".
        limit: maximum number of images, or None for all.
    """
    dataset = ShapesDataset()
    side = ShapesConfig.IMAGE_MAX_DIM
    dataset.load_shapes(min(COUNTS[part], limit or COUNTS[part]), side, side, SEEDS[part])
    dataset.prepare()
    return dataset


def load_weights(model, name="nucleus"):
    """Load starting weights, or trained ones.

    Args:
        model: a `MaskRCNN`.
        name: "nucleus" (the weights of the nucleus sample; layers that depend on the number of
            classes keep their values), or what `start_weights.load` takes: "coco", "imagenet",
            "last", "best" or the path of a file.

    Returns:
        `LoadReport`.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: see `start_weights.load`.
    """
    return start_weights.load(model, name, COCO_WEIGHTS_PATH, {"nucleus": NUCLEUS_WEIGHTS_PATH})


def train(model, epochs, limit=None, resume=False):
    """Train all layers up to epoch `epochs`; the model must have its weights loaded."""
    model.train(
        load_dataset("train", limit),
        load_dataset("val", limit),
        learning_rate=model.config.LEARNING_RATE,
        epochs=epochs,
        layers="all",
        resume=resume,
    )


def evaluate(model, limit=None, min_score=0.5):
    """Print the metrics on the validation images; return them and the folder they are in."""
    folder = new_folder(RESULTS_DIR, "evaluate")
    dataset = load_dataset("val", limit)
    result = evaluation.evaluate(model, dataset, min_score=min_score, folder=folder)
    print(f"{evaluation.summary(result)}\nSaved to {folder}")
    return result, folder


def detect(model, limit=None, min_score=0.5, native=False):
    """Draw ground truth and detections of `limit` (or 8) validation images; write counts.csv.

    With `native`, both have exactly the pixels of their image, without margins or titles.

    Returns:
        the folder's path.
    """
    folder = new_folder(RESULTS_DIR, "detect")
    dataset = load_dataset("val", limit or 8)
    counts = CountsTable(folder / "counts.csv", ("image", "shapes"))
    for each in counts.detect(model.detect, dataset, int):
        masks, class_ids = dataset.load_mask(each.image_id)
        truth = {"rois": utils.extract_bboxes(masks), "class_ids": class_ids, "masks": masks}
        found = with_score(each.result, min_score)
        picture = folder / f"{each.image_id}.png"
        options = {"save_to": picture, "native": native}
        visualize.compare(each.image, truth, found, dataset.class_names, **options)
        print(counts.add(each.image_id, each.result, min_score))
    print(f"Saved to {folder}\n{counts.last_line()}")
    return folder


def main(argv=None):
    """Run the command line; see the top of this file."""
    parser = cli.parser(
        "Find shapes with Mask R-CNN.",
        ("train", "evaluate", "detect"),
        DEFAULT_LOGS_DIR,
        "nucleus",
        ("nucleus (from the nucleus sample)", *start_weights.NAMES),
    )
    add = parser.add_argument
    cli.add_native(parser)
    add("--epochs", type=cli.count, default=4, help="train: number of the last epoch")
    add("--min-score", type=cli.fraction, default=0.5, help="score threshold")
    args = parser.parse_args(argv)
    if args.dataset:
        parser.error("the shapes are generated: there is no --dataset")
    training = args.command == "train"
    if not training and args.weights in FOREIGN_WEIGHTS:
        parser.error(
            f"--weights={args.weights} was not trained on shapes: train first, then use "
            "--weights=last"
        )
    config = ShapesConfig() if training else ShapesInferenceConfig()
    cli.shorten_epochs(config, args.limit)
    with cli.one_line_errors():
        model = modellib.MaskRCNN("training" if training else "inference", config, str(args.logs))
        load_weights(model, args.weights)
    if training:
        train(model, args.epochs, args.limit, args.resume)
    elif args.command == "evaluate":
        evaluate(model, args.limit, args.min_score)
    else:
        detect(model, args.limit, args.min_score, args.native)


if __name__ == "__main__":
    cli.run(main)
