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
# # RoIPool and RoIAlign in pictures
#
# The heads of Mask R-CNN need features of one size, such as 7x7, for boxes of any size. RoIPool,
# from Fast R-CNN, rounds the box to whole cells of the feature map. RoIAlign (Mask R-CNN, section
# 3) does not. This notebook shows what the rounding costs.

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up messages
ROOT_DIR = Path("..").resolve()
sys.path.insert(0, str(ROOT_DIR))

import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

from mrcnn import model as modellib
from mrcnn import utils
from mrcnn.ops import crop_and_resize
from mrcnn.visualize.drawing import add_box
from samples.nucleus import nucleus

GREEN, RED = "#2a9d4e", "#d1495b"  # RoIAlign and RoIPool
plt.rcParams.update({"font.size": 9, "axes.titlesize": 10})
# %config InlineBackend.print_figure_kwargs = {"dpi": 100, "bbox_inches": "tight"}

# %% [markdown]
# ## One box by hand
#
# Take a box of 665 pixels on a feature map of stride 32, where a cell stands for 32x32 pixels. The
# box is to become 7x7 bins. Fractions are cut off twice: once for the box and once for the bins.

# %%
side, stride, bins = 665, 32, 7
cells = side / stride
whole = int(cells)
whole_bin = int(whole / bins)
print(f"the box              {side} / {stride} = {cells:.2f} cells")
print(f"RoIAlign keeps       {cells:.2f} cells, bins of {cells:.2f} / {bins} = {cells / bins:.2f}")
print(f"cut off, the box     {whole} cells: {cells - whole:.2f} cells are lost, which is "
      f"{(cells - whole) * stride:.0f} pixels")  # fmt: skip
print(f"cut off, the bins    {whole} / {bins} = {whole / bins:.2f} becomes {whole_bin}")
print(f"what is left         {bins} x {whole_bin} = {bins * whole_bin} cells = "
      f"{bins * whole_bin * stride} of the {side} pixels")  # fmt: skip

# %% [markdown]
# This is the box on the grid of cells. In the middle, the seven bins of two cells leave a strip on
# the right and at the bottom that is never read. On the right, RoIAlign's bins cover the box, with
# edges anywhere inside a cell.

# %%
y1, x1 = 2.2, 2.2  # where the box starts, in cells
box = np.array([y1, x1, y1 + cells, x1 + cells])
quantised = np.array([2, 2, 2 + whole, 2 + whole])


def draw_bins(ax, box, step, color):
    for row, column in np.ndindex(bins, bins):
        corner = box[:2] + step * np.array([row, column])
        add_box(ax, [*corner, *(corner + step)], color, 1.5)


fig, axes = plt.subplots(1, 3, figsize=(12, 4.3), layout="constrained")
for ax in axes:
    ax.set(xlim=(-0.5, 24.5), ylim=(24.5, -0.5), aspect="equal", axisbelow=True)
    ax.set_xticks(np.arange(-0.5, 25), [])
    ax.set_yticks(np.arange(-0.5, 25), [])
    ax.grid(color="0.85", linewidth=0.6)
    ax.tick_params(length=0)
    add_box(ax, box, "black", 2.2)
add_box(axes[0], quantised, RED, 2.2, "dashed")
axes[0].set_title(f"the box ({cells:.2f} cells) and whole cells ({whole}, dashed)")
draw_bins(axes[1], quantised, whole_bin, RED)
axes[1].set_title(f"RoIPool, cut off twice: bins of {whole_bin} cells")
draw_bins(axes[2], box, cells / bins, GREEN)
axes[2].set_title(f"RoIAlign: bins of {cells / bins:.2f} cells")
plt.show()

# %% [markdown]
# ## Both in code
#
# From here on, the centre of cell `i` is at position `i`, and a box is given by the positions of
# its first and last pixels. Implementations of RoIPool differ. This one does what Fast R-CNN's
# does: it rounds to the nearest cell, and its bins overlap rather than leave something out. The box
# is therefore off by at most half a cell, and what follows is a milder form of the effect above.


