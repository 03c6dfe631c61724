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
import numpy as np
from PIL import Image

from mrcnn import augment, utils, visualize
from mrcnn import model as modellib
from mrcnn.config import Config

ROOT_DIR = Path(__file__).resolve().parents[2]
DEFAULT_LOGS_DIR = ROOT_DIR / "logs"
RESULTS_DIR = ROOT_DIR / "results" / "nucleus"
COCO_WEIGHTS_PATH = ROOT_DIR / "mask_rcnn_coco.h5"

STAGES = ("stage1_train", "stage1_test", "stage2_test")

# Layers whose shape depends on the number of classes: COCO's do not fit.
CLASS_LAYERS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]

# Held back from stage1_train for validation; between them they show every kind of image.
VAL_IMAGE_IDS = [
    "0c2550a23b8a0f29a7575de8c61690d3c31bc897dd5ba66caec201d201a278c2",
    "92f31f591929a30e4309ab75185c96ff4314ce0a7ead2ed2c2171897ad1da0c7",
    "1e488c42eb1a54a3e8412b1f12cde530f950f238d71078f2ede6a85a02168e1f",
    "c901794d1a421d52e5734500c0a2a8ca84651fb93b19cec2f411855e70cae339",
    "8e507d58f4c27cd2a82bee79fe27b069befd62a46fdaed20970a95a2ba819c7b",
    "60cb718759bff13f81c4055a7679e81326f78b6a193a2d856546097c949b20ff",
    "da5f98f2b8a64eee735a398de48ed42cd31bf17a6063db46a9e0783ac13cd844",
    "9ebcfaf2322932d464f15b5662cae4d669b2d785b8299556d73fffcae8365d32",
    "1b44d22643830cd4f23c9deadb0bd499fb392fb2cd9526d81547d93077d983df",
    "97126a9791f0c1176e4563ad679a301dac27c59011f579e808bbd6e9f4cd1034",
    "e81c758e1ca177b0942ecad62cf8d321ffc315376135bcbed3df932a6e5b40c0",
    "f29fd9c52e04403cd2c7d43b6fe2479292e53b2f61969d25256d2d2aca7c6a81",
    "0ea221716cf13710214dcd331a61cea48308c3940df1d28cfc7fd817c83714e1",
    "3ab9cab6212fabd723a2c5a1949c2ded19980398b56e6080978e796f45cbbc90",
    "ebc18868864ad075548cc1784f4f9a237bb98335f9645ee727dac8332a3e3716",
    "bb61fc17daf8bdd4e16fdcf50137a8d7762bec486ede9249d92e511fcb693676",
    "e1bcb583985325d0ef5f3ef52957d0371c96d4af767b13e48102bca9d5351a9b",
    "947c0d94c8213ac7aaa41c4efc95d854246550298259cf1bb489654d0e969050",
    "cbca32daaae36a872a11da4eaff65d1068ff3f154eedc9d3fc0c214a4e5d32bd",
    "f4c4db3df4ff0de90f44b027fc2e28c16bf7e5c75ea75b0a9762bbb7ac86e7a3",
    "4193474b2f1c72f735b13633b219d9cabdd43c21d9c2bb4dfc4809f104ba4c06",
    "f73e37957c74f554be132986f38b6f1d75339f636dfe2b681a0cf3f88d2733af",
    "a4c44fc5f5bf213e2be6091ccaed49d8bf039d78f6fbd9c4d7b7428cfcb2eda4",
    "cab4875269f44a701c5e58190a1d2f6fcb577ea79d842522dcab20ccb39b7ad2",
    "8ecdb93582b2d5270457b36651b62776256ade3aaa2d7432ae65c14f07432d49",
]


class NucleusConfig(Config):
    """Training on crops of 512x512 pixels of images enlarged at least twice."""

    NAME = "nucleus"
    NUM_CLASSES = 1 + 1
    IMAGES_PER_GPU = 6
    STEPS_PER_EPOCH = (657 - len(VAL_IMAGE_IDS)) // IMAGES_PER_GPU
    VALIDATION_STEPS = max(1, len(VAL_IMAGE_IDS) // IMAGES_PER_GPU)

    BACKBONE = "resnet50"
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    IMAGE_MIN_SCALE = 2.0
    MEAN_PIXEL = np.array([43.53, 39.56, 48.22])

    # Nuclei are small, and there are many of them.
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_NMS_THRESHOLD = 0.9
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    POST_NMS_ROIS_TRAINING = 1000
    POST_NMS_ROIS_INFERENCE = 2000
    TRAIN_ROIS_PER_IMAGE = 128
    MAX_GT_INSTANCES = 200
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)

    DETECTION_MIN_CONFIDENCE = 0
    DETECTION_MAX_INSTANCES = 400


class NucleusInferenceConfig(NucleusConfig):
    """Detection on whole images, one at a time."""

    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    RPN_NMS_THRESHOLD = 0.7


