"""The hand-made kernel that a learned one is most like, against loops over every kernel and shift."""

import time

import numpy as np
import pytest

from explorer import likeness
from explorer.errors import KernelError
from explorer.kernels import KERNELS
from explorer.likeness import by_chance, compared_slices, grey_share, nearest, strongest, why_not


def one(weights):
    """The match of a single slice."""
    return nearest(np.asarray(weights, np.float32)[..., np.newaxis])[0]


def best_by_loops(learned):
    """The largest cosine of either sign: both kernels on one large canvas of zeros, cell by cell."""
    height, width = learned.shape
    best = 0.0
    for slug, kernel in KERNELS.items():
        sizes = {len(kernel.weights)}
        if kernel.sizable:
            sizes = {size for size in sizes if size <= max(height, width)}
            sizes |= {height, width} - {1} - ({2} if slug.startswith(("gabor", "laplacian")) else set())
        for size in sizes:
            hand = kernel.weights if size == len(kernel.weights) else kernel.at_size(size).weights
            for row in range(min(0, height - size), max(0, height - size) + 1):
                for col in range(min(0, width - size), max(0, width - size) + 1):
                    total = sum(
                        float(learned[i, j]) * float(hand[i - row, j - col])
                        for i in range(height)
                        for j in range(width)
                        if 0 <= i - row < size and 0 <= j - col < size
                    )
                    best = max(best, abs(total) / np.sqrt((learned**2).sum() * (hand.astype(float) ** 2).sum()))
    return best


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (1, 5), (5, 3), (6, 6)])
def test_no_kernel_at_any_shift_is_more_alike(shape):
    learned = np.random.default_rng(sum(shape)).normal(size=(*shape, 3)).astype(np.float32)
    for index, match in enumerate(nearest(learned)):
        assert abs(match.cosine) == pytest.approx(best_by_loops(learned[..., index].astype(float)), abs=1e-5)


@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (7, 2), (9, 9)])
def test_a_match_says_what_was_compared_and_where(shape):
    learned = np.random.default_rng(7).normal(size=(*shape, 8)).astype(np.float32)
    for index, match in enumerate(nearest(learned)):
        laid = match.laid_over(*shape).astype(float)
        own = np.zeros_like(laid)
        top, left = max(0, -match.row), max(0, -match.col)
        own[top : top + shape[0], left : left + shape[1]] = learned[..., index]
        cosine = (laid * own).sum() / np.linalg.norm(laid) / np.linalg.norm(own)
        assert cosine == pytest.approx(abs(match.cosine), abs=1e-5)
        assert np.count_nonzero(laid) == np.count_nonzero(match.kernel.weights)


@pytest.mark.parametrize("slug", likeness.CANDIDATES)
def test_each_hand_made_kernel_is_itself(slug):
    weights = KERNELS[slug].weights
    match = one(3.5 * weights)
    assert match.cosine == pytest.approx(1, abs=1e-5)
    same = match.laid_over(*weights.shape)
    np.testing.assert_allclose(same / np.linalg.norm(same), weights / np.linalg.norm(weights), atol=1e-6)
    assert match.slug in likeness.CANDIDATES[: likeness.CANDIDATES.index(slug) + 1]  # or an earlier one, equal to it


def test_a_kernel_with_a_formula_is_compared_at_the_learned_kernels_size():
    match = one(KERNELS["gaussian"].at_size(7).weights)
    assert (match.slug, match.size, match.row, match.col) == ("gaussian", 7, 0, 0)
    assert match.cosine == pytest.approx(1, abs=1e-5)


def test_the_negative_of_a_kernel_has_a_negative_cosine():
    match = one(-KERNELS["line-rising"].weights)
    assert (match.slug, round(match.cosine, 4)) == ("line-rising", -1)
    np.testing.assert_array_equal(match.laid_over(3, 3), -KERNELS["line-rising"].weights)


def test_of_equal_cosines_the_positive_one_counts():
    assert one(KERNELS["sobel-left"].weights).slug == "sobel-left"  # and not the negative of sobel-x, which is first


def test_a_constant_kernel_is_a_box_and_its_negative():
    for value in (4.0, 1e-30, -2.0):
        match = one(np.full((5, 5), value))
        assert (match.slug, match.size) == ("box", 5)
        assert match.cosine == pytest.approx(np.sign(value), abs=1e-5)


