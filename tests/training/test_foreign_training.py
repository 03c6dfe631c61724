"""Losses and gradients with torchvision's weights, held against those of torchvision."""

import json
import types

import keras
import numpy as np
import pytest
from shared_data import FOREIGN, foreign_image, foreign_values
from weights.foreign.models import manifest, seeded

from mrcnn.anchors.targets import build_rpn_targets
from mrcnn.geometry.boxes import box_deltas, compute_overlaps
from mrcnn.images.frame import Frame
from mrcnn.images.normalising import mold_resized
from mrcnn.inference import molding
from mrcnn.instances import InstanceBoxes
from mrcnn.model import MaskRCNN
from mrcnn.weights.foreign import ForeignWeights
from mrcnn.weights.keras_h5 import weighted_layers

pytestmark = pytest.mark.slow

INSTANCES = 5
LOSSES = {
    "loss_classifier": "mrcnn_class_loss",
    "loss_box_reg": "mrcnn_bbox_loss",
    "loss_mask": "mrcnn_mask_loss",
    "loss_keypoint": "mrcnn_keypoint_loss",
    "loss_objectness": "rpn_class_loss",
    "loss_rpn_box_reg": "rpn_bbox_loss",
}
YX = [1, 0, 3, 2]


@pytest.mark.parametrize(
    ("name", "train_bn", "loss_tolerance", "gradient_tolerance"),
    [
        # Probably a RoI whose side rounds to another number of samples of its mask.
        ("maskrcnn_resnet50_fpn", False, 2e-5, 2e-3),
        ("keypointrcnn_resnet50_fpn", False, 5e-6, 6e-3),
        # Batch statistics enlarge differences: two runs of torchvision differ by 2.5e-3.
        ("maskrcnn_resnet50_fpn_v2", True, 5e-5, 1.5e-2),
    ],
)
def test_a_batch(name, train_bn, loss_tolerance, gradient_tolerance, tmp_path):
    values = foreign_values(f"torchvision_{name}_train")
    info = json.loads(str(values["info_json"]))
    tensors = seeded(manifest(f"torchvision_{name}"))
    np.savez(tmp_path / "weights.npz", **tensors)
    model = MaskRCNN.from_pretrained(
        tmp_path / "weights.npz",
        "training",
        tmp_path,
        IMAGE_MIN_DIM=info["min_size"],
        IMAGE_MAX_DIM=info["max_size"],
        IMAGES_PER_GPU=2,
        MAX_GT_INSTANCES=INSTANCES,
        TRAIN_BN=train_bn,
    )
    samples = [
        sample(model.config, values, index, spec) for index, spec in enumerate(info["images"])
    ]
    inputs = {key: np.stack([each[key] for each in samples]) for key in samples[0]}
    outputs, gradients = step(model.keras_model, inputs)

    for theirs, ours in LOSSES.items():
        if f"losses.{theirs}" in values:
            expected = float(values[f"losses.{theirs}"])
            assert float(outputs[ours]) == pytest.approx(expected, rel=loss_tolerance), ours
    check_proposals(outputs["ROI"], values)
    check_heads(outputs, inputs, values)
    check_gradients(
        ForeignWeights(tensors), model.keras_model, gradients, values, gradient_tolerance
    )


