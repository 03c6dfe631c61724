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
# # From images to what the network sees
#
# A network learns from what it is given, and most failed training runs fail right here: masks that
# lie beside their objects, anchors that fit none of them, objects that shrink to a few pixels. This
# notebook follows images and masks from their files to a batch and looks at each step. The data are
# the 15 images of cell nuclei that come with the repository. To look at your own, change the cell
# that loads them.

# %%
import os
import sys
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up messages
ROOT_DIR = Path("..").resolve()
sys.path.insert(0, str(ROOT_DIR))

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

from mrcnn import augment, utils, visualize
from mrcnn import model as modellib
from mrcnn.anchors.coverage import anchor_coverage
from mrcnn.config import Config
from mrcnn.loading.batches import BatchSequence
from mrcnn.loading.source import SampleSource
from samples.nucleus import nucleus

# %config InlineBackend.print_figure_kwargs = {"dpi": 100, "bbox_inches": "tight"}
rng = np.random.default_rng(0)

# %% [markdown]
# ## The dataset
#
# A `Dataset` lists images and classes. `load_image` returns the pixels, `load_mask` one boolean
# mask per instance and its class id. Class 0 is the background.

# %%
dataset = nucleus.load_dataset("../samples/nucleus/data", "stage1_train")
print(f"{dataset.num_images} images, classes {dataset.class_names}")
image, (masks, class_ids) = dataset.load_image(0), dataset.load_mask(0)
print(f"image {image.shape} {image.dtype}, masks {masks.shape} {masks.dtype}, ids {class_ids}")

# %% [markdown]
# `check` reads every image and every mask and lists what would cause trouble in training: missing
# files, masks that differ in size from their image, empty masks, misspelt classes. Given a
# configuration, it also reports what does not fit the configuration. This dataset is sound.

# %%
config = nucleus.SmallNucleusConfig()
report = dataset.check(config=config)

# %% [markdown]
# Then look for yourself, at more images than these three. You see fluorescence, stained tissue and
# nuclei of very different sizes. To find all of these, a network must have seen all of them in
# training.

# %%
fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
for ax, image_id in zip(axes, (3, 8, 9), strict=True):
    image, (masks, class_ids) = dataset.load_image(image_id), dataset.load_mask(image_id)
    title = f"image {image_id}: {image.shape[1]} x {image.shape[0]}, {len(class_ids)} nuclei"
    shown = image, utils.extract_bboxes(masks), masks, class_ids, dataset.class_names
    no_captions = [""] * len(class_ids)
    visualize.display_instances(*shown, title=title, ax=ax, show_bbox=False, captions=no_captions)
plt.show()

# %% [markdown]
# ## Sizes and classes
#
# How large are the images, how large are the instances, and how many instances are there per image?
# Each answer decides a setting: `IMAGE_MIN_DIM` and `IMAGE_MAX_DIM`, `RPN_ANCHOR_SCALES`,
# `MAX_GT_INSTANCES`. The sizes in the figure are those at the network's input. They are twice those
# in the files, because `IMAGE_MIN_SCALE` is 2.

# %%
sizes = Counter(dataset.load_image(i).shape[:2] for i in dataset.image_ids)
for (height, width), count in sizes.most_common():
    print(f"{count:2} images of {height} x {width} (height x width)")
visualize.plot_sizes(dataset, config)

# %% [markdown]
# With one class there is little to see here. With many, look for bars that are much shorter than
# the others: rare classes need more images, or a higher weight in `CLASS_WEIGHTS`.

# %%
visualize.plot_classes(dataset)

# %% [markdown]
# ## Boxes
#
# Nobody drew boxes for this dataset: `extract_bboxes` finds the smallest ones around the masks. A
# box is `(y1, x1, y2, x2)` in pixels. y2 and x2 lie just beyond the mask, so y2 - y1 is its height.
# When masks are cropped, flipped or rotated, the boxes are recomputed, so they stay tight.

