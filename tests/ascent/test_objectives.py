"""What is climbed, against loops over cells."""

import numpy as np
import pytest
import tensorflow as tf

from explorer.ascent.objectives import alikeness, likeness, strengths

RANDOM = np.random.default_rng(0)


def mean_without_border(maps, border):
    """The mean of maps (N, h, w, C) without so many rows and columns at each side, cell by cell."""
    count, height, width, channels = maps.shape
    sums, cells = np.zeros((count, channels)), 0
    for row in range(border[0], height - border[0]):
        for col in range(border[1], width - border[1]):
            sums += maps[:, row, col]
            cells += 1
    return sums / cells


@pytest.mark.parametrize(
    ("size", "border"),
    [
        ((12, 9), (2, 2)),
        ((9, 8), (2, 1)),
        ((8, 5), (1, 1)),
        ((4, 20), (0, 2)),
        ((3, 3), (0, 0)),
        ((2, 1), (0, 0)),
        ((1, 1), (0, 0)),
    ],
)
def test_the_mean_leaves_out_a_border_that_leaves_half_of_the_map(size, border):
    maps = RANDOM.normal(size=(2, *size, 3)).astype(np.float32)
    np.testing.assert_allclose(strengths(maps, "mean"), mean_without_border(maps, border), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        strengths(maps, "dream"), mean_without_border(maps.astype(np.float64) ** 2, border), rtol=1e-4
    )
    assert all((side + 1) // 2 <= side - 2 * left for side, left in zip(size, border, strict=True))


@pytest.mark.parametrize(("size", "centre"), [((5, 7), (2, 3)), ((4, 6), (2, 3)), ((1, 2), (0, 1))])
def test_the_centre_unit(size, centre):
    maps = RANDOM.normal(size=(2, *size, 3)).astype(np.float32)
    np.testing.assert_array_equal(strengths(maps, "centre"), maps[:, centre[0], centre[1]])


@pytest.mark.parametrize("objective", ["mean", "centre"])
def test_units_are_themselves_and_sequences_their_mean(objective):
    units = RANDOM.normal(size=(2, 5)).astype(np.float32)
    np.testing.assert_array_equal(strengths(units, objective), units)
    sequence = RANDOM.normal(size=(2, 9, 4)).astype(np.float32)
    expected = sum(sequence[:, place] for place in range(9)) / 9
    np.testing.assert_allclose(strengths(sequence, objective), expected, rtol=1e-4, atol=1e-6)


def test_dreams_square_units_and_sequences_too():
    units = np.float32([[1, -3]])
    assert strengths(units, "dream").numpy().tolist() == [[1, 9]]
    assert strengths(np.float32([[[1, 2], [-3, 0]]]), "dream").numpy().tolist() == [[5, 2]]


def test_half_precision_is_summed_in_full():
    maps = np.full((1, 40, 40, 1), 0.1, np.float16)
    found = strengths(maps, "mean")
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, np.float32(np.float16(0.1)), rtol=1e-6)


def test_likeness_by_hand():
    goal = np.float32([[3, 4]])
    assert likeness(goal, goal).numpy().tolist() == [1]
    np.testing.assert_allclose(likeness(np.float32([[3, 0]]), goal), [1 - 16 / 25])
    np.testing.assert_allclose(likeness(np.zeros((1, 2), np.float32), goal), [0])
    np.testing.assert_allclose(likeness(-goal, goal), [-3])
    maps, wanted = RANDOM.normal(size=(2, 3, 4, 2)), RANDOM.normal(size=(2, 3, 4, 2))
    expected = [1 - ((one - other) ** 2).sum() / (other**2).sum() for one, other in zip(maps, wanted, strict=True)]
    np.testing.assert_allclose(likeness(maps, wanted), expected, rtol=1e-4)


def alike(maps):
    """The mean cosine of each picture's Gram matrix with the others', by loops."""
    grams = []
    for picture in maps:
        cells = picture.reshape(-1, picture.shape[-1]).astype(np.float64)
        grams.append(sum(np.outer(cell, cell) for cell in cells).ravel())
    cosine = [[one @ other / np.linalg.norm(one) / np.linalg.norm(other) for other in grams] for one in grams]
    others = len(maps) - 1
    return [sum(row[k] for k in range(len(maps)) if k != place) / others for place, row in enumerate(cosine)]


@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (4, 7, 3), (3, 6)])
def test_alikeness_of_maps_sequences_and_units(shape):
    maps = RANDOM.normal(0.5, 1, size=shape).astype(np.float32)
    np.testing.assert_allclose(alikeness(maps), alike(maps), rtol=1e-4)


def test_alikeness_from_nothing_to_all():
    same = np.float32([[[[1, 2]]], [[[2, 4]]]])
    np.testing.assert_allclose(alikeness(same), [1, 1], rtol=1e-5)
    apart = np.float32([[[[1, 0]]], [[[0, 5]]]])
    np.testing.assert_allclose(alikeness(apart), [0, 0], atol=1e-6)
    moved = np.float32([[[[1, 2], [3, 0]]], [[[3, 0], [1, 2]]]])  # the same cells elsewhere
    np.testing.assert_allclose(alikeness(moved), [1, 1], rtol=1e-5)
    assert alikeness(np.float32([[[[1, 2]]]])).numpy().tolist() == [0]  # nothing to be alike to
    assert alikeness(np.zeros((2, 1, 1, 3), np.float32)).numpy().tolist() == [0, 0]
