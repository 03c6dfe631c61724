"""Find cell nuclei in microscopy images, with weights that come with this sample.

In images of your own, of up to about 1500 pixels a side and 400 nuclei; outlines, counts and run
lengths go to a new folder under results/nucleus:

    python samples/nucleus/nucleus.py detect --dataset=FOLDER

In those of the Data Science Bowl 2018, with a submission; and how good that is, where there are
masks:

    python samples/nucleus/nucleus.py detect --dataset=DIR --subset=stage1_test
    python samples/nucleus/nucleus.py evaluate --dataset=DIR --subset=val --tta=8

Train, on all images but those of `val`, from ImageNet's weights or from those of the sample:

    python samples/nucleus/nucleus.py train --dataset=DIR --weights=imagenet
    python samples/nucleus/nucleus.py train --dataset=DIR --weights=nucleus

DIR holds stage1_train and the like, in which `<id>/images/<id>.png` is an image and every file of
`<id>/masks` the mask of one nucleus.
"""

import functools
import sys
from pathlib import Path

from mrcnn import augment, cli, evaluation, visualize
from mrcnn import model as modellib
from mrcnn.files.whole import new_folder
from mrcnn.inference import tta
from mrcnn.inference.detector import detect_crops, with_score
from mrcnn.inference.no_overlaps import without_overlaps
from mrcnn.weights import start_weights

# The files beside this one are found from a notebook too, which imports samples.nucleus.nucleus.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from nucleus_config import (
    MIN_SCORE,
    NucleusConfig,
    NucleusInferenceConfig,
    SmallNucleusConfig,
    SmallNucleusInferenceConfig,
)
from nucleus_dataset import (  # noqa: F401 (notebooks take these from here)
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
NUCLEUS_WEIGHTS_PATH = Path(__file__).resolve().parent / "nucleus_small.h5"

# Of --network: the configurations to train and to detect with.
NETWORKS = {
    "small": (SmallNucleusConfig, SmallNucleusInferenceConfig),
    "resnet50": (NucleusConfig, NucleusInferenceConfig),
}


def train(model, dataset_dir, subset="train", resume=False, epochs=None, limit=None):
    """Train through the stages of the configuration.

    Args:
        model: a `MaskRCNN` in training mode, its weights loaded.
        dataset_dir, subset: as in `NucleusDataset.load_nucleus`.
        resume: whether to go on with the last run, if there is one.
        epochs: number of the last epoch; None is that of the configuration.
        limit: most images, drawn at random; None is all.
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
    """A function that detects as the options say.

    Args:
        model: a `MaskRCNN` in inference mode.
        orientations: in how many each image is looked at, see `tta.turned`.
        overlaps: False gives a pixel to the nucleus with the highest score alone.

    Returns:
        function of a list of images that gives a list of results; masks are `InstanceMasks`.
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
    """Print all figures and write them, with curves, to a new folder under `RESULTS_DIR`.

    Args:
        model: a `MaskRCNN` in inference mode, its weights loaded. Its DETECTION_MIN_CONFIDENCE is
            0.05 or so: the average precisions want the weak detections too.
        dataset_dir, subset: as in `NucleusDataset.load_nucleus`.
        min_score: of the detections that count in all other figures.
        orientations, overlaps: see `detector`.
        limit: most images, drawn at random; None is all.

    Returns:
        dict, see `mrcnn.evaluation.evaluate`, with groups by `kind_of`; and path of the folder.
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
    text = f"{evaluation.table(result)}\n\n{result['seconds_per_image']:.1f} seconds an image\n"
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
):
    """Write submit.csv, counts.csv and a picture of each image to a new folder.

    Args:
        model: a `MaskRCNN` in inference mode, its weights loaded.
        dataset_dir, subset: as in `NucleusDataset.load_nucleus`; without a subset `dataset_dir` is
            a folder of images.
        min_score: of the detections that are taken.
        orientations, overlaps: see `detector`. In submit.csv no pixel comes twice in any case.
        limit: most images, drawn at random; None is all.

    Returns:
        path of the folder, which is under `RESULTS_DIR`.
    """
    dataset = load_dataset(dataset_dir, subset, limit)
    find = detector(model, orientations, overlaps)
    folder = new_folder(RESULTS_DIR, "submit")
    # Line by line, so that whatever happens nothing that was found is lost.
    with open(folder / "submit.csv", "w") as submission, open(folder / "counts.csv", "w") as counts:
        print("ImageId,EncodedPixels", file=submission, flush=True)
        print("ImageId,Nuclei", file=counts, flush=True)
        for image_id in dataset.image_ids:
            name = dataset.image_info[image_id]["id"]
            try:
                image = dataset.load_image(image_id)
                found = with_score(find([image])[0], min_score)
            except (OSError, ValueError) as error:
                print(f"{name}: left out: {error}")
                continue
            found["masks"] = found["masks"].dense()
            count = len(found["scores"])
            print(mask_to_rle(name, found["masks"], found["scores"]), file=submission, flush=True)
            print(f"{name},{count}", file=counts, flush=True)
            draw(image, found, dataset.class_names, folder / f"{name}.png")
            most = model.config.DETECTION_MAX_INSTANCES
            full = f", as many as DETECTION_MAX_INSTANCES ({most}) allows" if count >= most else ""
            print(f"{name}: {count} nuclei{full}")
    print(f"Saved to {folder}")
    return folder


def draw(image, found, class_names, path):
    """Write a picture of the outlines.

    Args:
        image: [H, W, 3].
        found: a result, see `MaskRCNN.detect`.
        class_names: list of strings.
        path: of the PNG to write.
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
    )