# %%
def roi_pool(features, box, size):
    """RoIPool: features [H, W, C], box (y1, x1, y2, x2) in cells -> [size, size, C]."""
    y1, x1, y2, x2 = np.rint(box).astype(int)  # round the box to whole cells

    def cells_of_bins(first, last):
        edges = first + np.arange(size + 1) * (last + 1 - first) / size  # [size + 1]
        return zip(np.floor(edges[:-1]).astype(int), np.ceil(edges[1:]).astype(int), strict=True)

    rows, columns = list(cells_of_bins(y1, y2)), list(cells_of_bins(x1, x2))
    return np.array([[features[a:b, c:d].max(axis=(0, 1)) for c, d in columns] for a, b in rows])


def roi_align(features, box, size):
    """RoIAlign as in this package and matterport's Mask_RCNN (the reference); same arguments."""
    last = np.tile(features.shape[:2], 2) - 1  # [4]: a normalised box is 1 in the last cell
    boxes = np.float32(box / last)[None]  # [1, 4]
    return np.asarray(crop_and_resize(np.float32(features)[None], boxes, [0], (size, size)))[0]


# %% [markdown]
# RoIAlign reads the map at points. A point between four cells is the mean of the four, weighted by
# how near they are. On a ramp, where cell (y, x) has the value 10 y + x, this can be checked by
# hand: the result is 10 y + x at that exact position.

# %%
ramp = np.add.outer(10.0 * np.arange(6), np.arange(6))[..., None]  # [6, 6, 1]
box = np.array([0.6, 0.8, 4.3, 4.7])
y, x = (box[:2] + box[2:]) / 2  # the sample in the middle of the box
dy, dx = y % 1, x % 1
shares = np.outer([1 - dy, dy], [1 - dx, dx])  # weights of (2, 2), (2, 3), (3, 2), (3, 3)
values = ramp[2:4, 2:4, 0]
print(f"position ({y:.2f}, {x:.2f})")
print(" + ".join(f"{s:.4f} x {v:.0f}" for s, v in zip(shares.flat, values.flat, strict=True)),
      f"= {(shares * values).sum():.2f}")  # fmt: skip
print(f"10 y + x = {10 * y + x:.2f}, and RoIAlign returns {roi_align(ramp, box, 3)[1, 1, 0]:.2f}")

# %% [markdown]
# On the left are the points of this package and the reference (`tf.image.crop_and_resize`) for 3x3
# bins: one per bin, the outermost on the corners of the box. In the middle are those of the paper:
# four per bin, of which the mean or the maximum is taken. The paper found one point at the centre
# of each bin to be nearly as good. On the right are the four neighbours of the middle point and
# their weights.

# %%
fig, axes = plt.subplots(1, 3, figsize=(12, 4.1), layout="constrained")
for ax in axes[:2]:
    ax.imshow(ramp[..., 0], cmap="Blues", vmin=-20, vmax=140)
    y1, x1, y2, x2 = box
    ax.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=GREEN, linewidth=2)
    ax.axis("off")
ys, xs = np.linspace(y1, y2, 3), np.linspace(x1, x2, 3)
axes[0].plot(*np.meshgrid(xs, ys), "o", color=GREEN, markersize=9)
axes[0].set_title("this package: one point per bin")
for row, column in np.ndindex(6, 6):
    text = f"{ramp[row, column, 0]:.0f}"
    axes[0].text(column, row, text, ha="center", va="center", color="0.35")
for share in (1 / 3, 2 / 3):
    axes[1].plot([x1, x2], 2 * [y1 + share * (y2 - y1)], color=GREEN, linewidth=1)
    axes[1].plot(2 * [x1 + share * (x2 - x1)], [y1, y2], color=GREEN, linewidth=1)
inner = (np.arange(6) + 0.5) / 6
axes[1].plot(*np.meshgrid(x1 + inner * (x2 - x1), y1 + inner * (y2 - y1)), "o", color=GREEN)
axes[1].set_title("the paper: four points per bin")
for row, column in np.ndindex(2, 2):
    at = (2 + column, 2 + row)
    axes[2].plot(*zip(at, (x, y), strict=True), color="0.7", zorder=0)
    axes[2].plot(*at, "s", color="C0", markersize=15 + 45 * shares[row, column])
    label = f"{values[row, column]:.0f}, weight {shares[row, column]:.4f}"
    axes[2].annotate(
        label, at, (0, 24 if row == 0 else -32), textcoords="offset points", ha="center"
    )
