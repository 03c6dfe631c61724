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
# Mask R-CNN finds the objects in an image and outlines each of them, pixel by pixel. Here it finds
# cell nuclei, with weights that come with the repository: nothing is downloaded, and a CPU will do.

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's account of itself
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
# A model is a configuration and weights. The configuration is a class with an attribute for each
# setting: a project of your own subclasses `Config` and changes a few of them, and
# `config.display()` prints all. The mode is `"inference"`, to detect, or `"training"`.

# %%
config = nucleus.SmallNucleusInferenceConfig()
model = modellib.MaskRCNN("inference", config, model_dir=ROOT_DIR / "logs")
report = model.load_weights(nucleus.NUCLEUS_WEIGHTS_PATH, by_name=True)
print(f"{len(report.loaded)} layers loaded, {len(report.missing)} missing")
print(f"{model.keras_model.count_params():,} weights, {config.NUM_CLASSES} classes")

# %% [markdown]
# ## Images
#
# A `Dataset` knows where images are and what is in them: `load_image` gives the pixels, `load_mask`
# a mask for each instance and the number of its class. These images are from the Data Science Bowl
# 2018, and the network was not trained on them.

# %%
dataset = nucleus.load_dataset(ROOT_DIR / "samples/nucleus/data", "val")
print(f"{dataset.num_images} images, classes {dataset.class_names}")
image = dataset.load_image(0)
masks, class_ids = dataset.load_mask(0)
print(f"image {image.shape} {image.dtype}, masks {masks.shape} {masks.dtype}")

# %% [markdown]
# ## Detection
#
# `detect` takes a list of images, of any sizes and kinds, and gives a dict for each. Boxes are
# `(y1, x1, y2, x2)` in pixels of the image.

# %%
result = model.detect([image])[0]
for name, values in result.items():
    print(f"{name:9} {values.dtype!s:8} {values.shape}")
print("first box", result["rois"][0], "score", round(float(result["scores"][0]), 2))

# %% [markdown]
# Below, each nucleus that was found has a tint and an outline of its own. Look at the ones that
# touch: a threshold on brightness would make one blob of them.

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
# Masks are plain boolean arrays, so measuring is a line of numpy. The histogram shows how large the
# nuclei of this image are: most cover 100 to 400 pixels.

# %%
areas = result["masks"].sum(axis=(0, 1))  # [N] pixels
fig, ax = plt.subplots(figsize=(5, 2.5))
ax.hist(areas, bins=12, edgecolor="white")
ax.set(title="Areas of the nuclei", xlabel="pixels", ylabel="nuclei")
plt.show()

# %% [markdown]
# ## How good is it?
#
# `compare` draws the truth on the left and the detections on the right. A nucleus and the detection
# that matches it, with an IoU (intersection over union) of 0.5 or more, share a colour. What has no
# match is white: on the left it was missed, on the right it is wrong, or too far off.

# %%
truth = {"rois": utils.extract_bboxes(masks), "class_ids": class_ids, "masks": masks}
figure = visualize.compare(image, truth, result, dataset.class_names, figsize=(11, 5.8))

# %% [markdown]
# `evaluate` does that for all images of a data set and counts: the score of the Data Science Bowl
# is TP / (TP + FP + FN), true positives among all that is there or was found, here at an IoU of 0.5
# and of 0.75. F1, panoptic quality (PQ), aggregated Jaccard index (AJI), Dice and COCO's average
# precisions (AP) are what other papers report.

# %%
figures = evaluation.headline(evaluation.evaluate(model, dataset, progress=False))
for name, value in figures.items():
    print(f"{name:10} {value:.3f}" if isinstance(value, float) else f"{name:10} {value}")

# %% [markdown]
# Stained tissue is the hardest kind of image here. Look at the black outlines: where the truth has
# a nucleus in several pieces, the network draws one, and both count as wrong.

# %%
tissue = dataset.load_image(1)
masks, class_ids = dataset.load_mask(1)
truth = {"rois": utils.extract_bboxes(masks), "class_ids": class_ids, "masks": masks}
figure = visualize.compare(
    tissue, truth, model.detect([tissue])[0], dataset.class_names, figsize=(11, 5)
)

# %% [markdown]
# ## Better without training
#
# `tta.detect` looks at an image in up to eight orientations, mirrored and turned, and takes the
# vote. It takes eight times as long, and outlines fit better: the scores at an IoU of 0.75 and the
# mean over all rise.


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
# - `train_shapes` trains a network in a minute, `own_data` one on images and annotations of yours.
# - `inspect_model` shows what happens between the pixels and the masks.
# - `nucleus` measures these weights and looks at their mistakes.
# - For images of your own: `python samples/nucleus/nucleus.py detect --dataset=FOLDER`.
