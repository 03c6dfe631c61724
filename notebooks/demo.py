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
import numpy as np
from mrcnn import evaluation, tta, visualize
from mrcnn import model as modellib
from samples.nucleus import nucleus

# %% [markdown]
# ## A model
#
# A model is a configuration and weights. The configuration is a class with one attribute for each
# setting; a project of your own subclasses `Config` and changes a few of them. `display()` prints
# all. The mode is `"inference"`, to detect, or `"training"`.

# %%
config = nucleus.SmallNucleusInferenceConfig()
model = modellib.MaskRCNN("inference", config, model_dir=ROOT_DIR / "logs")
report = model.load_weights(nucleus.NUCLEUS_WEIGHTS_PATH, by_name=True)
print(report)
print(f"{model.keras_model.count_params():,} weights, {config.NUM_CLASSES} classes")

# %% [markdown]
# ## Images
#
# A `Dataset` knows where the images are and what is in them. `load_image` gives pixels,
# `load_mask` the truth: one mask for each instance and the number of its class. These images are
# from the Data Science Bowl 2018, and the network was not trained on them.

# %%
dataset = nucleus.load_dataset(ROOT_DIR / "samples/nucleus/data", "val")
print(f"{dataset.num_images} images, classes {dataset.class_names}")
fluorescence, tissue = 0, 1
image = dataset.load_image(fluorescence)
masks, class_ids = dataset.load_mask(fluorescence)
print(f"image {image.shape} {image.dtype}, masks {masks.shape} {masks.dtype}")
