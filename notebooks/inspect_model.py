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
# # Inside the network, step by step
#
# One image passes through a trained Mask R-CNN, with a stop at each step to look at the numbers:
#
# | step | turns | into | described in |
# |---|---|---|---|
# | input | an image of any size | pixels at the network's input size | Mask R-CNN, 3.1 |
# | backbone, pyramid | pixels | feature maps at five resolutions, P2 to P6 | FPN, 3 |
# | RPN | each cell of each map | scores and box corrections for its anchors | Faster R-CNN, 3.1 |
# | proposals | the best anchors | about a thousand boxes worth a look | Faster R-CNN, 3.1 |
# | RoIAlign | a box and a feature map | a small tensor of fixed size | Mask R-CNN, 3 |
# | box head | that tensor | a class and a better box | Fast R-CNN, 2 |
# | detections | boxes with classes | a few boxes, one per object | Mask R-CNN, 3.1 |
# | mask head | RoIAlign of a detection | a 28 x 28 mask, pasted into the image | Mask R-CNN, 3 |
#
# The weights are those of the nucleus sample. Boxes are always `(y1, x1, y2, x2)`.

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up messages
ROOT_DIR = Path("..").resolve()
sys.path.insert(0, str(ROOT_DIR))

import matplotlib.pyplot as plt
import numpy as np
from skimage.segmentation import mark_boundaries

from mrcnn import model as modellib
from mrcnn import utils, visualize
from mrcnn.config_rules.detection_rules import min_scores
from mrcnn.network.poolers import align as roi_align
from samples.nucleus import nucleus

plt.rcParams["image.interpolation"] = "nearest"
# %config InlineBackend.print_figure_kwargs = {"dpi": 100, "bbox_inches": "tight"}
config = nucleus.SmallNucleusInferenceConfig()
model = modellib.MaskRCNN("inference", config, model_dir=ROOT_DIR / "logs")
model.load_weights(nucleus.NUCLEUS_WEIGHTS_PATH, by_name=True)
dataset = nucleus.load_dataset(ROOT_DIR / "samples/nucleus/data", "val")
print(f"{len(model.keras_model.layers)} layers, {model.keras_model.count_params():,} weights")

# %% [markdown]
# ## How to look inside
#
# Every step is a named layer of `model.keras_model`. `run_graph` takes pairs of a name and a
# tensor, computes the tensors for a list of images, and returns NumPy arrays; the first axis is the
# image. The function `run` below returns the outputs of layers for this notebook's image.


# %%
def run(*names):
    tensors = [(name, model.keras_model.get_layer(name).output) for name in names]
    return model.run_graph([image], tensors)


image_id = 2
image = dataset.load_image(image_id)
for name, value in run("input_image", "conv1", "fpn_p2").items():
    modellib.log(name, value)

# %% [markdown]
# ## Input
#
# `mold_inputs` does three things. It resizes the image, here to twice its size, because nuclei are
# small. It pads the image to multiples of 64, so that the pyramid can halve it six times. And it
# subtracts the mean pixel. `image_meta` records all this in one vector of 12 + `NUM_CLASSES`
# numbers. The *window* is the part that is not padding.

# %%
molded, metas, windows = model.mold_inputs([image])
modellib.log("image", image)
modellib.log("molded", molded)
modellib.log("image_meta", metas)
for name, value in modellib.parse_image_meta(metas).items():
    print(f"    {name:<20} {value[0]}")

# %% [markdown]
# `load_image_gt` returns the same pixels before the mean is subtracted, with the ground truth at
# that size. The figures below use both. This small network then does one thing that the paper's
# does not: its first layers give every image the same mean and contrast.

# %%
picture, _, gt_class_ids, gt_boxes, gt_masks = modellib.load_image_gt(dataset, config, image_id)
print("same pixels:", np.allclose(modellib.mold_image(picture, config), molded[0]))
bright = picture / picture.max()  # the image is dark: this is for figures only
exposed = run("exposure_scale")["exposure_scale"][0]
print(f"mean {molded.mean():.1f} and deviation {molded.std():.1f} before,", end=" ")
print(f"{exposed.mean():.1f} and {exposed.std():.1f} after the layer exposure_scale")

