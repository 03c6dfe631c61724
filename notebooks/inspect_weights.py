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
# # Looking at weights
#
# Is a weight file sound? Find out before you use it. This notebook examines the nucleus sample's
# file: what was loaded, whether any value looks odd, what is dead, what half precision costs, and
# how to compare two files.

# %%
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up messages
ROOT_DIR = Path("..").resolve()
sys.path.insert(0, str(ROOT_DIR))

import h5py
import keras
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import ks_2samp

from mrcnn import model as modellib
from mrcnn import utils, visualize
from mrcnn.weights.keras_h5 import WeightsFile
from samples.nucleus import nucleus

# %config InlineBackend.print_figure_kwargs = {"dpi": 100, "bbox_inches": "tight"}
config = nucleus.SmallNucleusInferenceConfig()
model = modellib.MaskRCNN("inference", config, model_dir=ROOT_DIR / "logs")

# %% [markdown]
# ## What was loaded
#
# `load_weights` matches layers by name and returns a report. A layer that is *missing* from the
# file keeps its random initial weights, so for detection this list should be empty. *Left over* is
# what the file has and the network does not. `by_name=False` refuses a file in which a layer is
# missing.

# %%
report = model.load_weights(nucleus.NUCLEUS_WEIGHTS_PATH, by_name=True)
for what in ("loaded", "excluded", "missing", "left_over", "mismatched", "notes"):
    names = list(getattr(report, what))
    print(f"{what:<11} {len(names):>3}  {', '.join(names[:6])}{' ...' if names[6:] else ''}")

# %% [markdown]
# ## Where the weights are
#
# The parts of the network hold very different fractions of its weights. The first fully connected
# layer of the box head, which sees all 7 x 7 x 128 features of a proposal, has more weights than a
# whole level of the backbone such as C3.

# %%
parts = {
    "backbone, C1 and C2": ("conv1", "bn_conv1", "res2", "bn2"),
    "backbone, C3": ("res3", "bn3"),
    "backbone, C4 and C5": ("res4", "bn4", "small5"),
    "pyramid": ("fpn_",),
    "RPN": ("rpn_",),
    "box head": ("mrcnn_class", "mrcnn_bbox"),
    "mask head": ("mrcnn_mask",),
}
layers = model.get_trainable_layers()
part_of = {
    layer.name: part
    for layer in layers
    for part, beginnings in parts.items()
    if layer.name.startswith(beginnings)
}
counts = {
    part: sum(layer.count_params() for layer in layers if part_of[layer.name] == part)
    for part in parts
}
largest = model.keras_model.get_layer("mrcnn_class_conv1")
print(f"{largest.name}: {largest.count_params():,} weights")
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
bars = ax.barh(list(counts), np.array(list(counts.values())) / 1e6)
ax.bar_label(bars, [f"{count:,}" for count in counts.values()], padding=3)
ax.set(xlabel="millions", xlim=(0, 1.2 * max(counts.values()) / 1e6))
ax.set_title(f"{model.keras_model.count_params():,} weights, by part of the network")
ax.invert_yaxis()
plt.show()

# %% [markdown]
# ## Statistics, layer by layer
#
# `display_weight_stats` shows the range and spread of each tensor. It marks values that are not
# finite or above 1000, and tensors whose values are all equal. Here are the heads and the RPN;
# without `layers`, it shows everything.

# %%
visualize.display_weight_stats(model, layers="rpn_.*|mrcnn_class.*|mrcnn_bbox.*")

# %% [markdown]
# What is marked here is not a fault. Detection batches are too small for statistics of their own,
# so BatchNorm is frozen (`TRAIN_BN = False`). In layers that did not come from ImageNet, the means
# and variances stay at 0 and 1, and only scale (`gamma`) and shift (`beta`) were trained.
#
# ## Kernels
#
# The filters of the first layer can be viewed as images, because their input is pixels. These come
# from ImageNet: edges in all directions, spots and colours.

# %%
kernel = model.keras_model.get_layer("conv1").get_weights()[0]  # [7, 7, RGB, 64]
low, high = np.percentile(kernel, (0.5, 99.5))
tiles = np.pad(np.clip((kernel - low) / (high - low), 0, 1), ((0, 1), (0, 1), (0, 0), (0, 0)))
sheet = tiles.reshape(8, 8, 3, 4, 16).transpose(3, 0, 4, 1, 2).reshape(32, 128, 3)
plt.figure(figsize=(10, 2.8))
plt.imshow(sheet)
plt.axis("off")
plt.title("The 64 filters of conv1, 7 x 7 pixels each")
plt.show()