# %%
image, (masks, class_ids) = dataset.load_image(9), dataset.load_mask(9)
boxes = utils.extract_bboxes(masks)
print(f"boxes {boxes.shape} {boxes.dtype}, the first {boxes[0]}")
visualize.display_instances(
    image,
    boxes,
    masks,
    class_ids,
    dataset.class_names,
    title="Masks and the boxes around them",
    figsize=(7.5, 7.5),
    captions=[f"{y2 - y1} x {x2 - x1}" for y1, x1, y2, x2 in boxes],
)

# %% [markdown]
# ## Resizing
#
# All images in a batch must have the same size, with sides that can be halved six times.
# `IMAGE_RESIZE_MODE` says how to get there: `square` scales and pads to a square, `pad64` pads to
# multiples of 64, `crop` cuts out a random square (for training on large images), and `none` leaves
# everything as it is. The dashed box is the window, the part that is not padding. All four images
# are drawn at the same scale. The first three are enlarged 1.5 times, so that the shorter side has
# `IMAGE_MIN_DIM` pixels.

# %%
image = dataset.load_image(8)
fig, axes = plt.subplots(1, 4, figsize=(11.5, 3.3), layout="constrained")
for ax, mode in zip(axes, ("square", "pad64", "crop", "none"), strict=True):
    resized, window, scale, padding, crop = utils.resize_image(
        image, min_dim=384, max_dim=512, mode=mode, rng=rng
    )
    print(f"{mode:6} {resized.shape}: scale {scale}, window {window}, padding {padding[:2]}")
    if crop:
        print(f"{'':6} crop (y, x, height, width) = {crop} of the scaled image")
    visualize.draw_boxes(resized, boxes=[window], ax=ax)
    ax.set(xlim=(-10, 522), ylim=(522, -10))
    ax.set_title(f"{mode}: {resized.shape[0]} x {resized.shape[1]}", loc="left")
plt.show()

# %% [markdown]
# ## Mini masks
#
# 140 masks of 1024 x 1024 pixels take almost 150 MB. With `USE_MINI_MASK`, only the part inside the
# box is kept, resized to `MINI_MASK_SHAPE`. This costs detail at the outline. The figure shows the
# largest nucleus of an image: in the upper row its mini masks, and below them the masks expanded
# from these, with wrong pixels in red. 14 x 14 is too coarse for it; 56 x 56, the default, loses
# next to nothing. (The mask head predicts 28 x 28, whatever the size of the mini masks.)

# %%
image, meta, class_ids, boxes, masks = modellib.load_image_gt(dataset, config, 8, rng=rng)
largest = np.argmax(masks.sum(axis=(0, 1)))
y1, x1, y2, x2 = boxes[largest]
full = masks[y1:y2, x1:x2, largest]
above, below = [image[y1:y2, x1:x2]], [full]
titles = [f"image, {y2 - y1} x {x2 - x1}"], ["its mask"]
for side in (14, 28, 56):
    mini = utils.minimize_mask(boxes, masks, (side, side))
    back = utils.expand_mask(boxes, mini, image.shape)
    iou = np.diag(utils.compute_overlaps_masks(masks, back))
    print(
        f"{side} x {side}: {mini.nbytes / masks.nbytes:.1%} of the bytes, mean IoU {iou.mean():.3f}"
    )
    wrong = back[y1:y2, x1:x2, largest] ^ full
    above.append(mini[:, :, largest])
    below.append(np.where(wrong, 2, full))
    titles[0].append(f"mini mask {side} x {side}")
    titles[1].append(f"expanded, {wrong.sum()} pixels wrong")
colors = ListedColormap(["lightgray", "indigo", "red"])  # for 0, 1 and 2
visualize.display_images(
    above + below, titles[0] + titles[1], cmap=colors, norm=plt.Normalize(0, 2)
)

# %% [markdown]
# ## Anchors
#
# The region proposal network (RPN; Faster R-CNN, section 3.1) does not find boxes out of nothing.
# It scores anchors, boxes of fixed sizes on a regular grid, and adjusts the good ones. The feature
# pyramid has five levels, P2 to P6. Each level has one anchor scale, three aspect ratios, and a
# grid as fine as its feature map: many small anchors, few large ones.

