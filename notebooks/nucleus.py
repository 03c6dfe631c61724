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
# # Nuclei, end to end
#
# This notebook trains a little, measures the result, compares it with the sample's weights, and
# finds out where those fail. The images are fifteen from the Data Science Bowl 2018 that come with
# the repository. `samples/nucleus/README.md` describes how the sample's weights were trained on the
# full dataset.

# %%
import itertools
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up messages
ROOT_DIR = Path("..").resolve()
sys.path.insert(0, str(ROOT_DIR))

import matplotlib.pyplot as plt
import numpy as np

from mrcnn import augment, evaluation, visualize
from mrcnn import model as modellib
from samples.nucleus import nucleus

# %config InlineBackend.print_figure_kwargs = {"dpi": 100, "bbox_inches": "tight"}

# %% [markdown]
# ## Data
#
# There are ten images to train on and five to measure with. The five are among those that
# matterport's Mask_RCNN (the reference) set aside for validation, and no weights here were trained
# on them.

# %%
data = ROOT_DIR / "samples/nucleus/data"
train = nucleus.load_dataset(data, "train")
val = nucleus.load_dataset(data, "val")
for name, part in {"train": train, "val": val}.items():
    counts = [part.load_mask(i)[0].shape[-1] for i in part.image_ids]
    print(f"{name}: {part.num_images} images, {sum(counts)} nuclei, {min(counts)} to {max(counts)}")

# %% [markdown]
# The images are of several kinds. In fluorescence, nuclei shine on black. In bright-field images of
# stained tissue, the stain colours much besides nuclei. The upper row shows training images. The
# lower row shows validation images, among them a kind that this notebook does not train on.

# %%
images = [part.load_image(i) for part in (train, val) for i in part.image_ids[:4]]
kinds = [nucleus.kind_of(image) for image in images]
figure = visualize.display_images(images, kinds, cols=4, figsize=(10, 5))

# %% [markdown]
# ## Train a little
#
# The network starts with the sample's backbone, pyramid and region proposal network. The last
# layers of its heads, which predict classes, boxes and masks, are re-initialised: this is what
# fine-tuning on your own classes looks like. Only a few settings differ from the sample's. Crops of
# 256 pixels make each step fast.


# %%
class LessonConfig(nucleus.SmallNucleusConfig):
    """Sixty steps on small crops."""

    NAME = "lesson"
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 256
    STEPS_PER_EPOCH = 20
    LEARNING_RATE = 1e-3
    LR_WARMUP_STEPS = 5
    EMA = 0.9
    MIXED_PRECISION = None


logs = tempfile.mkdtemp()
model = modellib.MaskRCNN("training", LessonConfig(), logs)
new = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask_conv4", "mrcnn_mask_deconv", "mrcnn_mask"]
report = model.load_weights(nucleus.NUCLEUS_WEIGHTS_PATH, by_name=True, exclude=new)
print(f"{len(report.loaded)} layers loaded; re-initialised: {', '.join(report.excluded)}")

# %% [markdown]
# `layers="heads"` trains everything but the backbone. Augmentation rotates, flips and recolours
# images and moves their masks along, so ten images go further.

# %%
model.train(
    train,
    None,
    learning_rate=model.config.LEARNING_RATE,
    epochs=3,
    layers="heads",
    augmentation=augment.microscopy(),
)

# %% [markdown]
# The run folder contains the curves and `history.csv`, which any spreadsheet program opens. The
# losses of the re-initialised heads fall, most of all in the first epochs.

# %%
history = np.genfromtxt(Path(model.log_dir) / "history.csv", delimiter=",", names=True)
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for name in ("loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"):
    ax.plot(history["epoch"], history[name], "o-", label=name)
ax.set(title="Training losses", xlabel="epoch", ylabel="loss", xticks=history["epoch"])
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# ## Measure, and compare with the sample's weights
#
# Detection has its own configuration: one image at a time, at its own size. Both models see the
# same five images. DSB is the Data Science Bowl score, TP / (TP + FP + FN), at an IoU of 0.5, at
# 0.75, and averaged over IoUs 0.5:0.95.


# %%
class LessonInferenceConfig(nucleus.SmallNucleusInferenceConfig):
    """Detection with the lesson's weights; keeps weak detections for the average precision."""

    NAME = "lesson"
    DETECTION_MIN_CONFIDENCE = 0.05


