"""Detect balloons in photographs, and turn everything else gray.

Train on the annotated photographs, from COCO weights; --resume continues the last run:

    python samples/balloon/balloon.py train --dataset=DIR --weights=coco
    python samples/balloon/balloon.py train --dataset=DIR --weights=coco --resume

Without a GPU, train a smaller network, from the weights that come with the nucleus sample:

    python samples/balloon/balloon.py train --dataset=DIR --weights=nucleus --network=small

Measure how good it is on the validation photographs, and draw what it finds:

    python samples/balloon/balloon.py evaluate --dataset=DIR --weights=best
    python samples/balloon/balloon.py detect --dataset=DIR --weights=best

Turn a photograph or a video gray, except for the balloons:

    python samples/balloon/balloon.py splash --weights=best --image=FILE
    python samples/balloon/balloon.py splash --weights=best --video=FILE

DIR holds train and val, each with photographs and a via_region_data.json; --download fetches them
(37 MB).
"""

import sys
from pathlib import Path

import numpy as np
import skimage.color
from PIL import Image

from mrcnn import augment, cli, evaluation, visualize
from mrcnn import model as modellib
from mrcnn.config_rules.detection_rules import lowest_min_score
from mrcnn.files.archives import fetch_archive
from mrcnn.files.whole import new_folder
from mrcnn.formats import ViaDataset
from mrcnn.formats.finding import given_path
from mrcnn.images import video
from mrcnn.images.reading import read_image
from mrcnn.inference.counts import CountsTable
from mrcnn.weights import catalogue, start_weights

# Lets notebooks, which import samples.balloon.balloon, find the modules beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from balloon_config import (
    BalloonConfig,
    BalloonInferenceConfig,
    SmallBalloonConfig,
    SmallBalloonInferenceConfig,
)

ROOT_DIR = Path(__file__).resolve().parents[2]
DEFAULT_LOGS_DIR = ROOT_DIR / "logs"
RESULTS_DIR = ROOT_DIR / "results" / "balloon"
COCO_WEIGHTS_PATH = ROOT_DIR / "mask_rcnn_coco.h5"
NUCLEUS_WEIGHTS_PATH = catalogue.MODELS["nuclei"].path
# Values of --weights that were not trained on balloons: only `train` accepts them.
FOREIGN_WEIGHTS = ("nucleus", "imagenet")
DATASET_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.1/balloon_dataset.zip"

# For each --network: the configurations for training and inference.
NETWORKS = {
    "resnet101": (BalloonConfig, BalloonInferenceConfig),
    "small": (SmallBalloonConfig, SmallBalloonInferenceConfig),
}


class BalloonDataset(ViaDataset):
    """Photographs whose balloons were outlined with the VGG Image Annotator."""

    SOURCE = "balloon"

    def load_balloon(self, dataset_dir, subset):
        """Register a subset's photographs.

        Args:
            dataset_dir: folder that holds train and val.
            subset: "train" or "val".

        Raises:
            ValueError: unknown subset, or its annotations cannot be used.
            FileNotFoundError: its folder is missing.
        """
        if subset not in ("train", "val"):
            raise ValueError(f"subset is {subset!r}: it must be train or val.")
        folder = given_path(dataset_dir)
        if not (folder / subset).is_dir():
            raise FileNotFoundError(
                f"{folder / subset} does not exist: the dataset folder must hold train and val; "
                "--download fetches them."
            )
        self.load(folder / subset, class_names=["balloon"])


def download_dataset(dataset_dir):
    """Fetch the photographs if train or val is missing; see `archives.fetch_archive`."""
    folder = given_path(dataset_dir)
    if not all((folder / subset).exists() for subset in ("train", "val")):
        fetch_archive(DATASET_URL, folder, inside="balloon")


def load_dataset(dataset_dir, subset, limit=None):
    """Load a prepared `BalloonDataset`: a subset, or a random `limit` of its photographs."""
    dataset = BalloonDataset()
    dataset.load_balloon(dataset_dir, subset)
    dataset.prepare()
    return cli.limited(dataset, limit)


def train(model, dataset_dir, epochs=None, limit=None, resume=False):
    """Train the layers that the configuration selects.

    Args:
        model: a `MaskRCNN` in training mode, with its weights loaded.
        dataset_dir: see `BalloonDataset.load_balloon`.
        epochs: number of the last epoch; None: the configuration's.
        limit: maximum number of photographs, or None for all.
        resume: whether to resume the last run, if there is one.
    """
    model.train(
        load_dataset(dataset_dir, "train", limit),
        load_dataset(dataset_dir, "val", limit),
        learning_rate=model.config.LEARNING_RATE,
        epochs=epochs or model.config.TRAIN_EPOCHS,
        layers=model.config.TRAIN_LAYERS,
        augmentation=augment.photographs(),
        resume=resume,
    )


def evaluate(model, dataset_dir, limit=None, min_score=0.9):
    """Print the metrics on the validation photographs and write them to a new folder.

    Args:
        model: a `MaskRCNN` in inference mode, with its weights loaded. Its
            DETECTION_MIN_CONFIDENCE should be about 0.05: average precision needs weak detections.
        dataset_dir, limit: see `train`.
        min_score: score threshold for all other metrics.

    Returns:
        dict, see `mrcnn.evaluation.evaluate`, and the folder's path.
    """
    dataset, folder = load_dataset(dataset_dir, "val", limit), new_folder(RESULTS_DIR, "evaluate")
    result = evaluation.evaluate(model, dataset, min_score=min_score, folder=folder)
    print(f"{evaluation.summary(result)}\nSaved to {folder}")
    return result, folder


