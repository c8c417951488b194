"""The numbers of the inspector, read from the page, against a plain loop over a padded NumPy array."""

import itertools
import json
import math
import re
from urllib.parse import urlencode

import inspector_page
import numpy as np
import pytest
from conftest import DESKTOP, becomes, see
from inspector_page import picture
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
EVEN = [[0.25, -1.5], [2, 0.125], [-0.75, 1], [3, -2]]
WAITING = "[data-testid=output-value][data-value]"


@pytest.fixture(scope="module")
def address(serve):
    return serve(inspector_page.__file__)


@pytest.fixture
def open_case(page, address):
    """``open_case(**choices)`` opens the page with these choices and waits for the first sum."""

    def start(at=page, **case):
        at.goto(f"{address}/?{urlencode({'case': json.dumps(case)})}")
        see(at.locator(WAITING).first)
        return at

    return start


@pytest.fixture(scope="module")
def bench(profile, address):
    """One page for many cases: their choices reach the component as reruns, as on the real page."""
    page = profile("this person", viewport=DESKTOP).new_page()
    page.set_default_timeout(15_000)
    page.goto(address)
    see(page.locator(WAITING).first)
    yield page
    page.close()


def choose(page, **case):
    """Writes a case into the page's text box and waits until the component has drawn it."""
    page.mouse.move(2, 2)
    written = json.dumps(case)
    box = page.get_by_label("Case")
    box.fill(written)
    box.press("Enter")
    see(page.get_by_text(f"Drawn for {written}", exact=True))
    page.wait_for_timeout(50)
    settle(page)
    return page