axes[2].plot(x, y, "o", color=GREEN, markersize=10)
axes[2].annotate(f"{10 * y + x:.2f}", (x, y), (12, -4), textcoords="offset points", color=GREEN)
axes[2].set(xlim=(1.6, 3.4), ylim=(3.4, 1.6), title="four cells and the point between them")
axes[2].axis("off")
plt.show()

# %% [markdown]
# ## Which positions are read
#
# Here is a longer ramp, of stride 32, whose cells hold their column number, so an output tells
# which position was read. A box of 200 pixels is pooled, then moved to the right by a quarter and
# by half a cell. All of RoIAlign's bins follow. RoIPool's stay where they were, and then jump by 1.
# (RoIPool takes the maximum, which on this ramp is the value of a bin's last cell.)

# %%
columns = np.tile(np.arange(26.0), (26, 1))[..., None]  # [26, 26, 1]
start = 192  # the box's first pixel column


def places(left):
    """Return a box of 200 pixels, in cells; `left` is its first pixel column."""
    return (np.array([200, left, 400, left + 200]) - [0, 0, 1, 1]) / stride


boxes = [places(start + move) for move in (0, 8, 16)]
read = {pool: [pool(columns, at, 7)[3, :, 0] for at in boxes] for pool in (roi_align, roi_pool)}
for move, at in zip((0, 8, 16), boxes, strict=True):
    print(f"moved by {move:2} pixels, the box reaches from {at[1]:5.2f} to {at[3]:5.2f}")
print("\npositions:   RoIAlign                  RoIPool")
print("moved by           0      8     16        0   8  16")
for i in range(7):
    ours, theirs = ([row[i] for row in read[pool]] for pool in (roi_align, roi_pool))
    print(f"bin {i}        " + "".join(f"{v:7.2f}" for v in ours), "    ",
          "".join(f"{v:4.0f}" for v in theirs))  # fmt: skip

# %% [markdown]
# ## A box that moves
#
# Now the box moves one pixel at a time. The first panel shows the ramp again, in pixels: how far
# the middle bin's output has moved, against how far the box has. The second panel uses a feature
# map of the network that comes with the nucleus sample, and the box of a nucleus. The layer
# `PyramidROIAlign` chooses the pyramid level by the size of the box, and returns the same as the
# function above.

# %%
config = nucleus.SmallNucleusInferenceConfig()
model = modellib.MaskRCNN("inference", config, model_dir=ROOT_DIR / "logs")
model.load_weights(nucleus.NUCLEUS_WEIGHTS_PATH, by_name=True)
dataset = nucleus.load_dataset(ROOT_DIR / "samples/nucleus/data", "val")
image_id, instance = 2, 6
image = dataset.load_image(image_id)
molded, metas, windows = model.mold_inputs([image])
names = [f"fpn_p{level}" for level in (2, 3, 4, 5)]
graph = model.keras_model
outputs = model.run_graph([image], [(name, graph.get_layer(name).output) for name in names])
pyramid = [outputs[name] for name in names]
masks, _ = dataset.load_mask(image_id)
nucleus_box = utils.extract_bboxes(masks)[instance] * 2 + windows[0][[0, 1, 0, 1]]
shape = molded.shape[1:3]
layer = modellib.PyramidROIAlign([7, 7])
normalised = utils.norm_boxes(nucleus_box[None], shape)
by_layer = layer([normalised[None], np.float32(metas), *pyramid]).numpy()[0, 0]  # [7, 7, 128]
p3 = pyramid[1][0]
last = np.tile(p3.shape[:2], 2) - 1
difference = np.abs(by_layer - roi_align(p3, normalised[0] * last, 7)).max()
print(f"the network's input is {shape[0]} x {shape[1]} pixels, P3 {p3.shape}")
print(f"the box {nucleus_box} is pooled from P3: largest difference {difference:.1g}")

# %% [markdown]
# RoIAlign (green) follows the box along the straight line. RoIPool (red) waits and jumps, by 32
# pixels on the ramp. On real features, a step of one pixel changes RoIAlign's output a little.
# RoIPool's stays the same for several pixels and then changes abruptly.

