"""Colours of numbers: known colours, a neutral zero, symmetry, and what is clipped counted exactly."""

import re

import cv2
import numpy as np
import pytest

from explorer import figures


def column(*values):
    return np.float32(values).reshape(-1, 1, 1)


def ramp(count=256, channels=1):
    random = np.random.default_rng(3)
    return random.normal(scale=80, size=(count, 7, channels)).astype(np.float32)


@pytest.mark.parametrize("dark", [False, True])
def test_signed_colours_are_the_palettes_and_zero_is_exactly_its_middle(dark):
    anchors = figures.DIVERGING_DARK if dark else figures.DIVERGING_LIGHT
    values = column(*np.linspace(-6, 6, len(anchors)))
    pixels = figures.signed(values, dark=dark).pixels[:, 0].astype(int)
    np.testing.assert_allclose(pixels, anchors, atol=2)  # most lie between two of the 256 colours
    for exact in (0, len(anchors) // 2, -1):
        np.testing.assert_array_equal(pixels[exact], anchors[exact])


@pytest.mark.parametrize("dark", [False, True])
def test_zero_is_a_neutral_colour_whatever_stands_beside_it(dark):
    values = np.zeros((4, 4, 1), np.float32)
    values[0, :2, 0] = 1000, -3
    zero = figures.signed(values, dark=dark).pixels[3, 3].astype(int)
    assert np.ptp(zero) <= 8  # nearly grey
    assert (zero.mean() < 50) if dark else (zero.mean() > 230)  # as the page behind it
    assert figures.diverging_table(dark=dark).shape == (256, 3)


def test_signed_is_symmetric_in_the_sign():
    values = ramp(channels=3)
    one, other = figures.signed(values), figures.signed(-values)
    assert (one.low, one.high) == (-other.high, -other.low)
    assert -one.low == one.high > 0
    np.testing.assert_array_equal(one.pixels.astype(int) - 128, 128 - other.pixels.astype(int))
    assert one.signed
    assert one.clipped == other.clipped


def test_signed_colour_pictures_keep_their_channels():
    assert figures.signed(np.float32([[[-10, 0, 10]]])).pixels[0, 0].tolist() == [1, 128, 255]


def test_the_scale_holds_995_thousandths_of_the_magnitudes_and_counts_the_rest():
    values = column(*range(1, 1001)) * np.where(np.arange(1000) % 2, 1, -1).reshape(-1, 1, 1).astype(np.float32)
    for draw in (figures.signed, figures.absolute):
        shown = draw(values)
        assert shown.clipped == np.mean(np.abs(values) > shown.high)
        assert 0 < shown.clipped <= 0.005
        assert shown.high in np.abs(values)
    assert figures.signed(values).low == -figures.signed(values).high
    assert figures.absolute(values).low == 0


def test_a_few_values_among_zeros_are_still_shown():
    values = np.zeros((100, 100, 1), np.float32)
    values[5, 5] = -7
    shown = figures.signed(values)
    assert (shown.high, shown.clipped) == (7, 0)
    assert shown.pixels[5, 5].tolist() == list(figures.DIVERGING_LIGHT[0])


def test_clipped_is_a_photo_and_its_share_is_exact():
    shown = figures.clipped(column(-1, -0.001, 0, 0.4, 0.6, 128, 254.6, 255, 255.001, 1e9))
    assert shown.pixels[:, 0, 0].tolist() == [0, 0, 0, 0, 1, 128, 255, 255, 255, 255]
    assert shown.clipped == 0.4
    assert (shown.low, shown.high, shown.signed) == (0, 255, False)


def test_stretched_takes_the_least_to_black_and_the_greatest_to_white():
    shown = figures.stretched(column(-300, 0, 700, 200))
    assert shown.pixels[:, 0].tolist() == [[0] * 3, [76] * 3, [255] * 3, [128] * 3]  # 76.5 goes to the even 76
    assert (shown.low, shown.high, shown.clipped) == (-300, 700, 0)


def test_absolute_is_viridis_of_the_magnitude():
    pixels = figures.absolute(column(0, 5, -10)).pixels[:, 0]
    # matplotlib's viridis: its first, middle and last colour
    np.testing.assert_allclose(pixels.astype(int), [[68, 1, 84], [33, 145, 140], [253, 231, 37]], atol=3)
    colour = figures.absolute(np.float32([[[-10, 0, 5]]])).pixels[0, 0]
    assert colour.tolist() == [255, 0, 128]


@pytest.mark.parametrize("name", figures.DISPLAYS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("value", [0.0, 200.0, -5.0, 1e30, -1e-30])
def test_a_constant_picture_has_one_colour_and_finite_ends(name, channels, value):
    shown = figures.DISPLAYS[name].draw(np.full((3, 4, channels), value, np.float32))
    assert shown.pixels.dtype == np.uint8
    assert shown.pixels.shape == (3, 4, 3)
    assert len(np.unique(shown.pixels.reshape(-1, 3), axis=0)) == 1
    assert np.isfinite([shown.low, shown.high, shown.clipped]).all()
    assert shown.low <= shown.high
    assert shown.legend


@pytest.mark.parametrize("name", figures.DISPLAYS)
def test_one_pixel_and_the_argument_unharmed(name):
    values = ramp(1)
    before = values.copy()
    figures.DISPLAYS[name].draw(values[:1, :1])
    figures.DISPLAYS[name].draw(values)
    np.testing.assert_array_equal(values, before)


def test_an_empty_array_has_no_share_clipped():
    for draw in (figures.clipped, figures.stretched):
        shown = draw(np.empty((0, 4, 3), np.float32))
        assert shown.pixels.shape == (0, 4, 3)
        assert shown.clipped == 0
    assert figures.scale_end(np.empty((0, 0, 1), np.float32)) == 0


@pytest.mark.parametrize(
    ("negative", "bright", "expected"),
    [
        (0, 0, "clipped"),
        (99, 9, "clipped"),
        (99, 10, "absolute"),
        (100, 0, "signed"),
        (100, 900, "signed"),
        (1000, 0, "signed"),
    ],
)
def test_automatic_looks_at_how_many_are_negative_and_how_many_too_bright(negative, bright, expected):
    values = np.full(1000, 255, np.float32)
    values[:negative] = -1
    values[negative : negative + bright] = 256
    assert figures.automatic(values) == expected


def test_automatic_of_nothing_is_a_photo():
    assert figures.automatic(np.empty(0, np.float32)) == "clipped"


@pytest.mark.parametrize("shift", [0.0, -500.0, 500.0])
def test_histogram_counts_agree_with_numpy(shift):
    values = ramp(500, 3) + np.float32(shift)
    counts, edges = figures.count_values(values)
    bounds = min(0.0, float(values.min())), max(0.0, float(values.max()))  # zero is always on the axis
    expected, expected_edges = np.histogram(values, bins=64, range=bounds)
    np.testing.assert_allclose(edges, expected_edges, rtol=1e-5, atol=1e-3)
    assert counts.sum() == values.size
    assert np.abs(counts - expected).sum() <= 4  # a value on an edge may fall to either side


def test_histogram_counts_are_exact_where_edges_are():
    values = np.random.default_rng(0).integers(0, 65, 5000).astype(np.float32)
    values[:2] = 0, 64
    counts, _ = figures.count_values(values)
    np.testing.assert_array_equal(counts, np.histogram(values, bins=64, range=(0, 64))[0])


def test_zeros_count_as_not_negative():
    counts, edges = figures.count_values(column(*[0.0] * 10, -5, 5))
    assert counts[edges[:-1] < 0].sum() == 1
    assert counts[edges[:-1] >= 0].sum() == 11


def test_histograms_of_nothing_and_of_zeros():
    for values, total in ((np.empty(0, np.float32), 0), (np.zeros((5, 5, 1), np.float32), 25)):
        counts, edges = figures.count_values(values)
        assert counts.sum() == total
        assert edges[0] < 0 < edges[-1]
        figures.histogram(counts, edges)


def test_bars_are_red_below_zero_and_blue_above():
    counts, edges = figures.count_values(column(-8, -8, 8), bins=4)
    svg = figures.histogram(counts, edges)
    bars = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="[\d.]+" height="([\d.]+)" fill="(#\w+)"/>', svg)
    left, right = bars  # empty bins have no bar
    assert (left[2], right[2]) == (figures.RED, figures.BLUE)
    assert (float(left[0]), float(right[0])) == (0, 300)
    assert float(left[1]) == 2 * float(right[1])


def test_a_logarithmic_histogram_says_so():
    plain, steep = np.array([4, 5, 4]), np.array([9000, 1, 1])
    edges = np.float32([-1, 0, 1, 2])
    assert "log scale" not in figures.histogram(plain, edges)
    assert "log scale" in figures.histogram(steep, edges)


def test_enlarged_pixels_are_repeated_not_blended():
    pixels = np.random.default_rng(1).integers(0, 256, (3, 5, 3)).astype(np.uint8)
    large = figures.enlarge(pixels, 40)
    expected = cv2.resize(pixels, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    np.testing.assert_array_equal(large, expected)
    np.testing.assert_array_equal(figures.enlarge(pixels, 4), pixels)


def curves(svg):
    """The lines of a chart: points (x, y) and colour, in the order in which they are drawn."""
    found = re.findall(r'<polyline points="([^"]+)" fill="none" stroke="(#\w+)"', svg)
    return [([tuple(map(float, point.split(","))) for point in points.split()], colour) for points, colour in found]


def test_growth_curves_are_a_line_each_over_the_steps_there_will_be():
    scores = np.float32([[0, -1], [2, 1], [3, 0]])
    (one, _), (other, _) = curves(figures.growth_curves(scores, 8))
    across = [x for x, _ in one]
    assert across == [x for x, _ in other]
    width = (across[1] - across[0]) * 8
    assert across[2] - across[0] == pytest.approx(width * 2 / 8)
    top, base = one[2][1], other[0][1]  # the highest score, 3, and the lowest, −1
    for line, values in ((one, scores[:, 0]), (other, scores[:, 1])):
        expected = base + (values + 1) / 4 * (top - base)
        np.testing.assert_allclose([y for _, y in line], expected, atol=0.1)
    svg = figures.growth_curves(scores, 8)
    assert re.findall(r">([^<>]+)</text>", svg) == ["3", "-1", "step 0", "8"]
    edge = float(re.search(r'viewBox="0 0 (\d+)', svg)[1])
    assert across[0] + width < edge


def test_the_chosen_growth_curve_is_red_and_drawn_over_the_others():
    lines = curves(figures.growth_curves(np.float32([[0, 1, 2], [3, 4, 5]]), 1, selected=1))
    assert [colour for _, colour in lines] == [figures.BLUE, figures.BLUE, figures.RED]
    heights = [points[-1][1] for points, _ in lines]
    assert sorted(heights)[1] == heights[2]  # the middle one


def test_growth_curves_have_zero_on_their_axis_and_scores_that_never_move_are_no_error():
    for scores, ends in (([[2], [4]], ["4", "0"]), ([[-2], [-4]], ["0", "-4"]), ([[0], [0]], ["0", "0"])):
        svg = figures.growth_curves(np.float32(scores), 1)
        assert re.findall(r">([^<>]+)</text>", svg)[:2] == ends
        ((points, _),) = curves(svg)
        assert np.isfinite(points).all()
    assert curves(figures.growth_curves(np.float32([[1, 2]]), 0))[0][0][0]
    light, dark = (figures.growth_curves(np.float32([[1], [2]]), 1, dark=dark) for dark in (False, True))
    assert figures.INK_LIGHT in light
    assert figures.INK_DARK in dark
