"""The average against its closed form: each value weighs a fixed factor less than the next."""

import math

import numpy as np
import pytest

from explorer.training.smoothing import smoothed


@pytest.mark.parametrize("weight", [0.0, 0.5, 0.9, 0.99])
def test_each_point_is_a_weighted_mean_of_all_before(weight):
    values = np.random.default_rng(0).normal(size=40)
    found = smoothed(values.tolist(), weight)
    for n in range(1, 41):
        weights = [weight ** (n - 1 - k) for k in range(n)]
        wanted = sum(w * v for w, v in zip(weights, values, strict=False)) / sum(weights)
        assert found[n - 1] == pytest.approx(wanted)


def test_a_constant_stays_what_it_is_from_the_first_point_on():
    assert smoothed([2.5] * 30) == pytest.approx([2.5] * 30)
    assert smoothed([]) == []


@pytest.mark.parametrize("gap", [None, math.nan, math.inf])
def test_what_is_missing_stays_missing_and_counts_for_nothing(gap):
    found = smoothed([gap, 1.0, gap, gap, 3.0, 2.0], 0.7)
    assert [found[place] for place in (0, 2, 3)] == [None] * 3
    assert [found[place] for place in (1, 4, 5)] == smoothed([1.0, 3.0, 2.0], 0.7)


@pytest.mark.parametrize("weight", [-0.1, 1.0, 2.0, math.nan])
def test_a_weight_must_leave_something_for_the_next_value(weight):
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        smoothed([1.0], weight)
