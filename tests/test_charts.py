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


def learning(**changes):
    given = {
        "batches": [(0.1, 2.0), (2.35, 0.5)],
        "epochs": [1, 2],
        "train": [1.0, 0.6],
        "validation": [0.9, None],
        "percent": False,
    }
    return charts.learning_curves(**given | changes)


def test_learning_curves_are_drawn_over_epochs():
    figure = learning(height=199)
    batches, train, validation = figure.data
    assert (list(batches.x), list(batches.y)) == ([0.1, 2.35], [2.0, 0.5])
    assert (train.name, list(train.x), list(train.y)) == ("training", [1, 2], [1.0, 0.6])
    assert (validation.name, list(validation.x), list(validation.y)) == ("validation", [1, 2], [0.9, None])
    assert batches.line.color == train.line.color != validation.line.color
    assert batches.line.width < train.line.width
    assert batches.showlegend is False
    assert train.marker.symbol != validation.marker.symbol  # not by colour alone
    assert "markers" in train.mode  # one epoch is a point, not an invisible line
    assert figure.layout.height == 199
    assert figure.layout.xaxis.range is None
    assert not figure.layout.shapes


def test_learning_curves_grow_into_a_frame_of_all_epochs():
    assert learning(last=12).layout.xaxis.range == (0, 12)
    assert learning(last=1).layout.xaxis.range == (0, 2)  # more was trained than is planned
    assert learning(batches=[], epochs=[], train=[], validation=[], last=5).layout.xaxis.range == (0, 5)


def test_the_best_epoch_is_a_thin_dotted_line():
    (line,) = learning(best=2).layout.shapes
    assert (line.x0, line.x1, line.line.dash) == (2, 2, "dot")
    assert line.line.width <= 1


def test_shares_are_percents_and_losses_are_not():
    shares, losses = learning(percent=True), learning()
    assert shares.layout.yaxis.tickformat == ".0%"
    assert "%" not in losses.layout.yaxis.tickformat.replace("~g", "")
    assert all("%}" in line.hovertemplate for line in shares.data)
    assert not any("%}" in line.hovertemplate for line in losses.data)


def test_before_the_first_figure_the_axis_is_from_nothing_to_all():
    empty = learning(batches=[], epochs=[], train=[], validation=[], percent=True)
    assert empty.layout.yaxis.range == (0, 1)
    assert learning(epochs=[], train=[], validation=[]).layout.yaxis.range is None


def test_compared_runs_have_lines_of_their_own():
    runs = {name: ([1, 2, 3], [0.5, None, 0.7 + k / 100]) for k, name in enumerate(HOSTILE)}
    figure = charts.compared_curves(runs, percent=True)
    assert [html.unescape(line.name) for line in figure.data] == [name[:40] for name in HOSTILE]
    assert not any(re.search("[<>]", line.name) for line in figure.data)
    assert [list(line.y) for line in figure.data] == [values for _, values in runs.values()]
    hover = "".join(line.hovertemplate.replace("<extra>", "").replace("</extra>", "") for line in figure.data)
    assert not re.search("[<>]", hover)


def test_eight_runs_have_eight_colours_and_the_ninth_another_dash():
    figure = charts.compared_curves({f"run {k}": ([1], [0.5]) for k in range(17)}, percent=False)
    looks = [(line.line.color, line.line.dash) for line in figure.data]
    assert len(set(looks)) == 17
    assert len({colour for colour, _ in looks[:8]}) == 8
    assert looks[0] == (looks[8][0], "solid")
    assert charts.compared_curves({}, percent=True).layout.yaxis.range == (0, 1)


def test_a_confusion_matrix_is_coloured_by_the_share_of_its_row():
    matrix = np.array([[66, 34, 0], [1, 3, 0], [0, 0, 0]])
    figure = charts.confusion_heatmap(matrix, ["Coat", "Shirt", "Bag"], height=300)
    (drawn,) = figure.data
    np.testing.assert_allclose(drawn.z, [[0.66, 0.34, 0], [0.25, 0.75, 0], [0, 0, 0]])
    assert (drawn.zmin, drawn.zmax) == (0, 1)
    assert drawn.colorscale[0][1].lower() == "#440154"  # viridis
    np.testing.assert_array_equal(drawn.text, matrix)
    assert drawn.customdata[0][1] == "true Coat, taken for Shirt: 34 of 100 (34 %)"
    assert drawn.customdata[2][0] == "true Bag, taken for Coat: 0 of 0 (0 %)"
    layout = figure.layout
    assert (layout.yaxis.title.text, layout.xaxis.title.text) == ("is", "taken for")
    assert layout.yaxis.autorange == "reversed"  # the diagonal goes down
    assert list(layout.xaxis.ticktext) == list(layout.yaxis.ticktext) == ["Coat", "Shirt", "Bag"]
    assert layout.height == 300


@pytest.mark.parametrize(("classes", "written"), [(2, True), (12, True), (13, False), (100, False)])
def test_of_many_classes_the_counts_are_not_written(classes, written):
    figure = charts.confusion_heatmap(np.eye(classes, dtype=int), [f"class {k}" for k in range(classes)])
    assert bool(figure.data[0].texttemplate) is written
    assert len(figure.layout.xaxis.ticktext) <= 24
    place = figure.layout.xaxis.tickvals[-1]
    assert figure.layout.xaxis.ticktext[-1] == f"class {place}"


def test_class_names_that_look_like_html_are_text_in_a_confusion_matrix():
    figure = charts.confusion_heatmap(np.eye(4, dtype=int), HOSTILE)
    shown = [*figure.layout.xaxis.ticktext, *figure.layout.yaxis.ticktext, *np.ravel(figure.data[0].customdata)]
    assert not [text for text in shown if re.search("[<>]", text)]
    assert html.unescape(figure.data[0].customdata[2][3]) == "true **b**, taken for plain: 0 of 1 (0 %)"
    percent = charts.confusion_heatmap(np.eye(1, dtype=int), ["5% & more"]).data[0].customdata[0][0]
    assert html.unescape(percent) == "true 5% & more, taken for 5% & more: 1 of 1 (100 %)"


def test_a_change_by_hand_is_a_thin_line_with_a_word():
    figure = learning(changes=[(1.5, "0.02"), (2.0, "<b>")])
    assert [(line.x0, line.x1, line.line.dash) for line in figure.layout.shapes] == [(1.5, 1.5, None), (2, 2, None)]
    assert all(line.line.width <= 1 for line in figure.layout.shapes)
    assert [html.unescape(note.text) for note in figure.layout.annotations] == ["0.02", "<b>"]
    assert "<" not in figure.layout.annotations[1].text


def test_marks_on_the_frame_are_whole_and_a_flat_accuracy_is_not_blown_up():
    _, train, validation = learning(last=2).data
    assert train.cliponaxis is validation.cliponaxis is False
    flat = {"batches": [], "train": [0.1, 0.1], "validation": [0.1, None]}
    assert learning(percent=True, **flat).layout.yaxis.range == (0, 1)
    assert learning(percent=False, **flat).layout.yaxis.range is None
    assert learning(batches=[], train=[None, None], validation=[None, None]).layout.yaxis.range == (0, 1)