framed = visualize.draw_box((255 * bright).astype(np.uint8), windows[0], (255, 0, 0))
titles = (
    f"image, {image.shape[1]} x {image.shape[0]}, brightened",
    f"molded, {picture.shape[1]} x {picture.shape[0]}, brightened, with its window",
    "what the first convolution sees",
)
visualize.display_images([image, framed, exposed.mean(axis=2)], titles, cols=3, cmap="gray")

# %% [markdown]
# Everything outside the red window is padding. In the last panel, the nuclei are as bright as those
# of any other image would be.
#
# ## Backbone and pyramid
#
# The backbone (He et al. 2015) computes maps that get coarser and deeper, C2 to C5. The pyramid's
# top-down pathway (FPN, section 3) gives them all the same number of channels and tells the fine
# maps what the coarse ones know: P2 to P5. P6 is P5 with every second cell left out, for the
# largest anchors.

# %%
stages = {"C2": "res2c_out", "C3": "res3d_out", "C4": "res4c_out", "C5": "small5"}
levels = {f"P{level}": f"fpn_p{level}" for level in range(2, 7)}
features = run(*stages.values(), *levels.values())
for name, layer in {**stages, **levels}.items():
    stride = molded.shape[1] / features[layer].shape[1]
    print(f"{name}  {layer:<10} {features[layer].shape!s:<21} one cell for {stride:.0f} pixels")

maps = {
    name: np.abs(features[layer][0]).mean(axis=-1)  # [H, W]
    for name, layer in {**stages, **levels}.items()
    if name != "P6"
}
titles = [f"{name}, {activity.shape[1]} x {activity.shape[0]}" for name, activity in maps.items()]
visualize.display_images(list(maps.values()), titles, cmap="magma", figsize=(9, 4.9))

# %% [markdown]
# The figure shows the mean magnitude of the activations over all channels, dark where it is small.
# C2 responds to texture, and to the edge of the padding; C3 to outlines; C4 and C5 to whole nuclei.
# In the pyramid, the fine maps know about whole nuclei too. (P6 is not shown.)
#
# A single channel responds to one kind of feature. Here are the four channels of P3 that vary most,
# blue where they are negative and red where they are positive.

# %%
p3 = features["fpn_p3"][0]
p3 = p3 / np.abs(p3).max(axis=(0, 1))  # each channel from -1 to 1
busiest = np.argsort(-features["fpn_p3"][0].std(axis=(0, 1)))[:4]
channels = [p3[:, :, channel] for channel in busiest]
titles = [f"channel {channel} of P3" for channel in busiest]
visualize.display_images(
    channels, titles, cmap="RdBu_r", norm=plt.Normalize(-1, 1), figsize=(9, 2.6)
)

# %% [markdown]
# ## Region proposal network
#
# In each cell of each level, the RPN judges three anchors: boxes of the level's size, with aspect
# ratios 1:2, 1:1 and 2:1 (FPN, section 4.1). It gives each anchor a probability of containing an
# object, and four deltas that would move it onto the object.

# %%
rpn = run("input_anchors", "rpn_class", "rpn_bbox")
for name, value in rpn.items():
    modellib.log(name, value)

# %% [markdown]
# The anchors of all levels follow one another, finest level first, cell by cell. Split by level and
# laid out on their grids, they become heat maps. Each cell below shows the best of its three
# anchors, from black (a probability of 0) to pale yellow (1). The second row is an image with
# smaller nuclei.


# %%
def heat_maps(probs, picture):
    """Yield each level's name and the best score in each of its cells."""
    shapes = modellib.compute_backbone_shapes(config, picture.shape)
    ends = np.cumsum(shapes.prod(axis=1) * len(config.RPN_ANCHOR_RATIOS))
    for name, part, shape in zip(levels, np.split(probs[:, 1], ends[:-1]), shapes, strict=True):
        cells = part.reshape(*shape, -1)  # [H, W, ratios]
        print(f"{name}: {part.size} anchors, {np.count_nonzero(part > 0.5)} score above 0.5")
        yield name, cells.max(axis=-1)


other_id = 4
other = dataset.load_image(other_id)
tensors = [(name, model.keras_model.get_layer(name).output) for name in ("rpn_class", "ROI")]
other_rpn = model.run_graph([other], tensors)
other_picture, _, _, other_gt_boxes, _ = modellib.load_image_gt(dataset, config, other_id)

