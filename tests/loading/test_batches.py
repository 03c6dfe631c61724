import itertools

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import InMemory, TinyConfig, images_of, shapes

from mrcnn.augment import Flips
from mrcnn.instances.pasting import expand_mask
from mrcnn.legacy.generator import data_generator
from mrcnn.loading.batches import BatchSequence
from mrcnn.loading.source import SampleSource


@pytest.fixture
def config():
    return TinyConfig()


@pytest.fixture(scope="module")
def dataset():
    return InMemory(shapes(7))


# Batches


def metas(sequence):
    """Image ids of an epoch's batches."""
    return [
        batch["input_image_meta"][:, 0].tolist()
        for (batch,) in map(sequence.__getitem__, range(len(sequence)))
    ]


def test_epochs_go_on_where_the_last_ended(dataset, config):
    source = SampleSource(dataset, config, seed=4)
    sequence = BatchSequence(source, steps=3)
    epochs = []
    for epoch in range(7):
        sequence.set_epoch(epoch)
        epochs.append(metas(sequence))
    flat = [image_id for epoch in epochs for batch in epoch for image_id in batch]
    assert flat == images_of(source, range(42))
    # 6 passes over 7 images, and no two epochs of 6 alike.
    assert all(sorted(flat[start : start + 7]) == list(range(7)) for start in range(0, 42, 7))
    assert len({str(epoch) for epoch in epochs}) == 7
    # A run that is continued has the batches that it would have had.
    continued = BatchSequence(source, steps=3)
    continued.set_epoch(5)
    assert metas(continued) == epochs[5]


def test_an_epoch_goes_on_after_the_batches_that_are_done(dataset, config):
    sequence = BatchSequence(SampleSource(dataset, config, seed=4), steps=5)
    sequence.set_epoch(2)
    whole, numbers = metas(sequence), [sequence.numbers(index) for index in range(5)]
    sequence.skipped = 3
    assert len(sequence) == 2
    assert metas(sequence) == whole[3:]
    assert [sequence.numbers(index) for index in range(2)] == numbers[3:]
    assert numbers[0] == range(20, 22)


def test_validation_repeats_itself(dataset, config):
    sequence = BatchSequence(SampleSource(dataset, config, seed=0), steps=3)
    first = [sequence[index][0] for index in range(3)]
    sequence.on_epoch_end()
    for index, batch in enumerate(first):
        for name, array in sequence[index][0].items():
            assert_array_equal(array, batch[name])


def test_a_batch_has_the_inputs_of_the_training_graph(dataset, config):
    (batch,) = BatchSequence(SampleSource(dataset, config), steps=1)[0]
    shapes_and_types = {name: (array.shape, array.dtype) for name, array in batch.items()}
    anchors = 3 * (16 * 16 + 8 * 8 + 4 * 4 + 2 * 2 + 1)
    assert shapes_and_types == {
        "input_image": ((2, 64, 64, 3), np.float32),
        "input_image_meta": ((2, 15), np.float64),
        "input_rpn_match": ((2, anchors, 1), np.int32),
        "input_rpn_bbox": ((2, 32, 4), np.float64),
        "input_gt_class_ids": ((2, 4), np.int32),
        "input_gt_boxes": ((2, 4, 4), np.int32),
        "input_gt_masks": ((2, 16, 16, 4), np.bool_),
    }


class MeanModel(keras.Model):
    """Notes the images that it is trained on."""

    def __init__(self):
        super().__init__()
        self.weight = self.add_weight(name="weight", shape=())
        self.seen = []

    def train_step(self, data):
        (batch,) = data
        self.seen += batch["input_image_meta"][:, 0].numpy().astype(int).tolist()
        return {"loss": self.weight}


@pytest.mark.parametrize(("workers", "processes"), [(1, None), (4, None), (2, "fork")])
def test_fit_gets_the_batches_in_order_and_each_once(dataset, config, workers, processes):
    source = SampleSource(dataset, config, augmentation=Flips(), seed=4)
    model = MeanModel()
    model.compile(run_eagerly=True)
    sequence = BatchSequence(source, 5, workers, processes, max_queue_size=3)
    count = keras.callbacks.LambdaCallback(on_epoch_begin=sequence.set_epoch)
    model.fit(sequence, initial_epoch=1, epochs=4, shuffle=False, verbose=0, callbacks=[count])
    sequence.close()
    assert model.seen == images_of(source, range(10, 40))


# The reference's generator


