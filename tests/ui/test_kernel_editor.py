"""The kernel's grid: presets and sizes, typed cells, buttons, files, and what survives leaving the page."""

import io
import json

import numpy as np
import pytest

from explorer import images
from explorer.kernels import KERNELS

DIGIT = images.read_image(images.SAMPLES["digit"].read_bytes())


def grid(at):
    """The numbers in the grid, typed cells included."""
    assert not at.exception
    return np.array(at.session_state["_kernels_edited"])


def in_editor(at):
    """The numbers that the grid was given, before what is typed over them."""
    return at.data_editor[0].value.to_numpy()


def url(at):
    return {key: value[0] if isinstance(value, list) else value for key, value in at.query_params.items()}


def type_in(at, cells):
    rows = {}
    for (row, column), value in cells.items():
        rows.setdefault(row, {})[str(column)] = value
    at.session_state["kernels.weights"] = {"edited_rows": rows, "added_rows": [], "deleted_rows": []}
    return at.run()


def choose(at, preset):
    return at.selectbox(key="kernels.preset").set_value(preset).run()


def resize(at, size):
    return at.number_input(key="kernels.size").set_value(size).run()


def press(at, name):
    return at.button(key=f"kernels.{name}").click().run()


def valid_result(kernel):
    """What the kernel makes of the digit without padding, in plain NumPy."""
    grey = DIGIT.astype(float) @ [0.299, 0.587, 0.114]
    windows = np.lib.stride_tricks.sliding_window_view(grey, kernel.shape)
    return (windows * kernel).sum(axis=(2, 3))


def assert_result(sent, kernel):
    result = np.load(io.BytesIO(sent.download("result.npy")))
    np.testing.assert_allclose(result[..., 0], valid_result(np.asarray(kernel, float)), rtol=1e-6, atol=1e-2)


@pytest.fixture
def page(open_page):
    return open_page(link={"kernels.padding": "valid", "kernels.preset": "sobel-left"})


@pytest.mark.parametrize("preset", ["roberts-1", "gabor-45", "custom"])
def test_a_preset_comes_in_its_own_size(page, sent, preset):
    at = choose(page, preset)
    weights = KERNELS[preset].weights if preset != "custom" else KERNELS["sobel-left"].weights
    np.testing.assert_array_equal(grid(at), weights)
    assert at.number_input(key="kernels.size").value == len(weights)
    assert_result(sent, weights)
    assert "kernels.size" not in url(at)


def test_a_kernel_with_a_formula_is_made_anew_at_another_size(page, sent):
    at = resize(choose(page, "box"), 6)
    np.testing.assert_allclose(grid(at), np.full((6, 6), 1 / 36), rtol=1e-6)
    assert_result(sent, grid(at))
    assert url(at)["kernels.size"] == "6"
    assert "kernels.weights" not in url(at)
    assert grid(resize(at, 15)).shape == (15, 15)


@pytest.mark.parametrize("preset", ["sobel-x", "gabor-0"])
def test_every_size_from_one_to_fifteen_is_some_kernel(page, preset):
    at = choose(page, preset)
    for size in (1, 2, 15):
        at = resize(at, size)
        assert grid(at).shape == (size, size)


def test_a_fixed_kernel_gets_a_border_of_zeros_or_keeps_its_middle(page, sent):
    at = resize(choose(page, "sobel-x"), 5)
    np.testing.assert_array_equal(grid(at), np.pad(KERNELS["sobel-x"].weights, 1))
    assert_result(sent, grid(at))
    np.testing.assert_array_equal(grid(resize(at, 1)), [[0]])
    np.testing.assert_array_equal(grid(resize(at, 3)), KERNELS["sobel-x"].weights)


def test_typed_cells_keep_their_place_when_the_size_changes(page):
    at = type_in(choose(page, "sobel-x"), {(1, 1): 9.0})
    at = resize(at, 5)
    expected = KERNELS["sobel-x"].weights.copy()
    expected[1, 1] = 9
    np.testing.assert_array_equal(grid(at), np.pad(expected, 1))
    np.testing.assert_array_equal(grid(resize(at, 3)), expected)


