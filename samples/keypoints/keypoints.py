"""Find the joints of stick figures, drawn as the sample runs, or of COCO's people.

Train in under an hour, without a download, from the weights of the nucleus sample:

    python samples/keypoints/keypoints.py train

Measure how good it is on figures that it was not trained on, and draw what it finds:

    python samples/keypoints/keypoints.py evaluate --weights=last
    python samples/keypoints/keypoints.py detect --weights=last

With --dataset, COCO's folder with its keypoints (annotations/person_keypoints_train2017.json and
_val2017.json, train2017 and val2017), the same commands work on people:

    python samples/keypoints/keypoints.py train --dataset=coco --weights=imagenet

Measure the models that torchvision and Detectron2 publish:

    python samples/keypoints/keypoints.py evaluate --dataset=coco \\
        --weights=torchvision:keypointrcnn_resnet50_fpn
"""

import sys
from pathlib import Path

from mrcnn import cli, evaluation, visualize
from mrcnn import model as modellib
from mrcnn.augment import Flips
from mrcnn.files.whole import new_folder
from mrcnn.formats import CocoKeypointsDataset
from mrcnn.inference.detector import with_score
from mrcnn.inference.over_dataset import over_dataset
from mrcnn.weights import catalogue, start_weights
from mrcnn.weights.readers import is_foreign

# Lets notebooks, which import samples.keypoints.keypoints, find the modules beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from figures_dataset import FiguresDataset
from keypoints_config import FiguresConfig, PeopleConfig

ROOT_DIR = Path(__file__).resolve().parents[2]
DEFAULT_LOGS_DIR = ROOT_DIR / "logs"
RESULTS_DIR = ROOT_DIR / "results" / "keypoints"
COCO_WEIGHTS_PATH = ROOT_DIR / "mask_rcnn_coco.h5"
NUCLEUS_WEIGHTS_PATH = catalogue.MODELS["nuclei"].path
# Values of --weights that were not trained on keypoints: only `train` accepts them.
FOREIGN_WEIGHTS = ("nucleus", "imagenet", "coco")

# Number of generated images in each part, and the seeds that make the parts differ.
COUNTS = {"train": 2560, "val": 50}
SEEDS = {"train": 0, "val": 1}
# Keypoints below this score are not drawn; it is Detectron2's.
MIN_KEYPOINT_SCORE = 0.05


def make_config(folder=None, training=True):
    """Return the configuration for figures or, with COCO's folder, for people.

    Args:
        folder: COCO's folder, or None for generated figures.
        training: False for detection, of one image at a time.
    """
    config = FiguresConfig() if folder is None else PeopleConfig()
    if not training:
        config.IMAGES_PER_GPU = 1
        config.DETECTION_MIN_CONFIDENCE = 0.05
    return config


def load_dataset(part, folder=None, limit=None):
    """Make a prepared dataset.

    Args:
        part: "train" or "val".
        folder: COCO's folder, or None for generated figures.
        limit: maximum number of images, or None for all.

    Raises:
        FileNotFoundError, ValueError: see `CocoKeypointsDataset.load`.
    """
    if folder is not None:
        path = Path(folder) / "annotations" / f"person_keypoints_{part}2017.json"
        people = CocoKeypointsDataset.read(path, images=Path(folder) / f"{part}2017")
        return cli.limited(people, limit)
    dataset = FiguresDataset()
    side = FiguresConfig.IMAGE_MAX_DIM
    dataset.load_figures(min(COUNTS[part], limit or COUNTS[part]), side, side, SEEDS[part])
    dataset.prepare()
    return dataset


def load_weights(model, name="nucleus"):
    """Load starting weights, or trained ones.

    Args:
        model: a `MaskRCNN`.
        name: "nucleus" (the weights of the nucleus sample, without the keypoint head), or what
            `start_weights.load` takes: "coco", "imagenet", "last", "best" or the path of a file.

    Returns:
        `LoadReport`.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: see `start_weights.load`.
    """
    return start_weights.load(model, name, COCO_WEIGHTS_PATH, {"nucleus": NUCLEUS_WEIGHTS_PATH})


