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
# # A training from beginning to end
#
# Squares, circles and triangles, drawn as they are asked for: a data set that needs no download
# and on which a network learns in a minute, on a CPU. What is done here is what a project of your
# own does, too: a data set, a configuration, weights to start from, training, detection,
# measuring.

# %%
import inspect
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's account of itself
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

NUCLEUS_WEIGHTS_PATH = ROOT_DIR / "samples/nucleus/nucleus_small.h5"
keras.utils.set_random_seed(0)  # of the weights that start at random
logs = tempfile.mkdtemp()  # of the runs; in a project of your own ROOT_DIR / "logs"
# %config InlineBackend.print_figure_kwargs = {"dpi": 100, "bbox_inches": "tight"}

# %% [markdown]
# ## The data set
#
# A data set is a subclass of `utils.Dataset`. It has a method of any name that says which classes
# and images there are, with `add_class` and `add_image`. What else `add_image` is given is kept in
# `image_info`; here it is what to draw.

# %%
print(inspect.getsource(ShapesDataset.load_shapes))

# %% [markdown]
# And it has two methods that the package calls. `load_image` is needed only where images are not
# files: without it, the file at `path` is read. `load_mask` gives the truth: a mask for each
# instance, bool [height, width, instances], and the number of its class. Here the shapes are drawn
# from the top one down, so that a mask is what is seen of a shape.

# %%
print(inspect.getsource(ShapesDataset.load_image))
print(inspect.getsource(ShapesDataset.load_mask))

# %% [markdown]
# `prepare` numbers the classes and images; the background is class 0. The images of another seed
# are for validation.

# %%
train, val = ShapesDataset(), ShapesDataset()
train.load_shapes(1000, 128, 128, seed=0)
val.load_shapes(50, 128, 128, seed=1)
for dataset in (train, val):
    dataset.prepare()
    print(f"{dataset.num_images} images, classes {dataset.class_names}")
print(train.image_info[0])

# %% [markdown]
# Look at samples before anything else: most trainings that fail have masks that do not fit their
# images. Here each shape wears its outline and the name of its class, and where shapes overlap the
# lower one ends at the upper one.

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
# A subclass of `Config` with the settings that differ. The images are small, so the anchors are,
# too. `SmallNetwork` is a network of 9 million weights for a CPU; without it the network is a
# ResNet-101, as in the paper. The learning rate rises over 30 steps and falls as a cosine to 0,
# and what is validated and saved is a moving average of the weights (`EMA`).


# %%
class ShapesConfig(SmallNetwork, Config):
    NAME = "shapes"
    NUM_CLASSES = 1 + 3  # background, square, circle, triangle
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (16, 28, 48, 84, 160)  # sides in pixels, one for each level
    # One to four shapes an image: fewer candidates at each stage than for photographs.
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
    DETECTION_MIN_CONFIDENCE = 0.05  # average precision wants the weak detections, too


config = ShapesConfig()
print(f"input {config.IMAGE_SHAPE}, batches of {config.BATCH_SIZE}")

# %% [markdown]
# Do the anchors fit? At the left, the IoU of each shape with its best anchor: all are above 0.5,
# a quarter above 0.7, from where on an anchor is positive whether it is the best or not. The figure
# suggests scales that lie closer around the sizes of the shapes. We keep these, because the weights
# that we start from know them, which in so short a training counts for more; in a longer one take
# the suggestion.

# %%
visualize.plot_anchor_coverage(train.subset(range(100)), config)

# %% [markdown]
# ## Weights to start from
#
# Training from nothing takes hours. We start from the network that finds nuclei: it has never seen
# a square, but edges and outlines are the same everywhere. Three layers depend on the number of
# classes, two there and four here; they are left out and start at random. With other weights, such
# as COCO's, it goes in the same way.

# %%
model = modellib.MaskRCNN("training", config, model_dir=logs)
report = model.load_weights(
    str(NUCLEUS_WEIGHTS_PATH),
    by_name=True,
    exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"],
)
print(f"{len(report.loaded)} layers loaded, {len(report.excluded)} left out")
print(f"{model.keras_model.count_params():,} weights")

# %% [markdown]
# ## Training
#
# All layers at once. (Where data are few, `layers="heads"` first trains what is new and leaves the
# backbone alone.) An epoch here is 50 batches; after each the losses and the average precision of
# validation images are computed. With `verbose=0` it shows no progress. All that it writes is in
# `model.log_dir`.

# %%
model.train(train, val, config.LEARNING_RATE, epochs=4, layers="all", verbose=0)
rows = history.read(model.log_dir)
for row in rows:
    print("epoch {epoch}  loss {loss:.3f}  of validation {val_loss:.3f}  "
          "box AP {val_bbox_AP:.3f}  mask AP {val_segm_AP:.3f}".format(**row))  # fmt: skip
print(sorted(path.name for path in Path(model.log_dir).iterdir()))

# %% [markdown]
# Upper left, the losses of training and validation fall together: there is no overfitting, as no
# image comes twice. (That of validation is lower, as it is taken at the end of an epoch and with
# the averaged weights.) Upper right, their five parts. Lower left, the average precisions of
# validation. `curves.png` in the folder of the run is this figure, renewed after each epoch.

# %%
speed = ("seconds", "images_per_second")
visualize.plot_history([{k: v for k, v in row.items() if k not in speed} for row in rows])

# %% [markdown]
# ## Detection
#
# Another model, in inference mode, with the weights of the best epoch. `detect` takes images and
# gives a dict for each. Left and right of each pair: the truth, and what was found with a score of
# 0.7 or more. A shape and the detection that matches it have one colour; what has no match is
# white or black.

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
# ## Measuring
#
# The reference's measure is the mean over images of `compute_ap`: the area under precision over
# recall, where a detection is right if its mask has an IoU of 0.5 with a shape of its class.

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
# What papers give is COCO's AP, the mean over classes and over IoU 0.5 to 0.95. `evaluate`
# computes it with many other measures in one pass. AP counts all detections, weak ones too; all
# other figures are those of detections with a score of 0.7 or more.

# %%
result = evaluation.evaluate(inference, val, min_score=0.7, progress=False)
print(evaluation.summary(result))
for name, figures in result["coco"]["segm"]["per_class"].items():
    print(f"mask AP of {name:9} {figures['AP']:.3f}")

# %% [markdown]
# Which classes are taken for which: a row is what a shape is, a column what it was found to be.
# Nearly all is on the diagonal. In the last column are shapes that were missed, in the last row
# detections where there is nothing.

# %%
visualize.plot_confusion(result["confusion"])

# %% [markdown]
# ## What next
#
# `python samples/shapes/shapes.py train` is the same as a command, [with its own
# page](../samples/shapes/README.md).
#
# - [own_data](own_data.ipynb): the same with images and annotations of your own
# - [inspect_data](inspect_data.ipynb): masks, boxes, anchors and augmentation in detail
# - [inspect_model](inspect_model.ipynb): the stages of the network, one by one
# - [inspect_weights](inspect_weights.ipynb): what a training does to the weights
# - [roi_align](roi_align.ipynb): why masks fit to the pixel
