"""Two models on the same images."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.metrics.paired import paired_difference

VALUES = st.lists(st.floats(0, 1), min_size=2, max_size=12)


def test_a_clear_difference():
    found = paired_difference([0.1, 0.5, 0.9, 0.3], [0.2, 0.6, 0.9, 0.5])
    assert found.mean == pytest.approx(0.1)
    assert 0 < found.low < 0.1 < found.high <= 0.2
    assert (found.count, found.better, found.worse, found.is_clear) == (4, 3, 0, True)


def test_a_difference_that_may_be_chance():
    found = paired_difference([0.1, 0.5, 0.9], [0.3, 0.2, 0.95])
    assert found.low < 0 < found.high
    assert (found.better, found.worse, found.is_clear) == (2, 1, False)


def test_images_without_a_value_are_left_out():
    nan = math.nan
    assert paired_difference([nan, 0.5, 0.1], [0.5, nan, 0.3]).count == 1
    found = paired_difference([nan], [0.5])
    assert found.count == 0
    assert math.isnan(found.mean)
    assert not found.is_clear


def test_one_image_has_no_interval():
    found = paired_difference([0.5], [0.75])
    assert found.mean == 0.25
    assert math.isnan(found.low) and math.isnan(found.high)
    assert not found.is_clear


def test_the_width_is_that_of_the_mean():
    """About 1.96 standard errors on either side."""
    rng = np.random.default_rng(0)
    differences = rng.normal(0.02, 0.1, 400)
    found = paired_difference(np.zeros(400), differences)
    error = differences.std() / 20
    assert (found.high - found.low) / error == pytest.approx(2 * 1.96, rel=0.06)


@settings(max_examples=25)
@given(VALUES, st.floats(-1, 1))
def test_a_constant_difference_has_no_width(values, shift):
    found = paired_difference(values, np.add(values, shift))
    assert [found.mean, found.low, found.high] == pytest.approx([shift] * 3, abs=1e-9)


@settings(max_examples=25)
@given(VALUES, st.randoms())
def test_the_other_way_round(values, random):
    others = random.sample(values, len(values))
    one, two = paired_difference(values, others), paired_difference(others, values)
    assert one.mean == pytest.approx(-two.mean)
    assert (one.better, one.worse) == (two.worse, two.better)
    assert [one.low, one.high] == pytest.approx([-two.high, -two.low], abs=1e-9)


def test_values_of_other_images():
    with pytest.raises(ValueError, match="first has 2 values and second 1"):
        paired_difference([1, 2], [1])