panels, titles = [], []
for number, seen, values in ((image_id, picture, rpn), (other_id, other_picture, other_rpn)):
    panels.append(seen / seen.max())
    titles.append(f"image {number}")
    for (name, probs), scale in zip(
        heat_maps(values["rpn_class"][0], seen), config.RPN_ANCHOR_SCALES, strict=True
    ):
        panels.append(probs)
        titles.append(f"{name}, anchors of {scale}")
visualize.display_images(
    panels, titles, cols=6, cmap="magma", norm=plt.Normalize(0, 1), figsize=(12, 4.4)
)

# %% [markdown]
# Each level finds nuclei of about the size of its anchors. The large nuclei of the first image
# light up on P5 and P6. Those of the second are clearest on P3 and P4, and appear as dots on P2.
# (P2 has by far the most anchors, so a small fraction of its cells makes a large count.) A nucleus
# cut off by the image border counts as a small one.
#
# ## From anchors to proposals
#
# The layer `ROI` keeps the `PRE_NMS_LIMIT` anchors with the best scores, moves each by its deltas
# and clips it at the border. Non-maximum suppression (NMS) then drops every box that overlaps a
# better one with an IoU (intersection over union) above `RPN_NMS_THRESHOLD`. The first
# `POST_NMS_ROIS_INFERENCE`, here 1000, are the proposals. `ancestor` finds these steps inside the
# layer.

# %%
roi = model.keras_model.get_layer("ROI").output
names = ("pre_nms_anchors", "refined_anchors", "refined_anchors_clipped", "proposals")
steps = model.run_graph([image], [(name, model.ancestor(roi, f"ROI/{name}")) for name in names])
anchors, refined, clipped, proposals = (
    utils.denorm_boxes(value[0], picture.shape) for value in steps.values()
)
is_padding = ~steps["proposals"][0].any(axis=1)
proposals = proposals[~is_padding]
reaches_out = (refined != clipped).any(axis=1)
print(f"{len(rpn['rpn_class'][0])} anchors, of which {len(anchors)} are kept")
print(f"{np.count_nonzero(reaches_out)} of them extend beyond the image after refinement")
print(f"{len(proposals)} proposals remain after NMS at IoU {config.RPN_NMS_THRESHOLD}")

fig, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
visualize.draw_boxes(bright, boxes=anchors[:80], title="the 80 best anchors", ax=axes[0])
visualize.draw_boxes(bright, refined_boxes=refined[:80], title="the same, refined", ax=axes[1])
visualize.draw_boxes(
    bright,
    boxes=refined[reaches_out][:40],
    refined_boxes=clipped[reaches_out][:40],
    title="refined (dashed) and clipped (solid)",
    ax=axes[2],
)
plt.show()

# %% [markdown]
# Before refinement, anchors lie on a grid and have one of three shapes; afterwards they fit the
# nuclei. The third panel shows boxes that extend beyond the border. What lies outside is cut off,
# but the padding counts as inside.
#
# NMS is easiest to see around a single nucleus, the largest.

# %%
overlaps = utils.compute_overlaps(clipped, gt_boxes)
nucleus_id = np.argmax(gt_masks.sum(axis=(0, 1)))
before = clipped[overlaps[:, nucleus_id] > 0.5]
after = proposals[utils.compute_overlaps(proposals, gt_boxes)[:, nucleus_id] > 0.5]
y1, x1, y2, x2 = gt_boxes[nucleus_id]

fig, axes = plt.subplots(1, 2, figsize=(8, 3.9), layout="constrained")
for ax, boxes, when in zip(axes, (before, after), ("before", "after"), strict=True):
    visualize.draw_boxes(bright, refined_boxes=boxes, ax=ax, title=f"{len(boxes)} boxes {when} NMS")
    ax.set(xlim=(x1 - 60, x2 + 60), ylim=(y2 + 60, y1 - 60))
plt.show()

# %% [markdown]
# Several boxes per nucleus remain on purpose: the threshold is high, and the box head will choose
# among them. What no proposal hits is lost. The measure of this step is therefore the *recall* of
# the proposals: the fraction of true boxes that some proposal overlaps with a given IoU.

