import csv

import keras
import numpy as np
import pytest
from tiny import InMemory, TinyConfig, eager_training, shapes, spread

from mrcnn.inference.detector import SharedDetector
from mrcnn.instances import InstanceMasks
from mrcnn.metrics.evaluator import Evaluator
from mrcnn.network import graph
from mrcnn.runs import history
from mrcnn.training import feeding, optimization
from mrcnn.training.callbacks import validation
from mrcnn.training.callbacks.validation import ValidateAP, choose_images, validation_config

pytestmark = pytest.mark.network


@pytest.fixture(autouse=True, scope="module")
def eagerly():
    with eager_training():
        yield


APS = [f"val_{kind}_{name}" for name in ("AP", "AP50", "AP75") for kind in ("bbox", "segm")]
LOGGED = [*APS, "val_mean_iou"]


def config_of(**settings):
    return TinyConfig.from_dict({**TinyConfig().to_dict(), **settings})


class Known:
    """Stands in for detection: finds all instances in the images that are in `found`."""

    def __init__(self, dataset, monkeypatch):
        self.dataset, self.found, self.batches = dataset, set(), []
        self.scores = 0.9
        monkeypatch.setattr(validation, "SharedDetector", self.of)

    def of(self, model, config):
        assert model == "the training graph"
        return self

    def detect(self, images, dense):
        assert not dense
        # The images can be told apart by their noise.
        numbers = [
            next(i for i in self.dataset.image_ids if np.array_equal(self.dataset.samples[i][0], x))
            for x in images
        ]
        self.batches.append(numbers)
        return [self.result(i) for i in numbers]

    def result(self, i):
        masks, class_ids = self.dataset.load_instances(i)
        if i not in self.found:
            masks, class_ids = masks[:0], class_ids[:0]
        scores = np.full(len(class_ids), self.scores, np.float32)
        return {"rois": masks.boxes, "class_ids": class_ids, "scores": scores, "masks": masks}


@pytest.fixture
def dataset():
    return InMemory(shapes(8))


@pytest.fixture
def known(dataset, monkeypatch):
    return Known(dataset, monkeypatch)


def callback_of(dataset, *args, verbose=0, last_epoch=None, **settings):
    callback = ValidateAP(dataset, config_of(**settings), *args, last_epoch=last_epoch)
    callback.set_model("the training graph")
    callback.set_params({"verbose": verbose, "epochs": 9})
    return callback


def test_values_of_known_detections(dataset, known):
    callback = callback_of(dataset, VALIDATION_IMAGES=4)
    known.found = set(callback.image_ids[:3].tolist())
    logs = {"loss": 2.0}
    callback.on_epoch_end(0, logs)
    # 3 of 4 instances of each class are found: 76 of the 101 recalls are reached.
    iou = logs.pop("val_mean_iou")
    assert logs == {"loss": 2.0, **dict.fromkeys(APS, pytest.approx(76 / 101))}
    assert callback.values["segm_AR"] == pytest.approx(0.75)
    assert len(callback.values) == 25
    # Pixels of all images are counted together; those of the image that is missed are background.
    pixels = np.stack([dataset.samples[i][1] for i in callback.image_ids]).sum((1, 2))  # [4, 2]
    background = 4 * 64 * 64 - pixels.sum()
    of_classes = pixels[:3].sum(0) / pixels.sum(0)
    expected = np.mean([background / (background + pixels[3].sum()), *of_classes])
    assert iou == pytest.approx(expected)
    assert known.batches == [callback.image_ids[:2].tolist(), callback.image_ids[2:].tolist()]


