"""Detect cell nuclei in microscopy images, with weights that come with the package.

Detect in your own images, of up to about 1500 pixels a side and 400 nuclei; outlines, counts and
run lengths go to a new folder under results/nucleus:

    python samples/nucleus/nucleus.py detect --dataset=FOLDER

In images with several stains, name the channel of the nuclei: --channel=DAPI, or --channel=0.

Detect in images of the 2018 Data Science Bowl and write a submission, or measure how good the
detections are where there are masks:

    python samples/nucleus/nucleus.py detect --dataset=DIR --subset=stage1_test
    python samples/nucleus/nucleus.py evaluate --dataset=DIR --subset=val --tta=8

Train on all images except those of `val`, from ImageNet weights or the sample's:

    python samples/nucleus/nucleus.py train --dataset=DIR --weights=imagenet
    python samples/nucleus/nucleus.py train --dataset=DIR --weights=nucleus

DIR holds stage1_train and so on, in which `<id>/images/<id>.png` is an image and each file in
`<id>/masks` is the mask of one nucleus.
"""

import functools
import sys
from pathlib import Path

from mrcnn import augment, cli, evaluation, visualize
from mrcnn import model as modellib
from mrcnn.files.whole import new_folder
from mrcnn.inference import tta
from mrcnn.inference.counts import CountsTable
from mrcnn.inference.detector import detect_crops, with_score
from mrcnn.inference.no_overlaps import without_overlaps
from mrcnn.weights import catalogue, start_weights

# Lets notebooks, which import samples.nucleus.nucleus, find the modules beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from nucleus_config import (
    MIN_SCORE,
    NucleusConfig,
    NucleusInferenceConfig,
    SmallNucleusConfig,
    SmallNucleusInferenceConfig,
)
from nucleus_dataset import (  # noqa: F401 (notebooks import these from here)
    SUBSETS,
    TUNE_IMAGE_IDS,
    VAL_IMAGE_IDS,
    NucleusDataset,
    kind_of,
    load_dataset,
    load_validation,
    mask_to_rle,
    rle_decode,
    rle_encode,
)

ROOT_DIR = Path(__file__).resolve().parents[2]
DEFAULT_LOGS_DIR = ROOT_DIR / "logs"
RESULTS_DIR = ROOT_DIR / "results" / "nucleus"
COCO_WEIGHTS_PATH = ROOT_DIR / "mask_rcnn_coco.h5"
NUCLEUS_WEIGHTS_PATH = catalogue.MODELS["nuclei"].path

# For each --network: the configurations for training and inference.
NETWORKS = {
    "small": (SmallNucleusConfig, SmallNucleusInferenceConfig),
    "resnet50": (NucleusConfig, NucleusInferenceConfig),
}


def train(model, dataset_dir, subset="train", resume=False, epochs=None, limit=None):
    """Train through the stages that the configuration defines.

    Args:
        model: a `MaskRCNN` in training mode, with its weights loaded.
        dataset_dir, subset: as in `NucleusDataset.load_nucleus`.
        resume: whether to resume the last run, if there is one.
        epochs: number of the last epoch; None: the configuration's.
        limit: maximum number of images, drawn at random; None: all.
    """
    config = model.config
    ends = [*config.STAGE_EPOCHS[:-1], epochs or config.STAGE_EPOCHS[-1]]
    model.train(
        load_dataset(dataset_dir, subset, limit, balance=True),
        load_validation(dataset_dir, limit),
        learning_rate=config.LEARNING_RATE,
        epochs=ends,
        layers=config.STAGE_LAYERS,
        augmentation=augment.microscopy(),
        resume=resume,
    )


def detector(model, orientations=1, overlaps=True):
    """Make a detection function with the given options.

    Args:
        model: a `MaskRCNN` in inference mode.
        orientations: number of orientations in which to detect, see `tta.turned`.
        overlaps: False assigns each pixel only to the nucleus with the highest score.

    Returns:
        function from a list of images to a list of results, with masks as `InstanceMasks`.
    """
    detect = functools.partial(detect_crops, model)
    if orientations > 1:
        detect = tta.turned(detect, orientations)
    return detect if overlaps else without_overlaps(detect)