# %%
moves = np.arange(65)
ramp_read = {
    pool: np.array([pool(columns * stride, places(start + m), 7)[3, 3, 0] for m in moves])
    for pool in (roi_align, roi_pool)
}
channel = by_layer.std(axis=(0, 1)).argmax()
one = p3[..., channel : channel + 1]
moved = utils.norm_boxes(nucleus_box + np.outer(moves, [0, 1, 0, 1]), shape) * last  # [65, 4]
p3_read = {
    pool: np.array([pool(one, at, 7)[3, 3, 0] for at in moved]) for pool in (roi_align, roi_pool)
}
fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
for pool, color, name in ((roi_align, GREEN, "RoIAlign"), (roi_pool, RED, "RoIPool")):
    style = {"color": color, "label": name, "drawstyle": "steps-mid" if color == RED else "default"}
    axes[0].plot(moves, ramp_read[pool] - ramp_read[pool][0], **style)
    axes[1].plot(moves, p3_read[pool], **style)
axes[0].set(title="the ramp, stride 32", xlabel="the box moves (pixels)",
            ylabel="the output moves (pixels)")  # fmt: skip
axes[1].set(title=f"channel {channel} of P3, the middle bin",
            xlabel="the box moves (pixels)", ylabel="feature")  # fmt: skip
axes[0].legend()
plt.show()
for pool, name in ((roi_align, "RoIAlign"), (roi_pool, "RoIPool")):
    steps = np.abs(np.diff(p3_read[pool]))
    print(f"{name:9} P3: no change at {np.count_nonzero(steps == 0)} of {len(steps)} steps, "
          f"largest change {steps.max():.2f}")  # fmt: skip

# %% [markdown]
# ## What a mask loses
#
# Imagine a network that knows the right answer: its feature map is the mask of a nucleus itself, at
# stride 16. Both methods pool the box to 14x14, and their output is put back into the box:
# RoIAlign's points from corner to corner, RoIPool's bins side by side. The IoU of whole masks is
# lenient. The boundary IoU compares only strips inside the outlines, here as wide as a sixteenth of
# the object's side.

# %%
CELL = 16


def through(pool, mask):
    """Pool a bool mask [H, W], H and W a multiple of CELL plus 1, and put the result back."""
    soft = ndimage.uniform_filter(mask.astype("float32"), CELL + 1)
    features = soft[::CELL, ::CELL, None]  # cell i is the mean around pixel CELL * i
    box = utils.extract_bboxes(mask[..., None])[0]
    crop = pool(features, (box - [0, 0, 1, 1]) / CELL, 14)
    size = tuple(box[2:] - box[:2])
    if pool is roi_align:
        patch = np.asarray(crop_and_resize(crop[None], np.float32([[0, 0, 1, 1]]), [0], size))[0]
    else:
        patch = utils.resize(crop, size)
    pasted = np.zeros(mask.shape, bool)
    pasted[box[0] : box[2], box[1] : box[3]] = patch[..., 0] >= 0.5
    return pasted


def strip(mask):
    width = max(1, round(np.sqrt(mask.sum()) / 16))
    return mask & ~ndimage.binary_erosion(mask, iterations=width)


def compare(mask, found):
    """Return the distance between the centres, in pixels, and the boundary IoU."""
    centres = [ndimage.center_of_mass(m) for m in (mask, found)]
    ours, theirs = strip(mask), strip(found)
    return np.hypot(*np.subtract(*centres)), (ours & theirs).sum() / (ours | theirs).sum()


# %% [markdown]
# Here are a nucleus and its surroundings, enlarged three times. The dashed red line is the box in
# whole cells, which RoIPool mistakes for the yellow one. What it reads there ends up in the yellow
# box, so the red outline is off. The green one lies on the white outline of the ground truth.

# %%
top, left = utils.extract_bboxes(masks)[instance][:2] - 27
window = np.s_[top : top + 120, left : left + 120]
mask = utils.resize(masks[window][..., instance].astype(float), (353, 353)) >= 0.5
picture = utils.resize(image[window] / image[window].max(), (353, 353))
box = utils.extract_bboxes(mask[..., None])[0]
y1, x1, y2, x2 = np.rint((box - [0, 0, 1, 1]) / CELL)
whole_cells = (np.array([y1, x1, y2 + 1, x2 + 1]) - 0.5) * CELL + 0.5
features = ndimage.uniform_filter(mask.astype(float), CELL + 1)[::CELL, ::CELL]
half = CELL / 2