# %%
other_proposals = utils.denorm_boxes(utils.trim_zeros(other_rpn["ROI"][0]), other_picture.shape)
wanted = (10, 20, 50, 100, 200, 500, 1000)
fig, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
for ax, boxes, true_boxes, number in (
    (axes[0], proposals, gt_boxes, image_id),
    (axes[1], other_proposals, other_gt_boxes, other_id),
):
    for iou in (0.5, 0.75, 0.9):
        recalls = [utils.compute_recall(boxes[:count], true_boxes, iou)[0] for count in wanted]
        ax.plot(wanted, recalls, marker="o", label=f"IoU {iou}")
        print(f"image {number}, IoU {iou}:", ", ".join(f"{recall:.2f}" for recall in recalls))
    ax.set_xscale("log")
    ax.set_xticks(wanted, [str(count) for count in wanted])
    ax.minorticks_off()
    ax.set(xlabel="best proposals", ylabel="recall", ylim=(0, 1.05))
    ax.set_title(f"Recall of the {len(true_boxes)} true boxes of image {number}")
    ax.grid(alpha=0.3)
    ax.legend()
plt.show()

# %% [markdown]
# A hundred proposals would almost be enough for these images. At IoU 0.9 fewer boxes are hit, small
# nuclei least of all: a close fit is the box head's job.
#
# ## Which level a proposal is read from
#
# A region of interest (RoI) takes its features from the level that suits its size: P4 for 224
# pixels, the side length of ImageNet's images, and one level down for each halving (FPN, equation
# 1, but rounded to the nearest level). That is not the level of its anchor: a box of 84 pixels is
# found on P5 and read from P3.

# %%
area = np.float32([[picture.shape[0] * picture.shape[1]]])
roi_levels = np.asarray(roi_align.level_of(steps["proposals"], area))[0][~is_padding]
sides = np.sqrt(np.prod(proposals[:, 2:] - proposals[:, :2], axis=1))
best = utils.compute_overlaps(proposals, gt_boxes).argmax(axis=0)  # proposal of each nucleus
palette = dict(zip(range(2, 6), ("tab:orange", "tab:cyan", "tab:pink", "tab:red"), strict=True))

fig, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
bins = np.geomspace(1, sides.max(), 40)
for level, color in palette.items():
    own = sides[roi_levels == level]
    axes[0].hist(own, bins, color=color, label=f"P{level}: {len(own)}")
axes[0].set_xscale("log")
axes[0].set_xticks((10, 20, 50, 100, 200), ("10", "20", "50", "100", "200"))
axes[0].minorticks_off()
axes[0].set(xlabel="square root of the area, pixels", ylabel="proposals")
axes[0].set_title("Levels of all proposals")
axes[0].legend()
visualize.draw_boxes(bright, refined_boxes=np.zeros((0, 4)), ax=axes[1])
for i in best:
    y1, x1, y2, x2 = proposals[i]
    axes[1].add_patch(
        plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color=palette[roi_levels[i]])
    )
axes[1].set_title("The best proposal of each nucleus, by its level")
plt.show()

# %% [markdown]
# Most proposals are small and contain nothing: three quarters of all anchors are on P2.
#
# ## RoIAlign
#
# `roi_align_classifier` resamples the features inside each proposal to 7 x 7 cells, bilinearly and
# without rounding any coordinate (Mask R-CNN, section 3). Whatever the size of a nucleus, the heads
# see a tensor of the same size. Below are four proposals with their pixels and the three feature
# channels that vary most. The notebook `roi_align` looks at the sampling itself.

# %%
heads = run("roi_align_classifier", "mrcnn_class", "mrcnn_bbox")
for name, value in heads.items():
    modellib.log(name, value)