# %%
image, meta, class_ids, boxes, masks = modellib.load_image_gt(dataset, config, 3, rng=rng)
shapes = modellib.compute_backbone_shapes(config, image.shape)
levels = [
    utils.generate_anchors(scale, config.RPN_ANCHOR_RATIOS, shape, stride, config.RPN_ANCHOR_STRIDE)
    for scale, shape, stride in zip(
        config.RPN_ANCHOR_SCALES, shapes, config.BACKBONE_STRIDES, strict=True
    )
]
anchors = np.concatenate(levels)  # [A, 4] pixels
for number, (level, (rows, columns)) in enumerate(zip(levels, shapes, strict=True)):
    stride, scale = config.BACKBONE_STRIDES[number], config.RPN_ANCHOR_SCALES[number]
    cells = f"{rows} x {columns} cells of {stride} pixels"
    print(f"P{number + 2}: {cells:26} scale {scale:3}: {len(level):6,} anchors")
print(f"in total {len(anchors):,}, for the {len(boxes)} nuclei in this image")

# %% [markdown]
# These are the anchors of the cell in the middle of the image, three per level: wide, square and
# tall. The nuclei around it are about as large as the red and green ones, which belong to P4 and
# P3.

# %%
fig, ax = plt.subplots(figsize=(6.5, 6.5))
ax.imshow(image)
for number, (level, (rows, columns)) in enumerate(zip(levels, shapes, strict=True)):
    in_the_middle = level.reshape(rows, columns, -1, 4)[rows // 2, columns // 2]
    for y1, x1, y2, x2 in in_the_middle:
        label = f"P{number + 2}: {config.RPN_ANCHOR_SCALES[number]} pixels"
        ax.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=f"C{number + 1}", label=label)
handles, labels = ax.get_legend_handles_labels()
ax.legend(handles[::3], labels[::3], title="level: scale", loc="upper right")
ax.set_title("Anchors of the cell in the middle of the image")
ax.axis("off")
plt.show()

# %% [markdown]
# ## Do the anchors fit?
#
# An instance is easy to learn if some anchor overlaps it well: with an IoU (intersection over
# union) of 0.5, or better 0.7. As an example, take the default scales of `Config`, which were made
# for photographs. On the left, the red histogram shows the best IoU of each nucleus with these
# scales. The black one, for the suggested scales, lies further right. On the right, every dot is a
# nucleus, dark where no anchor fits. Red crosses are the anchors; those of 256 and 512 pixels fit
# nothing here. The circles are the suggested ones.

# %%
photographs = nucleus.SmallNucleusConfig()
photographs.RPN_ANCHOR_SCALES = Config.RPN_ANCHOR_SCALES
visualize.plot_anchor_coverage(dataset, photographs)

# %% [markdown]
# `anchor_coverage` returns the same information as numbers. The second call uses the sample's own
# scales. They include anchors for the smallest nuclei: more nuclei reach an IoU of 0.5, and fewer
# reach 0.7. The search found no scales that are better in every respect. Take a suggestion as a
# hint, and try it.

# %%
print(anchor_coverage(dataset, photographs).summary())
print()
print(anchor_coverage(dataset, config).summary())

# %% [markdown]
# ## What the RPN should predict
#
# An anchor is positive if its IoU with an instance is at least 0.7, or the highest that any anchor
# has with that instance. It is negative if its IoU with every instance is below 0.3. Those in
# between are neutral and not trained on. Of the positive and negative ones,
# `RPN_TRAIN_ANCHORS_PER_IMAGE` are drawn at random, at most half of them positive. A positive
# anchor also has four deltas, which move and stretch it onto its instance.

# %%
rpn_match, rpn_bbox = modellib.build_rpn_targets(
    image.shape, anchors, class_ids, boxes, config, rng=rng
)
positive, negative = np.flatnonzero(rpn_match == 1), np.flatnonzero(rpn_match == -1)
print(f"{len(positive)} positive anchors, {len(negative)} negative")
level_of = np.repeat(np.arange(2, 7), [len(level) for level in levels])
print("positive by level:", {f"P{n}": int((level_of[positive] == n).sum()) for n in range(2, 7)})
deltas = rpn_bbox[: len(positive)] * config.RPN_BBOX_STD_DEV
refined = utils.apply_box_deltas(anchors[positive], deltas)