fig, axes = plt.subplots(1, 4, figsize=(14, 3.8), layout="constrained")
axes[0].imshow(picture)
axes[0].set_title("the image and the box")
edges = (-half, 352 + half, 352 + half, -half)
axes[1].imshow(features, extent=edges, cmap="gray")
axes[1].set_title("the feature map, whole cells dashed")
add_box(axes[1], whole_cells, RED, 2, "dashed")
for ax, pool, color, name in zip(
    axes[2:], (roi_align, roi_pool), (GREEN, RED), ("RoIAlign", "RoIPool"), strict=True
):
    found = through(pool, mask)
    shift, boundary = compare(mask, found)
    ax.imshow(picture)
    ax.contour(mask, [0.5], colors="white", linewidths=1.5)
    ax.contour(found, [0.5], colors=color, linewidths=2)
    ax.set_title(f"{name}: shift {shift:.1f} pixels, boundary IoU {boundary:.2f}")
for ax in axes:
    add_box(ax, box, "yellow", 1.2)
    ax.axis("off")
plt.show()

# %% [markdown]
# The same is repeated for sizes from 32 to 320 pixels, each at 32 random offsets within a cell.
# RoIPool's shift is 3 to 5 pixels whatever the size, so small objects suffer most: its boundary IoU
# grows with the size but never reaches RoIAlign's. Of an object of only a few cells, little is left
# either way. This is why the pyramid (FPN) has levels of finer stride for small boxes.

# %%
sides = np.array([32, 48, 64, 96, 128, 192, 256, 320])
rng = np.random.default_rng(0)
y1, x1, y2, x2 = utils.extract_bboxes(masks)[instance]
shape_of_nucleus = masks[y1:y2, x1:x2, instance].astype(float)
found = {roi_align: [], roi_pool: []}
for n in sides:
    figures = {roi_align: [], roi_pool: []}
    for y, x in rng.integers(CELL, size=(32, 2)) + 2 * CELL:
        mask = np.zeros(2 * [CELL * (n // CELL + 6) + 1], bool)
        mask[y : y + n, x : x + n] = utils.resize(shape_of_nucleus, (n, n)) >= 0.5
        for pool, rows in figures.items():
            rows.append(compare(mask, through(pool, mask)))
    for pool, rows in figures.items():
        found[pool].append(np.mean(rows, axis=0))

fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
print("side (pixels)            ", "".join(f"{n:7}" for n in sides))
for pool, color, name in ((roi_align, GREEN, "RoIAlign"), (roi_pool, RED, "RoIPool")):
    shift, boundary = np.array(found[pool]).T
    axes[0].plot(sides, shift, "o-", color=color, label=name)
    axes[1].plot(sides, boundary, "o-", color=color, label=name)
    print(f"{name:9} shift (pixels) ", "".join(f"{v:7.2f}" for v in shift))
    print(f"{name:9} boundary IoU   ", "".join(f"{v:7.2f}" for v in boundary))
axes[0].set(title="shift of the mask, cells of 16 pixels", ylabel="pixels", ylim=(0, None))
axes[1].set(title="boundary IoU with the truth", ylim=(0, 1))
for ax in axes:
    ax.set_xlabel("side of the object (pixels)")
    ax.grid(alpha=0.3)
axes[0].legend()
plt.show()

# %% [markdown]
# ## What the paper measured
#
# A trained head can get used to a constant shift, but not to one that depends on where in a cell
# the box starts. On COCO, with nothing else changed, mask AP was (Table 2, c and d):
#
# | | stride | RoIPool | RoIAlign |
# |---|---|---|---|
# | ResNet-50-C4 | 16 | 26.9 | 30.2 |
# | ResNet-50-C5 | 32 | 23.6 | 30.9 |
#
# With RoIAlign, the coarser map is the better one; with RoIPool, it is the worse.
#
# This package differs from the paper in three ways. It uses one point per bin instead of four. The
# points reach from corner to corner of the box instead of lying inside the bins. Boxes are
# normalised by the size minus 1, so a position in a map of `n` cells is `box * (n - 1)`, and a cell
# is slightly larger than its stride in pixels: above, 767 / 95 = 8.07 for P3. All three come from
# the reference, whose trained weights expect them, and none of them rounds.
#
# ## What next
#
# - [inspect_model](inspect_model.ipynb): the steps around RoIAlign, one by one
# - [train_shapes](train_shapes.ipynb): a training run from start to finish, in a minute
# - [own_data](own_data.ipynb): from your annotations to a trained model
# - [demo](demo.ipynb): detection in a few lines
