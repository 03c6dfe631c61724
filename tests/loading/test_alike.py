import numpy as np
from numpy.testing import assert_array_equal
from tiny import InMemory, TinyConfig, shapes

from mrcnn.images.meta import parse_image_meta
from mrcnn.loading.alike import padded_alike
from mrcnn.loading.batches import BatchSequence
from mrcnn.loading.source import SampleSource

SETTINGS = {"IMAGE_RESIZE_MODE": "short_side", "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 128}


def source_of(sizes, **settings):
    samples = [shapes(1, size, seed)[0] for seed, size in enumerate(sizes)]
    config = TinyConfig.from_dict({**SETTINGS, **settings})
    return SampleSource(InMemory(samples), config, shuffle=False, seed=1)


def test_the_images_of_a_batch_are_padded_to_the_largest():
    source = source_of([(64, 96), (96, 64)])
    alone = [source.sample(n) for n in range(2)]
    assert [sample["image"].shape for sample in alone] == [(64, 96, 3), (96, 64, 3)]
    [batch] = BatchSequence(source, steps=1)[0]
    images = batch["input_image"]
    assert images.shape == (2, 96, 96, 3)
    for image, sample in zip(images, alone, strict=True):
        height, width, _ = sample["image"].shape
        assert_array_equal(image[:height, :width], sample["image"])
        assert not image[height:].any() and not image[:, width:].any()
    meta = parse_image_meta(batch["input_image_meta"])
    assert_array_equal(meta["image_shape"], [[96, 96, 3]] * 2)
    assert_array_equal(meta["window"], [[0, 0, 64, 96], [0, 0, 96, 64]])
    assert_array_equal(batch["input_gt_boxes"], [sample["gt_boxes"] for sample in alone])
    assert_array_equal(batch["input_gt_masks"], [sample["gt_masks"] for sample in alone])


def test_the_anchors_are_those_of_the_larger_input():
    source = source_of([(64, 96), (96, 64)])
    samples = [source.sample(n) for n in range(2)]
    padded = padded_alike(samples, range(2), source)
    for sample, before in zip(padded, samples, strict=True):
        assert before["rpn_match"].shape == ((16 * 24 + 8 * 12 + 4 * 6 + 2 * 3 + 1 * 2) * 3, 1)
        assert sample["rpn_match"].shape == ((24**2 + 12**2 + 6**2 + 3**2 + 2**2) * 3, 1)
        assert (sample["rpn_match"] == 1).any() and (sample["rpn_match"] == -1).any()
        count = np.count_nonzero(sample["rpn_match"] == 1)
        assert sample["rpn_bbox"][:count].any(axis=1).all()
    again = padded_alike(samples, range(2), source)
    assert_array_equal(padded[0]["rpn_match"], again[0]["rpn_match"])


def test_whole_masks_are_padded_too():
    source = source_of([(64, 96), (96, 64)], USE_MINI_MASK=False)
    samples = [source.sample(n) for n in range(2)]
    for sample, before in zip(padded_alike(samples, range(2), source), samples, strict=True):
        assert sample["gt_masks"].shape == (96, 96, 4)
        assert sample["gt_masks"].sum() == before["gt_masks"].sum() > 0


def test_equal_images_stay_as_they_are():
    source = source_of([(64, 96), (64, 96)])
    samples = [source.sample(n) for n in range(2)]
    assert padded_alike(samples, range(2), source) is samples