lesson = modellib.MaskRCNN("inference", LessonInferenceConfig(), logs)
lesson.load_weights(lesson.find_last(), by_name=True)
sample = nucleus.make_model("inference", weights="nucleus", min_score=0.05)
models = {"sixty steps": lesson, "the sample": sample}

figures = {}
for name, each in models.items():
    result = evaluation.evaluate(each, val, min_score=nucleus.MIN_SCORE, progress=False)
    figures[name] = evaluation.headline(result)
print(f"{'':10}" + "".join(f"{name:>14}" for name in figures))
for name in ("DSB@0.5", "DSB@0.75", "DSB", "PQ", "Dice", "mask AP"):
    print(f"{name:10}" + "".join(f"{row[name]:14.3f}" for row in figures.values()))

# %% [markdown]
# A minute of training comes close, because the other layers already knew nuclei. The gap is widest
# where outlines must fit best: in the mean DSB over all IoUs.
#
# ## Where does it fail?
#
# A single number hides how much images differ. `evaluate` also returns a score for each image. Here
# are the scores of the sample's weights, worst first.

# %%
rows = sorted(result["per_image"], key=lambda row: row["dsb_score"])
for row in rows:
    kind = nucleus.kind_of(val.load_image(row["image_id"]))
    print(
        f"image {row['image_id']}: DSB {row['dsb_score']:.2f}, {row['instances']} nuclei, "
        f"{row['detections']} found, {kind}"
    )

# %% [markdown]
# This is the worst image, with the ground truth on the left and the detections on the right.
# Anything unmatched is black (or white on a dark image). In stained tissue, the network often finds
# one nucleus where the ground truth has several pieces, and misses pale ones.

# %%
detect = nucleus.detector(nucleus.make_model("inference"), overlaps=False)


def draw(image_id):
    image = val.load_image(image_id)
    masks, class_ids = val.load_instances(image_id)
    found = detect([image])[0]
    truth = {"rois": masks.boxes, "class_ids": class_ids, "masks": masks.dense()}
    found = {**found, "masks": found["masks"].dense()}
    visualize.compare(image, truth, found, val.class_names, figsize=(11, 4.8))


draw(rows[0]["image_id"])

# %% [markdown]
# ## Which nuclei are missed?
#
# `Comparison` matches the detections in one image with its ground truth, at any IoU. Over all five
# images, the fraction of nuclei that are found grows with their size. Small nuclei cover few cells
# of the feature map, and a shift of one pixel costs them much of their IoU.

# %%
sizes, seen = [], []
for image_id in val.image_ids:
    masks, class_ids = val.load_instances(image_id)
    comparison = evaluation.Comparison(masks, class_ids, detect([val.load_image(image_id)])[0])
    _, matched = comparison.matches(0.5)
    sizes.extend(np.sqrt(comparison.truth.areas))
    seen.extend(np.isin(np.arange(len(comparison.truth)), matched))
sizes, seen = np.array(sizes), np.array(seen)

edges = [0, 8, 12, 16, 24, 100]
labels = ["below 8", "8 to 12", "12 to 16", "16 to 24", "above 24"]
inside = [(sizes >= low) & (sizes < high) for low, high in itertools.pairwise(edges)]
fig, ax = plt.subplots(figsize=(6, 3))
bars = ax.bar(labels, [seen[chosen].mean() for chosen in inside])
ax.bar_label(bars, [f"{seen[chosen].sum()} of {chosen.sum()}" for chosen in inside])
ax.set(
    title="Nuclei found, by size",
    xlabel="square root of the area, in pixels",
    ylabel="fraction",
    ylim=(0, 1.1),
)
plt.show()

# %% [markdown]
# ## Precision and recall
#
# A lower score threshold finds more nuclei and makes more mistakes. The curve shows which
# combinations of precision and recall are possible, at an IoU of 0.5 and of 0.75.

# %%
figure = visualize.plot_precision_recall_curves({"segm": result["curves"]["segm"]})

# %% [markdown]
# ## What next
#
# - `inspect_model` looks inside the network, step by step; `inspect_data` looks at what it learns
#   from.
# - `own_data` does the same with your own images and annotations.
# - `python samples/nucleus/nucleus.py train --dataset=DIR --weights=nucleus` continues from the
#   sample's weights, on the full dataset.
