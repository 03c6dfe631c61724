"""The head interface: a custom head is trained, logged, resumed and used for detection."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from tiny import InMemory, TinyConfig, eager_training, shapes, spread

from mrcnn.model import MaskRCNN
from mrcnn.network.graph_model import outputs_by_name
from mrcnn.network.heads import Head, Matched
from mrcnn.network.losses import mean_of
from mrcnn.runs import history

pytestmark = pytest.mark.network


@pytest.fixture(autouse=True, scope="module")
def eagerly():
    with eager_training():
        yield


class AreaHead(Head):
    """Predicts the fraction of the image that each instance's box covers."""

    name, field, loss_names = "area", "areas", ("area_loss",)

    def build(self, features):
        self.pool = features.pooler(3, name="roi_align_area")
        self.dense = layers.Dense(1, name="area_fc")

    def outputs(self, rois):
        return {"area": self.dense(ops.mean(self.pool(rois), axis=(2, 3)))}  # [B, R, 1]

    def targets(self, matched):
        boxes = matched.of("boxes")
        return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])

    def losses(self, outputs, targets, matched):
        inputs = [outputs["area"][..., 0], targets, matched.class_ids]
        return {"area_loss": self.loss("area_loss", area_loss, inputs)}

    def decode(self, outputs, found):
        return outputs["area"][found.rows, 0]


def area_loss(area, target, class_ids):
    return mean_of(ops.square(area - target), class_ids > 0)


class AreaConfig(TinyConfig):
    HEADS = ("box", "mask", AreaHead)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 512
    LOSS_WEIGHTS = {**TinyConfig.LOSS_WEIGHTS, "area_loss": 2.0}


def build(folder, mode="training", config=None):
    keras.utils.set_random_seed(0)
    return MaskRCNN(mode, config or AreaConfig(), str(folder))


def test_it_is_trained_logged_resumed_and_used_for_detection(tmp_path, capsys):
    data = InMemory(shapes(4))
    model = build(tmp_path)
    kernel = model.keras_model.get_layer("rpn_model").get_layer("rpn_bbox_pred").kernel
    kernel.assign(np.zeros(kernel.shape))  # proposals are anchors, some of which lie on the shapes
    before = np.array(model.keras_model.get_layer("area_fc").kernel)
    model.train(data, data, 0.01, 1, "heads")
    assert "area=" in capsys.readouterr().out
    assert not np.array_equal(before, np.array(model.keras_model.get_layer("area_fc").kernel))
    [row] = history.read(model.log_dir)
    assert row["area_loss"] > 0 and row["val_area_loss"] > 0
    assert list(row)[:8] == ["epoch", "loss", *model.keras_model.loss_names]

    again = build(tmp_path)
    again.train(data, data, 0.01, 2, "heads", resume=True, verbose=0)
    assert again.epoch == 2 and "area_loss" in history.read(again.log_dir)[1]

    detector = build(tmp_path, "inference")
    spread(detector.keras_model)
    detector.load_weights(again.find_last(), by_name=True)
    [result] = detector.detect([data.load_image(0)])
    assert list(result) == ["rois", "class_ids", "scores", "masks", "areas", "truncated"]
    assert result["areas"].shape == (len(result["rois"]),)
    assert detector.fields == ("boxes", "masks", "areas")


def test_the_loss_is_that_of_the_instances_boxes():
    """If the head predicts 0, its loss is the mean square of the fractions that boxes cover."""
    config = AreaConfig()
    config.LOSS_WEIGHTS = {"area_loss": 1.0}
    model = build("unused", config=config).keras_model
    model.get_layer("area_fc").kernel.assign(np.zeros(model.get_layer("area_fc").kernel.shape))
    kernel = model.get_layer("rpn_model").get_layer("rpn_bbox_pred").kernel
    kernel.assign(np.zeros(kernel.shape))
    from mrcnn.loading.batches import BatchSequence
    from mrcnn.loading.source import SampleSource

    [batch] = BatchSequence(SampleSource(InMemory(shapes(2)), config, seed=1), 1)[0]
    sampler = keras.Model(model.inputs, model.get_layer("proposal_targets").output)
    _, class_ids, instances = (np.array(x) for x in sampler(batch, training=False))
    outputs = outputs_by_name(model, [np.array(x) for x in model(batch, training=False)])
    # Each call draws different RoIs, but an image's positives match only that image's boxes.
    boxes = (batch["input_gt_boxes"] - [0, 0, 1, 1]) / 63
    areas = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    real = batch["input_gt_class_ids"] > 0
    assert (class_ids > 0).any() and instances.max() <= 1
    low, high = (areas[real] ** 2).min(), (areas[real] ** 2).max()
    assert low - 1e-6 <= outputs["area_loss"] <= high + 1e-6


