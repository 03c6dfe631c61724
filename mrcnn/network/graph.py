"""Wires the parts into one Keras graph, as in Mask R-CNN, figure 1, and FPN, figure 3.

    image -> backbone -> pyramid -> RPN -> proposals -> RoIAlign -> box head -> detections
                                                     -> RoIAlign -> mask head

In training, RoIs are sampled between proposals and heads, and the losses come last.
"""

import re
from collections.abc import Iterable

import keras
from keras import layers

from ..config import Config
from ..config_rules import parts
from ..config_rules.coordinates import box_margin, is_continuous
from ..config_rules.necks import shares_stage5
from ..images.meta import parse_image_meta_graph
from ..loading.inputs import image_inputs, training_inputs
from ..types import Tensor
from . import backbones, neck
from .backbones.features import check_sizes
from .detections import DetectionLayer
from .graph_model import GraphModel
from .heads.head import Features, Head, Matched
from .inputs import NormBoxes, keras_input
from .losses import LossLayer
from .precision import precision_of
from .process import check_new_model
from .proposals import AnchorLayer, ProposalLayer, needs_more
from .rpn import rpn_bbox_loss_graph, rpn_class_loss_graph, rpn_of_pyramid
from .sampling import RoiSampler, max_positives
from .saving import Recipe


def build(mode: str, config: Config, seed: int | None = None) -> GraphModel:
    """Build the graph of a mode.

    Args:
        mode: "training" or "inference".
        config: valid settings.
        seed: for sampling the training RoIs; None leaves it to Keras.

    Returns:
        The graph, named "mask_rcnn".

    Raises:
        ValueError: a head has a layer that it did not name, or its losses are not the ones it
            declares.
        RuntimeError: a model was made before this process was forked.
    """
    check_new_model()
    with precision_of(config):
        model = build_inference(config) if mode == "inference" else build_training(config, seed)
    model.recipe = Recipe.of(mode, config, seed)
    return model


def build_inference(config: Config) -> GraphModel:
    """Build the graph from an image to its detections and the heads' outputs for them.

    Inputs: `input_image` [B, H, W, C], `input_image_meta` [B, 12 + classes], `input_anchors`
    [B, A, 4] normalised. Outputs, in order: `mrcnn_detection` [B, D, 6], `mrcnn_class`
    [B, R, classes], `mrcnn_bbox` [B, R, classes, 4], the other heads' outputs, such as `mrcnn_mask`
    [B, D, h, w, classes] (for the detections only), `ROI` [B, R, 4], `rpn_class` [B, A, 2],
    `rpn_bbox` [B, A, 4]. Detections and RoIs are normalised; bbox outputs are deltas divided by
    their standard deviations.

    Args:
        config: valid settings.

    Returns:
        The graph, named "mask_rcnn".
    """
    image, image_meta = map(keras_input, image_inputs(config))
    anchors = keras.Input((None, 4), name="input_anchors")
    outputs, features, maps = detections_of(image, image_meta, anchors, config)
    return _model([image, image_meta, anchors], outputs, config, image, features, maps)


def detections_of(
    image: Tensor, image_meta: Tensor, anchors: Tensor | None, config: Config
) -> tuple[dict[str, Tensor], list[Tensor], neck.Neck]:
    """Build the layers from an image to its detections.

    Args:
        image: [B, H, W, C], the mean subtracted.
        image_meta: [B, 12 + NUM_CLASSES].
        anchors: [B, A, 4], normalised; None computes them in the graph.
        config: valid settings.

    Returns:
        outputs: dict of tensors in the order of `build_inference`.
        features: list of the backbone's feature maps that the network uses.
        maps: `Neck`, what it makes of them.
    """
    features, maps = _features(image, config)
    if anchors is None:
        anchors = AnchorLayer(config, name="anchors")([image, *maps.anchored])
    rpn_class_logits, rpn_class, rpn_bbox = rpn_of_pyramid(maps.anchored, config)
    more = [rpn_class_logits, image_meta, *maps.anchored] if needs_more(config) else []
    rois = ProposalLayer(
        config.POST_NMS_ROIS_INFERENCE, config.RPN_NMS_THRESHOLD, config, name="ROI"
    )([rpn_class, rpn_bbox, anchors, *more])
    box_head, *other_heads = _heads(config, maps, image_meta)
    boxes = box_head.outputs(rois)
    detections = DetectionLayer(config, name="mrcnn_detection")(
        [rois, boxes["mrcnn_class"], boxes["mrcnn_bbox"], image_meta]
    )
    outputs = {"mrcnn_detection": detections}
    outputs.update((name, boxes[name]) for name in box_head.detection_outputs)
    rest = {"ROI": rois, "rpn_class": rpn_class, "rpn_bbox": rpn_bbox}
    for head in other_heads:
        found = head.outputs(detections[..., :4])
        found = {name: found[name] for name in head.detection_outputs or found}
        _check_free(head, found, {**outputs, **rest})
        outputs.update(found)
    outputs.update(rest)
    return outputs, features, maps


