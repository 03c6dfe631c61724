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
# # A quick tour
#
# Mask R-CNN finds the objects in an image and outlines each one, pixel by pixel. In this notebook
# it finds cell nuclei. The weights come with the repository, so nothing has to be downloaded, and a
# CPU is enough.

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up messages
ROOT_DIR = Path("..").resolve()
sys.path.insert(0, str(ROOT_DIR))

import matplotlib.pyplot as plt

from mrcnn import evaluation, utils, visualize
from mrcnn import model as modellib
from mrcnn.inference import tta
from samples.nucleus import nucleus

# %config InlineBackend.print_figure_kwargs = {"dpi": 100, "bbox_inches": "tight"}

# %% [markdown]
# ## A model
#
# A model is a configuration plus weights. The configuration is a class with one attribute per
# setting. Your own project subclasses `Config` and changes a few of them; `config.display()` prints
# them all. The mode is `"inference"` for detection, or `"training"`.

# %%
config = nucleus.SmallNucleusInferenceConfig()
model = modellib.MaskRCNN("inference", config, model_dir=ROOT_DIR / "logs")
report = model.load_weights(nucleus.NUCLEUS_WEIGHTS_PATH, by_name=True)
print(f"{len(report.loaded)} layers loaded, {len(report.missing)} missing")
print(f"{model.keras_model.count_params():,} weights, {config.NUM_CLASSES} classes")

# %% [markdown]
# ## Images
#
# A `Dataset` knows where the images are and what they contain: `load_image` returns the pixels,
# `load_mask` one mask per instance and its class id. These images come from the Data Science Bowl
# 2018; the network was not trained on them.

# %%
dataset = nucleus.load_dataset(ROOT_DIR / "samples/nucleus/data", "val")
print(f"{dataset.num_images} images, classes {dataset.class_names}")
image = dataset.load_image(0)
masks, class_ids = dataset.load_mask(0)
print(f"image {image.shape} {image.dtype}, masks {masks.shape} {masks.dtype}")

# %% [markdown]
# ## Detection
#
# `detect` takes a list of images, of any size and type, and returns one dict per image. Boxes are
# `(y1, x1, y2, x2)` in image pixels.

# %%
result = model.detect([image])[0]
for name, values in result.items():
    print(f"{name:9} {values.dtype!s:8} {values.shape}")
print("first box", result["rois"][0], "score", round(float(result["scores"][0]), 2))

# %% [markdown]
# Below, each detected nucleus has its own colour and outline. Look at the ones that touch: a
# brightness threshold would merge them into one blob.

# %%
visualize.display_instances(
    image,
    result["rois"],
    result["masks"],
    result["class_ids"],
    dataset.class_names,
    title=f"{len(result['scores'])} nuclei found",
    figsize=(6, 6),
    captions=[""] * len(result["scores"]),
    show_bbox=False,
)

# %% [markdown]
# Masks are plain boolean arrays, so measuring them takes one line of NumPy. The histogram shows how
# large the nuclei in this image are: most cover 100 to 400 pixels.

# %%
areas = result["masks"].sum(axis=(0, 1))  # [N] pixels
fig, ax = plt.subplots(figsize=(5, 2.5))
ax.hist(areas, bins=12, edgecolor="white")
ax.set(title="Nucleus areas", xlabel="pixels", ylabel="nuclei")
plt.show()

# %% [markdown]
# ## How good is it?
#
# `compare` draws the ground truth on the left and the detections on the right. A nucleus and its
# matching detection, with an IoU (intersection over union) of at least 0.5, share a colour.
# Anything unmatched is white: on the left it was missed, on the right it is wrong or not accurate
# enough.

# %%
truth = {"rois": utils.extract_bboxes(masks), "class_ids": class_ids, "masks": masks}
figure = visualize.compare(image, truth, result, dataset.class_names, figsize=(11, 5.8))

# %% [markdown]
# `evaluate` does this for every image of a dataset and computes scores. The Data Science Bowl score
# (DSB) is TP / (TP + FP + FN): the true positives as a fraction of all nuclei that are there or
# were found, here at an IoU of 0.5 and of 0.75. F1, panoptic quality (PQ), the aggregated Jaccard
# index (AJI), Dice and COCO's average precision (AP) are the metrics that other papers report.

# %%
figures = evaluation.headline(evaluation.evaluate(model, dataset, progress=False))
for name, value in figures.items():
    print(f"{name:10} {value:.3f}" if isinstance(value, float) else f"{name:10} {value}")

# %% [markdown]
# Stained tissue is the hardest kind of image here. Look at the black outlines: where the ground
# truth splits a nucleus into several pieces, the network draws a single one, and both versions
# count as wrong.

# %%
tissue = dataset.load_image(1)
masks, class_ids = dataset.load_mask(1)
truth = {"rois": utils.extract_bboxes(masks), "class_ids": class_ids, "masks": masks}
figure = visualize.compare(
    tissue, truth, model.detect([tissue])[0], dataset.class_names, figsize=(11, 5)
)

# %% [markdown]
# ## Better results without training
#
# `tta.detect` (test-time augmentation) looks at each image in up to eight orientations, flipped and
# rotated, and takes a vote. It takes eight times as long, but the outlines fit better: the scores
# at an IoU of 0.75 and the mean over all IoUs rise.


# %%
def eight_looks(images):
    return tta.detect(model, images, orientations=8)


voted = evaluation.evaluate(model, dataset, detect=eight_looks, progress=False)
voted = evaluation.headline(voted)
print(f"{'':10}  one look  eight looks")
for name in ("DSB@0.5", "DSB@0.75", "DSB", "PQ", "Dice"):
    print(f"{name:10} {figures[name]:9.3f} {voted[name]:12.3f}")

# %% [markdown]
# ## What next
#
# - `train_shapes` trains a network in a minute, `own_data` trains one on your own images and
#   annotations.
# - `inspect_model` shows what happens between the pixels and the masks.
# - `nucleus` evaluates these weights and looks at their mistakes.
# - To detect nuclei in your own images:
#   `python samples/nucleus/nucleus.py detect --dataset=FOLDER`.
