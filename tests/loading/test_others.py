"""Which other image an augmentation gets, and whose instances are pasted."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import InMemory, TinyConfig, shapes

from mrcnn.augment import CopyPaste, Flips
from mrcnn.loading.others import by_source, draw_others
from mrcnn.loading.samples import load_image_gt
from mrcnn.loading.source import MAX_ERRORS, SampleSource


@pytest.fixture
def config():
    return TinyConfig()


def test_images_are_grouped_by_source():
    data = InMemory(shapes(5))
    for number in (1, 4):
        data.image_info[number]["source"] = "elsewhere"
    groups = by_source(data, np.array([4, 0, 3, 1]))
    assert list(groups) == ["elsewhere", "shapes"]
    assert_array_equal(groups["elsewhere"], [4, 1])
    assert_array_equal(groups["shapes"], [0, 3])


def test_others_are_different_images_in_random_order():
    ids, rng = np.array([2, 3, 5, 7]), np.random.default_rng(0)
    drawn = [tuple(draw_others(ids, 5, 2, rng)) for _ in range(200)]
    assert set(drawn) == {(a, b) for a in (2, 3, 7) for b in (2, 3, 7) if a != b}
    assert all(type(i) is int for i in drawn[0])


def test_as_many_as_there_are():
    rng = np.random.default_rng(0)
    assert sorted(draw_others(np.array([2, 3, 5]), 3, 6, rng)) == [2, 5]
    assert draw_others(np.array([3]), 3, 6, rng) == []


# Copies of other images' instances


def single(count, source_of=lambda number: "shapes"):
    """Images of one grey value each, with one instance each, in a row of its own."""
    samples = []
    for number in range(count):
        masks = np.zeros((64, 64, 1), bool)
        masks[8 * number : 8 * number + 8, :20] = True
        image = np.full((64, 64, 3), 50 + number, np.uint8)
        samples.append((image, masks, np.array([1], np.int32)))
    data = InMemory(samples)
    for number, info in enumerate(data.image_info):
        info["source"] = source_of(number)
    return data


def rows_of(sample):
    """The numbers of the images whose instances a sample has."""
    return [int(y) // 8 for y in sample["gt_boxes"][sample["gt_class_ids"] != 0, 0]]


def test_instances_of_every_other_image_are_pasted(config):
    source = SampleSource(
        single(4), config, shuffle=False, augmentation=CopyPaste(chosen=1), seed=0
    )
    pairs = set()
    for number in range(80):
        sample = source.sample(number)
        own, pasted = rows_of(sample)
        assert own == number % 4
        pixels = np.rint(sample["image"] + config.MEAN_PIXEL)[..., 0]
        assert (pixels[8 * pasted : 8 * pasted + 8, :20] == 50 + pasted).all()
        assert (pixels == 50 + own).sum() == 64 * 64 - 160
        pairs.add((own, pasted))
    assert pairs == {(a, b) for a in range(4) for b in range(4) if a != b}


def test_only_images_of_the_same_source_are_pasted(config):
    """Images of another source have other classes."""
    data = single(6, lambda number: "shapes" if number % 2 else "plain")
    data.add_class("plain", 1, "grey")
    data.class_info.pop(1)  # so that there are still three classes
    data.prepare()
    steps = [CopyPaste(chosen=1)]
    source = SampleSource(data, config, shuffle=False, augmentation=steps, seed=0)
    found = {tuple(rows_of(source.sample(number))) for number in range(120)}
    assert found == {(a, b) for a in range(6) for b in range(6) if a != b and a % 2 == b % 2}
    plain = SampleSource(
        data, config, shuffle=False, augmentation=steps, no_augmentation_sources=["plain"], seed=0
    )
    found = {tuple(rows_of(plain.sample(number))) for number in range(60)}
    assert found == {(0,), (2,), (4,), *((a, b) for a in (1, 3, 5) for b in (1, 3, 5) if a != b)}


def test_an_only_image_gives_its_own_instances(config):
    source = SampleSource(single(1), config, augmentation=[CopyPaste(chosen=1), Flips(0)], seed=0)
    assert rows_of(source.sample(0)) == [0]


class Faulty(InMemory):
    """Images of `single`, some of which cannot be read."""

    def __init__(self, count, broken):
        super().__init__(single(count).samples)
        self.broken = set(broken)

    def load_image(self, image_id):
        if image_id in self.broken:
            raise OSError(f"disk error at {image_id}")
        return super().load_image(image_id)


def test_another_image_that_fails_is_replaced_and_logged_once(config, caplog):
    steps = CopyPaste(chosen=1)
    source = SampleSource(Faulty(4, [2]), config, shuffle=False, augmentation=steps, seed=0)
    found = {tuple(rows_of(source.sample(number))) for number in range(24) if number % 4 != 2}
    assert {b for _, b in found} == {0, 1, 3} and {a for a, _ in found} == {0, 1, 3}
    assert caplog.messages == ["image 2 (shape2.png) cannot be used: OSError: disk error at 2"]
    # In a dataset of two, the image itself is left.
    source = SampleSource(Faulty(2, [1]), config, shuffle=False, augmentation=steps, seed=0)
    assert rows_of(source.sample(0)) == [0]


def test_more_other_images_that_fail_than_the_limit_end_the_run(config, caplog):
    data = Faulty(8, range(1, 8))
    source = SampleSource(data, config, shuffle=False, augmentation=CopyPaste(chosen=1), seed=0)
    with pytest.raises(OSError, match="disk error"):
        source.sample(0)
    assert len(caplog.records) == MAX_ERRORS + 1


def test_the_other_image_has_a_scale_of_its_own(config):
    config.TRAIN_SCALE_JITTER = (0.5, 0.9)
    source = SampleSource(single(2), config, augmentation=CopyPaste(chosen=1), seed=0)
    ratios = set()
    for number in range(20):
        boxes = source.sample(number)["gt_boxes"]
        if boxes[1].any():
            ratios.add(round(float((boxes[1, 3] - boxes[1, 1]) / (boxes[0, 3] - boxes[0, 1])), 2))
    assert len(ratios) > 10


def test_copies_need_masks_which_the_network_need_not(config):
    class OnlyBoxes(InMemory):
        def has(self, field, image_id):
            return field == "boxes"

    config.HEADS = ("box",)
    source = SampleSource(
        single(3), config, shuffle=False, augmentation=CopyPaste(chosen=1), seed=0
    )
    sample = source.sample(0)
    assert "gt_masks" not in sample and len(rows_of(sample)) == 2
    SampleSource(OnlyBoxes(shapes(2)), config, augmentation=Flips())
    with pytest.raises(ValueError) as caught:
        SampleSource(OnlyBoxes(shapes(2)), config, augmentation=[Flips(), CopyPaste()])
    assert str(caught.value) == (
        "OnlyBoxes, image 0 (shape0.png): it has no masks, along which the augmentation CopyPaste "
        "cuts out instances."
    )


def test_an_image_alone_is_given_an_other_one(config):
    for seed in range(5):
        image, _, class_ids, boxes, masks = load_image_gt(
            single(3), config, 1, augmentation=CopyPaste(chosen=1), rng=np.random.default_rng(seed)
        )
        own, pasted = boxes[:, 0] // 8
        assert own == 1 and pasted in (0, 2) and class_ids.tolist() == [1, 1]
        assert (image[masks[..., 1]] == 50 + pasted).all() and masks[..., 1].sum() == 160
