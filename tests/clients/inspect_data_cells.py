"""The steps of the reference's notebook on data, in cells of our own."""

# %%
import colorsys
import itertools
import random

from tiny import InMemory, TinyConfig, shapes

import mrcnn.model as modellib
from mrcnn.model import log
from mrcnn.visualize import *

assert random and itertools and colorsys

# %%
config = TinyConfig()
dataset = InMemory(shapes(4))
print(f"Image Count: {len(dataset.image_ids)}")
print(f"Class Count: {dataset.num_classes}")
for i, info in enumerate(dataset.class_info):
    print(f"{i:3}. {info['name']:50}")
assert dataset.num_classes == 3

# %% masks and boxes
for image_id in np.random.choice(dataset.image_ids, 2):
    image = dataset.load_image(image_id)
    mask, class_ids = dataset.load_mask(image_id)
    display_top_masks(image, mask, class_ids, dataset.class_names)
    bbox = utils.extract_bboxes(mask)
    log("bbox", bbox)
    display_instances(image, bbox, mask, class_ids, dataset.class_names)

# %% resizing
image, window, scale, padding, _ = utils.resize_image(
    np.zeros((40, 60, 3), np.uint8),
    min_dim=config.IMAGE_MIN_DIM,
    max_dim=config.IMAGE_MAX_DIM,
    mode=config.IMAGE_RESIZE_MODE,
)
mask = utils.resize_mask(np.ones((40, 60, 1), bool), scale, padding)
assert image.shape == (64, 64, 3) and mask.shape == (64, 64, 1)
assert utils.extract_bboxes(mask)[0].tolist() == list(window)

# %% mini masks
image, image_meta, class_ids, bbox, mask = modellib.load_image_gt(
    dataset, config, 0, augment=True, use_mini_mask=True
)
log("mask", mask)
display_images([image] + [mask[:, :, i] for i in range(min(mask.shape[-1], 7))])
mask = utils.expand_mask(bbox, mask, image.shape)
assert mask.shape == (64, 64, 2)
meta = modellib.parse_image_meta(image_meta[np.newaxis])
assert meta["image_id"].tolist() == [0] and meta["scale"].tolist() == [1]

# %% anchors
backbone_shapes = modellib.compute_backbone_shapes(config, config.IMAGE_SHAPE)
anchors = utils.generate_pyramid_anchors(
    config.RPN_ANCHOR_SCALES,
    config.RPN_ANCHOR_RATIOS,
    backbone_shapes,
    config.BACKBONE_STRIDES,
    config.RPN_ANCHOR_STRIDE,
)
num_levels = len(backbone_shapes)
anchors_per_cell = len(config.RPN_ANCHOR_RATIOS)
per_level = [s[0] * s[1] * anchors_per_cell // config.RPN_ANCHOR_STRIDE**2 for s in backbone_shapes]
assert sum(per_level) == anchors.shape[0]
fig, ax = plt.subplots(1, figsize=(10, 10))
ax.imshow(image)
for rect in anchors[:: max(1, len(anchors) // 20)]:
    y1, x1, y2, x2 = rect
    ax.add_patch(
        patches.Rectangle((x1, y1), x2 - x1, y2 - y1, linewidth=2, facecolor="none", edgecolor="r")
    )
ax.add_line(lines.Line2D([0, 9], [0, 9]))
for contour in find_contours(np.pad(mask[:, :, 0], 1).astype(float), 0.5):
    ax.add_patch(Polygon(np.fliplr(contour) - 1, facecolor="none", edgecolor="w"))
plt.close(fig)

# %% the generator
random_rois = 40
g = modellib.data_generator(
    dataset,
    config,
    shuffle=True,
    random_rois=random_rois,
    batch_size=4,
    detection_targets=True,
)
inputs, outputs = next(g)
(
    normalized_images,
    image_meta,
    rpn_match,
    rpn_bbox,
    gt_class_ids,
    gt_boxes,
    gt_masks,
    rpn_rois,
    rois,
) = inputs
mrcnn_class_ids, mrcnn_bbox, mrcnn_mask = outputs
log("rpn_rois", rpn_rois)
assert rpn_rois.shape == (4, random_rois, 4)
b = 0
sample_image = modellib.unmold_image(normalized_images[b], config)
assert sample_image.dtype == np.uint8
indices = np.where(rpn_match[b] == 1)[0]
refined_anchors = utils.apply_box_deltas(
    anchors[indices], rpn_bbox[b, : len(indices)] * config.RPN_BBOX_STD_DEV
)
draw_boxes(sample_image, boxes=anchors[indices], refined_boxes=refined_anchors)
positive = np.where(mrcnn_class_ids[b] > 0)[0]
bbox_specific = mrcnn_bbox[b, np.arange(rois.shape[1]), mrcnn_class_ids[b, :, 0], :]
refined_rois = utils.apply_box_deltas(
    rois[b].astype(np.float32), bbox_specific * config.BBOX_STD_DEV
)
roi_mask = mrcnn_mask[b, np.arange(rois.shape[1]), :, :, mrcnn_class_ids[b, :, 0]]
log("roi_mask", roi_mask)
draw_rois(sample_image, rois[b], refined_rois, roi_mask, mrcnn_class_ids[b, :, 0], ["BG", "1", "2"])
