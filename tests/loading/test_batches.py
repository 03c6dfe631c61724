import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import InMemory, TinyConfig, images_of, shapes

from mrcnn.augment import Flips
from mrcnn.loading.batches import BatchSequence
from mrcnn.loading.source import SampleSource


@pytest.fixture
def config():
    return TinyConfig()


@pytest.fixture(scope="module")
def dataset():
    return InMemory(shapes(7))


def metas(sequence):
    """Return the image ids of an epoch's batches."""
    return [
        batch["input_image_meta"][:, 0].tolist()
        for (batch,) in map(sequence.__getitem__, range(len(sequence)))
    ]


def test_epochs_continue_where_the_last_ended(dataset, config):
    source = SampleSource(dataset, config, seed=4)
    sequence = BatchSequence(source, steps=3)
    epochs = []
    for epoch in range(7):
        sequence.set_epoch(epoch)
        epochs.append(metas(sequence))
    flat = [image_id for epoch in epochs for batch in epoch for image_id in batch]
    assert flat == images_of(source, range(42))
    # 6 passes over 7 images, and no two of the 7 epochs are alike.
    assert all(sorted(flat[start : start + 7]) == list(range(7)) for start in range(0, 42, 7))
    assert len({str(epoch) for epoch in epochs}) == 7
    # A resumed run has the batches that it would have had.
    continued = BatchSequence(source, steps=3)
    continued.set_epoch(5)
    assert metas(continued) == epochs[5]


def test_an_epoch_resumes_after_its_finished_batches(dataset, config):
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
    """Records the images that it is trained on."""

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
