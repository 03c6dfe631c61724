import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.datasets.dataset import Dataset
from mrcnn.datasets.splits import random_subset, split, split_by_group, subset


class Slides(Dataset):
    """A dataset with an attribute of its own, which a copy must keep."""

    def __init__(self, slides, order=None):
        super().__init__()
        self.shift = 7
        self.add_class("slides", 3, "cell")
        for i in range(len(slides)) if order is None else order:
            self.add_image("slides", f"crop{i}", None, slide=slides[i])
        self.prepare()

    def load_mask(self, image_id):
        number = int(self.image_info[image_id]["id"][4:])
        return np.zeros((1, 1, 1), bool), np.array([self.shift + number], np.int32)


def names(dataset):
    return [dataset.image_info[i]["id"] for i in dataset.image_ids]


def test_subset():
    dataset = Slides("aabbc")
    part = subset(dataset, np.array([3, 1]))
    assert type(part) is Slides and part.shift == 7
    assert names(part) == ["crop1", "crop3"]
    assert part.num_images == 2 and part.image_ids.tolist() == [1, 3]
    assert part.class_names == ["BG", "cell"] and part.map_source_class_id("slides.3") == 1
    assert part.image_from_source_map == {"slides.crop1": 1, "slides.crop3": 3}
    assert part.load_mask(3)[1].tolist() == [10]
    assert subset(part, [3]).image_ids.tolist() == [3]
    with pytest.raises(ValueError, match="image_ids has 2: the dataset's images are 1, 3"):
        subset(part, [2])
    part.add_class("slides", 4, "more")
    assert names(dataset) == [f"crop{i}" for i in range(5)]
    assert len(dataset.class_info) == 2 and dataset.num_images == 5


@pytest.mark.parametrize(
    "ids, error, text",
    [
        ([], ValueError, "image_ids is empty"),
        ([5], ValueError, "image_ids has 5: the dataset's images are 0, 1, 2, 3, 4"),
        ([-1], ValueError, "image_ids has -1"),
        ([1, 2, 1], ValueError, "image_ids has 1 more than once"),
        ([True, False], TypeError, "image_ids has True: ids must be whole numbers"),
        (["crop1"], TypeError, "image_ids has 'crop1'"),
    ],
)
def test_subset_refuses(ids, error, text):
    with pytest.raises(error, match=text):
        subset(Slides("aabbc"), ids)


fractions = st.floats(0.01, 0.99)
seeds = st.integers(0, 5)


@given(st.integers(2, 30), fractions, seeds, st.randoms())
def test_split(count, fraction, seed, random):
    train, validation = split(Slides("x" * count), fraction, seed)
    assert sorted(names(train) + names(validation)) == sorted(f"crop{i}" for i in range(count))
    assert validation.num_images == min(max(round(count * fraction), 1), count - 1)
    order = random.sample(range(count), count)
    again = split(Slides("x" * count, order), fraction, seed)[1]
    assert set(names(again)) == set(names(validation))


def test_seeds_give_different_splits_in_the_order_of_the_dataset():
    dataset = Slides("x" * 20)
    parts = [names(split(dataset, 0.25, seed)[1]) for seed in range(4)]
    assert len({tuple(part) for part in parts}) == 4
    assert parts[0] == sorted(parts[0], key=lambda name: int(name[4:]))


@given(st.lists(st.integers(0, 7), min_size=2, max_size=40), fractions, seeds, st.randoms())
def test_split_by_group(slides, fraction, seed, random):
    if len(set(slides)) < 2:
        with pytest.raises(ValueError, match="has 1 groups"):
            split_by_group(Slides(slides), "slide", fraction, seed)
        return
    train, validation = split_by_group(Slides(slides), "slide", fraction, seed)
    sides = [{part.image_info[i]["slide"] for i in part.image_ids} for part in (train, validation)]
    assert not sides[0] & sides[1]
    assert sides[0] | sides[1] == set(slides)
    assert train.num_images + validation.num_images == len(slides)
    # Moving one more group to validation would bring it no closer to the fraction.
    off = abs(validation.num_images - fraction * len(slides))
    sizes = [slides.count(slide) for slide in sides[0]]
    if len(sides[0]) > 1:
        more = [abs(validation.num_images + n - fraction * len(slides)) for n in sizes]
        assert off <= min(more) + 1e-9
    order = random.sample(range(len(slides)), len(slides))
    again = split_by_group(Slides(slides, order), lambda info: info["slide"], fraction, seed)[1]
    assert set(names(again)) == set(names(validation))


def test_split_by_group_takes_what_fits():
    train, validation = split_by_group(Slides([0] * 50 + [1, 2, 3, 4, 5] * 10), "slide", 0.2)
    assert validation.num_images == 20
    assert 0 in {info["slide"] for info in train.image_info}
    assert split_by_group(Slides([0] * 9 + [1] * 7), "slide", 0.1)[1].num_images == 7
    for seed in range(4):
        assert split_by_group(Slides([0] * 9 + [1]), "slide", 0.9, seed)[1].num_images == 9


@pytest.mark.parametrize(
    "group_of, error, text",
    [
        (
            "patient",
            ValueError,
            r"group_of is 'patient', but image 0 \(None\) has only .*id, source, path, slide",
        ),
        (lambda info: None, ValueError, r"image 0 \(None\) has no group"),
        (lambda info: float("nan"), ValueError, "group_of gives nan"),
        (lambda info: [1], TypeError, r"its group \[1\] is not hashable"),
    ],
)
def test_a_group_is_required_and_must_be_hashable(group_of, error, text):
    with pytest.raises(error, match=text):
        split_by_group(Slides("ab"), group_of)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 20, float("nan")])
def test_impossible_splits(fraction):
    with pytest.raises(ValueError, match=f"fraction is {fraction}"):
        split(Slides("ab"), fraction)
    with pytest.raises(ValueError, match=f"fraction is {fraction}"):
        split_by_group(Slides("ab"), "slide", fraction)
    with pytest.raises(ValueError, match="the dataset has 1 images"):
        split(Slides("a"))


@pytest.mark.parametrize("fraction", ["0.2", None, True, [0.2]])
def test_a_fraction_is_a_number(fraction):
    for call in (lambda d: split(d, fraction), lambda d: split_by_group(d, "slide", fraction)):
        with pytest.raises(TypeError, match=r"fraction is .*must be a number above 0 and below 1"):
            call(Slides("aabbc"))


def test_a_random_subset():
    ids = np.arange(10, 30)
    part = random_subset(ids, 5)
    assert len(set(part)) == 5 and set(part) <= set(ids)
    assert part.tolist() == sorted(part) == random_subset(ids, 5).tolist()
    assert any(random_subset(ids, 5, seed).tolist() != part.tolist() for seed in range(1, 4))
    assert random_subset(ids, None) is random_subset(ids, 20) is ids
