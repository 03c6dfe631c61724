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
# # One comparison from beginning to end
#
# Mask R-CNN was argued for by changing one thing at a time (table 2 of the paper). This notebook
# repeats one of these comparisons at a size that a CPU can train: RoIPool against RoIAlign on a
# feature map of stride 32, without a pyramid (table 2d). Everything else stays the same: data,
# network, initial weights, number of steps. `samples/ablations` does the same for all of the
# paper's comparisons, several times each.

# %%
import csv
import logging
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up messages
ROOT_DIR = Path("..").resolve()
sys.path.insert(0, str(ROOT_DIR))

import matplotlib.pyplot as plt
import numpy as np

from mrcnn import utils, visualize
from mrcnn.images.meta import compose_image_meta
from mrcnn.inference.detector import with_score
from mrcnn.network.poolers import ROIAlign, ROIPool
from samples.ablations import ablations

rows, runs, tasks = ablations.ablation_rows, ablations.ablation_runs, ablations.ablation_tasks
SAMPLE_DIR = ROOT_DIR / "samples/ablations"
logs = tempfile.mkdtemp()
# Both networks have 50 proposals, which may be too few for some images.
logging.getLogger("mrcnn.inference.truncation").setLevel("ERROR")
# %config InlineBackend.print_figure_kwargs = {"dpi": 100, "bbox_inches": "tight"}

# %% [markdown]
# ## What is compared
#
# A comparison is a few rows of a table of the paper. Each row names a configuration: a dict of
# settings. Two rows differ in one of them. (`SAMPLING_RATIO`, the number of points along each axis
# of a bin, means nothing to RoIPool.)

# %%
comparison = next(c for c in rows.COMPARISONS if c.name == "2d")
print(f"table {comparison.name}: {comparison.title}")
for row in comparison.rows:
    print(f"\n{row.label}: AP {row.paper[0]}, AP50 {row.paper[1]}, AP75 {row.paper[2]} on COCO")
    for name, value in rows.CONFIGURATIONS[row.configuration].items():
        print(f"    {name} = {value!r}")

# %% [markdown]
# The images have 128x128 pixels, with one to four shapes. Where they overlap, the lower one ends at
# the upper one. The network sees them twice as large, so that its map of stride 32 has 8x8 cells,
# drawn here: a shape covers about three by three of them.

# %%
val = tasks.load_shapes("val", 100)
fig, axes = plt.subplots(1, 5, figsize=(14, 3.1), layout="constrained")
for ax, image_id in zip(axes, val.image_ids, strict=False):
    ax.imshow(val.load_image(image_id))
    labels = [x if x % 64 == 0 else "" for x in range(0, 257, 32)]
    ax.set_xticks(np.arange(0, 129, 16) - 0.5, labels)
    ax.set_yticks(np.arange(0, 129, 16) - 0.5, labels)
    ax.grid(color="white", linewidth=0.8)
plt.show()

# %% [markdown]
# ## How RoIs become features
#
# RoIPool rounds a RoI to whole cells, and its 7x7 bins again. Where a RoI covers three cells a
# side, many bins are the same cell, and a RoI that moves by a few pixels often has the same
# features as before. RoIAlign rounds nothing: it interpolates at four points in each bin. Here is a
# map whose values are the x coordinates of its cells' centres, pooled from RoIs of 96 pixels that
# move to the right. The mean of their features should be the x coordinate of the RoI's centre.
# (RoIPool takes the maximum of each bin, so its steps lie above the line.)

# %%
starts = np.arange(32, 129, 2.0)
ramp = np.tile(np.arange(8, dtype=np.float32) * 32 + 16, (8, 1))[None, :, :, None]
rois = np.stack([np.full(len(starts), 80), starts, np.full(len(starts), 176), starts + 96], axis=1)
rois = ((rois - [0, 0, 1, 1]) / 255).astype(np.float32)  # normalised
meta = compose_image_meta(0, (256, 256, 3), (256, 256, 3), (0, 0, 256, 256), 1, [1] * 4)
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.plot(starts + 48, starts + 48, color="grey", linewidth=0.8, label="exact")
for label, pooler in (("RoIPool", ROIPool((7, 7))), ("RoIAlign", ROIAlign((7, 7), 2))):
    pooled = pooler([rois[None], meta[None].astype(np.float32), ramp])
    ax.plot(starts + 48, np.mean(pooled, axis=(0, 2, 3, 4)), ".-", label=label)
ax.set_xlabel("centre of the RoI (pixels)")
ax.set_ylabel("mean of its features")
ax.legend()
plt.show()

