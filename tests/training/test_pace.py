"""Speed and time left, with made-up clocks."""

import math

import pytest

from explorer.training.pace import Pace


def test_a_report_of_many_batches_counts_for_many():
    """One slow batch among a hundred quick ones, told of alone; by reports it would weigh as much as all of them."""
    pace = Pace(validation=0)
    assert math.isnan(pace.batch)
    pace.saw(100, 1.0)
    pace.saw(1, 1.0)
    assert pace.batch == pytest.approx((0.9 * 1.0 + 1.0) / (0.9 * 100 + 1))


def test_it_follows_a_machine_that_becomes_slower():
    pace = Pace(validation=0)
    for _ in range(50):
        pace.saw(20, 0.2)
    for _ in range(50):
        pace.saw(10, 0.2)
    assert pace.batch == pytest.approx(0.02, rel=0.02)


def test_what_lies_between_epochs_is_added_once_for_each():
    pace = Pace(validation=30)
    pace.saw(10, 1.0)
    assert pace.left(batches=100, epochs=2) == pytest.approx(10 + 2 * 30 * 0.1 / 3)  # forwards alone: a third
    pace.rested(60.0)  # the first validation traces its function
    assert pace.left(batches=100, epochs=2) == pytest.approx(12)
    pace.rested(3.1)
    assert pace.left(batches=100, epochs=2) == pytest.approx(16)
    pace.rested(5.1)  # a batch of 0.1 s is in it
    assert pace.left(batches=100, epochs=2) == pytest.approx(18)
    assert pace.batch == pytest.approx(0.1)
