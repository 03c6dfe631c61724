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
# # From a folder of 16-bit TIFFs to a spreadsheet and to QuPath
#
# A microscope leaves a folder of TIFFs with 16 bits, several stains and a pixel size. This notebook
# finds the nuclei in them with one command, looks at the table, and reads back what QuPath and
# ImageJ will open. Nothing is downloaded, and nothing is trained.

# %%
import collections
import csv
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up messages
ROOT_DIR = Path("..").resolve()
sys.path.insert(0, str(ROOT_DIR))
# The command of this Python, wherever it is installed.
os.environ["PYTHONPATH"] = str(ROOT_DIR)

import matplotlib.pyplot as plt
import numpy as np
import roifile
import tifffile
from PIL import Image

# %config InlineBackend.print_figure_kwargs = {"dpi": 100, "bbox_inches": "tight"}
folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)  # everything below is written there

# %% [markdown]
# ## The images
#
# Three fluorescence images stand in for your own. They become TIFFs as ImageJ writes them: two
# stains of 16 bits, and 0.32 µm a pixel.

# %%
SAMPLES = ROOT_DIR / "samples/nucleus/data/stage1_train"
NAMES = {"well_A1": "0c6507d4", "well_A2": "3b3f516e", "well_B1": "61a15ccb"}
os.mkdir("plate")
for name, start in NAMES.items():
    [path] = SAMPLES.glob(f"{start}*/images/*.png")
    grey = np.asarray(Image.open(path).convert("L")).astype(np.uint16)
    other = np.random.default_rng(0).poisson(300, grey.shape).astype(np.uint16)
    tifffile.imwrite(
        f"plate/{name}.tif",
        np.stack([grey * 40, other]),  # a camera of 14 bits
        imagej=True,
        resolution=(1 / 0.32, 1 / 0.32),
        metadata={"axes": "CYX", "unit": "um", "Labels": ["DAPI", "actin"]},
    )
    print(name, grey.shape)

# %% [markdown]
# ## One command
#
# `--channel` names the stain of the nuclei. `--to` chooses what is written: a table, QuPath's
# outlines, ImageJ's ROIs, label images and pictures.

# %%
KINDS = "csv,geojson,roi,labels,overlay"
# !{sys.executable} -m mrcnn detect plate --model nuclei --channel DAPI --to {KINDS}

# %% [markdown]
# ## Look first
#
# The pictures have the size of the images. The numbers are those of the table, the ROIs and the
# label images.

# %%
fig, axes = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
for ax, name in zip(axes, NAMES, strict=True):
    ax.imshow(plt.imread(f"results/overlay/{name}.png"))
    ax.set_title(name)
    ax.axis("off")
plt.show()

# %% [markdown]
# ## The spreadsheet
#
# `objects.csv` opens in Excel, R or pandas. There is a row per nucleus, with measures in pixels and
# in µm, and the intensities of both stains.

# %%
with open("results/objects.csv", newline="") as file:
    rows = list(csv.DictReader(file))
print(", ".join(rows[0]))
print(f"\n{len(rows)} nuclei; the first:")
for column in ("image", "object", "score", "area_um2", "major_axis_um", "intensity_mean_DAPI"):
    print(f"    {column:20} {rows[0][column]}")

# %% [markdown]
# Counts and areas by image are a few lines, or a pivot table:

# %%
areas = collections.defaultdict(list)
for row in rows:
    areas[row["image"]].append(float(row["area_um2"]))
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for name, values in areas.items():
    print(f"{name}: {len(values)} nuclei, median area {np.median(values):.0f} µm²")
    ax.hist(values, np.arange(0, 121, 10), histtype="step", linewidth=1.5, label=name)
ax.set_xlabel("area (µm²)")
ax.set_ylabel("nuclei")
ax.legend()
plt.show()

# %% [markdown]
# ## QuPath
#
# Drag `results/geojson/well_A1.geojson` onto the image in QuPath. Each nucleus is a detection with
# its class, its score and its outline, which follows the edges of the pixels.

# %%
[name, *_] = NAMES
nuclei = json.loads(Path(f"results/geojson/{name}.geojson").read_text())["features"]
print(len(nuclei), "features; the first, without its outline:")
print(json.dumps({**nuclei[0], "geometry": nuclei[0]["geometry"]["type"]}, indent=2))

# %% [markdown]
# ## ImageJ and Fiji
#
# Drag `results/roi/well_A1.zip` onto ImageJ's window, and all nuclei are in the ROI manager. The
# label image is for measuring tools such as MorphoLibJ and CellProfiler.

# %%
rois = roifile.roiread(f"results/roi/{name}.zip")
labels = tifffile.imread(f"results/labels/{name}.tif")
print(len(rois), "ROIs, such as", rois[0].name)
print("label image:", labels.shape, labels.dtype, "with", len(np.unique(labels)) - 1, "nuclei")
fig, ax = plt.subplots(figsize=(4.6, 4.6), layout="constrained")
ax.imshow(np.ma.masked_equal(labels, 0) % 20, cmap="tab20", interpolation="nearest")
ax.axis("off")
plt.show()

# %% [markdown]
# ## Next
#
# - The same command again does only what is new in the folder.
# - If outlines are wrong: `--to labelme`, correct them in LabelMe, and
#   `mrcnn train FOLDER --from nuclei` learns from them.
# - For images of 20,000 pixels a side nothing changes: they are cut into tiles by themselves.
#
# [Results and tools](../docs/outputs.md) explains every file.
