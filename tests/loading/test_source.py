import concurrent.futures
import logging

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import InMemory, TinyConfig, images_of, shapes

from mrcnn.augment import Flips
from mrcnn.loading.source import MAX_ERRORS, SampleSource, stack
from mrcnn.utils import Dataset


@pytest.fixture
def config():
    return TinyConfig()


@pytest.fixture(scope="module")
def dataset():
    return InMemory(shapes(7))


def assert_same(sample, other):
    assert list(sample) == list(other)
    for name, array in sample.items():
        assert_array_equal(array, other[name], name)


class Faulty(InMemory):
    """A dataset with images that cannot be read."""

    def __init__(self, samples, broken):
        super().__init__(samples)
        self.broken = set(broken)
        self.loads = 0

    def load_image(self, image_id):
        self.loads += 1
        if self.loads > 200:
            pytest.fail("images are loaded endlessly")
        if image_id in self.broken:
            raise OSError(f"disk error at {image_id}")
        return super().load_image(image_id)


# Sample number n


def test_a_sample_depends_on_its_number_alone(config):
    config.IMAGE_RESIZE_MODE = "crop"
    data = InMemory(shapes(5, (100, 90)))

    def source():
        return SampleSource(data, config, augmentation=Flips(0.5, 0.5), seed=3)

    in_order = [source().sample(number) for number in range(12)]
    backwards = source()
    for number in reversed(range(12)):
        assert_same(backwards.sample(number), in_order[number])
    shared = source()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for sample, wanted in zip(pool.map(shared.sample, range(12)), in_order, strict=True):
            assert_same(sample, wanted)
    # Sample 7 is another crop or flip of an image in an earlier sample.
    again = images_of(shared, range(12)).index(images_of(shared, [7])[0])
    assert again < 7
    assert not np.array_equal(in_order[7]["image"], in_order[again]["image"])


def test_another_seed_is_another_run(dataset, config):
    one, other = (SampleSource(dataset, config, seed=seed) for seed in (1, 2))
    assert images_of(one, range(21)) != images_of(other, range(21))
    free, also_free = (SampleSource(dataset, config) for _ in range(2))
    assert images_of(free, range(21)) != images_of(also_free, range(21))
    # With None, a seed is drawn once: each number keeps its sample.
    assert_same(free.sample(5), free.sample(5))


def test_shuffling_visits_every_image_once_a_pass(dataset, config):
    source = SampleSource(dataset, config, seed=0)
    passes = [tuple(source.image_id(7 * turn + place) for place in range(7)) for turn in range(9)]
    assert all(sorted(order) == list(range(7)) for order in passes)
    assert len(set(passes)) == 9


def test_without_shuffling_images_come_in_order(dataset, config):
    source = SampleSource(dataset, config, shuffle=False, seed=0)
    assert images_of(source, range(16)) == [*range(7), *range(7), 0, 1]


def test_sources_that_are_not_augmented(config):
    data = InMemory(shapes(6), names=["red"])
    data.add_class("plain", 1, "blue")
    for info in data.image_info[::2]:
        info["source"] = "plain"
    data.prepare()
    for options in ({"augmentation": Flips(1.0)}, {"augment": True}):
        source = SampleSource(
            data, config, shuffle=False, no_augmentation_sources=["plain"], seed=0, **options
        )
        flipped = []
        for number in range(30):
            sample, image_id = source.sample(number), number % 6
            pixels = data.samples[image_id][0] - config.MEAN_PIXEL
            if image_id % 2 == 0 or np.allclose(sample["image"], pixels, atol=1e-4):
                assert_allclose(sample["image"], pixels, atol=1e-4)
            else:
                assert_allclose(sample["image"], pixels[:, ::-1], atol=1e-4)
                flipped.append(number)
        assert len(flipped) == 15 if "augmentation" in options else 3 < len(flipped) < 12


# Images that fail