# %% [markdown]
# Other kernels are too deep for that, but their distributions are informative, too. The dashed line
# is a normal distribution with the same spread. On the logarithmic axis it becomes a parabola.

# %%
chosen = (
    *("conv1", "res2a_branch2b", "res3d_branch2b", "res4c_branch2b"),
    *("small5", "fpn_c4p4", "fpn_p3", "rpn_conv_shared"),
    *("mrcnn_class_conv1", "mrcnn_class_conv2", "mrcnn_mask_conv1", "mrcnn_mask_deconv"),
)
kernels = {layer.name: layer.get_weights()[0] for layer in layers if layer.name in chosen}
fig, axes = plt.subplots(3, 4, figsize=(12, 7), layout="constrained")
for ax, name in zip(axes.flat, chosen, strict=True):
    values, spread = kernels[name].ravel(), kernels[name].std()
    edges = np.linspace(-8 * spread, 8 * spread, 81)
    ax.hist(values, edges, density=True, log=True)
    ax.plot(edges, np.exp(-0.5 * (edges / spread) ** 2) / (spread * 2.5066), "k--", linewidth=1)
    ax.set_ylim(1e-5 / spread, 2 / spread)
    ax.set_title(f"{name} {kernels[name].shape}", fontsize=9)
    ax.yaxis.set_visible(False)
fig.suptitle("Kernels, up to 8 standard deviations, on a logarithmic axis")
plt.show()

# %% [markdown]
# The upper row comes from ImageNet, from many epochs of training: most weights are near zero and a
# few are large, a peak with long tails. The layers below were uniform random numbers when training
# on nuclei started. That training was short, so most are still close to a box with rounded edges.
# The first layer of the box head, `mrcnn_class_conv1`, has moved furthest from its box.
#
# ## What is dead
#
# A channel is dead if its kernel is zero, if BatchNorm multiplies it by nearly zero, or if the ReLU
# after it lets nothing through, whatever the image. It costs time and does nothing. The first two
# cases show in the weights.


# %%
def channels(layer):
    """Return a layer's kernel as [weights, output channels]."""
    kernel = layer.get_weights()[0]
    axis = -2 if isinstance(layer, keras.layers.Conv2DTranspose) else -1
    return np.moveaxis(kernel, axis, -1).reshape(-1, kernel.shape[axis])


convolutions = [layer for layer in layers if hasattr(layer, "kernel")]
norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
sizes = np.concatenate([np.abs(channels(layer)).max(axis=0) for layer in convolutions])
gammas = np.concatenate([np.abs(layer.get_weights()[0]) for layer in norms])
print(
    f"{len(sizes)} channels of {len(convolutions)} kernels: {np.sum(sizes == 0)} all zero,", end=" "
)
print(f"{np.sum(sizes < 1e-3)} below 0.001; smallest {sizes.min():.2g}")
print(f"{len(gammas)} gammas of {len(norms)} layers: {np.sum(gammas < 1e-3)} below 0.001,", end=" ")
print(f"{np.sum(gammas < 0.05)} below 0.05; smallest {gammas.min():.2g}")

fig, axes = plt.subplots(1, 2, figsize=(11, 3.4), layout="constrained")
for ax, values, title in (
    (axes[0], sizes, "Largest weight in each kernel channel"),
    (axes[1], gammas, "Magnitude of each BatchNorm gamma"),
):
    ax.hist(values, np.geomspace(1e-9, 4, 60))
    ax.set(xscale="log", yscale="log", ylabel="channels", title=title)
plt.show()

# %% [markdown]
# No kernel is zero, but there is a small hill of gammas below 0.01: what these channels contain is
# multiplied away. Gammas that were first trained on nuclei are near 1, as the table above shows for
# the box head, so these came with the ImageNet weights.
#
# The third case depends on images. Most BatchNorm layers are directly followed by a ReLU. A channel
# that is never positive before the ReLU never fires. The next cell tests this on four of the
# validation images, from several kinds of microscopy.