# %% [markdown]
# On the left, the positive anchors are dashed. Their deltas turn them into the solid boxes, which
# are exactly those of the nuclei. On the right are some of the negative ones. Most are small,
# because P2 has the most anchors, and they lie on the background or cover only a piece of a
# nucleus.

# %%
fig, axes = plt.subplots(1, 2, figsize=(13, 6.5), layout="constrained")
visualize.draw_boxes(
    image, anchors[positive], refined, title=f"{len(positive)} positive anchors", ax=axes[0]
)
drawn = rng.choice(negative, 40, replace=False)
visualize.draw_boxes(
    image, anchors[drawn], title=f"40 of {len(negative)} negative anchors", ax=axes[1]
)
plt.show()

# %% [markdown]
# ## What the heads should predict
#
# The heads look at regions of interest (RoIs). In training these are `TRAIN_ROIS_PER_IMAGE` of the
# RPN's proposals. At most a third of them, `ROI_POSITIVE_RATIO`, are positive: they overlap an
# instance with an IoU of at least 0.5. Without a network there are no proposals, so
# `data_generator` draws random RoIs instead, most of them around instances, and samples from these
# much as the network does. A positive RoI has a class, deltas, and the part of its instance's mask
# that lies inside it, at 28 x 28 pixels. A negative one has class 0 and nothing else.
#
# In the figure, negative RoIs are grey. Positive ones are dashed and in colour, with their mask,
# and a line leads to the solid box that their deltas produce. The mask ends where the RoI does, so
# better proposals give better masks.

# %%
generator = modellib.data_generator(
    dataset.subset([3]), config, random_rois=2000, detection_targets=True, seed=0
)
(images, *_, rois), (class_ids, deltas, masks) = next(generator)
print(f"RoIs {rois.shape}, classes {class_ids.shape}, deltas {deltas.shape}, masks {masks.shape}")
rois, class_ids = rois[0], class_ids[0, :, 0]
every = np.arange(len(rois))
refined = utils.apply_box_deltas(
    rois.astype(float), deltas[0, every, class_ids] * config.BBOX_STD_DEV
)
visualize.draw_rois(
    modellib.unmold_image(images[0], config),
    rois,
    refined,
    masks[0, every, :, :, class_ids],
    class_ids,
    dataset.class_names,
    limit=30,
)

# %% [markdown]
# ## Augmentation
#
# 15 images is not many. Flipped, rotated, zoomed, brightened or with added noise, they go further,
# and nobody has to annotate more. `augment.microscopy()` is a list of such steps, one of them a
# pipeline of Keras layers; add others as you like. Whatever moves pixels also moves the masks. Each
# row shows an image unchanged and augmented twice, and each instance keeps the colour of its
# outline. The outlines must lie on the nuclei. (Those in stained tissue are rough even in the first
# image: that is how they were annotated.)

# %%
augmentation = augment.microscopy()
print("\n".join(type(step).__name__ for step in augmentation))
visualize.display_augmented(dataset, config, augmentation, image_ids=[3, 8], cols=3)

# %% [markdown]
# ## A batch
#
# This is what `train` passes to the network: images of one size with the mean pixel subtracted,
# class ids and boxes padded with zeros to `MAX_GT_INSTANCES`, mini masks, and the RPN's targets.
# The figure shows boxes and masks in the upper row and the positive anchors, in yellow, in the
# lower. `train` saves this figure for every run, next to its curves. When a network does not learn,
# look there first.

# %%
inputs = BatchSequence(SampleSource(dataset, config, augmentation=augmentation, seed=5), 1)[0][0]
for name, array in inputs.items():
    print(f"{name:20} {array.shape!s:20} {array.dtype}")
visualize.display_batch(inputs, config, dataset.class_names)

# %% [markdown]
# ## What next
#
# - `own_data` reads annotations from LabelMe and VIA, fixes their mistakes and trains on them.
# - `inspect_model` follows an image through the network, from anchors to masks.
# - `train_shapes` trains a network in a minute and shows how the losses fall.