class NucleusDataset(utils.Dataset):
    """Images of the Data Science Bowl 2018, one mask file a nucleus."""

    def load_nucleus(self, dataset_dir, subset):
        """Register the images of a subset.

        Args:
            dataset_dir: folder that holds stage1_train and the like.
            subset: "train" (stage1_train less `VAL_IMAGE_IDS`), "val" (those `VAL_IMAGE_IDS` that
                are there), or the name of a folder: stage1_train, stage1_test or stage2_test.

        Raises:
            ValueError: there is no such subset, or it holds no image.
            FileNotFoundError: its folder is missing.
        """
        if subset not in ("train", "val", *STAGES):
            raise ValueError(
                f"subset is {subset!r}: it must be train, val, {', '.join(STAGES[:-1])} "
                f"or {STAGES[-1]}."
            )
        folder = Path(dataset_dir) / ("stage1_train" if subset in ("train", "val") else subset)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"The nucleus dataset has no folder {folder}: give the folder that holds "
                f"{folder.name} as the dataset."
            )
        image_ids = {path.name for path in folder.iterdir() if (path / "images").is_dir()}
        if subset == "val":
            image_ids &= set(VAL_IMAGE_IDS)
        elif subset == "train":
            image_ids -= set(VAL_IMAGE_IDS)
        if not image_ids:
            raise ValueError(
                f"{folder} holds no image of the subset {subset}: expected <id>/images."
            )

        self.add_class("nucleus", 1, "nucleus")
        for image_id in sorted(image_ids):
            path = folder / image_id / "images" / f"{image_id}.png"
            self.add_image("nucleus", image_id=image_id, path=str(path))

    def load_mask(self, image_id):
        """The masks of an image.

        Returns:
            masks: bool `[height, width, instances]`.
            class_ids: int32 `[instances]`, all 1.

        Raises:
            FileNotFoundError: the image has no masks folder, as in the test stages.
            ValueError: the folder is empty.
        """
        info = self.image_info[image_id]
        folder = Path(info["path"]).parents[1] / "masks"
        if not folder.is_dir():
            raise FileNotFoundError(
                f"Image {info['id']} has no masks: there is no folder {folder}."
            )
        paths = sorted(folder.glob("*.png"))
        if not paths:
            raise ValueError(f"Image {info['id']} has no masks: {folder} holds no PNG file.")
        masks = np.stack([np.asarray(Image.open(path).convert("L")) > 0 for path in paths], axis=-1)
        return masks, np.ones(len(paths), dtype=np.int32)

    def image_reference(self, image_id):
        """The image's id in the competition."""
        info = self.image_info[image_id]
        if info["source"] == "nucleus":
            return info["id"]
        return super().image_reference(image_id)


def rle_encode(mask):
    """Run lengths of a mask, in the competition's format.

    Args:
        mask: `[height, width]`, bool or numbers of which 0 is background.

    Returns:
        "start length start length ...": pixels count from 1, down the columns, left to right.
    """
    pixels = np.asarray(mask).astype(bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(pixels, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    return " ".join(f"{start + 1} {end - start}" for start, end in zip(starts, ends, strict=True))


def rle_decode(rle, shape):
    """The mask that `rle_encode` encoded.

    Args:
        rle: "start length start length ...".
        shape: `(height, width)` of the mask.

    Returns:
        bool `[height, width]`.

    Raises:
        ValueError: the numbers are no pairs, or a run leaves the mask.
    """
    numbers = np.array(rle.split(), dtype=int)
    if len(numbers) % 2:
        raise ValueError(f"The run lengths have {len(numbers)} numbers: they must come in pairs.")
    pixels = np.zeros(shape[0] * shape[1], dtype=bool)
    for start, length in numbers.reshape(-1, 2):
        if start < 1 or length < 1 or start - 1 + length > len(pixels):
            raise ValueError(
                f"The run of {length} pixels from pixel {start} leaves a mask of {shape[0]}x"
                f"{shape[1]}: runs must lie within 1 to {len(pixels)}."
            )
        pixels[start - 1 : start - 1 + length] = True
    return pixels.reshape(shape, order="F")


def mask_to_rle(image_id, mask, scores):
    """The lines of a submission for one image.

    The competition allows a pixel one nucleus only: where masks overlap, the higher score wins,
    and of equal scores the first.

    Args:
        image_id: id of the image in the competition.
        mask: bool `[height, width, instances]`.
        scores: float `[instances]`.

    Returns:
        Lines "id, run lengths", the highest score first, or "id," if nothing was found.
    """
    taken = np.zeros(mask.shape[:2], dtype=bool)
    lines = []
    for instance in np.argsort(-np.asarray(scores), kind="stable"):
        own = mask[:, :, instance].astype(bool) & ~taken
        if own.any():
            lines.append(f"{image_id}, {rle_encode(own)}")
            taken |= own
    return "\n".join(lines) or f"{image_id},"


def train(model, dataset_dir, subset):
    """Train the heads for 20 epochs, then everything up to epoch 40.

    Args:
        model: a `MaskRCNN` in training mode, its weights loaded.
        dataset_dir, subset: as in `NucleusDataset.load_nucleus`.
    """
    dataset_train = _dataset(dataset_dir, subset)
    dataset_val = _dataset(dataset_dir, "val")
    for layers, epochs in (("heads", 20), ("all", 40)):
        print(f"Train {layers} up to epoch {epochs}")
        model.train(
            dataset_train,
            dataset_val,
            learning_rate=model.config.LEARNING_RATE,
            epochs=epochs,
            layers=layers,
            augmentation=augment.Flips(horizontal=0.5, vertical=0.5),
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


def _dataset(dataset_dir, subset):
    dataset = NucleusDataset()
    dataset.load_nucleus(dataset_dir, subset)
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
    parser.add_argument("--logs", default=DEFAULT_LOGS_DIR, help="folder of logs and checkpoints")
    parser.add_argument("--subset", help="train, val, stage1_train, stage1_test or stage2_test")
    args = parser.parse_args(argv)
    if args.command == "detect" and not args.subset:
        parser.error("detect needs --subset, such as --subset=stage1_test")

    training = args.command == "train"
    subset = args.subset or "train"
    try:
        _dataset(args.dataset, subset)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))

    config = NucleusConfig() if training else NucleusInferenceConfig()
    config.display()
    model = modellib.MaskRCNN("training" if training else "inference", config, str(args.logs))
    _load_weights(model, args.weights)
    (train if training else detect)(model, args.dataset, subset)


if __name__ == "__main__":
    main()