by_size = best[np.argsort(sides[best])]
chosen = by_size[[1, len(best) // 3, 2 * len(best) // 3, -1]]
panels, titles = [], []
for i in chosen:
    y1, x1, y2, x2 = proposals[i]
    aligned = heads["roi_align_classifier"][0, i]  # [7, 7, channels]
    panels.append(bright[y1:y2, x1:x2])
    titles.append(f"{x2 - x1} x {y2 - y1} pixels, P{roi_levels[i]}")
    for channel in np.argsort(-aligned.std(axis=(0, 1)))[:3]:
        panels.append(aligned[:, :, channel])
        titles.append(f"channel {channel}")
visualize.display_images(panels, titles, cmap="viridis", figsize=(8, 8.4))

# %% [markdown]
# ## Box head
#
# Two fully connected layers turn the 7 x 7 features of a proposal into a probability for each
# class, including the background, and four deltas for each class (Fast R-CNN, section 2). The most
# likely class wins, and its deltas move the box once more.

# %%
probs = heads["mrcnn_class"][0][~is_padding]  # [R, classes]
deltas = heads["mrcnn_bbox"][0][~is_padding]  # [R, classes, 4]
class_ids = probs.argmax(axis=1)
scores = probs.max(axis=1)
for class_id, name in enumerate(dataset.class_names):
    print(f"{np.count_nonzero(class_ids == class_id)} proposals are classified as {name}")

rois = steps["proposals"][0][~is_padding]
own_deltas = deltas[np.arange(len(rois)), class_ids] * config.BBOX_STD_DEV
moved = utils.denorm_boxes(utils.apply_box_deltas(rois, own_deltas), picture.shape)
window = windows[0]
moved = np.clip(moved, np.tile(window[:2], 2), np.tile(window[2:], 2))
positive = class_ids > 0
for text, boxes in (("proposals", proposals), ("refined", moved)):
    fits = utils.compute_overlaps(boxes[positive], gt_boxes).max(axis=1)
    print(f"IoU of positive boxes with their nucleus, {text}: {np.median(fits):.2f} (median)")

fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
axes[0].hist(probs[:, 1], np.linspace(0, 1, 41), log=True)
axes[0].set(xlabel="probability of a nucleus", ylabel="proposals")
axes[0].set_title("Class scores of all proposals")
axes[1].hist(own_deltas[positive], 30, histtype="step", label=("dy", "dx", "log dh", "log dw"))
axes[1].set(xlabel="delta, in heights and widths of the box", ylabel="positive proposals")
axes[1].set_title("Deltas of the positive proposals")
axes[1].legend()
plt.show()

# %% [markdown]
# The head is sure about most proposals, one way or the other. It moves and resizes those that it
# takes for nuclei, mostly by less than a third. `draw_rois` draws a few: negative ones in grey,
# positive ones dashed, with the refined box solid and a line from corner to corner.

# %%
visualize.draw_rois(
    bright,
    proposals,
    moved,
    np.zeros((len(proposals), 28, 28)),  # masks come later
    class_ids,
    dataset.class_names,
    limit=60,
)

# %% [markdown]
# Grey boxes are mostly background and pieces of nuclei. The solid boxes fit better than the dashed
# ones.
#
# ## Detections
#
# Boxes that are background or score below `DETECTION_MIN_CONFIDENCE` are dropped. NMS, now with a
# low threshold, then leaves one box per object, class by class unless `NMS_ACROSS_CLASSES` is set
# (Mask R-CNN, section 3.1, inference). These few lines of NumPy do what the layer `mrcnn_detection`
# does in the graph.

# %%
least = np.array(min_scores(config))[class_ids]  # one for all classes, or one for each
sure = np.flatnonzero(positive & (scores >= least))
groups = np.zeros_like(class_ids) if config.NMS_ACROSS_CLASSES else class_ids
kept = []
for group in np.unique(groups[sure]):
    of_class = sure[groups[sure] == group]
    order = utils.non_max_suppression(
        moved[of_class], scores[of_class], config.DETECTION_NMS_THRESHOLD
    )
    kept += list(of_class[order])
kept = np.array(sorted(kept, key=lambda i: -scores[i]))[: config.DETECTION_MAX_INSTANCES]
print(f"{len(proposals)} proposals, {np.count_nonzero(positive)} positive, {len(sure)} confident")
print(f"{len(kept)} remain after NMS at IoU {config.DETECTION_NMS_THRESHOLD}")

outputs = run("mrcnn_detection", "mrcnn_mask")
detections = utils.trim_zeros(outputs["mrcnn_detection"][0])  # [N, (box, class, score)]
boxes = utils.denorm_boxes(detections[:, :4], picture.shape)
fits = utils.compute_overlaps(boxes, moved[kept]).max(axis=1)
print(f"the layer has {len(boxes)}; lowest IoU with one of these: {fits.min():.2f}")

fig, axes = plt.subplots(1, 2, figsize=(12, 6), layout="constrained")
title = f"{len(sure)} boxes before NMS"
visualize.draw_boxes(bright, refined_boxes=moved[sure], title=title, ax=axes[0])
captions = [f"{score:.2f}" for score in detections[:, 5]]
title = f"{len(boxes)} detections and their scores"
visualize.draw_boxes(bright, refined_boxes=boxes, captions=captions, title=title, ax=axes[1])
plt.show()

# %% [markdown]
# ## Masks
#
# The mask head looks only at the *detected* boxes, not at the proposals. It applies RoIAlign once
# more, now with 14 x 14 cells, then four convolutions and an upsampling to 28 x 28. Each class has
# its own mask, through a sigmoid rather than a softmax: classes do not compete, and the class from
# the box head decides which mask is used (Mask R-CNN, section 3).

# %%
modellib.log("mrcnn_mask", outputs["mrcnn_mask"])
numbers = np.arange(len(detections))
masks = outputs["mrcnn_mask"][0, numbers, :, :, detections[:, 4].astype(int)]  # [N, 28, 28]
modellib.log("of the detected classes", masks)
unsure = np.mean((masks > 0.1) & (masks < 0.9))
print(f"{unsure:.0%} of the cells are between 0.1 and 0.9: those at the outlines")

matches = utils.compute_overlaps(boxes, gt_boxes).argmax(axis=1)
sizes = np.argsort(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
panels, titles = [], []
for i in sizes[[0, len(boxes) // 2, -1]]:
    y1, x1, y2, x2 = boxes[i]
    pasted = utils.unmold_mask(masks[i], boxes[i], picture.shape)
    truth = gt_masks[:, :, matches[i]]
    iou = np.sum(pasted & truth) / np.sum(pasted | truth)
    outlined = mark_boundaries(0.8 * pasted, truth.astype(int), color=(1, 0, 0), mode="outer")
    soft = utils.resize(masks[i], (y2 - y1, x2 - x1))
    panels += [bright[y1:y2, x1:x2], masks[i], soft, outlined[y1:y2, x1:x2]]
    titles += [f"detection {i}, {x2 - x1} x {y2 - y1} pixels", "the mask, 28 x 28"]
    titles += ["resized to the box", f"at least 0.5, IoU {iou:.2f}\ntruth in red"]
visualize.display_images(panels, titles, cmap="magma", norm=plt.Normalize(0, 1), figsize=(10, 8))

# %% [markdown]
# Here are the steps from the mask head to pixels for a small, a medium and a large box; red is the
# true outline. The mask is square whatever the shape of the box, so for a large nucleus the outline
# is as coarse as one cell, several pixels wide.
#
# `unmold_detections` does all of this for every detection and converts the results from the
# network's pixels to those of the image: it removes the padding and undoes the scaling. `detect` is
# `mold_inputs`, the graph, and this function.

# %%
final_boxes, final_ids, final_scores, final_masks = model.unmold_detections(
    outputs["mrcnn_detection"][0], outputs["mrcnn_mask"][0], image.shape, picture.shape, window
)
modellib.log("boxes", final_boxes)
modellib.log("masks", final_masks)
same = model.detect([image])[0]
fits = utils.compute_overlaps(final_boxes, same["rois"]).max(axis=1)
print(f"detect() finds {len(same['rois'])}; lowest IoU with one of these: {fits.min():.2f}")
visualize.display_top_masks(
    image / image.max(), final_masks, final_ids, dataset.class_names, limit=1
)

# %% [markdown]
# ## Compared with the ground truth
#
# Finally, here are the detections (red) over the ground truth (green). Each caption gives the score
# and the IoU of the masks.

# %%
true_masks, true_ids = dataset.load_mask(image_id)
true_boxes = utils.extract_bboxes(true_masks)
fig, ax = plt.subplots(figsize=(7, 7.3), layout="constrained")
visualize.display_differences(
    image / image.max(),
    *(true_boxes, true_ids, true_masks),
    *(final_boxes, final_ids, final_scores, final_masks),
    dataset.class_names,
    ax=ax,
)
plt.show()
_, _, ious = utils.compute_matches(
    *(true_boxes, true_ids, true_masks), final_boxes, final_ids, final_scores, final_masks
)
print(f"{np.count_nonzero(ious.max(axis=0) >= 0.5)} of {len(true_ids)} nuclei found at IoU 0.5")
print(f"median IoU of the detections: {np.median(ious.max(axis=1)):.2f}")

# %% [markdown]
# ## What next
#
# - `inspect_weights` looks at the numbers behind all this.
# - `inspect_data` shows how images, masks and anchors reach the network in training.
# - `roi_align` takes RoIAlign apart.
# - `nucleus` evaluates such detections on more images and finds out where they fail.
