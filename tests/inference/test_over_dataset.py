"""The loop over a dataset: which images are processed, what is skipped, what is kept."""

import functools
import gc
import time
import weakref

import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes

from mrcnn.inference.over_dataset import over_dataset
from mrcnn.instances import InstanceBoxes, InstanceMasks
from mrcnn.metrics.coco_dataset import CocoMetrics


class Counting:
    """Returns the sum of each image, and records how many images it gets per call."""

    def __init__(self):
        self.batches = []

    def __call__(self, images):
        self.batches.append(len(images))
        return [{"sum": int(image.sum())} for image in images]


class Broken(InMemory):
    """Image 0 does not exist, the masks of image 2 are too small, image 3 is a vector."""

    def load_image(self, image_id):
        if image_id == 0:
            raise FileNotFoundError("shape0.png is not there")
        image = super().load_image(image_id)
        return image.ravel() if image_id == 3 else image

    def load_mask(self, image_id):
        masks, ids = super().load_mask(image_id)
        return (masks[:50] if image_id == 2 else masks), ids


def test_images_and_batches():
    samples = shapes(5)
    detect = Counting()
    seen = list(over_dataset(detect, InMemory(samples), np.array([4, 0, 3]), batch_size=2))
    assert [found.image_id for found in seen] == [4, 0, 3]
    assert all(type(found.image_id) is int for found in seen)
    assert detect.batches == [2, 1]
    for found in seen:
        image, masks, ids = samples[found.image_id]
        assert found.result == {"sum": int(image.sum())}
        np.testing.assert_array_equal(found.image, image)
        assert list(found.instances.fields) == ["masks"]
        np.testing.assert_array_equal(found.instances.fields["masks"].dense(), masks)
        assert found.instances.class_ids.tolist() == ids.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 1, 1]),
        ({"config": TinyConfig()}, [2, 1]),
        ({"config": TinyConfig(), "batch_size": 3}, [3]),
    ],
)
def test_size_of_the_batches(options, expected):
    detect = Counting()
    assert len(list(over_dataset(detect, InMemory(shapes(3)), range(3), **options))) == 3
    assert detect.batches == expected


def test_images_on_which_detection_fails():
    samples = shapes(5)
    bad = {samples[i][0].tobytes() for i in (1, 4)}
    batches = []

    def detect(images):
        batches.append(len(images))
        if any(image.tobytes() in bad for image in images):
            raise MemoryError("too large")
        return [{"sum": int(image.sum())} for image in images]

    options = {"batch_size": 2, "unread": (unread := [])}
    seen = list(over_dataset(detect, InMemory(samples), range(5), skip_failures=True, **options))
    assert [(each.image_id, each.result["sum"]) for each in seen] == [
        (i, samples[i][0].sum()) for i in (0, 2, 3)
    ]
    assert batches == [2, 1, 1, 2, 1]
    assert [(row["image_id"], row["reason"]) for row in unread] == [
        (1, "MemoryError: too large"),
        (4, "MemoryError: too large"),
    ]
    with pytest.raises(MemoryError):
        list(over_dataset(detect, InMemory(samples), range(5), **options))


def test_what_cannot_be_read_is_left_out():
    detect, unread = Counting(), []
    dataset = Broken(shapes(6))
    dataset.image_info[2]["path"] = None
    options = {"config": TinyConfig(), "unread": unread}
    seen = list(over_dataset(detect, dataset, range(6), **options))
    assert [found.image_id for found in seen] == [1, 4, 5]
    assert detect.batches == [1, 2]  # all of the second batch is skipped
    assert [row["image_id"] for row in unread] == [0, 2, 3]
    assert unread[:2] == [
        {
            "image_id": 0,
            "path": "shape0.png",
            "reason": "FileNotFoundError: shape0.png is not there",
        },
        {
            "image_id": 2,
            "path": None,
            "reason": "ValueError: image 2 (None): its masks are 50x64 pixels, but the image is "
            "64x64 (height x width): they must have the same size.",
        },
    ]
    assert unread[2]["reason"].startswith("ValueError: image 3 (shape3.png) ")
    # Without a config, a vector is skipped too: its size cannot be compared with the masks.
    unread.clear()
    assert list(over_dataset(detect, dataset, [0, 3], unread=unread)) == []
    assert [row["image_id"] for row in unread] == [0, 3]
    # Only the network rejects an image with a different number of channels.
    gray = InMemory([(np.zeros((8, 8, 7), np.uint8), np.ones((8, 8, 1), bool), np.array([1]))])
    assert len(list(over_dataset(detect, gray, [0], unread=unread))) == 1
    assert list(over_dataset(detect, gray, [0], unread=unread, config=TinyConfig())) == []
    assert unread[-1]["reason"].startswith("ValueError: image 0 (shape0.png) ")


def test_skipped_images_are_logged_without_an_unread_list(caplog):
    seen = list(over_dataset(Counting(), Broken(shapes(2)), range(2)))
    assert [found.image_id for found in seen] == [1]
    assert [record.getMessage() for record in caplog.records] == [
        "image 0 (shape0.png) is skipped: FileNotFoundError: shape0.png is not there"
    ]