def sample(config, values, index, spec):
    """The inputs of an image, with the anchors and RoIs that torchvision drew."""
    key, shape = f"img{index}.", tuple(values["padded_size"])
    image = foreign_image(**spec["synthetic"])
    resized, frame = Frame.of(image, config, pad=False)
    height, width = resized.shape[:2]
    assert (height, width) == tuple(values[f"{key}image_size"])
    frame, more = frame.padded(*map(int, shape))
    labels, expected = values[f"{key}labels"], values[f"{key}boxes_resized"][:, YX]
    boxes = frame.place(InstanceBoxes(values[f"{key}boxes"][:, YX], image.shape[:2])).boxes
    np.testing.assert_allclose(boxes, expected, atol=1e-4)
    match, deltas = rpn_targets(config, values, key, labels, boxes, shape)
    own = values[f"{key}roi_labels"]
    order = np.concatenate([np.flatnonzero(own > 0), np.flatnonzero(own == 0)])
    fill = (0, INSTANCES - len(boxes))
    made = {
        "image": mold_resized(np.pad(resized, more), frame.window, config),
        "image_meta": frame.meta(index, np.ones(config.NUM_CLASSES)),
        "rpn_match": match[:, None],
        "rpn_bbox": deltas,
        "gt_class_ids": np.pad(labels, fill),
        "gt_boxes": np.pad(boxes, (fill, (0, 0))),
        "rois": values[f"{key}rois"][order][:, YX] / np.float32([*shape, *shape]),
        "class_ids": own[order],
        "instances": np.where(own > 0, values[f"{key}roi_matched"], 0)[order],
    }
    if f"{key}masks_packed" in values:
        count, *size = values[f"{key}masks_shape"]
        masks = np.unpackbits(values[f"{key}masks_packed"])[: count * size[0] * size[1]]
        masks = nearest(masks.reshape(count, *size).astype(bool), height, width)
        room = [(0, shape[0] - height), (0, shape[1] - width), fill]
        made["gt_masks"] = np.pad(masks.transpose(1, 2, 0), room)
    if f"{key}keypoints" in values:
        points = values[f"{key}keypoints"] * np.float32(
            [width / image.shape[1], height / image.shape[0], 1]
        )
        made["gt_keypoints"] = np.pad(points[..., [1, 0, 2]], (fill, (0, 0), (0, 0)))
    return made


def nearest(masks, height, width):
    """Masks [N, H, W] as torchvision resizes them: the pixel above and left of each corner."""
    rows, columns = (
        np.floor(np.arange(count, dtype=np.float32) * np.float32(size / count)).astype(int)
        for count, size in zip((height, width), masks.shape[1:], strict=True)
    )
    return masks[:, rows][:, :, columns]


def rpn_targets(config, values, key, labels, boxes, shape):
    """What the RPN learns from the anchors that torchvision drew."""
    anchors, _ = molding.anchors(config, (*shape, 3))
    every = types.SimpleNamespace(
        RPN_TRAIN_ANCHORS_PER_IMAGE=2 * len(anchors), RPN_BBOX_STD_DEV=np.ones(4)
    )
    before, _ = build_rpn_targets(None, anchors, labels, boxes, every)
    counts = [np.count_nonzero(before == label) for label in (1, -1, 0)]
    assert counts == values[f"{key}rpn_label_counts"].tolist()
    match = np.zeros(len(anchors), np.int32)
    for label, drawn in ((1, "positive"), (-1, "negative")):
        chosen = values[f"{key}rpn_{drawn}"]
        assert (before[chosen] == label).all()
        match[chosen] = label
    kept = anchors[match == 1]
    deltas = np.zeros((config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4))
    wanted = boxes.astype(np.float64)[compute_overlaps(kept, boxes).argmax(axis=1)]
    deltas[: len(kept)] = box_deltas(kept, wanted)
    return match, deltas


def step(graph, inputs):
    """The outputs of the training graph for given RoIs, and the gradients of its losses."""
    import tensorflow as tf

    sampled = dict(
        zip(
            ("rois", "class_ids", "instances"),
            graph.get_layer("proposal_targets").output,
            strict=True,
        )
    )
    given = {tensor.name.removeprefix("input_"): tensor for tensor in graph.inputs} | sampled
    outputs = dict(zip(graph.names, graph.outputs, strict=True))
    # Those of the RoIs that may be positive, as logits; the whole output would take long.
    head = next(name for name in ("mrcnn_mask", "mrcnn_keypoint") if name in outputs)
    outputs[head] = graph.get_layer(head).output
    function = keras.Function(list(given.values()), list(outputs.values()))
    variables = [variable.value for variable in graph.trainable_variables]
    arrays = [tf.constant(inputs[name].astype(given[name].dtype)) for name in given]
    with tf.GradientTape() as tape:
        found = dict(zip(outputs, function(arrays), strict=True))
        total = sum(value for name, value in found.items() if name.endswith("_loss"))
    gradients = [np.asarray(tf.convert_to_tensor(each)) for each in tape.gradient(total, variables)]
    paths = [variable.path for variable in graph.trainable_variables]
    return {name: np.asarray(value) for name, value in found.items()}, dict(
        zip(paths, gradients, strict=True)
    )


