"""Every public name of matterport's Mask_RCNN (the reference) exists, with the same parameters.

The reference is matterport/Mask_RCNN at 3deaec5 (2019-03-09), its last commit. Further parameters
may follow those of the reference if they have defaults.
"""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_config import DEFAULTS as CONFIG
from test_config import DERIVED

from mrcnn import model, utils, visualize
from mrcnn.config import Config

MODEL = """
log(text, array=None)
BatchNorm.call(self, inputs, training=None)
compute_backbone_shapes(config, image_shape)
identity_block(input_tensor, kernel_size, filters, stage, block, use_bias=True, train_bn=True)
conv_block(input_tensor, kernel_size, filters, stage, block, strides=(2, 2), use_bias=True, \
train_bn=True)
resnet_graph(input_image, architecture, stage5=False, train_bn=True)
apply_box_deltas_graph(boxes, deltas)
clip_boxes_graph(boxes, window)
ProposalLayer(proposal_count, nms_threshold, config=None, **kwargs)
log2_graph(x)
PyramidROIAlign(pool_shape, **kwargs)
overlaps_graph(boxes1, boxes2)
detection_targets_graph(proposals, gt_class_ids, gt_boxes, gt_masks, config)
DetectionTargetLayer(config, **kwargs)
refine_detections_graph(rois, probs, deltas, window, config)
DetectionLayer(config=None, **kwargs)
rpn_graph(feature_map, anchors_per_location, anchor_stride)
build_rpn_model(anchor_stride, anchors_per_location, depth)
fpn_classifier_graph(rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True, \
fc_layers_size=1024)
build_fpn_mask_graph(rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True)
smooth_l1_loss(y_true, y_pred)
rpn_class_loss_graph(rpn_match, rpn_class_logits)
rpn_bbox_loss_graph(config, target_bbox, rpn_match, rpn_bbox)
mrcnn_class_loss_graph(target_class_ids, pred_class_logits, active_class_ids)
mrcnn_bbox_loss_graph(target_bbox, target_class_ids, pred_bbox)
mrcnn_mask_loss_graph(target_masks, target_class_ids, pred_masks)
load_image_gt(dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False)
build_detection_targets(rpn_rois, gt_class_ids, gt_boxes, gt_masks, config)
build_rpn_targets(image_shape, anchors, gt_class_ids, gt_boxes, config)
generate_random_rois(image_shape, count, gt_class_ids, gt_boxes)
data_generator(dataset, config, shuffle=True, augment=False, augmentation=None, random_rois=0, \
batch_size=1, detection_targets=False, no_augmentation_sources=None)
compose_image_meta(image_id, original_image_shape, image_shape, window, scale, active_class_ids)
parse_image_meta(meta)
parse_image_meta_graph(meta)
mold_image(images, config)
unmold_image(normalized_images, config)
trim_zeros_graph(boxes, name='trim_zeros')
batch_pack_graph(x, counts, num_rows)
norm_boxes_graph(boxes, shape)
denorm_boxes_graph(boxes, shape)
MaskRCNN(mode, config, model_dir)
MaskRCNN.build(self, mode, config)
MaskRCNN.find_last(self)
MaskRCNN.load_weights(self, filepath, by_name=False, exclude=None)
MaskRCNN.get_imagenet_weights(self)
MaskRCNN.compile(self, learning_rate, momentum)
MaskRCNN.set_trainable(self, layer_regex, keras_model=None, indent=0, verbose=1)
MaskRCNN.set_log_dir(self, model_path=None)
MaskRCNN.train(self, train_dataset, val_dataset, learning_rate, epochs, layers, \
augmentation=None, custom_callbacks=None, no_augmentation_sources=None)
MaskRCNN.mold_inputs(self, images)
MaskRCNN.unmold_detections(self, detections, mrcnn_mask, original_image_shape, image_shape, window)
MaskRCNN.detect(self, images, verbose=0)
MaskRCNN.detect_molded(self, molded_images, image_metas, verbose=0)
MaskRCNN.get_anchors(self, image_shape)
MaskRCNN.ancestor(self, tensor, name, checked=None)
MaskRCNN.find_trainable_layer(self, layer)
MaskRCNN.get_trainable_layers(self)
MaskRCNN.run_graph(self, images, outputs, image_metas=None)
"""

UTILS = """
extract_bboxes(mask)
compute_iou(box, boxes, box_area, boxes_area)
compute_overlaps(boxes1, boxes2)
compute_overlaps_masks(masks1, masks2)
non_max_suppression(boxes, scores, threshold)
apply_box_deltas(boxes, deltas)
box_refinement_graph(box, gt_box)
box_refinement(box, gt_box)
Dataset(class_map=None)
Dataset.add_class(self, source, class_id, class_name)
Dataset.add_image(self, source, image_id, path, **kwargs)
Dataset.image_reference(self, image_id)
Dataset.prepare(self, class_map=None)
Dataset.map_source_class_id(self, source_class_id)
Dataset.get_source_class_id(self, class_id, source)
Dataset.source_image_link(self, image_id)
Dataset.load_image(self, image_id)
Dataset.load_mask(self, image_id)
resize_image(image, min_dim=None, max_dim=None, min_scale=None, mode='square')
resize_mask(mask, scale, padding, crop=None)
minimize_mask(bbox, mask, mini_shape)
expand_mask(bbox, mini_mask, image_shape)
mold_mask(mask, config)
unmold_mask(mask, bbox, image_shape)
generate_anchors(scales, ratios, shape, feature_stride, anchor_stride)
generate_pyramid_anchors(scales, ratios, feature_shapes, feature_strides, anchor_stride)
trim_zeros(x)
compute_matches(gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, \
pred_masks, iou_threshold=0.5, score_threshold=0.0)
compute_ap(gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, \
pred_masks, iou_threshold=0.5)
compute_ap_range(gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask, \
iou_thresholds=None, verbose=1)
compute_recall(pred_boxes, gt_boxes, iou)
batch_slice(inputs, graph_fn, batch_size, names=None)
download_trained_weights(coco_model_path, verbose=1)
norm_boxes(boxes, shape)
denorm_boxes(boxes, shape)
resize(image, output_shape, order=1, mode='constant', cval=0, clip=True, preserve_range=False, \
anti_aliasing=False, anti_aliasing_sigma=None)
"""