# %%
dataset = nucleus.load_dataset(ROOT_DIR / "samples/nucleus/data", "val")
before_relu = [norm.name for norm in norms if not norm.name.endswith(("branch1", "branch2c"))]
tensors = [(name, model.keras_model.get_layer(name).output) for name in before_relu]
highest = {name: -np.inf for name in before_relu}
image_ids = (0, 1, 2, 4)
for image_id in image_ids:
    for name, value in model.run_graph([dataset.load_image(image_id)], tensors).items():
        # [1, ..., channels] to [channels]
        highest[name] = np.maximum(highest[name], value.reshape(-1, value.shape[-1]).max(axis=0))

silent = {name: np.sum(value <= 0) for name, value in highest.items()}
total = sum(len(value) for value in highest.values())
print(f"{sum(silent.values())} of {total} channels never fire in {len(image_ids)} images")

fig, ax = plt.subplots(figsize=(11, 3.6), layout="constrained")
share = [silent[name] / len(highest[name]) for name in before_relu]
bars = ax.bar(before_relu, share, color="tab:red")
ax.bar_label(bars, [silent[name] or "" for name in before_relu])
ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
ax.set_xticks(range(len(before_relu)), before_relu, rotation=90)
ax.set(title="Channels that never fire, by layer", ylabel="fraction of channels")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# Nearly all of them are in the backbone, most in C4. The backbone learnt to distinguish a thousand
# kinds of objects, and these images have little of what some of its channels look for. A network
# for nuclei only could do without them.
#
# ## Half precision
#
# In this file, kernels are float16 and vectors (biases, BatchNorm) are float32, which takes half
# the bytes. On loading, all become float32 again.

# %%
found = {}


def note(name, item):
    if isinstance(item, h5py.Dataset):
        found.setdefault(str(item.dtype), []).append(item.size)


with h5py.File(nucleus.NUCLEUS_WEIGHTS_PATH) as file:
    file.visititems(note)
rows = [["STORED AS", "TENSORS", "WEIGHTS", "BYTES"]]
for dtype, tensor_sizes in found.items():
    count = sum(tensor_sizes)
    rows.append([dtype, len(tensor_sizes), f"{count:,}", f"{count * np.dtype(dtype).itemsize:,}"])
visualize.display_table(rows)

# %% [markdown]
# A float16 has eleven significant bits, so rounding changes a number by at most 1 part in 2,048.
# Below 6e-5 it has fewer and fewer bits, and below 3e-8 nothing is left but zero. What matters is
# how many weights are that small.

# %%
all_kernels = np.concatenate([layer.get_weights()[0].ravel() for layer in convolutions])
size = np.abs(all_kernels)
tiny = float(np.finfo(np.float16).tiny)  # the smallest number with all its bits
print(f"{len(size):,} kernel weights, median magnitude {np.median(size):.3f}")
print(f"{np.mean(size < tiny):.2%} of them are below {tiny:.1e}; {np.sum(size == 0)} are zero")

grid = np.geomspace(1e-8, 1, 400)
half_step = np.spacing(grid.astype(np.float16)).astype(float) / 2
fig, axes = plt.subplots(2, 1, figsize=(9, 5.4), sharex=True, layout="constrained")
axes[0].hist(size[size > 0], np.geomspace(1e-8, 1, 100))
axes[0].set(title="Magnitude of all kernel weights", ylabel="weights")
axes[1].plot(grid, np.minimum(half_step / grid, 1))
axes[1].set(yscale="log", title="Largest relative error of rounding them to float16")
axes[1].set(xscale="log", xlabel="magnitude of a weight", ylabel="error")
for ax in axes:
    ax.axvline(tiny, color="tab:red", linestyle="--")
    ax.grid(alpha=0.3)
plt.show()

# %% [markdown]
# Few weights lie left of the red line, where bits are lost. Rounding changes them by at most 3e-8,
# next to nothing compared with the other weights.
#
# The float32 weights from which the file was made are not available. But their rounding can be
# imitated on the file: move each kernel weight at random within a rounding step and see what
# happens to the detections. Rounding to fewer bits shows where it starts to matter.

# %%
images = [dataset.load_image(image_id) for image_id in (1, 4)]
as_loaded = model.detect(images)
rng = np.random.default_rng(0)


def detect_rounded(bits):
    """Detect with kernels that are off by up to half a step at this many significant bits."""
    for layer in convolutions:
        kernel, *vectors = layer.get_weights()
        step = 2.0 ** (np.floor(np.log2(np.maximum(np.abs(kernel), tiny))) + 1 - bits)
        layer.set_weights([kernel + rng.uniform(-0.5, 0.5, kernel.shape) * step, *vectors])
    results = model.detect(images)
    model.load_weights(nucleus.NUCLEUS_WEIGHTS_PATH, by_name=True)
    return results


