"""The wiring of the stages into one Keras graph, as in the paper's figure 1 and FPN's figure 3.

    image -> backbone -> pyramid -> RPN -> proposals -> RoIAlign -> class and box head
                                                     -> RoIAlign -> mask head

In training the targets stand between proposals and heads, and the losses at the end.
"""

import functools

import keras
from keras import layers, ops

from ..images.meta import parse_image_meta_graph
from .backbones import resnet
from .detections import DetectionLayer
from .graph_model import GraphModel
from .inputs import NormBoxes, image_inputs, input_shape
from .layers import fpn_classifier_graph, mask_head
from .losses import LossLayer, mrcnn_bbox_loss_graph, mrcnn_class_loss_graph, mrcnn_mask_loss_graph
from .precision import precision_of
from .proposals import AnchorLayer, ProposalLayer
from .pyramid import feature_pyramid
from .rpn import rpn_bbox_loss_graph, rpn_class_loss_graph, rpn_of_pyramid
from .sampling import DetectionTargetLayer, max_positives


def build(mode, config, seed=None):
    """The graph of a mode.

    Args:
        mode: "training" or "inference".
        config: a `Config` that is valid.
        seed: int, of the sampling of training RoIs.

    Returns:
        `GraphModel` named "mask_rcnn".
    """
    with precision_of(config):
        return build_inference(config) if mode == "inference" else build_training(config, seed)


def build_inference(config):
    """Image to detections and their masks.

    Inputs: `input_image` [B, H, W, C], `input_image_meta` [B, 12 + classes], `input_anchors`
    [B, A, 4] normalised. Outputs, in order: `mrcnn_detection` [B, D, 6], `mrcnn_class`
    [B, R, classes], `mrcnn_bbox` [B, R, classes, 4], `mrcnn_mask` [B, D, h, w, classes] (of the
    detections alone), `ROI` [B, R, 4], `rpn_class` [B, A, 2], `rpn_bbox` [B, A, 4]. Detections and
    RoIs are normalised; what is called bbox are deltas, over their standard deviations.

    Args:
        config: a `Config` that is valid.

    Returns:
        `GraphModel` named "mask_rcnn".
    """
    image, image_meta = image_inputs(config)
    anchors = keras.Input((None, 4), name="input_anchors")
    pyramid = _pyramid(image, config)
    _, rpn_class, rpn_bbox = rpn_of_pyramid(pyramid, config)
    rois = ProposalLayer(
        config.POST_NMS_ROIS_INFERENCE, config.RPN_NMS_THRESHOLD, config, name="ROI"
    )([rpn_class, rpn_bbox, anchors])
    _, mrcnn_class, mrcnn_bbox = _class_head(rois, pyramid, image_meta, config)
    detections = DetectionLayer(config, name="mrcnn_detection")(
        [rois, mrcnn_class, mrcnn_bbox, image_meta]
    )
    mrcnn_mask = _mask_head(pyramid, image_meta, config)(detections[..., :4])
    return GraphModel(
        [image, image_meta, anchors],
        [detections, mrcnn_class, mrcnn_bbox, mrcnn_mask, rois, rpn_class, rpn_bbox],
        name="mask_rcnn",
    )


