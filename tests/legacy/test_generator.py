import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import InMemory, TinyConfig, shapes

from mrcnn.instances.pasting import expand_mask
from mrcnn.legacy.generator import data_generator


@pytest.fixture
def config():
    return TinyConfig()


@pytest.fixture(scope="module")
def dataset():
    return InMemory(shapes(7))


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
    # Positives come first, at most 3; each has its targets at the index of its class.
    positive = class_ids[..., 0] > 0
    assert positive[:, :3].all() and not positive[:, 3:].any()
    place = np.arange(3) == np.where(positive, class_ids[..., 0], -1)[..., None]
    assert_array_equal(masks.any(axis=(2, 3)), place)
    assert_array_equal(boxes.any(axis=3), place)
    # The RoIs are among the random ones, and the seed determines everything.
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
