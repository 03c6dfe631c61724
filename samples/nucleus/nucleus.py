"""Find cell nuclei in microscopy images: the Data Science Bowl 2018.

Train on stage1_train less the validation images, from ImageNet or COCO weights:

    python samples/nucleus/nucleus.py train --dataset=DIR --subset=train --weights=imagenet

Go on from the last run, or from a file:

    python samples/nucleus/nucleus.py train --dataset=DIR --subset=train --weights=last

Write a submission and a picture of each image to results/nucleus:

    python samples/nucleus/nucleus.py detect --dataset=DIR --subset=stage1_test --weights=last

DIR holds stage1_train and the like, in which `<id>/images/<id>.png` is an image and every file of
`<id>/masks` the mask of one nucleus.
"""

import argparse
import datetime
import sys
from pathlib import Path

import matplotlib.pyplot as plt

from mrcnn import augment, utils, visualize
from mrcnn import model as modellib

# The files beside this one are found from a notebook too, which imports samples.nucleus.nucleus.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from nucleus_config import (
    NucleusConfig,
    NucleusInferenceConfig,
    SmallNucleusConfig,
    SmallNucleusInferenceConfig,
)
from nucleus_dataset import SUBSETS, NucleusDataset, mask_to_rle

ROOT_DIR = Path(__file__).resolve().parents[2]
DEFAULT_LOGS_DIR = ROOT_DIR / "logs"
RESULTS_DIR = ROOT_DIR / "results" / "nucleus"
COCO_WEIGHTS_PATH = ROOT_DIR / "mask_rcnn_coco.h5"


NETWORKS = {
    "small": (SmallNucleusConfig, SmallNucleusInferenceConfig),
    "resnet50": (NucleusConfig, NucleusInferenceConfig),
}


def train(model, dataset_dir, subset, resume=False):
    """Train through the stages of the configuration.

    Args:
        model: a `MaskRCNN` in training mode, its weights loaded.
        dataset_dir, subset: as in `NucleusDataset.load_nucleus`.
        resume: whether to go on with the last run, if there is one.
    """
    config = model.config
    model.train(
        _dataset(dataset_dir, subset, balance=True),
        _dataset(dataset_dir, "val"),
        learning_rate=config.LEARNING_RATE,
        epochs=config.STAGE_EPOCHS,
        layers=config.STAGE_LAYERS,
        augmentation=augment.microscopy(),
        resume=resume,
    )


def detect(model, dataset_dir, subset):
    """Write submit.csv and a picture of each image to a new folder under `RESULTS_DIR`.

    Args:
        model: a `MaskRCNN` in inference mode, its weights loaded.
        dataset_dir, subset: as in `NucleusDataset.load_nucleus`.

    Returns:
        Path of the folder.
    """
    dataset = _dataset(dataset_dir, subset)
    submit_dir = RESULTS_DIR / f"submit_{datetime.datetime.now():%Y%m%dT%H%M%S}"
    submit_dir.mkdir(parents=True)
    lines = ["ImageId,EncodedPixels"]
    for image_id in dataset.image_ids:
        image = dataset.load_image(image_id)
        result = model.detect([image])[0]
        source_id = dataset.image_info[image_id]["id"]
        lines.append(mask_to_rle(source_id, result["masks"], result["scores"]))
        figure, axes = plt.subplots(figsize=(16, 16))
        visualize.display_instances(
            image,
            result["rois"],
            result["masks"],
            result["class_ids"],
            dataset.class_names,
            result["scores"],
            title="Predictions",
            ax=axes,
            show_bbox=False,
            show_mask=False,
        )
        figure.savefig(submit_dir / f"{source_id}.png")
        plt.close(figure)
        print(f"{source_id}: {len(result['scores'])} nuclei")
    (submit_dir / "submit.csv").write_text("\n".join(lines) + "\n")
    print(f"Saved to {submit_dir}")
    return submit_dir


def _dataset(dataset_dir, subset, balance=False):
    dataset = NucleusDataset()
    dataset.load_nucleus(dataset_dir, subset, balance)
    dataset.prepare()
    return dataset


def _load_weights(model, weights):
    if weights == "coco":
        if not COCO_WEIGHTS_PATH.exists():
            utils.download_trained_weights(str(COCO_WEIGHTS_PATH))
        model.load_weights(str(COCO_WEIGHTS_PATH), by_name=True, exclude=CLASS_LAYERS)
        return
    if weights == "last":
        weights = model.find_last()
    elif weights == "imagenet":
        weights = model.get_imagenet_weights()
    print(f"Loading weights {weights}")
    model.load_weights(str(weights), by_name=True)


def main(argv=None):
    """Run the command line; see the top of this file."""
    parser = argparse.ArgumentParser(description="Find cell nuclei with Mask R-CNN.")
    parser.add_argument("command", choices=("train", "detect"))
    parser.add_argument("--dataset", required=True, help="folder that holds stage1_train")
    parser.add_argument("--weights", required=True, help="coco, imagenet, last or path of a .h5")
    parser.add_argument("--network", choices=tuple(NETWORKS), default="small", help="see README")
    parser.add_argument("--resume", action="store_true", help="go on with the last training")
    parser.add_argument("--logs", default=DEFAULT_LOGS_DIR, help="folder of logs and checkpoints")
    parser.add_argument("--subset", help=", ".join(SUBSETS))
    args = parser.parse_args(argv)
    if args.command == "detect" and not args.subset:
        parser.error("detect needs --subset, such as --subset=stage1_test")

    training = args.command == "train"
    subset = args.subset or "train"
    try:
        _dataset(args.dataset, subset)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))

    config = NETWORKS[args.network][0 if training else 1]()
    config.display()
    model = modellib.MaskRCNN("training" if training else "inference", config, str(args.logs))
    _load_weights(model, args.weights)
    if training:
        train(model, args.dataset, subset, args.resume)
    else:
        detect(model, args.dataset, subset)


if __name__ == "__main__":
    main()