class Expected:
    """What TensorFlow's rules give, written with np.pad and slices, away from how the component does it."""

    def __init__(self, pixels, *, kernel=SOBEL, stride=1, dilation=1, padding="same", bias=0, relu=False, **_):
        self.kernel = np.array(kernel, dtype=float)
        self.stride, self.dilation, self.bias, self.relu = stride, dilation, bias, relu
        spans = [(k - 1) * dilation + 1 for k in self.kernel.shape]
        self.shape = [math.ceil(n / stride) for n in pixels.shape]
        widths = [(0, 0), (0, 0)]
        if padding == "valid":
            self.shape = [math.ceil((n - s + 1) / stride) for n, s in zip(pixels.shape, spans, strict=True)]
        else:
            triples = zip(pixels.shape, spans, self.shape, strict=True)
            total = [max((o - 1) * stride + s - n, 0) for n, s, o in triples]
            widths = [(t // 2, t - t // 2) for t in total]
        mode = {"same": "constant", "valid": "constant"}.get(padding, padding)
        self.padded = np.pad(pixels.astype(float), widths, mode=mode)
        self.spans = spans

    def patch(self, row, col):
        top, left = row * self.stride, col * self.stride
        window = self.padded[top : top + self.spans[0], left : left + self.spans[1]]
        return window[:: self.dilation, :: self.dilation]

    def value(self, row, col):
        total = float((self.patch(row, col) * self.kernel).sum()) + self.bias
        return max(total, 0.0) if self.relu else total

    def grid(self):
        cells = itertools.product(range(self.shape[0]), range(self.shape[1]))
        return np.array([self.value(row, col) for row, col in cells]).reshape(self.shape)


def number(page, name):
    return float(page.get_by_test_id(name).get_attribute("data-value"))


def position(page):
    place = page.get_by_test_id("position")
    return int(place.get_attribute("data-row")), int(place.get_attribute("data-col"))


def table(page, name):
    cells = page.locator(".products td").evaluate_all(
        "(cells, name) => cells.map((cell) => [cell.dataset.row, cell.dataset.col, cell.dataset[name]])", name
    )
    shape = (1 + max(int(r) for r, _, _ in cells), 1 + max(int(c) for _, c, _ in cells))
    return np.array([float(value) for _, _, value in cells]).reshape(shape)


def settle(page):
    """Two frames: what a pointer or a key changed is drawn by then."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def point(page, row, col, grid="output"):
    """Moves the mouse over a cell, found from the printed size of the grid."""
    rows, cols = map(int, page.get_by_test_id(f"{grid}-size").inner_text().split(" × "))
    box = page.get_by_test_id(f"{grid}-grid").bounding_box()
    edge = 4  # room for outlines around the cells
    x = box["x"] + edge + (col + 0.5) * (box["width"] - 2 * edge) / cols
    y = box["y"] + edge + (row + 0.5) * (box["height"] - 2 * edge) / rows
    page.mouse.move(x, y)
    settle(page)
    return x, y


def answer(page):
    """The sentence in which the page says what Python got."""
    return page.get_by_text(re.compile("^Python has"))


CASES = {
    "sobel": {},
    "stride 2": {"stride": 2},
    "stride 3, even and tall, bias": {"stride": 3, "kernel": EVEN, "bias": -7.5},
    "dilation 2, reflect": {"dilation": 2, "padding": "reflect", "kernel": SOBEL},
    "reflect wider than the picture": {
        "dilation": 4,
        "padding": "reflect",
        "size": [5, 4],
        "kernel": [[1, 2, 4]] * 5,
    },
    "edge, even": {"padding": "edge", "kernel": EVEN},
    "valid, ReLU": {"padding": "valid", "relu": True, "bias": 3},
    "valid, dilation 3, stride 2": {"padding": "valid", "dilation": 3, "stride": 2},
    "9 by 9": {"kernel": np.outer(np.arange(-4, 5), np.arange(9) / 8).tolist()},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_products_and_sums(bench, case):
    page = choose(bench, **case)
    expected = Expected(picture(*case.get("size", (12, 10)))[:, :, 0], **case)
    rows, cols = expected.shape
    expect(page.get_by_test_id("output-size")).to_have_text(f"{rows} × {cols}")
    for row, col in {(0, 0), (rows - 1, cols - 1), (rows // 2, cols // 3), (0, cols - 1)}:
        point(page, row, col)
        becomes((row, col), position, page)
        patch = expected.patch(row, col)
        np.testing.assert_array_equal(table(page, "pixel"), patch)
        np.testing.assert_array_equal(table(page, "weight"), expected.kernel)
        np.testing.assert_allclose(table(page, "product"), patch * expected.kernel, rtol=1e-12)
        becomes(pytest.approx((patch * expected.kernel).sum(), abs=1e-9), number, page, "sum")
        becomes(pytest.approx(expected.value(row, col), abs=1e-9), number, page, "output-value")


def test_starts_with_the_strongest_output_clear_of_the_padding(open_case):
    page = open_case()
    inner = np.abs(Expected(picture()[:, :, 0]).grid())[1:-1, 1:-1]
    assert abs(number(page, "output-value")) == inner.max()


@pytest.mark.parametrize(("kind", "size", "stride"), [("max", 2, 2), ("average", 3, 2), ("max", 3, 1)])
def test_pooling(bench, kind, size, stride):
    page = choose(bench, pooling=[kind, size, stride], bias=4)
    grid = Expected(picture()[:, :, 0], bias=4).grid()
    rows, cols = ((n - size) // stride + 1 for n in grid.shape)
    expect(page.get_by_test_id("pooled-size")).to_have_text(f"{rows} × {cols}")
    for row, col in [(0, 0), (rows - 1, cols - 1), (rows // 2, cols // 2)]:
        point(page, row, col, "pooled")
        window = grid[row * stride : row * stride + size, col * stride : col * stride + size]
        value = window.max() if kind == "max" else window.mean()
        becomes(pytest.approx(value, abs=1e-9), number, page, "pooled-value")
        r, c = position(page)
        assert window[r - row * stride, c - col * stride] == number(page, "output-value")
        if kind == "max":
            becomes(window.max(), number, page, "output-value")


def test_channel_switch(bench):
    page = choose(bench, colours=True)
    for channel, name in [(2, "B"), (1, "G"), (0, "R")]:
        page.get_by_role("button", name=name, exact=True).click()
        point(page, 4, 5)
        expected = Expected(picture()[:, :, channel])
        np.testing.assert_array_equal(table(page, "pixel"), expected.patch(4, 5))
        becomes(expected.value(4, 5), number, page, "output-value")


def test_a_window_that_does_not_fit_is_said(bench):
    page = choose(bench, size=[4, 4], padding="valid", kernel=[[1] * 5] * 5)
    see(page.get_by_text("The kernel reaches over more pixels than the picture has"))
    expect(page.get_by_test_id("play")).to_be_disabled()
    choose(page)
    expect(page.get_by_test_id("play")).to_be_enabled()


def test_click_pins_and_python_hears(open_case):
    page = open_case()
    page.mouse.click(*point(page, 3, 4))
    see(answer(page).filter(has_text="stage='convolution', channel=0, row=3, col=4"))
    runs = answer(page).inner_text()
    point(page, 7, 8)
    becomes((7, 8), position, page)
    page.mouse.move(2, 2)
    settle(page)
    becomes((3, 4), position, page)
    expect(answer(page)).to_have_text(runs)
    page.mouse.click(*point(page, 3, 4))
    see(answer(page).filter(has_text="Python has None"))


def test_a_rerun_keeps_pin_and_channel(open_case):
    page = open_case(colours=True)
    page.get_by_role("button", name="G", exact=True).click()
    page.mouse.click(*point(page, 5, 0))
    see(answer(page).filter(has_text="channel=1, row=5, col=0"))
    before = number(page, "output-value")
    page.get_by_text("ReLU", exact=True).click()
    see(page.get_by_text("Output after ReLU").first)
    becomes((5, 0), position, page)
    becomes(max(before, 0), number, page, "output-value")
    becomes(Expected(picture()[:, :, 1], relu=True).value(5, 0), number, page, "output-value")


def test_arrow_keys_move_the_pin_and_keep_the_focus(open_case):
    page = open_case()
    page.mouse.click(*point(page, 3, 4))
    page.mouse.move(2, 2)
    for key in ["ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowUp"]:
        page.keyboard.press(key)
    settle(page)
    becomes((2, 6), position, page)
    see(answer(page).filter(has_text="row=2, col=6"))
    page.keyboard.press("Home")
    see(answer(page).filter(has_text="row=2, col=0"))
    page.keyboard.press("Enter")
    see(answer(page).filter(has_text="Python has None"))


def test_play_slides_and_escape_stops(open_case):
    page = open_case()
    start = position(page)
    page.get_by_test_id("play").click()
    page.wait_for_function(
        """([row, col]) => {
            const roots = [...document.querySelectorAll("*")].map((each) => each.shadowRoot);
            const host = roots.find((root) => root?.querySelector(".inspector"));
            const place = host.querySelector("[data-testid=position]").dataset;
            return Number(place.row) !== row || Number(place.col) !== col;
        }""",
        arg=list(start),
    )
    page.keyboard.press("Escape")
    see(page.get_by_test_id("play").filter(has_text="Play"))
    row, col = position(page)
    becomes(Expected(picture()[:, :, 0]).value(row, col), number, page, "output-value")


def test_keras_beside_ours(open_case):
    ours = Expected(picture()[:, :, 0]).value(3, 4)
    page = open_case(keras=ours)
    expect(page.get_by_test_id("keras-says")).not_to_be_visible()
    page.mouse.click(*point(page, 3, 4))
    for keras, equal in [(ours + 1e-5, "true"), (ours + 1, "false")]:
        choose(page, keras=keras)
        see(page.locator(f"[data-testid=keras-says][data-equal={equal}]"))
        becomes(pytest.approx(keras), number, page, "keras-says")
    assert "off by 1" in page.get_by_test_id("keras-says").inner_text()


def test_input_pixel_and_its_outputs(bench):
    page = choose(bench, padding="valid")
    point(page, 6, 5, "input")
    becomes(picture()[6, 5, 0], number, page, "pixel")
    assert "used by 9 outputs" in page.get_by_test_id("pixel").inner_text()
    point(page, 0, 0, "input")
    assert "used by 1 output" in page.get_by_test_id("pixel").inner_text()


def test_touch_on_a_phone(new_page, open_case):
    phone = new_page(viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True, device_scale_factor=2)
    open_case(at=phone, pooling=["max", 2, 2])
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    grid = phone.get_by_test_id("output-grid")
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    phone.touchscreen.tap(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2 + 3)
    see(answer(phone).filter(has_text="row=6, col=5"))
    becomes(Expected(picture()[:, :, 0]).value(6, 5), number, phone, "output-value")


def test_the_theme_changes_without_a_remount(page, open_case):
    page.emulate_media(color_scheme="light")
    open_case()
    page.mouse.click(*point(page, 3, 4))
    see(answer(page).filter(has_text="row=3, col=4"))
    light = page.locator(".products td").nth(1).evaluate("(cell) => cell.style.backgroundColor")
    page.emulate_media(color_scheme="dark")
    see(page.locator(".inspector[style*=dark]"))
    dark = page.locator(".products td").nth(1).evaluate("(cell) => cell.style.backgroundColor")
    assert light != dark
    page.mouse.move(2, 2)
    settle(page)
    becomes((3, 4), position, page)
    assert len(page.screenshot()) > 10_000


def test_numbers_link_pixel_and_value(page, address):
    pixels = picture(40, 40)
    case = {"view": "numbers", "colours": True, "size": [40, 40]}
    page.goto(f"{address}/?{urlencode({'case': json.dumps(case)})}")
    see(page.locator(".matrix td").first)
    for row, col in [(0, 0), (39, 39), (7, 30)]:
        point(page, row, col, "picture")
        lit = page.locator("td.lit")
        assert (lit.get_attribute("data-row"), lit.get_attribute("data-col")) == (str(row), str(col))
        assert int(lit.inner_text()) == pixels[row, col, 0]
        red, green, blue = pixels[row, col]
        assert page.get_by_test_id("pixel").inner_text().endswith(f"R {red}, G {green}, B {blue}")
    page.get_by_role("button", name="B", exact=True).click()
    cell = page.locator(".matrix td").nth(5)
    cell.hover()
    row, col = int(cell.get_attribute("data-row")), int(cell.get_attribute("data-col"))
    assert int(cell.inner_text()) == pixels[row, col, 2]
    expect(page.get_by_test_id("pixel")).to_have_attribute("data-row", str(row))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"stage": "convolution", "channel": 0, "row": 11, "col": 9}, True),
        ({"stage": "convolution", "channel": 0, "row": 12, "col": 9}, False),
        ({"stage": "convolution", "channel": 1, "row": 0, "col": 0}, False),
        ({"stage": "pooling", "channel": 0, "row": 0, "col": 0}, False),
        ({"stage": "convolution", "channel": 0, "row": True, "col": 2.5}, False),
        ({"stage": "<script>", "channel": 0, "row": 0, "col": 0}, False),
        (["convolution", 0, 0, 0], False),
        ("convolution", False),
    ],
)
def test_python_keeps_only_pins_of_the_present_grid(sent, kept):
    app = AppTest.from_file(inspector_page.__file__, default_timeout=20)
    app.session_state["page.inspector"] = {"pinned": sent}
    app.run()
    assert not app.exception
    said = next(text.value for text in app.text if text.value.startswith("Python has"))
    assert said.startswith("Python has Pin(") is kept