class Nameless(AreaHead):
    def build(self, features):
        super().build(features)
        self.dense = layers.Dense(1)


class Undeclared(AreaHead):
    name, field, loss_names = "area", "areas", ("some_loss",)


class OtherMasks(AreaHead):
    field = "masks"


class SameName(AreaHead):
    field = "others"


class SameLoss(AreaHead):
    name, field, loss_names = "other", "others", ("mrcnn_mask_loss",)


class TakenOutput(AreaHead):
    def outputs(self, rois):
        return {"mrcnn_class": super().outputs(rois)["area"]}

    def losses(self, outputs, targets, matched):
        return super().losses({"area": outputs["mrcnn_class"]}, targets, matched)


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        (("box", "pose"), "HEADS has 'pose': it must be 'box', 'mask' or 'keypoint', or your own"),
        (("box", 3), r"HEADS has 3: it must be a subclass \(not an instance\) of"),
        (("box", dict), r"HEADS has <class 'dict'>: it must be a subclass \(not an instance\)"),
        ("box", "HEADS is 'box': it must be a tuple of 'box', 'mask' or 'keypoint', or your"),
        (("mask",), r"HEADS is \('mask',\): 'box' must be one of them, because detections are"),
        ((), r"HEADS is \(\): 'box' must be one of them"),
        (("box", "mask", "mask"), "HEADS names 'mask' twice: each head must have"),
        (("box", "mask", OtherMasks), "'mask' and 'area', which both fill the field 'masks'"),
        (("box", AreaHead, SameName), "HEADS names 'area' twice: each head must have"),
        (("box", "mask", SameLoss), "'mask' and 'other', which both have a loss 'mrcnn_mask_loss'"),
        (("box", TakenOutput), r"the head 'area' has outputs \['mrcnn_class'\]: these names are"),
        (("box", Undeclared), r"the head 'area' has the losses \['area_loss'\] but declares"),
        (("box", Nameless), "a head has a layer 'dense.*': the name of a layer with weights"),
    ],
)
def test_refused(heads, message, tmp_path):
    config = AreaConfig()
    config.LOSS_WEIGHTS = {}
    config.HEADS = heads
    with pytest.raises(ValueError, match=message):
        build(tmp_path, config=config)


def test_weights_of_losses_that_are_not_there(tmp_path):
    config = AreaConfig()
    config.HEADS = ("box",)
    with pytest.raises(ValueError, match=r"LOSS_WEIGHTS names \['area_loss'\]: the losses are rpn"):
        build(tmp_path, config=config)


def test_the_truth_of_each_rois_instance():
    boxes = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    masks = np.arange(2 * 5 * 6 * 3).reshape(2, 5, 6, 3) % 2 == 0
    instances = np.array([[2, 0], [1, 1]], np.int32)
    matched = Matched(
        rois=None,
        class_ids=None,
        instances=instances,
        positives=2,
        truth={"boxes": boxes.astype(np.float16), "masks": masks},
        active_class_ids=None,
        axes={"masks": 2},
    )
    found = np.array(matched.of("boxes"))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, boxes[np.arange(2)[:, None], instances])
    found = np.array(matched.of("masks"))  # [B, T, h, w]
    wanted = np.moveaxis(masks, 3, 1)[np.arange(2)[:, None], instances]
    np.testing.assert_array_equal(found, wanted)


class TooFew(AreaHead):
    def decode(self, outputs, found):
        return super().decode(outputs, found)[1:]


class AsList(AreaHead):
    def decode(self, outputs, found):
        return super().decode(outputs, found).tolist()


def test_what_a_head_decodes(tmp_path):
    data = InMemory(shapes(1))
    config = AreaConfig()
    config.HEADS = ("box", AsList)
    model = build(tmp_path, "inference", config)
    spread(model.keras_model)
    [result] = model.detect([data.load_image(0)])
    assert isinstance(result["areas"], np.ndarray) and len(result["areas"]) == len(result["rois"])
    config.HEADS = ("box", TooFew)
    with pytest.raises(ValueError, match=r"the head 'area' gave \d areas for \d detections"):
        model.detect([data.load_image(0)])