def test_the_generator_gives_lists(dataset, config):
    generator = data_generator(dataset, config, shuffle=False, batch_size=2)
    inputs, outputs = next(generator)
    assert isinstance(inputs, list) and outputs == []
    assert [(array.shape, array.dtype) for array in inputs] == [
        ((2, 64, 64, 3), np.float32),
        ((2, 15), np.float64),
        ((2, 1023, 1), np.int32),
        ((2, 32, 4), np.float64),
        ((2, 4), np.int32),
        ((2, 4, 4), np.int32),
        ((2, 16, 16, 4), np.bool_),
    ]
    order = [batch[0][1][:, 0].tolist() for batch in itertools.islice(generator, 4)]
    assert order == [[2, 3], [4, 5], [6, 0], [1, 2]]
    image, masks, class_ids = dataset.samples[0]
    assert_allclose(inputs[0][0], image - config.MEAN_PIXEL, atol=1e-4)
    assert_array_equal(inputs[4][0], [*class_ids, 0, 0])
    boxes = inputs[5][0]
    assert_array_equal(expand_mask(boxes, inputs[6][0], (64, 64))[..., :2], masks)


def test_the_generator_with_random_rois(dataset, config):
    generator = data_generator(dataset, config, random_rois=40, batch_size=2, seed=1)
    inputs, outputs = next(generator)
    assert len(inputs) == 8 and outputs == []
    rois = inputs[7]
    assert rois.shape == (2, 40, 4) and rois.dtype == np.int32
    assert (rois[..., 2:] > rois[..., :2]).all() and rois.min() >= 0 and rois.max() <= 64


def test_the_generator_with_detection_targets(dataset, config):
    def generator():
        return data_generator(
            dataset, config, random_rois=900, batch_size=2, detection_targets=True, seed=1
        )

    first = next(generator())
    inputs, outputs = first
    assert [array.shape for array in inputs[7:]] == [(2, 900, 4), (2, 12, 4)]
    class_ids, boxes, masks = outputs
    assert class_ids.shape == (2, 12, 1) and class_ids.dtype == np.int32
    assert boxes.shape == (2, 12, 3, 4) and boxes.dtype == np.float32
    assert masks.shape == (2, 12, 8, 8, 3) and masks.dtype == np.float32
    # Positives come first, 3 at most; each has its targets in the place of its class.
    positive = class_ids[..., 0] > 0
    assert positive[:, :3].all() and not positive[:, 3:].any()
    place = np.arange(3) == np.where(positive, class_ids[..., 0], -1)[..., None]
    assert_array_equal(masks.any(axis=(2, 3)), place)
    assert_array_equal(boxes.any(axis=3), place)
    # The RoIs are among the random ones, and a seed makes the run.
    for image in range(2):
        given = {tuple(roi) for roi in inputs[7][image]}
        assert given >= {tuple(roi) for roi in inputs[8][image]}
    for ours, again in zip(
        itertools.chain(*first), itertools.chain(*next(generator())), strict=True
    ):
        assert_array_equal(ours, again)


def test_the_generator_with_images_that_have_no_instances(config):
    image = np.full((64, 64, 3), 80, np.uint8)
    data = InMemory([(image, np.zeros((64, 64, 0), bool), []), *shapes(1)])
    generator = data_generator(
        data, config, shuffle=False, random_rois=9, batch_size=2, detection_targets=True
    )
    inputs, (class_ids, boxes, masks) = next(generator)
    assert (inputs[2][0] <= 0).all() and (inputs[2][1] == 1).any()
    for targets in (class_ids[0], boxes[0], masks[0]):
        assert not targets.any()
    given = {tuple(roi) for roi in inputs[7][0]}
    assert given == {tuple(roi) for roi in inputs[8][0]}


def test_the_generator_crops(config):
    config.IMAGE_RESIZE_MODE = "crop"
    data = InMemory(shapes(2, (150, 170)))
    inputs, _ = next(data_generator(data, config, shuffle=False, batch_size=2, seed=0))
    assert inputs[0].shape == (2, 64, 64, 3)
    assert_array_equal(inputs[1][:, 4:11], [[64, 64, 3, 0, 0, 64, 64]] * 2)
    for sample, (pixels, _, _) in zip(inputs[0], data.samples, strict=True):
        found = np.rint(sample + config.MEAN_PIXEL)
        windows = np.lib.stride_tricks.sliding_window_view(pixels[..., 0], (64, 64))
        assert (windows == found[..., 0]).all(axis=(2, 3)).sum() == 1


def test_the_generator_with_full_masks(dataset, config):
    config.USE_MINI_MASK = False
    inputs, _ = next(data_generator(dataset, config, shuffle=False))
    assert inputs[6].shape == (1, 64, 64, 4)
    assert_array_equal(inputs[6][0, ..., :2], dataset.samples[0][1])
