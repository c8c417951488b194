"""Charts: the numbers that were given are on the axes, and names from elsewhere are text."""

import html
import re

import numpy as np
import pytest

from explorer import charts, figures

HOSTILE = ("<img src=x onerror=alert(1)>", "<b>fat</b> & <a href='https://example.org'>a link</a>", "**b**", "plain")


def test_a_heatmap_of_signed_values_is_centred_on_zero():
    values = np.float32([[-1, 0], [0, 4]])
    signed = charts.heatmap(values, signed_values=True, text=True).data[0]
    assert (signed.zmin, signed.zmax) == (-4, 4)
    middle = figures.DIVERGING_LIGHT[len(figures.DIVERGING_LIGHT) // 2]
    assert (0.5, f"rgb{middle}".replace(" ", "")) in signed.colorscale
    plain = charts.heatmap(np.abs(values), signed_values=False, dark=True).data[0]
    assert (plain.zmin, plain.zmax) == (0, 4)
    blank = charts.heatmap(np.zeros((2, 2), np.float32), signed_values=True).data[0]
    assert (blank.zmin, blank.zmax) == (-1, 1)


def test_stacked_bars_are_the_counts_of_each_kind_at_the_place_of_each_name():
    figure = charts.stacked_bars(["cat", "dog"], {"train": [7, 5], "validation": [0, 2], "test": [1, 1]}, height=231)
    assert [bar.name for bar in figure.data] == ["train", "validation", "test"]
    assert [list(bar.y) for bar in figure.data] == [[7, 5], [0, 2], [1, 1]]
    assert all(list(bar.x) == [0, 1] and list(bar.customdata) == ["cat", "dog"] for bar in figure.data)
    assert len({bar.marker.color for bar in figure.data}) == 3
    layout = figure.layout
    assert (layout.barmode, layout.showlegend, layout.height) == ("stack", True, 231)
    assert list(layout.xaxis.ticktext) == ["cat", "dog"]
    assert list(layout.xaxis.tickvals) == [0, 1]


def test_names_that_look_like_html_are_text_in_a_chart():
    figure = charts.stacked_bars(HOSTILE, {"train": [1, 2, 3, 4]})
    shown = [*figure.layout.xaxis.ticktext, *figure.data[0].customdata]
    assert not [text for text in shown if re.search("[<>]", text)]
    expected = [name[:40] for name in HOSTILE]
    assert [html.unescape(text) for text in figure.data[0].customdata] == expected
    assert [html.unescape(text) for text in figure.layout.xaxis.ticktext] == expected


def test_long_names_are_cut_before_they_are_escaped():
    name = "&" * 100
    (text,) = charts.stacked_bars([name], {"train": [1]}).layout.xaxis.ticktext
    assert text == "&amp;" * 40  # no reference is cut in two


@pytest.mark.parametrize(("count", "labelled"), [(1, 1), (24, 24), (25, 13), (1000, 24)])
def test_of_many_names_some_are_written_below_their_own_bar(count, labelled):
    names = [f"class {number}" for number in range(count)]
    figure = charts.stacked_bars(names, {"train": range(count)})
    axis = figure.layout.xaxis
    assert len(axis.tickvals) == len(axis.ticktext) == labelled
    assert all(text == f"class {place}" for place, text in zip(axis.tickvals, axis.ticktext, strict=True))
    assert list(figure.data[0].customdata) == names


def test_stacked_bars_of_nothing_are_empty():
    figure = charts.stacked_bars([], {"train": []})
    assert list(figure.data[0].y) == []


def test_level_counts_are_shares_of_a_channel_s_own_pixels():
    red, green, blue = (np.zeros(256, np.int64) for _ in range(3))
    red[0], red[255] = 3, 1
    green[7] = 10
    figure = charts.level_counts({"red": red, "green": green, "blue": blue})
    assert [line.name for line in figure.data] == ["red", "green", "blue"]
    shares = np.array([line.y for line in figure.data])
    assert shares.shape == (3, 256)
    np.testing.assert_array_equal(shares[0, [0, 1, 255]], [0.75, 0, 0.25])
    np.testing.assert_array_equal(shares[1], np.arange(256) == 7)
    assert not shares[2].any()  # nothing counted, nothing drawn, and no division by zero
    assert list(figure.data[0].x) == list(range(256))
    assert len({line.line.color for line in figure.data}) == 3
    assert not any(line.fill for line in figure.data)


def test_one_channel_is_drawn_filled_and_ink_follows_the_page():
    counts = np.ones(256, np.int64)
    light, dark = (charts.level_counts({"grey": counts}, dark=dark) for dark in (False, True))
    assert light.data[0].fill == "tozeroy"
    assert (light.layout.font.color, dark.layout.font.color) == (figures.INK_LIGHT, figures.INK_DARK)
    np.testing.assert_allclose(light.data[0].y, 1 / 256)


@pytest.mark.parametrize(("tallest", "logarithmic"), [(1, False), (4, False), (10_000, True)])
def test_one_level_far_above_the_others_makes_the_axis_logarithmic_and_says_so(tallest, logarithmic):
    counts = np.ones(256, np.int64)
    counts[255] = tallest
    axis = charts.level_counts({"grey": counts}).layout.yaxis
    assert (axis.type == "log") is logarithmic
    assert (axis.title.text == "log scale") is logarithmic