def test_other_fields(monkeypatch):
    class Boxes(InMemory):
        def load_instances(self, image_id):
            raise AssertionError("a mask was read")

        def load_boxes(self, image_id):
            image, boxes, class_ids = self.samples[image_id]
            return InstanceBoxes(boxes, image.shape), class_ids

    samples = [(np.zeros((20, 30, 3)), np.array([[1, 2.5, 5, 9]]), np.array([-2]))]
    monkeypatch.setattr(InstanceMasks, "__init__", None)
    [found] = over_dataset(Counting(), Boxes(samples), [0], fields=("boxes",))
    assert found.instances.fields["boxes"].boxes.tolist() == [[1, 2.5, 5, 9]]
    assert found.instances.class_ids.tolist() == [-2]
    [found] = over_dataset(Counting(), Boxes(samples), [0], fields=())
    assert found.instances is None
    unread = []
    assert list(over_dataset(Counting(), Boxes(samples), [0], unread=unread)) == []
    assert unread[0]["reason"] == "AssertionError: a mask was read"


def test_a_custom_ground_truth():
    def read(image_id, shape):
        if image_id == 1:
            raise KeyError("nothing for image 1")
        return image_id, shape

    unread = []
    options = {"read": read, "unread": unread, "fields": ()}
    seen = list(over_dataset(Counting(), InMemory(shapes(3)), range(3), **options))
    assert [found.instances for found in seen] == [(0, (64, 64, 3)), (2, (64, 64, 3))]
    assert [row["reason"] for row in unread] == ["KeyError: 'nothing for image 1'"]


def test_a_ground_truth_kept_from_epoch_to_epoch():
    """As used for validation during training."""
    samples = shapes(4)
    dataset = Broken(samples)
    reads = []
    load = dataset.load_instances
    dataset.load_instances = lambda image_id: (reads.append(image_id), load(image_id))[1]

    def detect(images):
        results = []
        for image in images:
            masks, ids = next((m, c) for pixels, m, c in samples if pixels is image)
            masks = InstanceMasks.from_dense(masks)
            row = {"rois": masks.boxes, "class_ids": ids, "scores": np.ones(2), "masks": masks}
            results.append(row)
        return results

    metrics = CocoMetrics(dataset)
    for _ in range(2):
        metrics.reset()
        unread = []
        options = {"read": metrics.read_truth, "config": TinyConfig(), "unread": unread}
        for found in over_dataset(detect, dataset, range(4), **options):
            metrics.add(found.image_id, found.result)
        assert metrics.compute()["segm_AP"] == pytest.approx(1)
        assert [row["image_id"] for row in unread] == [0, 2, 3]
    assert reads == [1, 2, 2]  # image 1 is not read again


def test_one_result_for_each_image():
    loop = over_dataset(lambda images: [{}], InMemory(shapes(3)), range(3), batch_size=2)
    with pytest.raises(ValueError, match="detect gave 1 results for 2 images: one per image is"):
        next(loop)


def test_what_detection_raises_is_not_hidden():
    def detect(images):
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        next(over_dataset(detect, InMemory(shapes(1)), [0], unread=[]))


def test_seconds_cover_detection_only(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def detect(images):
        clock[0] += 3 * len(images) ** 2
        return [{}] * len(images)

    class Slow(InMemory):
        def load_image(self, image_id):
            clock[0] += 1000
            return super().load_image(image_id)

    loop = over_dataset(detect, Slow(shapes(3)), range(3), batch_size=2, progress=False)
    assert [found.seconds for found in loop] == [6, 6, 3]


def test_a_batch_at_a_time():
    loaded, kept = [], []

    class Noting(InMemory):
        def load_image(self, image_id):
            loaded.append(image_id)
            image = super().load_image(image_id).copy()
            kept.append(weakref.ref(image))
            return image

    loop = over_dataset(Counting(), Noting(shapes(6)), range(6), batch_size=2)
    assert next(loop).image_id == 0 and loaded == [0, 1]
    for found in loop:
        assert loaded == list(range(found.image_id - found.image_id % 2 + 2))
    del found
    gc.collect()
    assert not any(reference() is not None for reference in kept)
    # The caller may stop early.
    loop = over_dataset(Counting(), Noting(shapes(6)), range(6))
    next(loop)
    loop.close()
    assert loaded[6:] == [0]


def test_progress(monkeypatch):
    bars = []

    class Bar:
        def __init__(self, **options):
            self.options, self.updates, self.closed = options, 0, False
            bars.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.closed = True

        def update(self):
            self.updates += 1

    monkeypatch.setattr("mrcnn.inference.over_dataset.tqdm", Bar)
    walk = functools.partial(over_dataset, Counting(), Broken(shapes(5)), range(5), batch_size=2)
    list(walk(unread=[]))
    list(walk(unread=[], desc="AP", leave=False, progress=False))
    expected = {"total": 5, "unit": "image"}
    assert bars[0].options == {**expected, "desc": "Detecting", "leave": True, "disable": None}
    assert bars[1].options == {**expected, "desc": "AP", "leave": False, "disable": True}
    assert [(bar.updates, bar.closed) for bar in bars] == [(5, True)] * 2