VISUALIZE = """
display_images(images, titles=None, cols=4, cmap=None, norm=None, interpolation=None)
random_colors(N, bright=True)
apply_mask(image, mask, color, alpha=0.5)
display_instances(image, boxes, masks, class_ids, class_names, scores=None, title='', \
figsize=(16, 16), ax=None, show_mask=True, show_bbox=True, colors=None, captions=None)
display_differences(image, gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, \
pred_mask, class_names, title='', ax=None, show_mask=True, show_box=True, iou_threshold=0.5, \
score_threshold=0.5)
draw_rois(image, rois, refined_rois, mask, class_ids, class_names, limit=10)
draw_box(image, box, color)
display_top_masks(image, mask, class_ids, class_names, limit=4)
plot_precision_recall(AP, precisions, recalls)
plot_overlaps(gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, threshold=0.5)
draw_boxes(image, boxes=None, refined_boxes=None, masks=None, captions=None, visibilities=None, \
title='', ax=None)
display_table(table)
display_weight_stats(model)
"""

CLASSIC = """
import mrcnn.model as modellib
from mrcnn import model as modellib, utils, visualize
from mrcnn import config, model
from mrcnn.config import Config
from mrcnn.model import log
from mrcnn.utils import Dataset
from mrcnn.visualize import display_instances
from mrcnn.parallel_model import ParallelModel
from mrcnn import augment, evaluation, formats, start_weights, tta
from mrcnn.small_resnet import SmallNetwork
from mrcnn.evaluation import evaluate
from mrcnn.prediction import detect_crops, with_score
"""


def rows(module, table):
    return [pytest.param(module, line, id=line.split("(")[0]) for line in table.split("\n")[1:-1]]


@pytest.mark.parametrize(
    ("module", "line"), rows(model, MODEL) + rows(utils, UTILS) + rows(visualize, VISUALIZE)
)
def test_callable(module, line):
    path, _, parameters = line.partition("(")
    thing = module
    for name in path.split("."):
        thing = getattr(thing, name)
    wanted = inspect.signature(eval(f"lambda {parameters.removesuffix(')')}: None"))
    ours = inspect.signature(thing)
    assert not missing(wanted, ours), f"{path}{ours} lacks {missing(wanted, ours)}"
    assert path.split(".")[0] in module.__all__


def missing(wanted, ours):
    """What `ours` lacks of the reference's signature, in order and with its defaults."""
    have = list(ours.parameters.values())
    lacks = []
    for place, parameter in enumerate(wanted.parameters.values()):
        if parameter.kind is parameter.VAR_KEYWORD:
            found = any(p.kind is p.VAR_KEYWORD for p in have)
        else:
            found = place < len(have) and (have[place].name, have[place].default) == (
                parameter.name,
                parameter.default,
            )
        if not found:
            lacks.append(str(parameter))
    for parameter in have[len(wanted.parameters) :]:
        needed = parameter.default is parameter.empty
        if needed and parameter.kind is not parameter.VAR_KEYWORD:
            lacks.append(f"a call without {parameter.name}")
    return lacks


def test_missing_sees_what_differs():
    def signature(parameters):
        return inspect.signature(eval(f"lambda {parameters}: None"))

    reference = signature("a, b=1")
    assert missing(reference, signature("a, b=1, *, seed=None")) == []
    assert missing(reference, signature("a, b=1, seed=None, **kwargs")) == []
    assert missing(reference, signature("b, a=1")) == ["a", "b=1"]
    assert missing(reference, signature("a, b=2")) == ["b=1"]
    assert missing(reference, signature("a")) == ["b=1"]
    assert missing(reference, signature("a, b=1, *, c")) == ["a call without c"]
    assert missing(signature("a, **kwargs"), signature("a")) == ["**kwargs"]


@pytest.mark.parametrize("name", CONFIG)
def test_setting(name):
    ours, wanted = getattr(Config, name), CONFIG[name]
    if isinstance(ours, np.ndarray):
        ours = ours.tolist()
    assert ours == wanted
    assert type(ours) is type(wanted)


def test_config_methods_and_derived_settings(capsys):
    config = Config()
    for name, value in DERIVED.items():
        assert np.array_equal(getattr(config, name), value)
    config.display()
    shown = capsys.readouterr().out
    for name in [*CONFIG, *DERIVED]:
        assert f"\n{name} " in shown


def test_coco_model_url():
    assert utils.COCO_MODEL_URL == (
        "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
    )


def test_the_dataset_has_image_ids_as_a_property():
    assert isinstance(utils.Dataset.image_ids, property)


@pytest.mark.parametrize("statement", CLASSIC.split("\n")[1:-1])
def test_classic_import(statement):
    names = {}
    exec(statement, names)
    assert len(names) > 1


def test_the_modules_work_from_elsewhere(tmp_path):
    """Notebooks append the project's root to the path and import from it."""
    root = Path(__file__).resolve().parents[1]
    script = f"import sys\nsys.path.append({str(root)!r})\n{CLASSIC}\nlog('seen')"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "seen\n"
