# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A training run from start to finish
#
# Squares, circles and triangles, drawn on demand: this dataset needs no download, and a network
# learns it in a minute on a CPU. The steps are those of any project of your own: a dataset, a
# configuration, weights to start from, training, detection, evaluation.

# %%
import inspect
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up messages
ROOT_DIR = Path("..").resolve()
sys.path.insert(0, str(ROOT_DIR))

import keras
import matplotlib.pyplot as plt
import numpy as np

from mrcnn import evaluation, utils, visualize
from mrcnn import model as modellib
from mrcnn.config import Config
from mrcnn.inference.detector import with_score
from mrcnn.presets import SmallNetwork
from mrcnn.runs import history
from samples.shapes.shapes_dataset import ShapesDataset

keras.utils.set_random_seed(0)  # for weights that are initialised at random
logs = tempfile.mkdtemp()  # for the runs; in your own project, ROOT_DIR / "logs"
# %config InlineBackend.print_figure_kwargs = {"dpi": 100, "bbox_inches": "tight"}

# %% [markdown]
# ## The dataset
#
# A dataset is a subclass of `utils.Dataset`. One method, of any name, registers the classes and
# images with `add_class` and `add_image`. Further arguments of `add_image` are kept in
# `image_info`; here they say what to draw.

# %%
print(inspect.getsource(ShapesDataset.load_shapes))

# %% [markdown]
# Two more methods are called by the package. `load_image` is only needed where images are not
# files: without it, the file at `path` is read. `load_mask` returns the ground truth: one mask per
# instance, bool [height, width, instances], and the class ids. Here the masks are built from the
# topmost shape down, so that each contains only what is visible of its shape.

# %%
print(inspect.getsource(ShapesDataset.load_image))
print(inspect.getsource(ShapesDataset.load_mask))

# %% [markdown]
# `prepare` numbers the classes and images; the background is class 0. Images from a different seed
# are used for validation.

# %%
train, val = ShapesDataset(), ShapesDataset()
train.load_shapes(1000, 128, 128, seed=0)
val.load_shapes(50, 128, 128, seed=1)
for dataset in (train, val):
    dataset.prepare()
    print(f"{dataset.num_images} images, classes {dataset.class_names}")
print(train.image_info[0])

# %% [markdown]
# Look at samples before anything else: most training runs that fail have masks that do not fit
# their images. Here each shape is drawn with its outline and class name, and where shapes overlap,
# the lower one ends at the upper one.

# %%
fig, axes = plt.subplots(1, 5, figsize=(14, 3.1), layout="constrained")
for ax, image_id in zip(axes, train.image_ids, strict=False):
    masks, class_ids = train.load_mask(image_id)
    visualize.display_instances(
        train.load_image(image_id),
        utils.extract_bboxes(masks),
        masks,
        class_ids,
        train.class_names,
        title=f"image {image_id}: {len(class_ids)} shapes",
        ax=ax,
    )
plt.show()

# %% [markdown]
# ## The configuration
#
# A configuration is a subclass of `Config` with the settings that differ. The images are small, so
# the anchors are too. `SmallNetwork` is a network of 9 million weights for a CPU; without it, the
# network is a ResNet-101, as in the paper. The learning rate rises over 30 steps and falls along a
# cosine to 0. What is validated and saved is a moving average of the weights (`EMA`).


# %%
class ShapesConfig(SmallNetwork, Config):
    NAME = "shapes"
    NUM_CLASSES = 1 + 3  # background, square, circle, triangle
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (16, 28, 48, 84, 160)  # sides in pixels, one per level
    # One to four shapes per image: fewer candidates at each step than for photographs.
    PRE_NMS_LIMIT = 1000
    POST_NMS_ROIS_TRAINING = 200
    POST_NMS_ROIS_INFERENCE = 100
    TRAIN_ROIS_PER_IMAGE = 32
    MAX_GT_INSTANCES = 8
    DETECTION_MAX_INSTANCES = 16

    IMAGES_PER_GPU = 4
    STEPS_PER_EPOCH = 50
    VALIDATION_STEPS = 4
    OPTIMIZER = "adamw"
    LEARNING_RATE = 1e-3
    LR_SCHEDULE = "cosine"
    LR_WARMUP_STEPS = 30
    WEIGHT_DECAY = 0.02
    EMA = 0.98
    SEED = 0


class ShapesInferenceConfig(ShapesConfig):
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0.05  # average precision needs weak detections too


config = ShapesConfig()
print(f"input {config.IMAGE_SHAPE}, batches of {config.BATCH_SIZE}")

# %% [markdown]
# Do the anchors fit? On the left is the IoU of each shape with its best anchor. All are above 0.5,
# and a quarter are above 0.7, where an anchor is positive whether or not it is the best. The
# figure suggests scales closer to the sizes of the shapes. This notebook keeps its own, because the
# weights it starts from know them, which counts for more in such a short run. In a longer one, take
# the suggestion.

# %%
visualize.plot_anchor_coverage(train.subset(range(100)), config)

