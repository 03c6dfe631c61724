"""The steps of the reference's notebook on detection, in cells of our own."""

# %%
import random

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from tiny import InMemory, TinyConfig, shapes, spread

import mrcnn.model as modellib
from mrcnn import utils, visualize
from mrcnn.model import log


class InferenceConfig(TinyConfig):
    IMAGES_PER_GPU = 1


# %%
config = InferenceConfig()
DEVICE = "/cpu:0"
dataset = InMemory(shapes(4))
with tf.device(DEVICE):
    model = modellib.MaskRCNN(mode="inference", model_dir="logs", config=config)
spread(model.keras_model)
fig, axes = plt.subplots(1, 2, figsize=(16, 8))

# %% one image
image_id = random.choice(dataset.image_ids)
image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
    dataset, config, image_id, use_mini_mask=False
)
info = dataset.image_info[image_id]
print(f"{info['source']}.{info['id']} ({image_id}) {dataset.image_reference(image_id)}")
results = model.detect([image], verbose=1)
r = results[0]
visualize.display_instances(
    *(image, r["rois"], r["masks"], r["class_ids"], dataset.class_names, r["scores"]),
    ax=axes[0],
    title="Predictions",
)
visualize.display_differences(
    *(image, gt_bbox, gt_class_id, gt_mask),
    *(r["rois"], r["class_ids"], r["scores"], r["masks"], dataset.class_names),
    ax=axes[1],
    iou_threshold=0.5,
    score_threshold=0.5,
)
AP, precisions, recalls, overlaps = utils.compute_ap(
    gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"]
)
visualize.plot_precision_recall(AP, precisions, recalls)
visualize.plot_overlaps(gt_class_id, r["class_ids"], r["scores"], overlaps, dataset.class_names)
utils.compute_ap_range(
    gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"]
)

# %% the RPN
target_rpn_match, target_rpn_bbox = modellib.build_rpn_targets(
    image.shape, model.anchors, gt_class_id, gt_bbox, model.config
)
log("target_rpn_match", target_rpn_match)
positive_anchors = model.anchors[target_rpn_match == 1]
refined_anchors = utils.apply_box_deltas(
    positive_anchors, target_rpn_bbox[: len(positive_anchors)] * model.config.RPN_BBOX_STD_DEV
)
pillar = model.keras_model.get_layer("ROI").output
rpn = model.run_graph(
    [image],
    [
        ("rpn_class", model.keras_model.get_layer("rpn_class").output),
        ("pre_nms_anchors", model.ancestor(pillar, "ROI/pre_nms_anchors:0")),
        ("refined_anchors", model.ancestor(pillar, "ROI/refined_anchors:0")),
        ("refined_anchors_clipped", model.ancestor(pillar, "ROI/refined_anchors_clipped:0")),
        ("post_nms_anchor_ix", model.ancestor(pillar, "ROI/rpn_non_max_suppression:0")),
        ("proposals", model.keras_model.get_layer("ROI").output),
    ],
)
assert rpn["proposals"].shape == (1, config.POST_NMS_ROIS_INFERENCE, 4)
limit = 10
sorted_anchor_ids = np.argsort(rpn["rpn_class"][:, :, 1].flatten())[::-1]
visualize.draw_boxes(image, boxes=model.anchors[sorted_anchor_ids[:limit]])
h, w = config.IMAGE_SHAPE[:2]
proposals = rpn["proposals"][0, :limit] * np.array([h, w, h, w])
visualize.draw_boxes(image, refined_boxes=proposals)

# %% the heads
mrcnn = model.run_graph(
    [image],
    [
        ("proposals", model.keras_model.get_layer("ROI").output),
        ("probs", model.keras_model.get_layer("mrcnn_class").output),
        ("deltas", model.keras_model.get_layer("mrcnn_bbox").output),
        ("masks", model.keras_model.get_layer("mrcnn_mask").output),
        ("detections", model.keras_model.get_layer("mrcnn_detection").output),
    ],
)
det_class_ids = mrcnn["detections"][0, :, 4].astype(np.int32)
padding = np.where(det_class_ids == 0)[0]
det_class_ids = det_class_ids[: padding[0]] if len(padding) else det_class_ids
detections = mrcnn["detections"][0, : len(det_class_ids)]
assert len(detections) == len(r["rois"]) > 0
det_boxes = utils.denorm_boxes(detections[:, :4], image.shape[:2])
assert det_boxes.tolist() == r["rois"].tolist()
det_masks = np.array([mrcnn["masks"][0, i, :, :, c] for i, c in enumerate(det_class_ids)])
det_masks = np.array(
    [utils.unmold_mask(m, det_boxes[i], image.shape) for i, m in enumerate(det_masks)]
)
assert np.array_equal(np.moveaxis(det_masks, 0, -1), r["masks"])
visualize.display_images(det_masks[:4] * 255, cmap="Blues", interpolation="none")

# %% activations
activations = model.run_graph(
    [image],
    [
        ("input_image", tf.identity(model.keras_model.get_layer("input_image").output)),
        ("res4a", model.keras_model.get_layer("res4a").output),
        ("rpn_bbox", model.keras_model.get_layer("rpn_bbox").output),
        ("roi", model.keras_model.get_layer("ROI").output),
    ],
)
backbone_feature_map = activations["res4a"]
molded = modellib.mold_image(image, config)
assert np.array_equal(activations["input_image"][0], molded)
assert np.array_equal(modellib.unmold_image(activations["input_image"][0], config), image)
visualize.display_images(np.transpose(backbone_feature_map[0, :, :, :4], [2, 0, 1]), cols=4)
