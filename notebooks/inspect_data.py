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
# A network learns from what it is given, and most failed trainings fail here: masks that lie beside
# their objects, anchors that fit none of them, objects that shrink to a few pixels. This notebook
# follows images and masks from their files to a batch and looks at each step. The data are the 15
# images of cell nuclei that come with the repository; to look at your own, change the cell that
# loads them.

# %%
import os
import sys
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's account of itself
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
# ## The data set
#
# A `Dataset` lists images and classes. `load_image` gives pixels, `load_mask` one boolean mask for
# each instance and the number of its class; class 0 is the background.

# %%
dataset = nucleus.load_dataset("../samples/nucleus/data", "stage1_train")
print(f"{dataset.num_images} images, classes {dataset.class_names}")
image, (masks, class_ids) = dataset.load_image(0), dataset.load_mask(0)
print(f"image {image.shape} {image.dtype}, masks {masks.shape} {masks.dtype}, ids {class_ids}")

# %% [markdown]
# `check` reads every image and every mask and lists what training would stumble over: missing
# files, masks of another size than their image, empty masks, misspelt classes. With a configuration
# it also says what does not fit that. This set is sound.

# %%
config = nucleus.SmallNucleusConfig()
report = dataset.check(config=config)

# %% [markdown]
# Then look, at more images than these three. Fluorescence, stained tissue, nuclei of very different
# sizes: a network that is to find all of these must have seen all of them.

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
# How large are images, how large are instances, how many are in an image? Each question decides a
# setting: `IMAGE_MIN_DIM` and `IMAGE_MAX_DIM`, `RPN_ANCHOR_SCALES`, `MAX_GT_INSTANCES`. In the
# figure the sizes are those of the network's input, which are twice those of the files here, as
# `IMAGE_MIN_SCALE` is 2.

# %%
sizes = Counter(dataset.load_image(i).shape[:2] for i in dataset.image_ids)
for (height, width), count in sizes.most_common():
    print(f"{count:2} images of {height} x {width} (height x width)")
visualize.plot_sizes(dataset, config)

# %% [markdown]
# With one class there is little to see here. With many, look for bars that are much shorter than
# others: rare classes need more images, or a higher weight in `CLASS_WEIGHTS`.

# %%
visualize.plot_classes(dataset)

# %% [markdown]
# ## Boxes
#
# Nobody drew boxes here: `extract_bboxes` takes the smallest ones that hold the masks. A box is
# `(y1, x1, y2, x2)` in pixels; y2 and x2 lie just beyond the mask, so y2 - y1 is its height. When
# masks are cropped, mirrored or turned, the boxes are taken anew, so that they stay tight.

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
# Images of a batch must be of one size, and of sides that halve six times. `IMAGE_RESIZE_MODE` says
# how they get there. `square` scales and pads to a square, `pad64` pads to multiples of 64, `crop`
# cuts out a square at random (for training on large images), and `none` leaves everything as it is.
# The dashed box is the window: where the image lies between the padding. All four are drawn to one
# scale: the first three are enlarged by 1.5, so that the shorter side has `IMAGE_MIN_DIM` pixels.

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
# 140 masks of 1024 x 1024 pixels take almost 150 MB. With `USE_MINI_MASK` each is kept inside its
# box only, resized to `MINI_MASK_SHAPE`. That costs detail at the outline. The figure has the
# largest nucleus of an image: in the upper row its mini masks, below them what they expand back to,
# with the pixels that came out wrong in red. 14 x 14 is too coarse for it; 56 x 56, the default,
# loses next to nothing. (The mask head predicts 28 x 28, whatever the mini masks are.)

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
colors = ListedColormap(["lightgray", "indigo", "red"])  # of 0, 1 and 2
visualize.display_images(
    above + below, titles[0] + titles[1], cmap=colors, norm=plt.Normalize(0, 2)
)

# %% [markdown]
# ## Anchors
#
# The region proposal network (Faster R-CNN, section 3.1) does not find boxes out of nothing: it
# judges anchors, boxes of fixed sizes on a regular grid, and moves the good ones. The feature
# pyramid has five levels, P2 to P6. A level has one anchor scale, three ratios of height to width,
# and a grid as fine as its feature map: many small anchors, few large ones.

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
print(f"in all {len(anchors):,}, for {len(boxes)} nuclei of this image")