def check_proposals(rois, values):
    sides = np.float32([*values["padded_size"], *values["padded_size"]])
    for index, found in enumerate(rois * sides):
        kept = found[found.any(axis=1)]
        assert len(kept) == values[f"img{index}.rpn_proposals_count"]
        theirs = values[f"img{index}.rpn_proposals"][:, YX]
        distances = np.abs(theirs[:, None] - kept[None]).max(axis=-1).min(axis=1)
        assert np.count_nonzero(distances > 0.05) <= 3


def check_heads(outputs, inputs, values):
    """What the heads make of the RoIs, in torchvision's order."""
    places = []
    for index in range(2):
        own = values[f"img{index}.roi_labels"]
        order = np.concatenate([np.flatnonzero(own > 0), np.flatnonzero(own == 0)])
        places.append(np.argsort(order))
    for name, stored, every in (
        ("mrcnn_class_logits", "class_logits", 12),
        ("mrcnn_bbox", "box_regression", 40),
    ):
        found = np.concatenate([outputs[name][i][places[i]] for i in range(2)])[::every]
        if name == "mrcnn_bbox":
            found = found[..., YX].reshape(len(found), -1)
        expected = values[stored]
        np.testing.assert_allclose(found, expected, atol=5e-4 * np.abs(expected).max())
    head, every = ("mrcnn_mask", 4) if "mrcnn_mask" in outputs else ("mrcnn_keypoint", 8)
    positives = np.count_nonzero(inputs["class_ids"], axis=1)
    maps = np.concatenate([outputs[head][i][: positives[i]] for i in range(2)])
    maps = maps[::16, ::every, ::every].transpose(0, 3, 1, 2)
    expected = values["roi_maps"]
    np.testing.assert_allclose(maps, expected, atol=5e-4 * np.abs(expected).max())


def check_gradients(source, graph, gradients, values, tolerance):
    """The gradients of all parameters, by torchvision's names."""
    found = {}
    for layer, variables in weighted_layers(graph).items():
        for part, variable in zip(source.table[layer], variables, strict=True):
            if variable.path in gradients:
                found[part.name] = part.theirs(gradients[variable.path])
    names = json.loads(str(values["parameter_names"]))
    assert set(names) == set(found)
    # The softmax does not see this one: its gradient is 0 but for rounding.
    rounding = "roi_heads.keypoint_predictor.kps_score_lowres.bias"
    norms = dict(zip(names, values["gradient_norms"], strict=True))
    for name in sorted(set(names) - {rounding}):
        norm = np.linalg.norm(found[name].astype(np.float64))
        assert norm == pytest.approx(norms[name], rel=tolerance), name
    for key in (key for key in values if key.startswith("gradient.")):
        name, expected = key.removeprefix("gradient."), values[key]
        every = values[f"gradient_step.{name}"]
        part = found[name][::every, :32] if expected.ndim > 1 else found[name]
        if name != rounding:
            error = np.abs(part - expected).max() / np.abs(expected).max()
            assert error < 20 * tolerance, name


def test_their_values_are_here():
    """So that the test above is not skipped unnoticed where they are."""
    assert not FOREIGN.exists() or len(list(FOREIGN.glob("torchvision_*_train.npz"))) == 3
