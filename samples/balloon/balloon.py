"""Find balloons in photographs, and leave colour to them alone.

Train on the balloons of the VGG Image Annotator, from COCO's weights; with --resume go on:

    python samples/balloon/balloon.py train --dataset=DIR --weights=coco
    python samples/balloon/balloon.py train --dataset=DIR --weights=coco --resume

Without a GPU, a smaller network, from the weights that come with the nucleus sample:

    python samples/balloon/balloon.py train --dataset=DIR --weights=nucleus --network=small

How good it is on the validation photographs; and their pictures:

    python samples/balloon/balloon.py evaluate --dataset=DIR --weights=best
    python samples/balloon/balloon.py detect --dataset=DIR --weights=best

A photograph or a video of which all but the balloons is gray:

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
from mrcnn.files.archives import fetch_archive
from mrcnn.files.whole import new_folder
from mrcnn.formats import ViaDataset
from mrcnn.formats.finding import given_path
from mrcnn.images.reading import read_image
from mrcnn.weights import start_weights

# The file beside this one is found from a notebook too, which imports samples.balloon.balloon.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import video
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
NUCLEUS_WEIGHTS_PATH = ROOT_DIR / "samples" / "nucleus" / "nucleus_small.h5"
# Of --weights: those that have seen no balloon, to train from only.
FOREIGN_WEIGHTS = ("nucleus", "imagenet")
DATASET_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.1/balloon_dataset.zip"

# Of --network: the configurations to train and to detect with.
NETWORKS = {
    "resnet101": (BalloonConfig, BalloonInferenceConfig),
    "small": (SmallBalloonConfig, SmallBalloonInferenceConfig),
}


class BalloonDataset(ViaDataset):
    """Photographs whose balloons were outlined in the VGG Image Annotator."""

    SOURCE = "balloon"

    def load_balloon(self, dataset_dir, subset):
        """Register the photographs of a subset.

        Args:
            dataset_dir: folder that holds train and val.
            subset: "train" or "val".

        Raises:
            ValueError: there is no such subset, or its annotations cannot be used.
            FileNotFoundError: its folder is missing.
        """
        if subset not in ("train", "val"):
            raise ValueError(f"subset is {subset!r}: it is train or val.")
        folder = given_path(dataset_dir)
        if not (folder / subset).is_dir():
            raise FileNotFoundError(
                f"there is no folder {folder / subset}: the data set is a folder that holds train "
                "and val, and --download fetches them to it."
            )
        self.load(folder / subset, class_names=["balloon"])


def download_dataset(dataset_dir):
    """Fetch the photographs, if `dataset_dir` lacks train or val; see `archives.fetch_archive`."""
    folder = given_path(dataset_dir)
    if not all((folder / subset).exists() for subset in ("train", "val")):
        fetch_archive(DATASET_URL, folder, inside="balloon")


def load_dataset(dataset_dir, subset, limit=None):
    """A prepared `BalloonDataset` of a subset, or of so many of its photographs."""
    dataset = BalloonDataset()
    dataset.load_balloon(dataset_dir, subset)
    dataset.prepare()
    return cli.limited(dataset, limit)


def train(model, dataset_dir, epochs=None, limit=None, resume=False):
    """Train the layers that the configuration names.

    Args:
        model: a `MaskRCNN` in training mode, its weights loaded.
        dataset_dir: see `BalloonDataset.load_balloon`.
        epochs: number of the last epoch; None is that of the configuration.
        limit: most photographs, or None.
        resume: whether to go on with the last run, if there is one.
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
    """Print the figures on the validation photographs and write them to a new folder.

    Args:
        model: a `MaskRCNN` in inference mode, its weights loaded. Its DETECTION_MIN_CONFIDENCE is
            0.05 or so: the average precisions want the weak detections too.
        dataset_dir, limit: see `train`.
        min_score: of the detections that count in all other figures.

    Returns:
        dict, see `mrcnn.evaluation.evaluate`, and path of the folder.
    """
    dataset, folder = load_dataset(dataset_dir, "val", limit), new_folder(RESULTS_DIR, "evaluate")
    result = evaluation.evaluate(model, dataset, min_score=min_score, folder=folder)
    print(f"{evaluation.summary(result)}\nSaved to {folder}")
    return result, folder


