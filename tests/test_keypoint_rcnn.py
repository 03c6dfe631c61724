"""HEADS with "keypoint", from the dataset to the results: Mask R-CNN, section 5."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from tiny import InMemory, TinyConfig, eager_training, shapes, spread

from mrcnn.augment import Flips
from mrcnn.evaluation import evaluate
from mrcnn.instances import InstanceKeypoints, KeypointLayout
from mrcnn.loading.source import SampleSource
from mrcnn.model import MaskRCNN
from mrcnn.runs import history

pytestmark = pytest.mark.network

LOSSES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss")
LAYOUT = KeypointLayout(["centre", "left", "right"], [(0, 1), (0, 2)])


class KeypointConfig(TinyConfig):
    HEADS = ("box", "keypoint")
    NUM_KEYPOINTS = 3
    KEYPOINT_POOL_SIZE = 3
    KEYPOINT_HEAD_LAYERS = 2
    KEYPOINT_HEAD_CHANNELS = 8


class AllHeadsConfig(KeypointConfig):
    HEADS = ("box", "mask", "keypoint")


class Rectangles(InMemory):
    """Rectangles with a keypoint in the centre and at the middle of the left and right sides."""

    keypoint_layout = LAYOUT

    def __init__(self, count=4):
        super().__init__(shapes(count))

    def load_keypoints(self, image_id):
        masks, _ = self.load_mask(image_id)
        points = []
        for mask in np.moveaxis(masks, -1, 0):
            (y1, x1), (y2, x2) = np.argwhere(mask).min(axis=0), np.argwhere(mask).max(axis=0) + 1
            y, x = (y1 + y2) / 2, (x1 + x2) / 2
            points.append([[y, x, 2], [y, x1, 2], [y, x2, 1]])
        return InstanceKeypoints(points, masks.shape, LAYOUT.flip_pairs)


@pytest.fixture
def eagerly():
    with eager_training():
        yield


def build(folder, mode="training", config=None):
    keras.utils.set_random_seed(0)
    return MaskRCNN(mode, config or KeypointConfig(), str(folder))


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    model = build(tmp_path_factory.mktemp("logs"), "inference", AllHeadsConfig())
    spread(model.keras_model)
    return model


def test_graph(tmp_path):
    model = build(tmp_path).keras_model
    assert model.loss_names == (*LOSSES, "mrcnn_keypoint_loss")
    inputs = {tensor.name: tensor.shape for tensor in model.inputs}
    assert inputs["input_gt_keypoints"] == (None, 4, 3, 3)
    assert "input_gt_masks" not in inputs
    assert model.names[6] == "mrcnn_keypoint"
    assert model.outputs[6].shape == (None, 12, 12, 12, 3)


def test_flips_swap_what_is_learnt():
    config = KeypointConfig()
    plain = SampleSource(Rectangles(), config, shuffle=False, seed=1).sample(0)
    flipped = SampleSource(
        Rectangles(), config, shuffle=False, seed=1, augmentation=Flips(horizontal=1)
    ).sample(0)
    expected = plain["gt_keypoints"][:2][:, [0, 2, 1]]
    expected[..., 1] = 64 - expected[..., 1]
    np.testing.assert_array_equal(flipped["gt_keypoints"][:2], expected)
    # Left is still left of right, as a mirrored figure's must be.
    assert (flipped["gt_keypoints"][:2, 1, 1] < flipped["gt_keypoints"][:2, 2, 1]).all()
    assert not plain["gt_keypoints"][2:].any()


def test_an_augmentation_that_moves_only_masks_is_refused():
    def mirror(image, masks):
        return image[:, ::-1], masks[:, ::-1]

    with pytest.raises(TypeError, match="mirror, which moves only masks or boxes, but the heads"):
        SampleSource(Rectangles(), KeypointConfig(), augmentation=mirror)


def test_a_dataset_without_keypoints():
    message = "image 0 .*: it has no keypoints, which the head 'keypoint' learns from"
    with pytest.raises(ValueError, match=message):
        SampleSource(InMemory(shapes(1)), KeypointConfig())
    assert "no keypoints, which the head 'keypoint'" in str(
        InMemory(shapes(1)).check(config=KeypointConfig())
    )


def test_another_number_of_keypoints():
    config = KeypointConfig.from_dict({"NUM_KEYPOINTS": 17})
    with pytest.raises(ValueError, match="NUM_KEYPOINTS is 17, but Rectangles has 3 keypoints"):
        SampleSource(Rectangles(), config)


def test_train_save_and_load(tmp_path, eagerly):
    class Trained(AllHeadsConfig):
        VALIDATION_STEPS = 0

    model = build(tmp_path, config=Trained())
    layer = model.keras_model.get_layer("mrcnn_keypoint_deconv")
    frozen = model.keras_model.get_layer("conv1").kernel.numpy()
    before = layer.kernel.numpy()
    model.train(Rectangles(), None, 0.01, epochs=1, layers="heads", verbose=0)
    assert np.abs(layer.kernel.numpy() - before).max() > 0
    np.testing.assert_array_equal(model.keras_model.get_layer("conv1").kernel.numpy(), frozen)
    again = build(tmp_path, "inference", Trained())
    report = again.load_weights(again.find_last())
    assert not report.missing
    for name in ("mrcnn_keypoint_conv1", "mrcnn_keypoint_conv2", "mrcnn_keypoint_deconv"):
        np.testing.assert_array_equal(
            again.keras_model.get_layer(name).kernel.numpy(),
            model.keras_model.get_layer(name).kernel.numpy(),
        )


def test_detect(detector):
    (result,) = detector.detect([shapes(1, (60, 90))[0][0]])
    count = len(result["rois"])
    assert count
    assert result["keypoints"].shape == (count, 3, 3)
    assert result["masks"].shape == (60, 90, count)
    y, x, score = np.moveaxis(result["keypoints"], -1, 0)
    y1, x1, y2, x2 = (side[:, None] for side in result["rois"].T)
    # Boxes are rounded to pixels.
    assert ((y > y1 - 1) & (y < y2 + 1) & (x > x1 - 1) & (x < x2 + 1)).all()
    assert ((score > 0) & np.isfinite(score)).all()


def test_same_result_for_molded_images(detector):
    image = shapes(1)[0][0]
    (result,) = detector.detect([image])
    molded, metas, _ = detector.mold_inputs([image])
    (of_molded,) = detector.detect_molded(molded, metas)
    np.testing.assert_allclose(of_molded["keypoints"], result["keypoints"], atol=1e-3)


def test_keypoint_ap_after_an_epoch(tmp_path, eagerly):
    class Validated(KeypointConfig):
        VALIDATION_IMAGES = 2
        MONITOR = "val_keypoints_AP"

    model = build(tmp_path, config=Validated())
    model.train(Rectangles(), Rectangles(2), 0.01, epochs=1, layers="heads", verbose=0)
    (row,) = history.read(model.log_dir)
    for name in (
        "val_bbox_AP",
        "val_keypoints_AP",
        "val_keypoints_AP50",
        "val_mrcnn_keypoint_loss",
    ):
        assert np.isfinite(float(row[name])), name
    assert "val_segm_AP" not in row


def test_evaluate(detector):
    found = evaluate(detector, Rectangles(2), progress=False)
    assert list(found["coco"]) == ["bbox", "segm", "keypoints"]
    assert 0 <= found["coco"]["keypoints"]["AP"] <= 1
    with pytest.raises(ValueError, match="the model predicts no keypoints: leave 'keypoints' out"):
        evaluate(SimpleNamespace(fields=("boxes",)), Rectangles(1), iou_types="keypoints")