def test_an_image_that_fails_is_replaced_by_the_next_and_logged(config, caplog):
    source = SampleSource(Faulty(shapes(4), [2]), config, shuffle=False)
    assert images_of(source, [0, 1, 2, 3]) == [0, 1, 3, 3]
    # The error is logged once, however often the image is drawn.
    assert images_of(source, [6]) == [3]
    [record] = caplog.records
    assert record.levelno == logging.ERROR and record.name == "mrcnn.loading.source"
    assert record.getMessage() == ("image 2 (shape2.png) cannot be used: OSError: disk error at 2")


@pytest.mark.parametrize("limit", [1, 2])
def test_more_instances_than_training_uses_are_reported_once(config, caplog, limit):
    config.MAX_GT_INSTANCES = limit
    source = SampleSource(InMemory(shapes(3)), config, shuffle=False)
    ids = [source.sample(number)["gt_class_ids"] for number in range(6)]
    assert all(np.count_nonzero(each) == limit for each in ids)
    said = (
        "image 0 (shape0.png) has 2 instances, but MAX_GT_INSTANCES is 1: training uses a random "
        "subset. Raise it to use all; the dataset's check(config=...) counts such images."
    )
    assert caplog.messages == [said][: 2 - limit]


def test_one_bad_image_does_not_end_a_long_run(config):
    source = SampleSource(Faulty(shapes(4), [2]), config, shuffle=False)
    assert images_of(source, [2] * (2 * MAX_ERRORS)) == [3] * (2 * MAX_ERRORS)


def test_more_bad_images_than_the_limit_end_it(config, caplog):
    broken = range(2, 2 + MAX_ERRORS)
    source = SampleSource(Faulty(shapes(10), broken), config, shuffle=False)
    assert images_of(source, range(10)) == [0, 1] + [7] * 6 + [8, 9]
    source = SampleSource(Faulty(shapes(10), [*broken, 7]), config, shuffle=False)
    with pytest.raises(OSError, match="disk error at 7"):
        source.sample(2)


def test_all_images_bad_ends_it(config, caplog):
    source = SampleSource(Faulty(shapes(2), [0, 1]), config, shuffle=False)
    with pytest.raises(OSError, match="disk error at 1"):
        source.sample(0)
    assert len(caplog.records) == 2


def test_a_dataset_without_images(config):
    empty = InMemory([])
    with pytest.raises(ValueError) as caught:
        SampleSource(empty, config)
    assert str(caught.value) == "InMemory has no images: was add_image called?"
    with pytest.raises(RuntimeError, match=r"call prepare\(\)"):
        SampleSource(Dataset(), config)


def test_a_dataset_of_other_classes_is_refused_immediately(config):
    with pytest.raises(ValueError, match="NUM_CLASSES is 3, but the dataset has 4 classes"):
        SampleSource(InMemory(shapes(1), names=["a", "b", "c"]), config)


# Batches


def test_stack(dataset, config):
    source = SampleSource(dataset, config, shuffle=False)
    samples = [source.sample(number) for number in range(3)]
    batch = stack(samples)
    assert list(batch) == [
        "image",
        "image_meta",
        "rpn_match",
        "rpn_bbox",
        "gt_class_ids",
        "gt_boxes",
        "gt_masks",
    ]
    for name, array in batch.items():
        assert_array_equal(array, [sample[name] for sample in samples])


def test_images_of_different_sizes_do_not_stack(config):
    config.IMAGE_RESIZE_MODE = "pad64"
    source = SampleSource(InMemory(shapes(1) + shapes(1, (64, 100))), config, shuffle=False)
    samples = [source.sample(0), source.sample(1)]
    with pytest.raises(ValueError) as caught:
        stack(samples)
    assert str(caught.value) == (
        "the images of a batch have the shapes [(64, 64, 3), (64, 128, 3)]: with IMAGE_RESIZE_MODE "
        "'none' or 'pad64' set IMAGES_PER_GPU and GPU_COUNT to 1, or use 'square' or 'crop'."
    )