def make_model(mode, network="small", weights="nucleus", logs=DEFAULT_LOGS_DIR, min_score=None):
    """A `MaskRCNN` with its weights.

    Args:
        mode: "training" or "inference".
        network: "small" or "resnet50".
        weights: "nucleus" (those that come with the sample, of the small network), or what
            `start_weights.load` takes: "coco", "imagenet", "last", "best" or the path of a file.
        logs: folder of the runs.
        min_score: DETECTION_MIN_CONFIDENCE; None is that of the configuration.

    Raises:
        ValueError: there is no such network; the weights that come with the sample are those of
            the small one; or the weights do not fit.
        FileNotFoundError: there are no such weights.
    """
    if network not in NETWORKS:
        raise ValueError(f"network is {network!r}: it is {' or '.join(NETWORKS)}.")
    if weights == "nucleus" and network != "small":
        raise ValueError(f"--weights=nucleus are of --network=small, not of {network}.")
    config = NETWORKS[network][0 if mode == "training" else 1]()
    if min_score is not None:
        config.DETECTION_MIN_CONFIDENCE = min_score
    model = modellib.MaskRCNN(mode, config, str(logs))
    print(f"Loading weights {weights}")
    weights = NUCLEUS_WEIGHTS_PATH if weights == "nucleus" else weights
    start_weights.load(model, weights, COCO_WEIGHTS_PATH)
    return model


def parse(argv=None):
    """The arguments of the command line; see the top of this file."""
    parser = cli.parser(
        "Find cell nuclei with Mask R-CNN.",
        ("train", "evaluate", "detect"),
        DEFAULT_LOGS_DIR,
        "nucleus",
        ("nucleus", *start_weights.NAMES),
    )
    add = parser.add_argument
    add("--subset", help=f"{', '.join(SUBSETS)}; detect without it: all images of the folder")
    add("--network", choices=tuple(NETWORKS), default="small")
    add("--epochs", type=cli.count, help="train: number of the last epoch")
    add("--learning-rate", type=float, help="train: at the beginning")
    add("--min-score", type=cli.share, default=MIN_SCORE, help="of the nuclei that count")
    add("--tta", type=int, default=1, choices=range(1, 9), help="orientations to look at")
    add("--remove-overlaps", action="store_true", help="no pixel in two nuclei")
    args = parser.parse_args(argv)
    if not args.dataset:
        parser.error(f"{args.command} needs --dataset=DIR, which holds stage1_train or images")
    if args.command != "detect":
        args.subset = args.subset or {"train": "train", "evaluate": "val"}[args.command]
        has_masks = [name for name in SUBSETS if name not in ("stage1_test", "stage2_test")]
        if args.subset not in has_masks:
            parser.error(f"--subset is {args.subset}: with masks are {', '.join(has_masks)}")
        if args.command == "train" and args.subset in ("val", "tune"):
            parser.error(f"--subset is {args.subset}: that is to look at, not to train on")
    if args.command != "train" and args.weights in ("coco", "imagenet"):
        parser.error(f"--weights={args.weights} have seen no nucleus: train first")
    return args


def main(argv=None):
    """Run the command line; see the top of this file."""
    args = parse(argv)
    mode = "training" if args.command == "train" else "inference"
    # Votes and average precisions want detections below the least score, too.
    wants_weak = args.command == "evaluate" or args.tta > 1
    min_score = min(0.05, args.min_score) if wants_weak else args.min_score
    min_score = None if mode == "training" else min_score
    with cli.one_line_errors():
        load_dataset(args.dataset, args.subset)
        model = make_model(mode, args.network, args.weights, args.logs, min_score)
    if args.command == "train":
        cli.shorten(model.config, args.limit)
        model.config.LEARNING_RATE = args.learning_rate or model.config.LEARNING_RATE
        train(model, args.dataset, args.subset, args.resume, args.epochs, args.limit)
    else:
        options = (args.min_score, args.tta, not args.remove_overlaps, args.limit)
        (evaluate if args.command == "evaluate" else detect)(
            model, args.dataset, args.subset, *options
        )


if __name__ == "__main__":
    cli.run(main)
