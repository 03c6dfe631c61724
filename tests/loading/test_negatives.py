"""Images without instances."""

import logging

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import InMemory, TinyConfig, images_of, shapes

from mrcnn.loading.negatives import without_negatives
from mrcnn.loading.source import SampleSource

IDS = np.arange(5)


def mixed():
    """Five images: two instances, none, only a crowd, an empty mask, two instances."""
    samples = shapes(5)
    image = samples[1][0]
    samples[1] = (image, np.zeros((0, 0, 0), bool), np.array([], np.int32))
    samples[2] = (image, samples[2][1][..., :1], np.array([-1], np.int32))
    samples[3] = (image, np.zeros((64, 64, 1), bool), np.array([2], np.int32))
    return InMemory(samples)


def test_only_images_with_instances_are_kept(caplog):
    caplog.set_level(logging.INFO)
    assert_array_equal(without_negatives(mixed(), IDS), [0, 4])
    assert caplog.messages == ["InMemory: 3 of 5 images have no instances and are not trained on"]
    caplog.clear()
    assert_array_equal(without_negatives(mixed(), np.array([4, 0])), [4, 0])
    assert not caplog.messages


def test_nothing_left_is_an_error():
    with pytest.raises(ValueError) as caught:
        without_negatives(mixed(), IDS[1:4])
    assert str(caught.value) == (
        "InMemory: no image has instances (crowds do not count), and TRAIN_NEGATIVE_IMAGES is "
        "False, so there is nothing to train on."
    )


def test_an_image_whose_annotations_fail_is_reported_when_it_is_drawn(monkeypatch, caplog):
    data = mixed()

    def load_mask(image_id):
        if image_id == 4:
            raise OSError("disk error")
        return data.samples[image_id][1:]

    monkeypatch.setattr(data, "load_mask", load_mask)
    assert_array_equal(without_negatives(data, IDS), [0, 4])
    assert not caplog.messages


def test_the_setting_decides_whether_they_are_trained_on():
    config = TinyConfig()
    every = SampleSource(mixed(), config, shuffle=False, seed=0)
    assert images_of(every, range(5)) == [0, 1, 2, 3, 4]
    config.TRAIN_NEGATIVE_IMAGES = False
    chosen = SampleSource(mixed(), config, shuffle=False, seed=0)
    assert images_of(chosen, range(5)) == [0, 4, 0, 4, 0]
    shuffled = SampleSource(mixed(), config, seed=0)
    assert all(sorted(images_of(shuffled, [n, n + 1])) == [0, 4] for n in range(0, 10, 2))
    # Validation measures on every image.
    validation = SampleSource(mixed(), config, shuffle=False, seed=0, training=False)
    assert images_of(validation, range(5)) == [0, 1, 2, 3, 4]