def detect(model, dataset_dir, limit=None):
    """Draw the detections of the validation photographs; gives the path of the folder."""
    dataset, folder = load_dataset(dataset_dir, "val", limit), new_folder(RESULTS_DIR, "detect")
    count = 0
    for image_id in dataset.image_ids:
        image, name = dataset.load_image(image_id), dataset.image_info[image_id]["id"]
        found = model.detect([image])[0]
        visualize.display_instances(
            image,
            found["rois"],
            found["masks"],
            found["class_ids"],
            dataset.class_names,
            found["scores"],
            save_to=(folder / name).with_suffix(".png"),
        )
        print(f"{name}: {len(found['scores'])} balloons")
        count += len(found["scores"])
    if not count:
        score = model.config.DETECTION_MIN_CONFIDENCE
        print(f"No balloon has a score of {score} or more: try a lower --min-score")
    print(f"Saved to {folder}")
    return folder


def color_splash(image, mask):
    """Colour inside the instances, gray outside.

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
    """Write a photograph or a video in which the balloons alone have colour.

    Args:
        model: a `MaskRCNN` in inference mode, its weights loaded.
        image_path, video_path: of the file; one of both.

    Returns:
        path of what was written, in a new folder under `RESULTS_DIR`.

    Raises:
        ValueError: none or both paths are given; no video.
        FileNotFoundError, OSError: a file cannot be read.
    """
    if bool(image_path) == bool(video_path):
        raise ValueError("give either an image or a video.")
    path = given_path(image_path or video_path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}.")

    def splash(image):
        return color_splash(image, model.detect([image])[0]["masks"])

    if image_path:
        image = read_image(path)
        image = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., :3]
        target = new_folder(RESULTS_DIR, "splash") / f"{path.stem}.png"
        Image.fromarray(splash(image)).save(target)
    else:
        target = new_folder(RESULTS_DIR, "splash") / f"{path.stem}.mp4"
        video.convert(path, target, splash)
    print(f"Saved to {target}")
    return target


def parse(argv=None):
    """The arguments of the command line; see the top of this file."""
    commands = ("train", "evaluate", "detect", "splash")
    parser = cli.parser(
        "Find balloons with Mask R-CNN.",
        commands,
        DEFAULT_LOGS_DIR,
        names=("nucleus (those that come with that sample)", *start_weights.NAMES),
    )
    parser.add_argument("--download", action="store_true", help="fetch what --dataset lacks")
    parser.add_argument("--image", help="splash: a photograph")
    parser.add_argument("--video", help="splash: a video")
    parser.add_argument("--epochs", type=cli.count, help="train: the last epoch")
    parser.add_argument(
        "--network", choices=tuple(NETWORKS), default="resnet101", help="small is for a CPU"
    )
    parser.add_argument(
        "--min-score",
        type=cli.share,
        help="least score of a balloon that counts: 0.9, of the small network 0.7",
    )
    args = parser.parse_args(argv)
    if args.command == "splash":
        if bool(args.image) == bool(args.video):
            parser.error("splash takes either --image=FILE or --video=FILE")
    elif not args.dataset:
        parser.error(f"{args.command} needs --dataset=DIR, the folder that holds train and val")
    if args.command != "train" and args.weights in FOREIGN_WEIGHTS:
        parser.error(
            f"--weights={args.weights} have seen no balloon: train first, then --weights=best"
        )
    if args.weights == "nucleus" and args.network != "small":
        parser.error(f"--weights=nucleus are of --network=small, not of {args.network}")
    return args


def main(argv=None):
    """Run the command line; see the top of this file."""
    args = parse(argv)
    training = args.command == "train"
    config = NETWORKS[args.network][0 if training else 1]()
    min_score = config.DETECTION_MIN_CONFIDENCE if args.min_score is None else args.min_score
    if not training:
        config.DETECTION_MIN_CONFIDENCE = 0.05 if args.command == "evaluate" else min_score
    with cli.one_line_errors():
        if args.dataset and args.download:
            download_dataset(args.dataset)
        if args.dataset:
            load_dataset(args.dataset, "val")
        cli.shorten(config, args.limit)
        model = modellib.MaskRCNN("training" if training else "inference", config, str(args.logs))
        start_weights.load(
            model, args.weights, COCO_WEIGHTS_PATH, {"nucleus": NUCLEUS_WEIGHTS_PATH}
        )
    if training:
        train(model, args.dataset, args.epochs, args.limit, args.resume)
    elif args.command == "evaluate":
        evaluate(model, args.dataset, args.limit, min_score)
    elif args.command == "detect":
        detect(model, args.dataset, args.limit)
    else:
        with cli.one_line_errors():
            detect_and_color_splash(model, args.image, args.video)


if __name__ == "__main__":
    cli.run(main)
