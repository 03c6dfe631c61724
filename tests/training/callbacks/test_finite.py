import keras
import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes

from mrcnn.loading.batches import BatchSequence
from mrcnn.loading.source import SampleSource
from mrcnn.training.callbacks.finite import StopIfNotFinite


@pytest.fixture
def sequence():
    built = BatchSequence(SampleSource(InMemory(shapes(5)), TinyConfig(), seed=1), steps=4)
    built.set_epoch(2)
    return built


@pytest.fixture
def callback(sequence):
    built = StopIfNotFinite(sequence, lambda: "weights/0002.h5")
    built.set_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]))
    return built


def test_numbers_pass(callback):
    callback.on_train_batch_end(0, {"loss": 1e30, "rpn_class_loss": 0.0})
    callback.on_train_batch_end(0)
    callback.on_epoch_end(0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_a_number(callback, sequence, value):
    sequence.skipped = 1
    with pytest.raises(FloatingPointError) as caught:
        callback.on_train_batch_end(2, {"loss": value, "rpn_class_loss": 1.0, "mrcnn_loss": value})
    text = str(caught.value)
    assert f"in epoch 3, batch 4: loss, mrcnn_loss became {value} in this batch" in text
    assert "The last checkpoint is good: weights/0002.h5." in text
    # The images of the batch, by sample number.
    ids = [sequence.source.image_id(number) for number in (22, 23)]
    assert f"holds the images {ids[0]} (shape{ids[0]}.png), {ids[1]} (shape{ids[1]}.png)." in text
    sequence_ids = sequence[2][0]["input_image_meta"][:, 0]
    assert sequence_ids.tolist() == ids


def test_non_finite_weights(callback):
    callback.model.layers[0].bias.assign([1, np.nan])
    with pytest.raises(FloatingPointError, match=r"batch 4: .*bias has non-finite values"):
        callback.on_epoch_end(2)