def build_training(config, seed=None):
    """Image and ground truth to the five losses.

    Inputs: `input_image` and `input_image_meta` as in inference, `input_rpn_match` [B, A, 1],
    `input_rpn_bbox` [B, K, 4], `input_gt_class_ids` [B, G], `input_gt_boxes` [B, G, 4] in pixels,
    `input_gt_masks` [B, h, w, G], and without USE_RPN_ROIS `input_roi` [B, R, 4] in pixels.
    Outputs, in order: `rpn_class_logits`, `rpn_class`, `rpn_bbox`, `mrcnn_class_logits`,
    `mrcnn_class`, `mrcnn_bbox`, `mrcnn_mask`, `ROI`, `output_rois`, and the losses by name.

    Args:
        config: a `Config` that is valid.
        seed: int, of the sampling of training RoIs; None leaves it to Keras.

    Returns:
        `GraphModel` named "mask_rcnn".
    """
    image, image_meta = image_inputs(config)
    rpn_match = keras.Input((None, 1), name="input_rpn_match", dtype="int32")
    rpn_bbox_target = keras.Input(
        (config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4), name="input_rpn_bbox", dtype="float32"
    )
    gt_class_ids = keras.Input((config.MAX_GT_INSTANCES,), name="input_gt_class_ids", dtype="int32")
    gt_boxes = keras.Input((config.MAX_GT_INSTANCES, 4), name="input_gt_boxes", dtype="float32")
    mask_shape = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else input_shape(config)
    gt_masks = keras.Input(
        (*mask_shape[:2], config.MAX_GT_INSTANCES), name="input_gt_masks", dtype="bool"
    )
    inputs = [image, image_meta, rpn_match, rpn_bbox_target, gt_class_ids, gt_boxes, gt_masks]

    pyramid = _pyramid(image, config)
    rpn_class_logits, rpn_class, rpn_bbox = rpn_of_pyramid(pyramid, config)
    if config.USE_RPN_ROIS:
        anchors = AnchorLayer(config, name="anchors")([image, *pyramid])
        rois = ProposalLayer(
            config.POST_NMS_ROIS_TRAINING, config.RPN_NMS_THRESHOLD, config, name="ROI"
        )([rpn_class, rpn_bbox, anchors])
    else:
        input_rois = keras.Input(
            (config.POST_NMS_ROIS_TRAINING, 4), name="input_roi", dtype="int32"
        )
        inputs.append(input_rois)
        rois = NormBoxes(name="ROI")([input_rois, image])

    targets = DetectionTargetLayer(config, seed=seed, name="proposal_targets")(
        [rois, gt_class_ids, NormBoxes(name="gt_boxes")([gt_boxes, image]), gt_masks]
    )
    train_rois, target_class_ids, target_bbox, target_mask = targets
    output_rois = layers.Identity(name="output_rois", dtype="float32")(train_rois)
    logits, mrcnn_class, mrcnn_bbox = _class_head(output_rois, pyramid, image_meta, config)
    positives = _mask_learners(config)
    head = _mask_head(pyramid, image_meta, config)
    learned_mask = head(output_rois[:, :positives])
    mrcnn_mask = learned_mask
    if positives < config.TRAIN_ROIS_PER_IMAGE:
        # Nothing is computed here unless someone asks for the output.
        mrcnn_mask = ops.concatenate([learned_mask, head(output_rois[:, positives:])], axis=1)

    active = parse_image_meta_graph(image_meta)["active_class_ids"]  # [B, classes]
    losses = [
        LossLayer(rpn_class_loss_graph, name="rpn_class_loss")([rpn_match, rpn_class_logits]),
        LossLayer(functools.partial(rpn_bbox_loss_graph, config), name="rpn_bbox_loss")(
            [rpn_bbox_target, rpn_match, rpn_bbox]
        ),
        LossLayer(
            functools.partial(mrcnn_class_loss_graph, class_weights=config.CLASS_WEIGHTS),
            name="mrcnn_class_loss",
        )([target_class_ids, logits, active]),
        LossLayer(mrcnn_bbox_loss_graph, name="mrcnn_bbox_loss")(
            [target_bbox, target_class_ids, mrcnn_bbox]
        ),
        LossLayer(mrcnn_mask_loss_graph, name="mrcnn_mask_loss")(
            [target_mask[:, :positives], target_class_ids[:, :positives], learned_mask]
        ),
    ]
    outputs = [
        rpn_class_logits,
        rpn_class,
        rpn_bbox,
        logits,
        mrcnn_class,
        mrcnn_bbox,
        mrcnn_mask,
        rois,
        output_rois,
    ]
    return GraphModel(inputs, [*outputs, *losses], name="mask_rcnn")


def _pyramid(image, config):
    _, c2, c3, c4, c5 = resnet.build(config, image)
    return feature_pyramid(c2, c3, c4, c5, config.TOP_DOWN_PYRAMID_SIZE)


def _class_head(rois, pyramid, image_meta, config):
    return fpn_classifier_graph(
        rois,
        pyramid[:4],
        image_meta,
        config.POOL_SIZE,
        config.NUM_CLASSES,
        train_bn=config.TRAIN_BN,
        fc_layers_size=config.FPN_CLASSIF_FC_LAYERS_SIZE,
    )


def _mask_head(pyramid, image_meta, config):
    """Function (rois) -> masks; its layers are the same in every call."""
    head = mask_head(
        config.MASK_POOL_SIZE,
        config.NUM_CLASSES,
        train_bn=config.TRAIN_BN,
        channels=config.MASK_HEAD_CHANNELS,
    )
    return lambda rois: head(rois, pyramid[:4], image_meta)


def _mask_learners(config):
    """How many of the first RoIs of an image pass the mask head in a step of training.

    The others are no positives and have no mask to learn, but two thirds of the head's time and
    memory would be theirs. Where BatchNorm takes its statistics from the batch they belong to it.
    """
    return max_positives(config) if config.TRAIN_BN is False else config.TRAIN_ROIS_PER_IMAGE