# %% [markdown]
# ## Weights to start from
#
# Training from scratch takes hours. This run starts from the network that finds nuclei: it has
# never seen a square, but edges and outlines are the same everywhere. Three layers depend on the
# number of classes, two there and four here; they are left out and initialised at random. Other
# weights, such as COCO's, work the same way.

# %%
model = modellib.MaskRCNN("training", config, model_dir=logs)
report = model.load_weights(
    "nuclei",  # the path of a file, or a model that comes with the package
    by_name=True,
    exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"],
)
print(f"{len(report.loaded)} layers loaded, {len(report.excluded)} left out")
print(f"{model.keras_model.count_params():,} weights")

# %% [markdown]
# ## Training
#
# All layers are trained together. (Where data are scarce, first train with `layers="heads"`, which
# leaves the backbone unchanged.) An epoch here is 50 batches. After each epoch, the losses and the
# average precision on validation images are computed. `verbose=0` shows no progress. Everything is
# written to `model.log_dir`.

# %%
model.train(train, val, config.LEARNING_RATE, epochs=4, layers="all", verbose=0)
rows = history.read(model.log_dir)
for row in rows:
    print("epoch {epoch}  loss {loss:.3f}  validation {val_loss:.3f}  "
          "box AP {val_bbox_AP:.3f}  mask AP {val_segm_AP:.3f}".format(**row))  # fmt: skip
print(sorted(path.name for path in Path(model.log_dir).iterdir()))

# %% [markdown]
# Upper left: the training and validation losses fall together. There is no overfitting, as no image
# appears twice. (The validation loss is lower because it is computed at the end of an epoch and
# with the averaged weights.) Upper right: the five parts of the loss. Lower left: the average
# precision on the validation images. `curves.png` in the run folder is this figure, updated after
# each epoch.

# %%
speed = ("seconds", "images_per_second")
visualize.plot_history([{k: v for k, v in row.items() if k not in speed} for row in rows])

# %% [markdown]
# ## Detection
#
# The next cell creates a second model, in inference mode, with the weights of the best epoch.
# `detect` takes images and returns a dict for each. In each pair, the ground truth is on the left,
# and what was found with a score of at least 0.7 is on the right. A shape and the detection that
# matches it share a colour; anything unmatched is white or black.

# %%
inference = modellib.MaskRCNN("inference", ShapesInferenceConfig(), model_dir=logs)
inference.load_weights(str(Path(model.log_dir) / "weights" / "best.h5"), by_name=True)


def truth_of(image_id):
    masks, class_ids = val.load_mask(image_id)
    return {"rois": utils.extract_bboxes(masks), "class_ids": class_ids, "masks": masks}


def detections_of(image_id, min_score=0.0):
    return with_score(inference.detect([val.load_image(image_id)])[0], min_score)


fig, axes = plt.subplots(3, 4, figsize=(13, 10.5), layout="constrained")
for pair, image_id in zip(axes.reshape(-1, 2), val.image_ids, strict=False):
    image, found = val.load_image(image_id), detections_of(image_id, 0.7)
    visualize.compare(image, truth_of(image_id), found, val.class_names, axes=pair)
plt.show()

# %% [markdown]
# ## Evaluation
#
# matterport's Mask_RCNN measures the mean of `compute_ap` over images: the area under the curve of
# precision over recall, where a detection is correct if its mask has an IoU of at least 0.5 with a
# shape of its class.

# %%
aps = []
for image_id in val.image_ids:
    truth, found = truth_of(image_id), detections_of(image_id)
    ap, precisions, recalls, overlaps = utils.compute_ap(
        *(truth[name] for name in ("rois", "class_ids", "masks")),
        *(found[name] for name in ("rois", "class_ids", "scores", "masks")),
        iou_threshold=0.5,
    )
    aps.append(ap)
print(f"mAP at IoU 0.5: {np.mean(aps):.3f}, mean of {len(aps)} images")

# %% [markdown]
# Papers report COCO's AP, the mean over classes and over IoUs 0.5 to 0.95. `evaluate` computes it
# along with many other metrics, in one pass. AP counts all detections, weak ones too. All other
# metrics use only detections with a score of at least 0.7.

# %%
result = evaluation.evaluate(inference, val, min_score=0.7, progress=False)
print(evaluation.summary(result))
for name, figures in result["coco"]["segm"]["per_class"].items():
    print(f"mask AP of {name:9} {figures['AP']:.3f}")

# %% [markdown]
# Which classes are mistaken for which? Each row is a true class, each column a predicted one.
# Nearly everything is on the diagonal. The last column counts shapes that were missed, the last row
# detections where there is nothing.

# %%
visualize.plot_confusion(result["confusion"])

# %% [markdown]
# ## What next
#
# `python samples/shapes/shapes.py train` does the same as a command; it has
# [its own page](../samples/shapes/README.md).
#
# - [own_data](own_data.ipynb): the same with your own images and annotations
# - [inspect_data](inspect_data.ipynb): masks, boxes, anchors and augmentation in detail
# - [inspect_model](inspect_model.ipynb): the steps of the network, one by one
# - [inspect_weights](inspect_weights.ipynb): what training does to the weights
# - [roi_align](roi_align.ipynb): why masks are accurate to the pixel