def test_typed_cells_reach_result_program_and_url(page, sent):
    at = type_in(page, {(0, 0): 5.0, (2, 1): -0.25})
    expected = KERNELS["sobel-left"].weights.copy()
    expected[0, 0], expected[2, 1] = 5, -0.25
    np.testing.assert_array_equal(grid(at), expected)
    np.testing.assert_array_equal(in_editor(at), KERNELS["sobel-left"].weights)
    assert_result(sent, expected)
    assert url(at)["kernels.weights"] == "5,0,-1;2,0,-2;1,-0.25,-1"
    assert "[5, 0, -1]" in at.code[0].value
    assert json.loads(sent.download("kernel.json"))["weights"] == expected.tolist()


def test_a_link_with_weights_brings_them_back(page, open_page, sent):
    at = type_in(page, {(0, 0): 0.1, (1, 2): 1e6})
    again = open_page(link=url(at))
    np.testing.assert_array_equal(np.float32(grid(again)), np.float32(grid(at)))
    assert url(again) == url(at)
    assert not again.info
    assert_result(sent, grid(at))


def test_a_cell_typed_back_to_the_presets_value_is_no_edit(page):
    at = type_in(page, {(0, 0): 5.0})
    at = type_in(at, {(0, 0): 1.0})
    assert "kernels.weights" not in url(at)
    assert at.button(key="kernels.reset").disabled


@pytest.mark.parametrize(
    ("value", "taken"),
    [(None, 0.0), (float("nan"), 1.0), (float("inf"), 1.0), (1e300, 1e6), (-1e300, -1e6), ("x", 1.0), (True, 1.0)],
)
def test_cells_that_are_no_numbers_never_raise(page, sent, value, taken):
    at = type_in(page, {(0, 0): value, (2, 2): 4.0})
    assert grid(at)[0, 0] == taken
    assert grid(at)[2, 2] == 4
    assert np.isfinite(np.load(io.BytesIO(sent.download("result.npy")))).all()