def test_logs_between_two_measurements(dataset, known):
    callback = callback_of(dataset, VALIDATION_IMAGES=3, VALIDATION_EVERY=3)
    values, measured = [], []
    for epoch in range(7):
        known.found = set(callback.image_ids[: epoch // 2].tolist())
        before, logs = len(known.batches), {}
        callback.on_epoch_end(epoch, logs)
        assert list(logs) == LOGGED
        values.append(round(logs["val_segm_AP"], 2))
        measured.append(len(known.batches) > before)
        assert bool(history.measured(logs)) is measured[-1]
    assert measured == [True, False, True, False, False, True, False]
    assert values == [0, 0, 0.34, 0.34, 0.34, 0.66, 0.66]  # 34 and 67 of 101 recalls
    # When a run is resumed, the values may be given.
    resumed = callback_of(dataset, VALIDATION_IMAGES=3, VALIDATION_EVERY=3)
    resumed.values = callback.values
    resumed.on_epoch_end(7, logs)
    assert logs["val_segm_AP"] == callback.values["segm_AP"] and measured[-1] is False


def test_the_last_epoch_of_a_run_is_measured(dataset, known):
    callback = callback_of(dataset, last_epoch=4, VALIDATION_IMAGES=3, VALIDATION_EVERY=3)
    measured = []
    for epoch in range(4):
        before = len(known.batches)
        callback.on_epoch_end(epoch, {})
        measured.append(len(known.batches) > before)
    assert measured == [True, False, True, True]


@pytest.mark.parametrize(
    "settings", [{"VALIDATION_EVERY": 0}, {"VALIDATION_STEPS": 0}, {"VALIDATION_STEPS": None}]
)
def test_never(dataset, known, settings):
    logs = {}
    callback_of(dataset, **settings).on_epoch_end(0, logs)
    assert not logs and not known.batches


def test_a_line_says_it(dataset, known, capsys):
    callback = callback_of(dataset, VALIDATION_IMAGES=4)
    callback.on_epoch_end(0, {})
    assert capsys.readouterr().out == ""
    callback.set_params({"verbose": 1})
    callback.on_epoch_end(1, {})
    out = capsys.readouterr().out
    assert out.startswith("\nAP on 4 images: boxes 0.000, masks 0.000; mean IoU 0.")
    assert out.endswith(" s)\n")


def test_other_metrics(dataset, known):
    callback = callback_of(dataset, ("AP", "ARs"), VALIDATION_IMAGES=2)
    known.found = set(range(8))
    logs = {}
    callback.on_epoch_end(0, logs)
    assert list(logs) == ["val_bbox_AP", "val_segm_AP", "val_bbox_ARs", "val_segm_ARs"]


def test_mean_iou_is_that_of_the_evaluation(dataset, known):
    """Only of detections that count in practice, and of classes that the image's source has."""
    dataset.add_class("others", 7, "car")
    dataset.prepare()
    rows = shapes(8, seed=7)  # what is found differs from what is there
    known.result = lambda i: {
        "rois": np.array([[0, 0, 64, 64]] * 3),
        "class_ids": np.array([1, 2, 3]),
        "scores": np.array([0.9, [0.3, 0.6][i % 2], 0.99], np.float32),
        "masks": InstanceMasks.from_dense(
            np.concatenate([rows[i][1], np.ones((64, 64, 1), bool)], axis=2)
        ),
    }
    callback = callback_of(
        dataset, VALIDATION_IMAGES=8, NUM_CLASSES=4, DETECTION_MIN_CONFIDENCE={1: 0.5, 2: 0.5}
    )
    dataset.samples[0][2][0] *= -1  # a crowd
    logs = {}
    callback.on_epoch_end(0, logs)
    evaluator = Evaluator(dataset, metrics="pixels", min_score=0.5)
    for i in range(8):
        evaluator.add(i, *dataset.load_instances(i), known.result(i))
    assert logs["val_mean_iou"] == evaluator.compute()["pixels"]["mean_iou"]
    assert 0.1 < logs["val_mean_iou"] < 0.9


def test_without_a_mask_head_there_is_no_mean_iou(dataset, known):
    callback = callback_of(dataset, VALIDATION_IMAGES=2, HEADS=("box",))
    logs = {}
    callback.on_epoch_end(0, logs)
    assert list(logs) == ["val_bbox_AP", "val_bbox_AP50", "val_bbox_AP75"]


def test_samples_to_show(dataset, known):
    shown = []
    callback = callback_of(
        dataset, ("AP",), shown.append, VALIDATION_IMAGES=8, DETECTION_MIN_CONFIDENCE=0.7
    )
    known.found = set(range(8))
    callback.on_epoch_end(0, {})
    known.scores = 0.6
    callback.on_epoch_end(1, {})
    assert [len(samples) for samples in shown] == [4, 4]
    for number, (image, truth, result) in enumerate(shown[0]):
        pixels, masks, class_ids = dataset.samples[callback.image_ids[number]]
        for part in (truth, result):
            np.testing.assert_array_equal(part["masks"], masks)
            np.testing.assert_array_equal(part["class_ids"], class_ids)
            assert part["rois"].shape == (2, 4)
        np.testing.assert_array_equal(image, pixels)
    assert not len(shown[1][0][2]["scores"]) and shown[1][0][2]["masks"].shape == (64, 64, 0)


def test_large_images_are_shown_thinned(dataset, known, monkeypatch):
    monkeypatch.setattr(validation, "SHOWN_SIDE", 30)
    shown = []
    callback = callback_of(dataset, ("AP",), shown.append, VALIDATION_IMAGES=1)
    known.found = set(range(8))
    callback.on_epoch_end(0, {})
    [[(image, truth, result)]] = shown
    pixels, masks, _ = dataset.samples[callback.image_ids[0]]
    np.testing.assert_array_equal(image, pixels[::3, ::3])
    for part in (truth, result):
        np.testing.assert_array_equal(part["masks"], masks[::3, ::3])
        for (y1, x1, y2, x2), mask in zip(part["rois"], np.moveaxis(masks, 2, 0), strict=True):
            ys, xs = np.nonzero(mask)
            assert (y1, x1) == (ys.min() // 3, xs.min() // 3)
            assert (y2, x2) == (-(-(ys.max() + 1) // 3), -(-(xs.max() + 1) // 3))


def test_images_that_cannot_be_read_are_left_out(dataset, known, caplog):
    callback = callback_of(dataset, VALIDATION_IMAGES=5)
    first, second, third, *rest = callback.image_ids.tolist()
    known.found = set(rest)
    image, masks, class_ids = dataset.samples[first]
    dataset.samples[first] = (image, masks[:, :, :1], class_ids)
    dataset.samples[third] = (image[:50], masks, class_ids)
    dataset.samples[second] = ("no image", *dataset.samples[second][1:])
    for epoch in range(2):
        logs = {}
        callback.on_epoch_end(epoch, logs)
        assert logs["val_segm_AP"] == pytest.approx(1)
    assert callback.image_ids.tolist() == rest
    assert caplog.text.count("images left out of the AP") == 1
    assert f"{first} (ValueError: " in caplog.text and f"{second} (" in caplog.text
    assert (
        f"{third} (ValueError: image {third} (shape{third}.png): its masks are 64x64 pixels, but "
        "the image is 50x64 (height x width)"
    ) in caplog.text


def test_a_measurement_that_fails_is_the_last(dataset, known, caplog, monkeypatch):
    callback = callback_of(dataset, VALIDATION_IMAGES=4)
    callback.on_epoch_end(0, {})
    monkeypatch.setattr(known, "detect", None)
    for epoch in (1, 2):
        logs = {}
        callback.on_epoch_end(epoch, logs)
        assert list(logs) == LOGGED and np.isnan(list(logs.values())).all()
    assert caplog.text.count("no AP from now on: TypeError") == 1


def test_without_a_graph_to_detect_with(dataset, known, caplog, monkeypatch):
    def refuse(*_):
        raise ValueError("the layer 'conv2d_5' is not there")

    monkeypatch.setattr(validation, "SharedDetector", refuse)
    callback, logs = callback_of(dataset, VALIDATION_IMAGES=4), {}
    callback.on_epoch_end(0, logs)
    assert not logs and not len(callback.image_ids)
    assert "no AP while this network trains: the layer 'conv2d_5'" in caplog.text


def test_the_images_are_spread_and_stay():
    dataset = InMemory(shapes(1) * 40)
    first = choose_images(dataset, config_of(VALIDATION_IMAGES=10))
    assert len(set(first)) == 10 and (np.diff(first) > 0).all()
    assert first[0] < 10 and first[-1] >= 30
    np.testing.assert_array_equal(first, choose_images(dataset, config_of(VALIDATION_IMAGES=10)))
    counts = {(3, 2, None): 6, (30, 2, None): 40, (0, 2, None): 0, (3, 2, 7): 7, (3, 2, 99): 40}
    for (steps, size, images), count in counts.items():
        config = config_of(VALIDATION_STEPS=steps, IMAGES_PER_GPU=size, VALIDATION_IMAGES=images)
        assert len(choose_images(dataset, config)) == count


def test_the_configuration_to_detect_with():
    config = config_of(DETECTION_MIN_CONFIDENCE=0.7, IMAGES_PER_GPU=3, BATCH_SIZE=3)
    ours = validation_config(config)
    assert ours.to_dict() == {**config.to_dict(), "DETECTION_MIN_CONFIDENCE": 0.05}
    for confidence, expected in ((0.01, 0.01), (0, 0), (None, 0)):
        config.DETECTION_MIN_CONFIDENCE = confidence
        ours = validation_config(config)
        assert ours.to_dict()["DETECTION_MIN_CONFIDENCE"] == expected
    config.NUM_CLASSES, config.DETECTION_MIN_CONFIDENCE = 4, {1: 0.9, 3: 0.02}
    ours = validation_config(config)
    assert ours.DETECTION_MIN_CONFIDENCE == {1: 0.05, 2: 0.05, 3: 0.02}
    config.DETECTION_MIN_CONFIDENCE = None
    config.GPU_COUNT = 3
    assert (config.BATCH_SIZE, validation_config(config).BATCH_SIZE) == (9, 3)
    config.IMAGE_RESIZE_MODE = "crop"
    ours = validation_config(config)
    assert (ours.IMAGE_RESIZE_MODE, ours.BATCH_SIZE) == ("pad64", 1)
    assert (config.IMAGE_RESIZE_MODE, config.DETECTION_MIN_CONFIDENCE) == ("crop", None)


def test_more_instances_than_coco_counts(dataset):
    limits = {6: 100, 400: 400}
    for instances, expected in limits.items():
        callback = ValidateAP(dataset, config_of(DETECTION_MAX_INSTANCES=instances))
        assert callback.metrics.max_detections == expected


@pytest.mark.parametrize("limit", [1, 2])
def test_more_instances_than_can_be_detected_are_said_once(dataset, known, caplog, limit):
    callback = ValidateAP(dataset, config_of(DETECTION_MAX_INSTANCES=limit))
    callback.set_model("the training graph")
    known.found = set(callback.image_ids)
    for epoch in range(2):
        callback.on_epoch_end(epoch, {})
    count = len(callback.image_ids)
    said = (
        f"{count} of {count} validation images have more instances than DETECTION_MAX_INSTANCES "
        "(1), up to 2: the excess cannot be found, which lowers the AP. Raise the limit."
    )
    assert caplog.messages == [said][: 2 - limit]


def test_in_a_training(dataset, tmp_path):
    config = config_of(VALIDATION_IMAGES=3)
    model = graph.build("training", config, seed=1)
    spread(model)
    callback = ValidateAP(dataset, config)
    # The ground truth is what the network detects, until training changes it.
    callback.set_model(model)
    callback.detector = detector = SharedDetector(model, callback.config)
    for i, result in enumerate(detector.detect([row[0] for row in dataset.samples])):
        dataset.samples[i] = (dataset.samples[i][0], result["masks"], result["class_ids"])
    batches, _ = feeding.batches(config, InMemory(shapes(4, seed=1)), None)
    optimization.compile_model(model, config, 2e-5, 0.9)
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    stop = keras.callbacks.EarlyStopping("val_bbox_AP50", mode="max")
    history = model.fit(batches, epochs=2, verbose=0, callbacks=[callback, log, stop]).history
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [float(row["val_segm_AP"]) for row in rows] == history["val_segm_AP"]
    first, last = history["val_bbox_AP50"]
    assert 0 < last != first == stop.best, (first, last)
    assert callback.values["segm_AP"] == history["val_segm_AP"][1]
    # The same graph sees the changed weights: everything is background.
    model.get_layer("mrcnn_class_logits").bias.assign([90, 0, 0])
    assert callback.measure()["segm_AP50"] == 0
    assert callback.detector is detector