# %% [markdown]
# ## Two training runs
#
# Both start with the same weights: C1 to C3 are those of the nucleus sample and stay frozen, and
# each new layer's are drawn from a seed and its name. Both see the same images in the same order.
# What differs after that is the pooling.

# %%
settings = {"STEPS_PER_EPOCH": 160}  # of four images each
networks = {"RoIPool": runs.train("shapes", "c5_pool", 0, logs, **settings)}

# %%
networks["RoIAlign"] = runs.train("shapes", "c5", 0, logs, **settings)

# %% [markdown]
# COCO's metrics on images that neither has seen:

# %%
for row in comparison.rows:
    measured = runs.measure(networks[row.label], val)
    for kind, name in (("segm", "masks"), ("bbox", "boxes")):
        ap, ap50, ap75 = measured[kind]
        print(f"{row.label:9} {name}: AP {ap:.3f}, AP50 {ap50:.3f}, AP75 {ap75:.3f}")

# %% [markdown]
# ## Where they differ
#
# In each pair: the truth on the left, and on the right what was found with a score of at least 0.5,
# with RoIPool in the first pair of a row and with RoIAlign in the second. A detection that matches
# a shape has its colour.

# %%
found = {
    label: [network.detect([val.load_image(i)])[0] for i in val.image_ids[:40]]
    for label, network in networks.items()
}


def truth_of(image_id):
    masks, class_ids = val.load_mask(image_id)
    return {"rois": utils.extract_bboxes(masks), "class_ids": class_ids, "masks": masks}


fig, axes = plt.subplots(3, 4, figsize=(13, 10.5), layout="constrained")
for image_id, row_of_axes in zip(val.image_ids, axes, strict=False):
    image, truth = val.load_image(image_id), truth_of(image_id)
    for (label, results), pair in zip(found.items(), row_of_axes.reshape(2, 2), strict=True):
        result = with_score(results[image_id], 0.5)
        visualize.compare(image, truth, result, val.class_names, axes=pair)
        pair[0].set_title(label)
plt.show()

# %% [markdown]
# The masks themselves: for each shape, the IoU of its mask with that of the detection that fits it
# best, whatever the score. A point above the diagonal is a shape that RoIAlign's network outlines
# better.

# %%
best = {label: [] for label in found}
for label, results in found.items():
    for image_id, result in zip(val.image_ids, results, strict=False):
        masks, _ = val.load_mask(image_id)
        overlaps = utils.compute_overlaps_masks(masks, result["masks"])
        best[label] += np.max(overlaps, axis=1, initial=0).tolist()
fig, ax = plt.subplots(figsize=(4.2, 4.2), layout="constrained")
ax.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
ax.plot(best["RoIPool"], best["RoIAlign"], "o", alpha=0.5)
ax.set_xlabel("IoU with RoIPool")
ax.set_ylabel("IoU with RoIAlign")
ax.set_aspect("equal")
plt.show()
for label, ious in best.items():
    print(
        f"{label:9} mean IoU {np.mean(ious):.3f}, above 0.75: {np.mean(np.array(ious) > 0.75):.0%}"
    )

# %% [markdown]
# ## Is one run enough?
#
# No. Another seed gives another result, and a difference means little unless it is larger than that
# spread. `samples/ablations` therefore trains each configuration with several seeds and compares
# runs of the same seed. These are its differences, stored in the repository:

# %%
with (SAMPLE_DIR / "results.csv").open() as file:
    stored = list(csv.DictReader(file))
for metric in ("segm_AP", "segm_AP75", "bbox_AP", "bbox_AP75"):
    for task in ("shapes", "nuclei"):
        pool, align = (
            {r["seed"]: 100 * float(r[metric]) for r in stored
             if (r["task"], r["configuration"]) == (task, row.configuration)}
            for row in comparison.rows
        )  # fmt: skip
        gaps = [f"{align[seed] - pool[seed]:+5.1f}" for seed in sorted(pool) if seed in align]
        print(f"{metric:9} on {task}, RoIAlign minus RoIPool by seed: {', '.join(gaps)}")

# %% [markdown]
# And these are all of its comparisons beside the paper's, which were made on COCO:

# %%
fig, ax = plt.subplots(figsize=(9, 8), layout="constrained")
ax.imshow(plt.imread(SAMPLE_DIR / "differences.png"))
ax.axis("off")
plt.show()

# %% [markdown]
# ## What next
#
# - [samples/ablations](../samples/ablations/README.md): all comparisons, by one command
# - [roi_align](roi_align.ipynb): what the rounding does to a single RoI
# - [train_shapes](train_shapes.ipynb): a training run from start to finish