def build_training(config: Config, seed: int | None = None) -> GraphModel:
    """Build the graph from an image and its ground truth to the losses.

    Inputs: those of `loading.inputs.training_inputs` and, without USE_RPN_ROIS, `input_roi`
    [B, R, 4] in pixels. Outputs, in order: `rpn_class_logits`, `rpn_class`, `rpn_bbox`, the
    heads' outputs (`mrcnn_class_logits`, `mrcnn_class`, `mrcnn_bbox`, `mrcnn_mask`), `ROI`,
    `output_rois`, and the losses by name, the RPN's first.

    Args:
        config: valid settings.
        seed: for sampling the training RoIs; None leaves it to Keras.

    Returns:
        The graph, named "mask_rcnn".
    """
    declared = training_inputs(config, parts.heads(config))
    given = {wanted.name: keras_input(wanted) for wanted in declared}
    image, image_meta = given["image"], given["image_meta"]
    features, maps = _features(image, config)
    rpn_class_logits, rpn_class, rpn_bbox = rpn_of_pyramid(maps.anchored, config)
    if config.USE_RPN_ROIS:
        anchors = AnchorLayer(config, name="anchors")([image, *maps.anchored])
        more = [rpn_class_logits, image_meta, *maps.anchored] if needs_more(config) else []
        rois = ProposalLayer(
            config.POST_NMS_ROIS_TRAINING,
            config.RPN_NMS_THRESHOLD,
            config,
            config.PRE_NMS_LIMIT_TRAINING,
            name="ROI",
        )([rpn_class, rpn_bbox, anchors, *more])
    else:
        given["roi"] = keras.Input(
            (config.POST_NMS_ROIS_TRAINING, 4),
            name="input_roi",
            dtype="float32" if is_continuous(config) else "int32",
        )
        rois = NormBoxes(box_margin(config), name="ROI")([given["roi"], image])

    truth = {wanted.field: given[wanted.name] for wanted in declared if wanted.field}
    axes = {wanted.field: wanted.axis for wanted in declared if wanted.field}
    truth["class_ids"] = given["gt_class_ids"]
    truth["boxes"] = NormBoxes(box_margin(config), name="gt_boxes")([given["gt_boxes"], image])
    train_rois, class_ids, instances = RoiSampler(config, seed=seed, name="proposal_targets")(
        [rois, truth["class_ids"], truth["boxes"]]
    )
    meta = parse_image_meta_graph(image_meta)
    output_rois = layers.Identity(name="output_rois", dtype="float32")(train_rois)
    matched = Matched(
        rois=output_rois,
        class_ids=class_ids,
        instances=instances,
        positives=max_positives(config),
        truth=truth,
        axes=axes,
        active_class_ids=meta["active_class_ids"],
        image_shape=meta["image_shape"],
    )
    outputs = {
        "rpn_class_logits": rpn_class_logits,
        "rpn_class": rpn_class,
        "rpn_bbox": rpn_bbox,
    }
    losses = {
        "rpn_class_loss": LossLayer(rpn_class_loss_graph, name="rpn_class_loss")(
            [given["rpn_match"], rpn_class_logits]
        ),
        "rpn_bbox_loss": LossLayer(rpn_bbox_loss_graph, config, name="rpn_bbox_loss")(
            [given["rpn_bbox"], given["rpn_match"], rpn_bbox]
        ),
    }
    for head in _heads(config, maps, image_meta):
        predicted, to_minimise = head.train(matched)
        _check_free(head, predicted, {**outputs, "ROI": rois, "output_rois": output_rois})
        outputs.update(predicted)
        losses.update({name: to_minimise[name] for name in _declared_losses(head, to_minimise)})
    outputs.update({"ROI": rois, "output_rois": output_rois, **losses})
    return _model(list(given.values()), outputs, config, image, features, maps)


def _features(image: Tensor, config: Config) -> tuple[list[Tensor], neck.Neck]:
    """The backbone's feature maps that the network uses, and what the neck makes of them."""
    _, *features = backbones.build(config, image)
    if config.BACKBONE not in list(parts.BACKBONES):
        check_sizes(image, features, config)
    used = features[:3] if config.NECK == "c4" else features
    return used, neck.build(features, config)


def _heads(config, maps, image_meta):
    """The configured heads with their layers, the box head first.

    Call it after building the RPN: the order in which layers are created determines their initial
    weights.
    """
    features = Features(maps.pooled, image_meta, parts.pooler(config), maps.body)
    heads = [kind(config) for kind in parts.heads(config)]
    for head in heads:
        head.build(features)
    return heads


def _check_free(head: Head, names: Iterable[str], taken: Iterable[str]) -> None:
    """Check that a head's output names are not taken."""
    if taken_names := [name for name in names if name in taken]:
        raise ValueError(
            f"the head {head.name!r} has outputs {taken_names}: these names are taken."
        )


def _declared_losses(head: Head, losses: dict[str, Tensor]) -> tuple[str, ...]:
    if set(losses) != set(head.loss_names) or not all(n.endswith("_loss") for n in losses):
        raise ValueError(
            f"the head {head.name!r} has the losses {list(losses)} but declares "
            f"{list(head.loss_names)}: the names must be the same, each ending in '_loss'."
        )
    return head.loss_names


def _model(inputs, outputs, config, image, features, maps):
    """The `GraphModel` whose outputs are the tensors of a dict, in its order."""
    model = GraphModel(inputs, list(outputs.values()), name="mask_rcnn")
    model.names = tuple(outputs)
    backbone = backbones.of_config(config)
    model.stem, model.is_bgr = backbone.stem, backbone.pixel_order == "BGR"
    model.backbone = (image, *features)
    _check_layer_names(model, image, maps.anchored, config)
    return model


def _check_layer_names(model, image, maps, config):
    """Check that "heads" and weight files can identify the heads' layers."""
    below = {operation.name for operation in keras.Function(image, maps).operations}
    own = [kind.layer_regex() for kind in parts.heads(config)]
    if shares_stage5(config):
        own.append(backbones.of_config(config).trainable["5+"])
    known = "|".join(["rpn_.*", "roi_align_.*", *own])
    for layer in model.layers:
        if layer.weights and layer.name not in below and not re.fullmatch(known, layer.name):
            raise ValueError(
                f"a head has a layer {layer.name!r}: the name of a layer with weights must "
                "match the head's layer_names, such as area_fc for a head 'area', because weight "
                "files and layers='heads' identify it by name."
            )