def detect(model, dataset_dir, limit=None, native=False):
    """Draw the detections in the validation photographs, and write counts.csv.

    With `native`, pictures have exactly their photographs' pixels, without margins or titles.

    Returns:
        the folder's path.
    """
    dataset, folder = load_dataset(dataset_dir, "val", limit), new_folder(RESULTS_DIR, "detect")
    counts = CountsTable(folder / "counts.csv", ("image", "balloons"))
    for each in counts.detect(model.detect, dataset, lambda i: dataset.image_info[i]["id"]):
        found, name = each.result, dataset.image_info[each.image_id]["id"]
        visualize.display_instances(
            each.image,
            found["rois"],
            found["masks"],
            found["class_ids"],
            dataset.class_names,
            found["scores"],
            save_to=(folder / name).with_suffix(".png"),
            native=native,
        )
        print(counts.add(name, found))
    if not counts.objects:
        score = lowest_min_score(model.config)
        print(f"No balloon has a score of {score} or more: try a lower --min-score")
    print(f"Saved to {folder}\n{counts.last_line()}")
    return folder


def color_splash(image, mask):
    """Turn an image gray outside its instances.

    Args:
        image: uint8 [H, W, 3].
        mask: bool [H, W, N].

    Returns:
        uint8 [H, W, 3].
    """
    gray = np.rint(255 * skimage.color.rgb2gray(image)).astype(np.uint8)
    inside = np.asarray(mask, bool).any(axis=-1, keepdims=True)
    return np.where(inside, image, gray[..., None])


def detect_and_color_splash(model, image_path=None, video_path=None):
    """Write a copy of a photograph or video in which only the balloons have colour.

    Args:
        model: a `MaskRCNN` in inference mode, with its weights loaded.
        image_path, video_path: path of the file; give exactly one.

    Returns:
        path of the file written, in a new folder under `RESULTS_DIR`.

    Raises:
        ValueError: neither or both paths are given, or the file is not a video.
        FileNotFoundError, OSError: the file cannot be read.
    """
    if bool(image_path) == bool(video_path):
        raise ValueError("give either an image or a video.")
    path = given_path(image_path or video_path)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}.")

    def splash(image):
        return color_splash(image, model.detect([image])[0]["masks"])

    if image_path:
        image = read_image(path)
        image = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., :3]
        target = new_folder(RESULTS_DIR, "splash") / f"{path.stem}.png"
        Image.fromarray(splash(image)).save(target)
    else:
        target = new_folder(RESULTS_DIR, "splash") / f"{path.stem}.mp4"
        frames, lost = video.convert(path, target, splash)
        print(f"{frames} frames" + (f"; {lost} could not be decoded" if lost else ""))
    print(f"Saved to {target}")
    return target


def parse(argv=None):
    """Parse the command line; see the top of this file."""
    commands = ("train", "evaluate", "detect", "splash")
    parser = cli.parser(
        "Find balloons with Mask R-CNN.",
        commands,
        DEFAULT_LOGS_DIR,
        names=("nucleus (from the nucleus sample)", *start_weights.NAMES),
    )
    parser.add_argument("--download", action="store_true", help="fetch missing data to --dataset")
    parser.add_argument("--image", help="splash: a photograph")
    parser.add_argument("--video", help="splash: a video")
    cli.add_native(parser)
    parser.add_argument("--epochs", type=cli.count, help="train: number of the last epoch")
    parser.add_argument(
        "--network", choices=tuple(NETWORKS), default="resnet101", help="small is for a CPU"
    )
    parser.add_argument(
        "--min-score",
        type=cli.fraction,
        help="score threshold: default 0.9, or 0.7 for the small network",
    )
    args = parser.parse_args(argv)
    if args.command == "splash":
        if bool(args.image) == bool(args.video):
            parser.error("splash takes either --image=FILE or --video=FILE")
    elif not args.dataset:
        parser.error(f"{args.command} needs --dataset=DIR, the folder that holds train and val")
    if args.command != "train" and args.weights in FOREIGN_WEIGHTS:
        parser.error(
            f"--weights={args.weights} was not trained on balloons: train first, then use "
            "--weights=best"
        )
    if args.weights == "nucleus" and args.network != "small":
        parser.error(f"--weights=nucleus is for --network=small, not {args.network}")
    return args


def main(argv=None):
    """Run the command line; see the top of this file."""
    args = parse(argv)
    training = args.command == "train"
    config = NETWORKS[args.network][0 if training else 1]()
    min_score = lowest_min_score(config) if args.min_score is None else args.min_score
    if args.command == "evaluate":
        config.DETECTION_MIN_CONFIDENCE = 0.05
    elif not training and args.min_score is not None:
        config.DETECTION_MIN_CONFIDENCE = args.min_score
    with cli.one_line_errors():
        if args.dataset and args.download:
            download_dataset(args.dataset)
        if args.dataset:
            load_dataset(args.dataset, "val")
        cli.shorten_epochs(config, args.limit)
        model = modellib.MaskRCNN("training" if training else "inference", config, str(args.logs))
        start_weights.load(
            model, args.weights, COCO_WEIGHTS_PATH, {"nucleus": NUCLEUS_WEIGHTS_PATH}
        )
    if training:
        train(model, args.dataset, args.epochs, args.limit, args.resume)
    elif args.command == "evaluate":
        evaluate(model, args.dataset, args.limit, min_score)
    elif args.command == "detect":
        detect(model, args.dataset, args.limit, args.native)
    else:
        with cli.one_line_errors():
            detect_and_color_splash(model, args.image, args.video)


if __name__ == "__main__":
    cli.run(main)