def train(model, epochs, folder=None, limit=None, resume=False):
    """Train all layers up to epoch `epochs`; the model must have its weights loaded."""
    model.train(
        load_dataset("train", folder, limit),
        load_dataset("val", folder, limit),
        learning_rate=model.config.LEARNING_RATE,
        epochs=epochs,
        layers="all",
        augmentation=Flips(horizontal=0.5),
        resume=resume,
    )


def evaluate(model, folder=None, limit=None, min_score=0.5):
    """Print the metrics on the validation images; return them and the folder they are in."""
    results = new_folder(RESULTS_DIR, "evaluate")
    dataset = load_dataset("val", folder, limit)
    result = evaluation.evaluate(model, dataset, min_score=min_score, folder=results)
    print(f"{evaluation.summary(result)}\nSaved to {results}")
    return result, results


def detect(model, folder=None, limit=None, min_score=0.5, native=False):
    """Draw the keypoints found in `limit` (or 8) validation images.

    With `native`, pictures have exactly the pixels of their image, without margins or titles.

    Returns:
        the folder's path.
    """
    results = new_folder(RESULTS_DIR, "detect")
    dataset = load_dataset("val", folder, limit or 8)
    for each in over_dataset(
        model.detect, dataset, dataset.image_ids, fields=(), config=model.config
    ):
        found = with_score(each.result, min_score)
        visualize.display_keypoints(
            each.image,
            found["keypoints"],
            dataset.keypoint_layout,
            found["rois"],
            found["class_ids"],
            dataset.class_names,
            found["scores"],
            min_score=MIN_KEYPOINT_SCORE,
            save_to=results / f"{each.image_id}.png",
            native=native,
        )
        print(f"image {each.image_id}: {len(found['rois'])} found")
    print(f"Saved to {results}")
    return results


def main(argv=None):
    """Run the command line; see the top of this file."""
    parser = cli.parser(
        "Find keypoints with Mask R-CNN.",
        ("train", "evaluate", "detect"),
        DEFAULT_LOGS_DIR,
        "nucleus",
        ("nucleus (from the nucleus sample)", *start_weights.NAMES),
    )
    add = parser.add_argument
    cli.add_native(parser)
    add("--epochs", type=cli.count, default=6, help="train: number of the last epoch")
    add("--min-score", type=cli.fraction, default=0.5, help="score threshold")
    args = parser.parse_args(argv)
    training = args.command == "train"
    if not training and args.weights in FOREIGN_WEIGHTS:
        parser.error(
            f"--weights={args.weights} was not trained on keypoints: train first, then use "
            "--weights=last"
        )
    if args.dataset and args.weights == "nucleus":
        parser.error(
            "--weights=nucleus is for the small network of the figures: with --dataset use "
            "--weights=imagenet or coco"
        )
    if is_foreign(args.weights) and not training and not args.dataset:
        parser.error(f"--weights={args.weights} finds people: give COCO's folder with --dataset")
    config = make_config(args.dataset, training)
    cli.shorten_epochs(config, args.limit)
    with cli.one_line_errors():
        if is_foreign(args.weights) and not training:
            # They come with the configuration that they need.
            model = modellib.MaskRCNN.from_pretrained(args.weights, "inference", str(args.logs))
        else:
            mode = "training" if training else "inference"
            model = modellib.MaskRCNN(mode, config, str(args.logs))
            load_weights(model, args.weights)
        if training:
            train(model, args.epochs, args.dataset, args.limit, args.resume)
        elif args.command == "evaluate":
            evaluate(model, args.dataset, args.limit, args.min_score)
        else:
            detect(model, args.dataset, args.limit, args.min_score, args.native)


if __name__ == "__main__":
    cli.run(main)