TRANSFORMS = {
    "rotate": lambda w: np.rot90(w, -1),
    "mirror": lambda w: w[:, ::-1],
    "upend": lambda w: w[::-1],
    "transpose": lambda w: w.T,
    "invert": lambda w: -w,
    "normalise": lambda w: w / w.sum(),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_button_does_to_the_grid_what_it_says(page, sent, name):
    at = type_in(page, {(0, 0): 5.0, (1, 0): 7.0})
    before = grid(at)
    expected = TRANSFORMS[name](before)
    at = press(at, name)
    np.testing.assert_allclose(grid(at), expected, rtol=1e-6)
    np.testing.assert_allclose(in_editor(at), expected, rtol=1e-6)
    assert_result(sent, expected)
    assert "-0," not in url(at).get("kernels.weights", "")
    at = type_in(at, {(0, 0): 3.0})  # and the new grid can be typed into
    assert grid(at)[0, 0] == 3
    np.testing.assert_allclose(grid(at)[1:], expected[1:], rtol=1e-6)


def test_four_turns_are_none_and_leave_the_url_bare(page):
    at = page
    for _ in range(4):
        at = press(at, "rotate")
    assert "kernels.weights" not in url(at)


def test_a_sum_of_zero_cannot_be_divided_by_and_says_so(page):
    at = press(page, "normalise")
    np.testing.assert_array_equal(grid(at), KERNELS["sobel-left"].weights)
    assert "sum to zero" in at.toast[0].value


def test_reset_brings_the_preset_back_as_it_comes(page):
    at = press(type_in(resize(choose(page, "gaussian"), 7), {(0, 0): 5.0}), "invert")
    at = press(at, "reset")
    np.testing.assert_array_equal(grid(at), KERNELS["gaussian"].weights)
    assert at.number_input(key="kernels.size").value == 5
    assert at.button(key="kernels.reset").disabled
    assert not {"kernels.size", "kernels.weights"} & set(url(at))


def test_another_preset_drops_the_edits_for_good(page):
    at = choose(type_in(page, {(0, 0): 5.0}), "sharpen")
    np.testing.assert_array_equal(grid(at), KERNELS["sharpen"].weights)
    at = choose(at, "sobel-left")
    np.testing.assert_array_equal(grid(at), KERNELS["sobel-left"].weights)
    assert "kernels.weights" not in url(at)


def test_custom_begins_with_the_kernel_there_was(page):
    at = type_in(choose(page, "gaussian"), {(2, 2): 5.0})
    before = grid(at)
    at = choose(at, "custom")
    np.testing.assert_array_equal(grid(at), before)
    assert at.number_input(key="kernels.size").value == 5


def test_a_kernel_of_the_comparison_is_taken_by_a_click(page):
    page.session_state["kernels.tab"] = "Compare kernels"
    at = press(type_in(page, {(0, 0): 5.0}), "use_prewitt-x")
    np.testing.assert_array_equal(grid(at), KERNELS["prewitt-x"].weights)
    assert url(at)["kernels.preset"] == "prewitt-x"


def upload(at, contents, name="kernel.json"):
    contents = contents if isinstance(contents, bytes) else json.dumps(contents).encode()
    return at.file_uploader(key="kernels.kernel_file").set_value((name, contents, "application/json")).run()


@pytest.mark.parametrize("weights", [[[1, 2], [3, 4.5]], [[1, 0, -1]], [[1], [2], [3], [4]], [[0.1] * 15] * 15])
def test_a_kernel_file_becomes_the_grid(page, sent, weights):
    at = upload(page, {"weights": weights})
    np.testing.assert_array_equal(grid(at), np.float32(weights))
    assert at.selectbox(key="kernels.preset").value == "custom"
    assert_result(sent, np.float32(weights))
    assert not at.error
    at = type_in(at, {(0, 0): 7.0})  # the file is taken once: typing goes on from it
    assert grid(at)[0, 0] == 7
    at = choose(at, "sharpen")
    np.testing.assert_array_equal(grid(at), KERNELS["sharpen"].weights)


def test_the_downloaded_kernel_can_be_uploaded(page, open_page, sent):
    at = press(type_in(choose(page, "gaussian"), {(0, 1): 0.1}), "rotate")
    file = sent.download("kernel.json")
    assert json.loads(file)["name"] == "gaussian"
    again = upload(open_page(), file.encode())
    np.testing.assert_array_equal(np.float32(grid(again)), np.float32(grid(at)))


HOSTILE = [
    b"",
    b"not json",
    b"[" * 100_000,
    b"[[]]",
    b"[[1,2],[3]]",
    b"[[NaN]]",
    b"[[2e6]]",
    b"[[1]" + b" " * 200_000 + b"]",
]


def test_a_kernel_file_that_cannot_be_used_says_why_and_changes_nothing(page):
    at = type_in(page, {(0, 0): 5.0})
    before = grid(at)
    for contents in HOSTILE:
        at = upload(at, contents)
        np.testing.assert_array_equal(grid(at), before)
        assert len(at.error) == 1, contents[:30]
        assert at.error[0].value.endswith((".", "]]"))
    at = upload(at, [[1, 2]])
    np.testing.assert_array_equal(grid(at), [[1, 2]])
    assert not at.error


def test_edits_survive_a_visit_to_the_home_page(open_app):
    at = open_app("kernels")
    at = type_in(choose(at, "gaussian"), {(0, 0): 5.0})
    before, link = grid(at), url(at)
    at.query_params = {}  # as the browser does it
    at = at.switch_page("pages/home.py").run()
    at = at.switch_page("pages/kernels.py").run()
    np.testing.assert_array_equal(grid(at), before)
    assert url(at) == link
    assert at.number_input(key="kernels.size").value == 5
    at = press(at, "reset")
    np.testing.assert_array_equal(grid(at), KERNELS["gaussian"].weights)
