"""HEADS with "keypoint", from the dataset to the results: Mask R-CNN, section 5."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import run_keypoints
from on_backend import arrays_on
from run_keypoints import AllHeadsConfig, KeypointConfig, Rectangles, build
from tiny import InMemory, eager_training, shapes, spread

from mrcnn.augment import Flips
from mrcnn.evaluation import evaluate
from mrcnn.inference import tta
from mrcnn.loading.source import SampleSource
from mrcnn.runs import history

pytestmark = pytest.mark.network

LOSSES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss")


@pytest.fixture
def eagerly():
    with eager_training():
        yield


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """All heads, with random weights that detect something."""
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


def with_points(change):
    """A dataset whose keypoints, [2, 3, 3] in each image, are changed."""

    class Changed(Rectangles):
        def load_keypoints(self, image_id):
            keypoints = super().load_keypoints(image_id)
            return type(keypoints)(change(keypoints.points), keypoints.shape)

    return Changed(1)


class Unnamed(Rectangles):
    keypoint_layout = None


UNUSABLE = {
    "no keypoints": (
        InMemory(shapes(1)),
        {},
        r"image 0 \(shape0.png\): it has no keypoints, which the head 'keypoint' learns from",
        "shape0.png: no keypoints, which the head 'keypoint' learns from",
    ),
    "no layout": (Unnamed(1), {}, "Unnamed has no keypoint_layout: set it to a KeypointL", None),
    "another setting": (
        Rectangles(1),
        {"NUM_KEYPOINTS": 17},
        "NUM_KEYPOINTS is 17, but Rectangles has 3 keypoints: centre, left, right",
        None,
    ),
    "other pairs": (
        Rectangles(1),
        {"KEYPOINT_FLIP_PAIRS": [(0, 1)]},
        r"KEYPOINT_FLIP_PAIRS is \[\(0, 1\)\], but those of Rectangles are \[\(1, 2\)\]",
        None,
    ),
    "another count": (
        with_points(lambda points: points[:, :2]),
        {},
        "load_keypoints returned 2 keypoints for each instance: the keypoint_layout of Changed has",
        None,
    ),
    "outside their box": (
        with_points(lambda points: np.add(points, [64, 0, 0])),
        {},
        r"image 0 .*, instance 0: all its keypoints, such as .*, lie outside its box",
        "shape0.png, instance 0: all its keypoints, such as .*, lie outside its box",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_data(case, tmp_path, eagerly):
    """`train` raises what `check` reports."""
    dataset, settings, message, in_report = UNUSABLE[case]
    config = KeypointConfig.from_dict({"VALIDATION_STEPS": 0, **settings})
    report = dataset.check(config=config)
    assert not report.ok
    assert re.search(in_report or message, str(report))
    # No network is needed to find the problem.
    with pytest.raises(ValueError, match=message):
        SampleSource(dataset, config).sample(0)


def test_train_refuses_unusable_data(tmp_path):
    model = build(tmp_path / "logs")
    for case in ("no keypoints", "no layout"):
        dataset, _, message, _ = UNUSABLE[case]
        with pytest.raises(ValueError, match=message):
            model.train(dataset, None, 0.01, epochs=1, layers="heads", verbose=0)
    assert not (tmp_path / "logs").exists()


def test_train_save_and_load(tmp_path, eagerly):
    class Trained(AllHeadsConfig):
        VALIDATION_IMAGES = 2
        MONITOR = "val_keypoints_AP"

    model = build(tmp_path, config=Trained())
    layer = model.keras_model.get_layer("mrcnn_keypoint_deconv")
    frozen = model.keras_model.get_layer("conv1").kernel.numpy()
    before = layer.kernel.numpy()
    model.train(Rectangles(), Rectangles(2), 0.01, epochs=1, layers="heads", verbose=0)
    assert np.abs(layer.kernel.numpy() - before).max() > 0
    np.testing.assert_array_equal(model.keras_model.get_layer("conv1").kernel.numpy(), frozen)
    (row,) = history.read(model.log_dir)
    for name in ("bbox_AP", "segm_AP", "keypoints_AP", "keypoints_AP50", "mrcnn_keypoint_loss"):
        assert np.isfinite(float(row[f"val_{name}"])), name
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


def test_turned(detector):
    """In one orientation, merging changes nothing; in several, an object keeps a full set."""
    image = shapes(1)[0][0]
    (plain,) = detector.detect([image])
    (looked,) = tta.detect(detector, [image], orientations=1)
    seen = plain["masks"].any(axis=(0, 1))  # merging drops the others
    np.testing.assert_allclose(looked["keypoints"], plain["keypoints"][seen], atol=1e-4)
    (turned,) = tta.detect(detector, [image], orientations=2, min_votes=0)
    assert turned["keypoints"].shape == (len(turned["rois"]), 3, 3)
    assert {tuple(p) for p in looked["keypoints"][:, 0]} & {
        tuple(p) for p in turned["keypoints"][:, 0]
    }


def test_a_dataset_without_keypoints_gets_the_other_metrics(detector):
    found = evaluate(detector, InMemory(shapes(2)), progress=False)
    assert list(found["coco"]) == ["bbox", "segm"]


def test_evaluate(detector):
    found = evaluate(detector, Rectangles(2), progress=False)
    assert list(found["coco"]) == ["bbox", "segm", "keypoints"]
    assert 0 <= found["coco"]["keypoints"]["AP"] <= 1
    with pytest.raises(ValueError, match="the model predicts no keypoints: leave 'keypoints' out"):
        evaluate(SimpleNamespace(fields=("boxes",)), Rectangles(1), iou_types="keypoints")


def test_the_same_on_jax(tmp_path):
    ours = arrays_on("jax", "run_keypoints.py", tmp_path)
    expected = run_keypoints.detected(tmp_path) | run_keypoints.trained(eagerly=True)
    assert len(expected["detect.keypoints"]) and expected["loss.mrcnn_keypoint_loss"] > 0
    assert set(ours) == set(expected)
    for name, value in expected.items():
        if name in ("detect.rois", "detect.class_ids"):
            np.testing.assert_array_equal(ours[name], value, err_msg=name)
            continue
        # The change of a weight is relative to the largest; see also test_backends.py.
        tolerance = 5e-3 if "step" in name else 1e-4 * max(1.0, np.abs(value).max())
        np.testing.assert_allclose(ours[name], value, atol=tolerance, err_msg=name)
