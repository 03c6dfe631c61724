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
# Train a little, measure, compare with the weights of the sample, and find out where they fail.
# The images are fifteen of the Data Science Bowl 2018 that come with the repository; how the
# weights of the sample were trained on all of them is in `samples/nucleus/README.md`.

# %%
import itertools
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's account of itself
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
# Ten images to train on and five to measure with. The five are in the list that the reference set
# aside for validation, and no weights here were trained on them.

# %%
data = ROOT_DIR / "samples/nucleus/data"
train = nucleus.load_dataset(data, "train")
val = nucleus.load_dataset(data, "val")
for name, part in {"train": train, "val": val}.items():
    counts = [part.load_mask(i)[0].shape[-1] for i in part.image_ids]
    print(f"{name}: {part.num_images} images, {sum(counts)} nuclei, {min(counts)} to {max(counts)}")

# %% [markdown]
# There are several kinds of images. In fluorescence nuclei shine on black; in bright field, of
# stained tissue, much besides nuclei takes up colour. The upper row is of those to train on, the
# lower one of those to measure with, among which is a kind that is not trained on here.

# %%
images = [part.load_image(i) for part in (train, val) for i in part.image_ids[:4]]
kinds = [nucleus.kind_of(image) for image in images]
figure = visualize.display_images(images, kinds, cols=4, figsize=(10, 5))

# %% [markdown]
# ## Train a little
#
# The network starts from the sample's backbone, pyramid and proposals, but its heads, which tell
# classes and draw masks, start anew: this is what fine-tuning to classes of your own looks like.
# Only a few settings differ from those of the sample. Crops of 256 pixels make a step quick.


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
print(f"{len(report.loaded)} layers loaded; they start anew: {', '.join(report.excluded)}")

# %% [markdown]
# `layers="heads"` trains all but the backbone. Augmentation turns, mirrors and recolours images and
# their masks, so that ten images are worth more.

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
# The folder of the run has `history.csv`, which any spreadsheet reads, and the curves. What to see:
# the losses of the new heads fall, most of all in the first epochs.

# %%
history = np.genfromtxt(Path(model.log_dir) / "history.csv", delimiter=",", names=True)
fig, ax = plt.subplots(figsize=(5, 3))
for name in ("loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"):
    ax.plot(history["epoch"], history[name], "o-", label=name)
ax.set(title="Losses of the training", xlabel="epoch", ylabel="loss", xticks=history["epoch"])
ax.legend()
plt.show()

# %% [markdown]
# ## Measure, and compare with the weights of the sample
#
# Detection has a configuration of its own: one image at a time, of its own size. Both models see
# the same five images. DSB is the score of the Data Science Bowl, TP / (TP + FP + FN), at an IoU of
# 0.5, of 0.75, and on average over 0.5:0.95.


# %%
class LessonInferenceConfig(nucleus.SmallNucleusInferenceConfig):
    """Detection with the weights of the lesson; weak detections count in average precisions."""

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
# A minute of training comes close, because all but the heads knew nuclei already. The gap is widest
# where outlines must fit best: in the mean of DSB over all IoUs.
#
# ## Where does it fail?
#
# One number hides that images differ. `evaluate` keeps a score for each image; here are those of
# the sample's weights, the worst first.

# %%
rows = sorted(result["per_image"], key=lambda row: row["dsb_score"])
for row in rows:
    kind = nucleus.kind_of(val.load_image(row["image_id"]))
    print(
        f"image {row['image_id']}: DSB {row['dsb_score']:.2f}, {row['instances']} nuclei, "
        f"{row['detections']} found, {kind}"
    )

# %% [markdown]
# The worst image, truth on the left, detections on the right. What has no match is black (or white
# on a dark image). In stained tissue many nuclei were found as one where the truth has several
# pieces, and pale ones are missed.

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
# `Comparison` matches the detections of one image with its truth, at any IoU. Over all five images,
# the share of the nuclei that are found grows with their size: small ones cover few cells of the
# feature map, and a shift of one pixel costs them much of their IoU.

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
    title="Nuclei that are found, by size",
    xlabel="square root of the area, in pixels",
    ylabel="share",
    ylim=(0, 1.1),
)
plt.show()

# %% [markdown]
# ## Precision and recall
#
# Lowering the least score of a detection finds more nuclei and makes more mistakes. The curve shows
# which pairs of precision and recall one can have, at an IoU of 0.5 and of 0.75.

# %%
figure = visualize.plot_precision_recall_curves({"segm": result["curves"]["segm"]})

# %% [markdown]
# ## What next
#
# - `inspect_model` looks into the network, stage by stage; `inspect_data` at what it learns from.
# - `own_data` does the same with images and annotations of your own.
# - `python samples/nucleus/nucleus.py train --dataset=DIR --weights=nucleus` goes on from the
#   weights of the sample, on the whole data set.