rows = [["SIGNIFICANT BITS", "LIKE", "DETECTIONS", "FOUND AGAIN", "MEDIAN IOU", "SCORES MOVE BY"]]
rows.append(["as loaded", "", sum(len(result["scores"]) for result in as_loaded), "", "", ""])
for bits, like in ((11, "float16"), (8, "bfloat16"), (4, ""), (2, "")):
    fits, moves, count = [], [], 0
    for before, after in zip(as_loaded, detect_rounded(bits), strict=True):
        overlaps = utils.compute_overlaps_masks(before["masks"], after["masks"])
        again = overlaps.max(axis=1) >= 0.5
        fits += list(overlaps.max(axis=1)[again])
        moves += list(np.abs(before["scores"] - after["scores"][overlaps.argmax(axis=1)])[again])
        count += len(after["scores"])
    rows.append([bits, like, count, len(fits), f"{np.median(fits):.3f}", f"{np.median(moves):.4f}"])
visualize.display_table(rows)

# %% [markdown]
# Half precision costs nothing that shows in the detections. Only rounding to very few bits makes
# scores and masks move visibly.
#
# ## Comparing two files
#
# `WeightsFile` reads a file without a network. Here the sample's file is compared with one of fresh
# random weights. For each kernel, the figure shows the spread in both files and the
# Kolmogorov-Smirnov distance between the two distributions: 0 if they are the same, 1 if they do
# not overlap.

# %%
keras.utils.set_random_seed(0)
fresh = modellib.MaskRCNN("inference", config, model_dir=ROOT_DIR / "logs")
rows = []
with tempfile.TemporaryDirectory() as folder:
    fresh.keras_model.save_weights(Path(folder) / "fresh.h5")
    with (
        WeightsFile(nucleus.NUCLEUS_WEIGHTS_PATH) as trained_file,
        WeightsFile(Path(folder) / "fresh.h5") as fresh_file,
    ):
        for layer in trained_file.layer_names:
            names = trained_file.weight_names(layer)
            arrays = zip(trained_file.arrays(layer), fresh_file.arrays(layer), strict=True)
            for name, (trained, random) in zip(names, arrays, strict=True):
                if trained.ndim > 1:
                    distance = ks_2samp(trained.ravel(), random.ravel(), method="asymp").statistic
                    rows.append((name.split("/")[-2], trained.std(), random.std(), distance))

fig, axes = plt.subplots(2, 1, figsize=(12, 7.4), sharex=True, layout="constrained")
names, trained, random, distances = zip(*rows, strict=True)
axes[0].plot(random, "o", markerfacecolor="none", color="gray", label="fresh")
axes[0].plot(trained, "o", color="tab:blue", label="trained")
axes[0].set(yscale="log", title="Spread (standard deviation) of each kernel")
axes[0].legend()
colors = [plt.cm.tab10(list(parts).index(part_of[name])) for name in names]
axes[1].bar(range(len(names)), distances, color=colors)
axes[1].set(title="Kolmogorov-Smirnov distance of each kernel from a fresh one")
axes[1].set_xticks(range(len(names)), names, rotation=90, fontsize=8)
handles = [plt.Rectangle((0, 0), 1, 1, color=plt.cm.tab10(i)) for i in range(len(parts))]
axes[1].legend(handles, parts, ncols=2)
for ax in axes:
    ax.grid(alpha=0.3, axis="y")
    ax.margins(x=0.01)
plt.show()

# %% [markdown]
# Everything that came from ImageNet is far from a fresh layer. What was first trained on nuclei is
# closer to one, but not the same: most layers of the RPN and the heads have changed more than those
# of the pyramid. A layer at 0 has learnt nothing or was not loaded.
#
# Equal distributions do not mean equal weights. To compare two checkpoints of one run, use the
# arrays themselves: `np.linalg.norm(a - b) / np.linalg.norm(a)` is how far a layer has moved.
#
# ## What next
#
# - `inspect_model` shows what these weights make of an image, step by step.
# - `train_shapes` starts from these weights and learns other objects in a minute.
# - `nucleus` evaluates this file on images and continues training from it.
# - `own_data` starts from these weights, or COCO's, and trains on your own images.