def evaluate(
    model,
    dataset_dir,
    subset="val",
    min_score=MIN_SCORE,
    orientations=1,
    overlaps=True,
    limit=None,
):
    """Print all metrics and write them, with curves, to a new folder under `RESULTS_DIR`.

    Args:
        model: a `MaskRCNN` in inference mode, with its weights loaded. Its
            DETECTION_MIN_CONFIDENCE should be about 0.05: average precision needs weak detections.
        dataset_dir, subset: as in `NucleusDataset.load_nucleus`.
        min_score: score threshold for all other metrics.
        orientations, overlaps: see `detector`.
        limit: maximum number of images, drawn at random; None: all.

    Returns:
        dict, see `mrcnn.evaluation.evaluate`, with groups by `kind_of`; and the folder's path.
    """
    dataset, folder = load_dataset(dataset_dir, subset, limit), new_folder(RESULTS_DIR, "evaluate")
    result = evaluation.evaluate(
        model,
        dataset,
        min_score=min_score,
        detect=detector(model, orientations, overlaps),
        group_of=lambda image_id, image: kind_of(image),
        folder=folder,
    )
    lines = [f"{result['seconds_per_image']:.1f} seconds per image", *evaluation.remarks(result)]
    text = "\n".join([evaluation.table(result), "", *lines, ""])
    (folder / "table.md").write_text(text)
    print(f"{text}Saved to {folder}")
    return result, folder


def detect(
    model,
    dataset_dir,
    subset=None,
    min_score=MIN_SCORE,
    orientations=1,
    overlaps=True,
    limit=None,
    channel=None,
    native=False,
):
    """Write submit.csv, counts.csv and a picture of each image to a new folder.

    counts.csv has a row for every image: the number of nuclei, the limit that cut it ("truncated"),
    if any, or the reason why the image could not be used.

    Args:
        model: a `MaskRCNN` in inference mode, with its weights loaded.
        dataset_dir, subset: as in `NucleusDataset.load_nucleus`; without a subset, `dataset_dir`
            is a folder of images.
        min_score: score threshold.
        orientations, overlaps: see `detector`. In submit.csv, no pixel ever occurs twice.
        limit: maximum number of images, drawn at random; None: all.
        channel: the channel to use as gray, see `NucleusDataset`; None: all.
        native: whether pictures have exactly their images' pixels, without margins or titles.

    Returns:
        the folder's path, which is under `RESULTS_DIR`.
    """
    dataset = load_dataset(dataset_dir, subset, limit, channel=channel)
    find = detector(model, orientations, overlaps)
    folder = new_folder(RESULTS_DIR, "submit")
    counts = CountsTable(folder / "counts.csv", ("ImageId", "Nuclei"))
    # Flush line by line, so that an interruption loses no results.
    with open(folder / "submit.csv", "w") as submission:
        print("ImageId,EncodedPixels", file=submission, flush=True)
        for each in counts.detect(find, dataset, lambda i: dataset.image_info[i]["id"]):
            name = dataset.image_info[each.image_id]["id"]
            line = counts.add(name, each.result, min_score)
            found = with_score(each.result, min_score)
            found["masks"] = found["masks"].dense()
            print(mask_to_rle(name, found["masks"], found["scores"]), file=submission, flush=True)
            draw(each.image, found, dataset.class_names, folder / f"{name}.png", native)
            print(line)
        for name in counts.refused:  # the competition expects every image
            print(f"{name},", file=submission, flush=True)
    if subset is None:
        counts.refuse_other_files(dataset_dir)
    print(f"Saved to {folder}\n{counts.last_line()}")
    return folder


def draw(image, found, class_names, path, native=False):
    """Draw the outlines of the nuclei.

    Args:
        image: [H, W, 3].
        found: a result, see `MaskRCNN.detect`.
        class_names: list of strings.
        path: path of the PNG to write.
        native: whether it has exactly the image's pixels, without margins or title.
    """
    count = len(found["scores"])
    visualize.display_instances(
        image,
        found["rois"],
        found["masks"],
        found["class_ids"],
        class_names,
        title=f"{count} nuclei",
        figsize=(12, 12),
        captions=[""] * count,
        show_bbox=False,
        show_mask=False,
        save_to=path,
        native=native,
    )


