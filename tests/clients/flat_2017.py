"""A project from before the reference was a package: `import model as modellib`."""

import math
import os
import random
import sys

import mrcnn.legacy.flat_imports  # noqa: F401  (the only line that is new)

ROOT_DIR = os.getcwd()
sys.path.append(ROOT_DIR)

import model as modellib
import numpy as np
import utils
import visualize
from config import Config
from model import log
from tiny import TinyConfig, backbone, backbone_shapes

MODEL_DIR = os.path.join(ROOT_DIR, "logs")
TINY = {
    name: value
    for name, value in vars(TinyConfig).items()
    if name.isupper() and name not in ("NAME", "BACKBONE", "COMPUTE_BACKBONE_SHAPE")
}
# Settings of the tiny network, so that this script is quick.
TinySettings = type("TinySettings", (Config,), TINY)


class ShapesConfig(TinySettings):
    NAME = "shapes"
    BACKBONE = backbone
    COMPUTE_BACKBONE_SHAPE = backbone_shapes
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 2
    IMAGE_PADDING = True  # a setting from that time
    STEPS_PER_EPOCH = 3 / 2
    VALIDATION_STEPS = 1
    VALIDATION_EVERY = 0


class ShapesDataset(utils.Dataset):
    def load_shapes(self, count, height, width):
        self.add_class("shapes", 1, "square")
        self.add_class("shapes", 2, "bar")
        for i in range(count):
            bg_color = np.array([random.randint(0, 255) for _ in range(3)])
            specs = [
                (name, random.randint(4, height // 2), random.randint(4, width // 2))
                for name in ("square", "bar")
            ]
            self.add_image(
                "shapes",
                image_id=i,
                path=None,
                width=width,
                height=height,
                bg_color=bg_color,
                shapes=specs,
            )

    def draw(self, name, y, x):
        return slice(y, y + 16), slice(x, x + (16 if name == "square" else 30))

    def load_image(self, image_id):
        info = self.image_info[image_id]
        bg_color = np.array(info["bg_color"]).reshape([1, 1, 3])
        image = np.ones([info["height"], info["width"], 3], dtype=np.uint8)
        image = image * bg_color.astype(np.uint8)
        for name, y, x in info["shapes"]:
            image[self.draw(name, y, x)] = 255 - bg_color
        return image

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        return info["shapes"] if info["source"] == "shapes" else super().image_reference(image_id)

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        mask = np.zeros([info["height"], info["width"], len(info["shapes"])], dtype=np.uint8)
        for i, (name, y, x) in enumerate(info["shapes"]):
            mask[(*self.draw(name, y, x), i)] = 1
        occlusion = np.logical_not(mask[:, :, -1]).astype(np.uint8)
        for i in range(len(info["shapes"]) - 2, -1, -1):
            mask[:, :, i] = mask[:, :, i] * occlusion
            occlusion = np.logical_and(occlusion, np.logical_not(mask[:, :, i]))
        class_ids = np.array([self.class_names.index(name) for name, _, _ in info["shapes"]])
        return mask, class_ids.astype(np.int32)


random.seed(3)
config = ShapesConfig()
config.display()
dataset_train, dataset_val = ShapesDataset(), ShapesDataset()
for dataset, count in ((dataset_train, 5), (dataset_val, 2)):
    dataset.load_shapes(count, config.IMAGE_SHAPE[0], config.IMAGE_SHAPE[1])
    dataset.prepare()
for image_id in np.random.choice(dataset_train.image_ids, 2):
    image = dataset_train.load_image(image_id)
    mask, class_ids = dataset_train.load_mask(image_id)
    visualize.display_top_masks(image, mask, class_ids, dataset_train.class_names)

model = modellib.MaskRCNN(mode="training", config=config, model_dir=MODEL_DIR)
model.train(
    dataset_train, dataset_val, learning_rate=config.LEARNING_RATE, epochs=1, layers="heads"
)
model.train(
    dataset_train, dataset_val, learning_rate=config.LEARNING_RATE / 10, epochs=2, layers="all"
)
model.keras_model.save_weights(os.path.join(MODEL_DIR, "mask_rcnn_shapes.h5"))


class InferenceConfig(ShapesConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1


inference_config = InferenceConfig()
model = modellib.MaskRCNN(mode="inference", config=inference_config, model_dir=MODEL_DIR)
try:
    model_path = model.find_last()[1]
except TypeError as error:
    assert "find_last() returns the path itself" in str(error)
    model_path = model.find_last()
assert model_path != "" and os.path.exists(model_path)
model.load_weights(model_path, by_name=True)
assert model.epoch == 2

image_id = random.choice(dataset_val.image_ids)
original_image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
    dataset_val, inference_config, image_id, use_mini_mask=False
)
for name in ("original_image", "image_meta", "gt_class_id", "gt_bbox", "gt_mask"):
    log(name, globals()[name])
visualize.display_instances(
    original_image, gt_bbox, gt_mask, gt_class_id, dataset_train.class_names, figsize=(8, 8)
)
r = model.detect([original_image], verbose=1)[0]
visualize.display_instances(
    original_image, r["rois"], r["masks"], r["class_ids"], dataset_val.class_names, r["scores"]
)
APs = []
for image_id in np.random.choice(dataset_val.image_ids, 2):
    image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
        dataset_val, inference_config, image_id, use_mini_mask=False
    )
    molded_images = np.expand_dims(modellib.mold_image(image, inference_config), 0)
    r = model.detect([image], verbose=0)[0]
    AP, precisions, recalls, overlaps = utils.compute_ap(
        gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"]
    )
    APs.append(AP)
assert not math.isnan(np.mean(APs))
