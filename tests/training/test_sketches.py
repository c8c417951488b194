"""Drawings placed as MNIST's digits: the digits themselves stay, wherever and however large they are drawn."""

import cv2
import numpy as np
import pytest

from explorer import datasets
from explorer.training.sketches import as_trained


@pytest.fixture(scope="module")
def digits():
    return datasets.load("mnist-small").train.images[:200]


def centre(picture):
    """Row and column of the centre of mass, by loops over rows and columns."""
    rows, cols = (picture[..., 0].sum(axis, dtype=float) for axis in (1, 0))
    return tuple(sum(k * mass for k, mass in enumerate(each)) / sum(each) for each in (rows, cols))


def box(picture):
    rows, cols = np.nonzero(picture[..., 0])
    return int(np.ptp(rows)) + 1, int(np.ptp(cols)) + 1


def test_mnists_own_digits_are_placed_where_they_were(digits):
    placed = np.stack([as_trained(digit, (28, 28, 1)) for digit in digits])
    same = [np.array_equal(mine, digit) for mine, digit in zip(placed, digits, strict=True)]
    assert np.mean(same) > 0.85  # a few have a rim too faint to count as ink
    assert np.abs(placed.astype(int) - digits).mean() < 0.1


def test_a_digit_drawn_elsewhere_and_larger_comes_out_nearly_the_same(digits):
    nearest = []
    for digit in digits[:60]:
        large = np.zeros((140, 140, 1), np.uint8)
        drawn = cv2.resize(digit, (84, 84), interpolation=cv2.INTER_CUBIC)
        large[50:134, 3:87, 0] = np.where(drawn > 16, drawn, 0)
        found = as_trained(large, (28, 28, 1))
        assert centre(found) == pytest.approx((14, 14), abs=0.51)
        nearest.append(int(np.abs(digits.astype(int) - found).mean((1, 2, 3)).argmin()))
    assert np.mean(np.array(nearest) == np.arange(60)) > 0.9  # of 200 digits each is most like itself


@pytest.mark.parametrize("shape", [(28, 28, 1), (150, 150, 3), (32, 32, 3), (64, 48, 1), (7, 7, 1), (1, 1, 1)])
def test_the_longer_side_is_twenty_of_twenty_eight(shape):
    drawing = np.zeros((56, 56, 1), np.uint8)
    drawing[5:45, 30:40] = 255
    found = as_trained(drawing, shape)
    assert found.shape == shape
    assert found.dtype == np.uint8
    longer = max(1, round(min(shape[:2]) * 20 / 28))
    assert box(found) == (longer, max(1, round(min(shape[:2]) * 5 / 28)))
    assert all((found[..., channel] == found[..., 0]).all() for channel in range(shape[2]))
    if min(shape[:2]) > 7:
        assert centre(found) == pytest.approx((shape[0] / 2, shape[1] / 2), abs=0.51)


def test_the_centre_of_mass_is_in_the_middle_as_far_as_it_fits():
    drawing = np.zeros((60, 60, 1), np.uint8)
    cv2.fillPoly(drawing[..., 0], [np.array([[5, 55], [55, 55], [55, 5]])], 255)
    found = as_trained(drawing, (28, 28, 1))
    assert centre(found) == pytest.approx((14, 14), abs=0.51)
    heavy = np.zeros((56, 56, 1), np.uint8)
    heavy[0, 0:56] = 20
    heavy[0:20, 0] = 20
    heavy[0:4, 50:] = 255
    found = as_trained(heavy, (28, 28, 1))
    assert box(found)[1] == 20  # whole, although its weight is far to one side
    assert np.nonzero(found[..., 0])[1].min() == 0


def test_nothing_is_black():
    for empty in (np.zeros((56, 56, 1), np.uint8), np.full((56, 56, 1), 9, np.uint8)):
        assert not as_trained(empty, (28, 28, 3)).any()


def test_one_cell_is_enough():
    dot = np.zeros((56, 56, 1), np.uint8)
    dot[55, 0] = 200
    found = as_trained(dot, (28, 28, 1))
    assert box(found) == (20, 20)
    assert found.max() == 200