# %% [markdown]
# Here are the anchors of the cell in the middle of the image, three on each level: wide, square and
# tall. The nuclei around it are about as large as the red and the green ones, those of P4 and P3.

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
# union) of 0.5, better of 0.7. As an example take the scales that a `Config` has by default, which
# were made for photographs. On the left, the red histogram is the best IoU of each nucleus with
# them, the black one that with the scales that are suggested: it lies further right. On the right
# every dot is a nucleus, dark where no anchor fits. Red crosses are the anchors, of which those of
# 256 and 512 pixels fit nothing here; the circles are the suggested ones.

# %%
photographs = nucleus.SmallNucleusConfig()
photographs.RPN_ANCHOR_SCALES = Config.RPN_ANCHOR_SCALES
visualize.plot_anchor_coverage(dataset, photographs)

# %% [markdown]
# `anchor_coverage` gives the same as numbers. The second call is for the sample's own scales. They
# have anchors for the smallest nuclei too: more have an IoU of 0.5, fewer one of 0.7, and no other
# sequence of scales was found that is better in all respects. The suggestion is a hint, to be
# tried.

# %%
print(anchor_coverage(dataset, photographs).summary())
print()
print(anchor_coverage(dataset, config).summary())

# %% [markdown]
# ## What the RPN shall answer
#
# An anchor is positive if it overlaps an instance with an IoU of at least 0.7, or best of all
# anchors; negative if it overlaps none with 0.3; those between are neutral and train nothing.
# `RPN_TRAIN_ANCHORS_PER_IMAGE` of them are drawn, at most half of them positive. For a positive
# anchor there are four deltas besides, which move and stretch it onto its instance.

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
# On the left, positive anchors are dashed, and what their deltas make of them is solid: the boxes
# of the nuclei, exactly. On the right are some of the negatives: most are small anchors, for P2 has
# most, and they lie on the background or cut a piece off a nucleus.

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
# ## What the heads shall answer
#
# The heads look at regions of interest (RoIs): in training at `TRAIN_ROIS_PER_IMAGE` of the RPN's
# proposals, of which at most a third, `ROI_POSITIVE_RATIO`, overlap an instance with an IoU of 0.5
# or more and are positive. Without a network there are no proposals; `data_generator` draws random
# RoIs in their place, most of them around instances, and chooses among them much as the network
# does. A positive RoI has a class, deltas, and the mask of its instance as far as it lies within,
# in 28 x 28 pixels; a negative one has class 0 and nothing else.
#
# In the figure, negative RoIs are grey. Positive ones are dashed in colour, with their mask, and a
# line leads to the solid box that the deltas make of them. The mask ends where the RoI does, so the
# better the proposals, the better the masks.

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
# 15 images are few. Mirrored, turned, zoomed, brighter, noisier they are more, and it costs no
# annotation. `augment.microscopy()` is a list of such steps, among them a pipeline of Keras layers;
# add others at will. What moves pixels moves the masks: each row shows an image as it is and twice
# augmented, an instance with an outline of one colour. The outlines must lie on the nuclei. (Those
# of stained tissue are rough already in the first picture: so they were annotated.)

# %%
augmentation = augment.microscopy()
print("\n".join(type(step).__name__ for step in augmentation))
visualize.display_augmented(dataset, config, augmentation, image_ids=[3, 8], cols=3)

# %% [markdown]
# ## A batch
#
# This is what `train` hands to the network: images of one size less the mean pixel, class ids and
# boxes padded with zeros to `MAX_GT_INSTANCES`, mini masks, and what the RPN shall answer. In the
# figure there are boxes and masks above, and below the positive anchors, in yellow. `train` writes
# it for every run, beside its curves: when a network does not learn, look there first.

# %%
inputs = BatchSequence(SampleSource(dataset, config, augmentation=augmentation, seed=5), 1)[0][0]
for name, array in inputs.items():
    print(f"{name:20} {array.shape!s:20} {array.dtype}")
visualize.display_batch(inputs, config, dataset.class_names)

# %% [markdown]
# ## What next
#
# - `own_data` reads annotations of LabelMe and VIA, mends their mistakes and trains.
# - `inspect_model` follows an image through the network, from anchors to masks.
# - `train_shapes` trains a network in a minute, and shows how the losses fall.