def test_the_mean_stays_and_makes_a_kernel_like_a_blur():
    weights = np.random.default_rng(3).normal(1, 0.05, (3, 3))
    match = one(weights)
    assert match.slug in {"box", "gaussian"}
    assert match.cosine >= weights.mean() / np.sqrt((weights**2).mean()) - 1e-5  # the cosine with the box


def test_zeros_and_what_is_no_number_match_nothing():
    slices = np.ones((3, 3, 5), np.float32)
    slices[..., 0] = 0
    slices[1, 1, 1] = np.nan
    slices[1, 1, 2] = np.inf
    slices[..., 3] = 1e-7
    assert [match is None for match in nearest(slices)] == [True, True, True, False, False]
    assert [match is None for match in nearest(slices, floor=1e-6)] == [True, True, True, True, False]


@pytest.mark.parametrize(("size", "word"), [((1, 1), "no shape"), ((16, 3), "16 × 3")])
def test_sizes_that_are_not_compared_say_why(size, word):
    assert word in why_not(*size)
    with pytest.raises(KernelError, match=word):
        nearest(np.ones((*size, 2), np.float32))
    assert why_not(1, 3) is None
    assert why_not(15, 15) is None


def test_colours_that_agree_are_summed_and_colours_that_oppose_are_not():
    shape = np.float32([[1, 2, 1], [0, 0, 0], [-1, -2, -1]])
    grey, opposed = np.stack([shape] * 3, axis=2), np.stack([shape, -1.5 * shape, 0.5 * shape], axis=2)
    kernels = np.stack([grey, opposed], axis=3)
    np.testing.assert_allclose(grey_share(kernels), [1, 0], atol=1e-6)
    found = compared_slices(kernels, colours=True)
    assert found.channels == (None, 1)
    np.testing.assert_allclose(found.weights, np.stack([3 * shape, -1.5 * shape], axis=2), atol=1e-6)
    assert compared_slices(kernels).channels == (0, 1)


def test_the_summed_kernel_answers_a_grey_picture_as_the_filter_does():
    rng = np.random.default_rng(5)
    kernel, patch = rng.uniform(0.5, 1, (3, 3, 3, 1)).astype(np.float32), rng.uniform(size=(3, 3))
    answer = sum((kernel[:, :, channel, 0] * patch).sum() for channel in range(3))
    found = compared_slices(kernel, colours=True)
    assert (found.weights[..., 0] * patch).sum() == pytest.approx(answer, abs=1e-5)


def test_random_kernels_keep_a_third_of_their_energy_for_grey():
    drawn = np.random.default_rng(0).normal(size=(3, 3, 3, 4000)).astype(np.float32)
    assert grey_share(drawn).mean() == pytest.approx(1 / 3, abs=0.01)


def test_slices_by_norm_and_kernels_of_a_network_that_diverged():
    kernels = np.random.default_rng(2).normal(size=(3, 3, 6, 3)).astype(np.float32)
    norms = np.array([[np.linalg.norm(kernels[:, :, c, n]) for n in range(3)] for c in range(6)])
    np.testing.assert_array_equal(strongest(kernels), np.argsort(-norms, axis=0))
    kernels[0, 0, 4, 1] = np.nan
    kernels[0, 0, 2, 2] = -np.inf
    found = compared_slices(kernels)
    assert found.channels == (int(norms[:, 0].argmax()), 4, 2)
    assert [match is None for match in nearest(found.weights)] == [False, True, True]


@pytest.mark.parametrize("size", [3, 7])
def test_one_random_kernel_in_twenty_is_above_chance(size):
    drawn = np.random.default_rng(99).normal(size=(size, size, 2000)).astype(np.float32)
    above = np.mean([abs(match.cosine) > by_chance(size, size) for match in nearest(drawn)])
    assert above == pytest.approx(0.05, abs=0.035)


def test_a_layer_of_64_filters_takes_milliseconds():
    kernels = np.random.default_rng(0).normal(size=(7, 7, 64)).astype(np.float32)
    nearest(kernels)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        nearest(kernels)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.05