def make_model(mode, network="small", weights="nucleus", logs=DEFAULT_LOGS_DIR, min_score=None):
    """Build a `MaskRCNN` and load its weights.

    Args:
        mode: "training" or "inference".
        network: "small" or "resnet50".
        weights: "nucleus" or "nuclei" (the weights that come with the package, for the small
            network), or what else `start_weights.load` takes: "coco", "imagenet", "last", "best"
            or the path of a file.
        logs: folder of the training runs.
        min_score: DETECTION_MIN_CONFIDENCE; None: the configuration's.

    Raises:
        ValueError: unknown network, weights "nucleus" without the small network, or weights that
            do not fit.
        FileNotFoundError: the weights do not exist.
    """
    if network not in NETWORKS:
        raise ValueError(f"network is {network!r}: it must be {' or '.join(NETWORKS)}.")
    is_packaged = weights in ("nucleus", "nuclei")
    if is_packaged and network != "small":
        raise ValueError(f"--weights={weights} is for --network=small, not {network}.")
    config = NETWORKS[network][0 if mode == "training" else 1]()
    if min_score is not None:
        config.DETECTION_MIN_CONFIDENCE = min_score
    model = modellib.MaskRCNN(mode, config, str(logs))
    print(f"Loading weights {weights}")
    weights = NUCLEUS_WEIGHTS_PATH if is_packaged else weights
    start_weights.load(model, weights, COCO_WEIGHTS_PATH)
    return model


def parse(argv=None):
    """Parse the command line; see the top of this file."""
    parser = cli.parser(
        "Find cell nuclei with Mask R-CNN.",
        ("train", "evaluate", "detect"),
        DEFAULT_LOGS_DIR,
        "nucleus",
        ("nucleus", *start_weights.NAMES),
    )
    add = parser.add_argument
    add("--subset", help=f"{', '.join(SUBSETS)}; detect without it: all images in the folder")
    add("--network", choices=tuple(NETWORKS), default="small")
    add("--epochs", type=cli.count, help="train: number of the last epoch")
    add("--learning-rate", type=float, help="train: initial learning rate")
    add("--min-score", type=cli.fraction, default=MIN_SCORE, help="score threshold")
    add("--tta", type=int, default=1, choices=range(1, 9), help="orientations to detect in")
    add("--channel", help="detect: channel to use as gray, its number from 0 or its name")
    cli.add_native(parser)
    add("--remove-overlaps", action="store_true", help="allow no pixel in two nuclei")
    args = parser.parse_args(argv)
    if not args.dataset:
        parser.error(f"{args.command} needs --dataset=DIR, which holds stage1_train or images")
    if args.command != "detect":
        if args.channel is not None:
            parser.error(f"--channel is for detect, not for {args.command}")
        args.subset = args.subset or {"train": "train", "evaluate": "val"}[args.command]
        has_masks = [name for name in SUBSETS if name not in ("stage1_test", "stage2_test")]
        if args.subset not in has_masks:
            parser.error(
                f"--subset is {args.subset}: it must be one with masks, {', '.join(has_masks)}"
            )
        if args.command == "train" and args.subset in ("val", "tune"):
            parser.error(f"--subset is {args.subset}: it is held back from training")
    if args.command != "train" and args.weights in ("coco", "imagenet"):
        parser.error(f"--weights={args.weights} was not trained on nuclei: train first")
    return args


def main(argv=None):
    """Run the command line; see the top of this file."""
    args = parse(argv)
    mode = "training" if args.command == "train" else "inference"
    # Votes and average precision need detections below the score threshold, too.
    needs_weak = args.command == "evaluate" or args.tta > 1
    min_score = min(0.05, args.min_score) if needs_weak else args.min_score
    min_score = None if mode == "training" else min_score
    with cli.one_line_errors():
        load_dataset(args.dataset, args.subset)
        model = make_model(mode, args.network, args.weights, args.logs, min_score)
    if args.command == "train":
        cli.shorten_epochs(model.config, args.limit)
        model.config.LEARNING_RATE = args.learning_rate or model.config.LEARNING_RATE
        train(model, args.dataset, args.subset, args.resume, args.epochs, args.limit)
    else:
        options = (args.min_score, args.tta, not args.remove_overlaps, args.limit)
        if args.command == "evaluate":
            evaluate(model, args.dataset, args.subset, *options)
        else:
            own = {"channel": args.channel, "native": args.native}
            detect(model, args.dataset, args.subset, *options, **own)


if __name__ == "__main__":
    cli.run(main)
