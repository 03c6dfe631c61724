"""From nothing to masks in minutes, on a CPU: `make demo`.

A small network learns nuclei from the ten training images in `data`, then looks at images that it
has never seen. It starts from random weights; `nucleus.py` is the sample to take for real work.
"""

import time
from pathlib import Path

import keras
import numpy as np
from keras import layers
from nucleus import DEFAULT_LOGS_DIR, ROOT_DIR, NucleusConfig, NucleusDataset

from mrcnn import augment, utils, visualize
from mrcnn import model as modellib

DATA_DIR = Path(__file__).resolve().parent / "data"
PICTURE = ROOT_DIR / "demo.png"
# (last epoch, learning rate): fast, then fine
SCHEDULE = ((4, 0.02), (5, 0.002))


def small_backbone(input_image, stage5=True, train_bn=None):
    """Features of strides 4, 4, 8, 16 and 32 with a fifteenth of ResNet-50's arithmetic.

    GroupNormalization does not depend on the batch, so that two images a step are enough.
    """
    x = block(input_image, 32, strides=2, name="stem")
    c2 = block(block(x, 64, strides=2, name="stage2a"), 64, name="stage2b")
    c3 = block(c2, 64, strides=2, name="stage3")
    c4 = block(c3, 96, strides=2, name="stage4")
    c5 = block(c4, 128, strides=2, name="stage5")
    return [c2, c2, c3, c4, c5]


def block(x, filters, name, strides=1):
    x = layers.Conv2D(filters, 3, strides, padding="same", name=f"{name}_conv")(x)
    x = layers.GroupNormalization(8, name=f"{name}_norm")(x)
    return layers.Activation("relu", name=f"{name}_out")(x)


def small_backbone_shape(image_shape):
    """Height and width of P2 to P6."""
    return np.array([[side // stride for side in image_shape[:2]] for stride in (4, 8, 16, 32, 64)])


class DemoConfig(NucleusConfig):
    """Whole images of 256x256 pixels; nuclei of 10 to 30 pixels; a narrow network."""

    NAME = "demo"
    SEED = 7
    BACKBONE = small_backbone
    COMPUTE_BACKBONE_SHAPE = small_backbone_shape
    TOP_DOWN_PYRAMID_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 128
    MASK_POOL_SIZE = 7
    MASK_SHAPE = (14, 14)
    MINI_MASK_SHAPE = (28, 28)

    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 256
    IMAGE_MIN_SCALE = 0
    RPN_ANCHOR_SCALES = (12, 24, 48, 96, 192)
    RPN_NMS_THRESHOLD = 0.7
    RPN_TRAIN_ANCHORS_PER_IMAGE = 128
    PRE_NMS_LIMIT = 1000
    POST_NMS_ROIS_TRAINING = 200
    POST_NMS_ROIS_INFERENCE = 200
    TRAIN_ROIS_PER_IMAGE = 32
    MAX_GT_INSTANCES = 64
    DETECTION_MAX_INSTANCES = 100
    DETECTION_MIN_CONFIDENCE = 0.5

    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 100
    VALIDATION_STEPS = 1


class DemoInferenceConfig(DemoConfig):
    IMAGES_PER_GPU = 1


def load(subset):
    dataset = NucleusDataset()
    dataset.load_nucleus(DATA_DIR, subset)
    dataset.prepare()
    return dataset


def train():
    """Train from random weights; gives the path of the weights learnt."""
    model = modellib.MaskRCNN("training", DemoConfig(), str(DEFAULT_LOGS_DIR))
    dataset, unseen = load("train"), load("val")
    for epochs, learning_rate in SCHEDULE:
        model.train(
            dataset,
            unseen,
            learning_rate=learning_rate,
            epochs=epochs,
            layers="all",
            augmentation=augment.Flips(horizontal=0.5, vertical=0.5),
        )
    return model.find_last()


def show(weights):
    """Detect on the unseen images, print how that compares with the truth, and draw the last."""
    model = modellib.MaskRCNN("inference", DemoInferenceConfig(), str(DEFAULT_LOGS_DIR))
    model.load_weights(weights, by_name=True)
    unseen = load("val")
    for image_id in unseen.image_ids:
        image = unseen.load_image(image_id)
        masks, class_ids = unseen.load_mask(image_id)
        truth = {"rois": utils.extract_bboxes(masks), "class_ids": class_ids, "masks": masks}
        result = model.detect([image])[0]
        print(describe(unseen.image_reference(image_id), truth, result))
    visualize.compare(image, truth, result, unseen.class_names, save_to=PICTURE)
    print(f"Ground truth and detections of the last are drawn in {PICTURE}")


def describe(name, truth, result):
    """One line that compares a result with the truth."""
    names = ("rois", "class_ids", "masks")
    expected = [truth[key] for key in names]
    rois, found_ids, masks = (result[key] for key in names)
    found = [rois, found_ids, result["scores"], masks]
    matches, _, _ = utils.compute_matches(*expected, *found)
    precision, _, _, _ = utils.compute_ap(*expected, *found)
    score = np.mean(result["scores"]) if len(result["scores"]) else 0
    return (
        f"Unseen image {name[:8]}: {len(result['scores'])} nuclei found, mean score {score:.2f}; "
        f"{np.sum(matches > -1)} of the {len(matches)} true ones matched, AP at IoU 0.5 "
        f"{precision:.2f}"
    )


def main():
    keras.utils.set_random_seed(DemoConfig.SEED)
    start = time.perf_counter()
    print(f"Training for {SCHEDULE[-1][0]} epochs on ten images, from random weights")
    show(train())
    print(f"Took {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
