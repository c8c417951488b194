"""The ledger's numbers and colours, read from the page, against its receipt; and what the painter paints and tells."""

import json
import re
from urllib.parse import urlencode

import attribution_page
import numpy as np
import pytest
from attribution_page import receipt
from conftest import BUSY, becomes, see, settle
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from explorer import figures

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DRAWN = "[data-testid=ledger-sum] [data-value], [data-testid=painter][data-painted]"
FIRST_RUN = 60_000
"""The page's first run waits for TensorFlow, in milliseconds."""
ACROSS = [[4, col] for col in range(2, 12)]


@pytest.fixture(scope="module")
def address(serve):
    return serve(attribution_page.__file__)


@pytest.fixture
def open_case(page, address):
    """``open_case(**choices)`` opens the page with these choices and waits until the component is drawn."""

    def start(at=page, **case):
        at.goto(f"{address}/?{urlencode({'case': json.dumps(case)})}")
        see(at.locator(DRAWN).first, timeout=FIRST_RUN)
        return at

    return start


def does_not_scroll_sideways(page):
    inside = page.locator(".explorer").evaluate("(each) => each.scrollWidth <= each.clientWidth")
    return inside and page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")


def run_again(page):
    page.get_by_role("button", name="Run again").click()
    page.wait_for_timeout(400)


# ---- the ledger ----


def tile(page, line, kind):
    return page.locator(f".entry[data-line='{line}'] .{kind} .tile")


def point_at(page, line, kind, row, col, *, shape=(14, 14)):
    """Moves the mouse into a cell of a tile."""
    found = tile(page, line, kind)
    found.scroll_into_view_if_needed()
    box = found.bounding_box()
    x, y = box["width"] * (col + 0.5) / shape[1], box["height"] * (row + 0.5) / shape[0]
    found.hover(position={"x": x, "y": y})
    see(page.get_by_text(f"row {row}, column {col}", exact=True))


def numbers(page, kind):
    """The numbers of the cell pointed at, down one column of the ledger."""
    found = page.locator(f".entry .{kind} .number")
    return [float(each) for each in found.evaluate_all("(all) => all.map((each) => each.dataset.value)")]


def terms(page):
    found = page.locator("[data-testid=ledger-sum] span")
    return found.evaluate_all("(all) => all.map((each) => [each.textContent, Number(each.dataset.value)])")


@pytest.mark.parametrize("per_cell", [False, True])
def test_every_number_of_a_cell_is_the_receipts(open_case, per_cell):
    page = open_case(per_cell=per_cell)
    drawn = receipt(per_cell=per_cell)
    for line, kind, row, col in ((2, "map", 5, 3), (6, "product", 12, 13), ("shown", "total", 0, 0)):
        point_at(page, line, kind, row, col)
        at = (row, col)
        becomes([each.map[at] for each in drawn.lines], numbers, page, "map")
        becomes([np.float32(each.weights[at]) for each in drawn.lines], numbers, page, "weight")
        becomes([*(each.product[at] for each in drawn.lines), drawn.rest[at]], numbers, page, "product")
        becomes([*drawn.running[(slice(None), *at)], drawn.shown[at]], numbers, page, "total")
        values = [value for _, value in terms(page)]
        assert values == [*numbers(page, "product"), drawn.running[(-1, *at)], drawn.shown[at]]
        assert sum(values[:9]) == pytest.approx(drawn.total[at], abs=1e-6)


def test_the_sum_is_written_as_a_sum(open_case):
    page = open_case()
    point_at(page, 0, "map", 5, 3)
    words = [text for text, _ in terms(page)]
    first = receipt().lines[0]
    assert words[0] == f"{first.map[5, 3]:.2f} × (−{abs(first.weight):.3f})"
    assert words[1] == "+ 0 × 0.166"
    assert words[-3:] == ["+ rest 0.014", "= −0.151", "→ ReLU 0"]
    told = r"[−0-9.]+ × \(?−?[0-9.]+\)? (\+ [0-9.]+ × \(?−?[0-9.]+\)? ){7}\+ rest 0.014 = −0.151 → ReLU 0"
    assert re.fullmatch(told, " ".join(words))


def test_the_same_cell_is_marked_in_every_tile(open_case):
    page = open_case(rows=7, cols=10)
    point_at(page, 1, "product", 2, 8, shape=(7, 10))
    places = page.locator(".tile").evaluate_all(
        """(tiles) => tiles.map((tile) => {
             const [box, mark] = [tile, tile.querySelector('.mark')].map((each) => each.getBoundingClientRect());
             const [down, right] = [(mark.top - box.top) / box.height, (mark.left - box.left) / box.width];
             return [7 * down, 10 * right, box.width / box.height];
           })"""
    )
    assert len(places) == 8 * 3 + 2 + 1
    assert np.allclose(places, [2, 8, 10 / 7], atol=0.05)


def test_colours_are_on_common_scales_centred_on_zero(open_case):
    page = open_case(per_cell=True)
    drawn = receipt(per_cell=True)

    def colours(line, kind):
        canvas = tile(page, line, kind).locator("canvas")
        read = "(each) => [...each.getContext('2d').getImageData(0, 0, each.width, each.height).data]"
        return np.array(canvas.evaluate(read)).reshape(14, 14, 4)[..., :3]

    own = max(np.abs(line.product).max() for line in drawn.lines)
    end = max(np.abs(each).max() for each in (drawn.rest, drawn.running))
    table = figures.diverging_table().astype(int)
    for line, kind, values, most in (
        (0, "product", drawn.lines[0].product, own),
        (8, "product", drawn.rest, end),
        (3, "total", drawn.running[3], end),
    ):
        wanted = table[np.floor(128.5 + 127 * values.astype(float) / most).astype(int)]
        assert np.abs(colours(line, kind) - wanted).max() <= 3
    top = max(line.map.max() for line in drawn.lines)
    wanted = figures.viridis_table().astype(int)[
        np.floor(0.5 + 255 * drawn.lines[5].map.astype(float) / top).astype(int)
    ]
    assert np.abs(colours(5, "map") - wanted).max() <= 4
    for kind, most in (("product", own), ("total", end)):
        ends = page.locator(f".headings .{kind} .scale").inner_text().split()
        assert ends == [f"−{most:.2f}", f"{most:.2f}"]


def test_signed_maps_are_shown_signed(open_case):
    page = open_case(signed=True)
    low, high = page.locator(".headings .map .scale").inner_text().split()
    assert low == f"−{high}"


def test_the_keyboard_moves_the_cell(open_case):
    page = open_case()
    expect(page.locator(".tile[tabindex='0']")).to_have_count(1)
    point_at(page, 3, "total", 6, 6)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(2, 2)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    see(page.get_by_text("row 8, column 5", exact=True))
    assert numbers(page, "total")[-1] == receipt().shown[8, 5]
    assert page.locator(".tile:focus").get_attribute("aria-label").startswith("Sum after channel 100, from ")
    page.keyboard.press("Home")
    page.keyboard.press("PageUp")
    see(page.get_by_text("row 0, column 0", exact=True))


def test_a_row_lights_its_own_term(open_case):
    page = open_case()
    point_at(page, 8, "product", 5, 3)
    expect(page.locator(".sentence .lit")).to_have_text(["+ rest 0.014"])
    expect(page.locator(".entry.lit .who strong")).to_have_text("1,272 other channels together")
    page.mouse.move(2, 2)
    page.locator(".sentence .lit").wait_for(state="detached")


def test_it_opens_at_the_brightest_cell_and_keeps_the_persons_own(open_case):
    page = open_case()
    row, col = np.unravel_index(receipt().shown.argmax(), (14, 14))
    expect(page.get_by_test_id("ledger-cell")).to_have_text(f"row {row}, column {col}")
    point_at(page, 2, "map", 5, 3)
    run_again(page)
    expect(page.get_by_test_id("ledger-cell")).to_have_text("row 5, column 3")
    page.get_by_label("Seed").fill("4")
    page.get_by_label("Seed").press("Enter")
    see(page.locator(f".last .number[data-value='{receipt(seed=4).shown[5, 3]}']"))
    becomes([line.map[5, 3] for line in receipt(seed=4).lines], numbers, page, "map")
    expect(page.get_by_test_id("ledger-cell")).to_have_text("row 5, column 3")


def test_the_equality_is_told(open_case):
    page = open_case()
    said = page.get_by_test_id("ledger-check").inner_text()
    assert re.fullmatch(
        r"Sum of all 1,280 products, after the ReLU = the heatmap above ✓ \(largest difference \de-\d\)", said
    )
    open_case(broken=True)
    assert "✓" not in page.get_by_test_id("ledger-check").inner_text()
    point_at(page, 0, "product", 1, 1, shape=(4, 4))
    assert terms(page)[-2][0] == "= NaN"


def test_large_maps_say_that_they_are_averages(open_case):
    page = open_case(rows=100, cols=60, per_cell=True, lines=2)
    drawn = receipt(rows=100, cols=60, per_cell=True, lines=2)
    point_at(page, 1, "product", 30, 20, shape=(50, 30))
    assert numbers(page, "product")[1] == pytest.approx(drawn.lines[1].product[60:62, 40:42].mean(), abs=1e-6)
    becomes([], numbers, page, "weight")
    assert [text.count("×") for text, _ in terms(page)] == [0] * 5
    assert "average of 2 × 2" in page.get_by_test_id("ledger-caption").inner_text()


def test_the_ledger_fits_a_laptop(open_case):
    page = open_case(per_cell=True)
    assert does_not_scroll_sideways(page)
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 400)")
    point_at(page, 8, "total", 3, 3)
    told = page.locator(".told").bounding_box()
    assert 0 <= told["y"] <= 64


@pytest.mark.parametrize("case", [{"per_cell": True}, {"rows": 56, "cols": 56}, {"rows": 7, "cols": 3, "others": 0}])
def test_the_ledger_fits_a_phone_and_takes_a_tap(new_page, open_case, case):
    phone = open_case(at=new_page(**PHONE), **case)
    assert does_not_scroll_sideways(phone)
    shape = (case.get("rows", 14), case.get("cols", 14))
    found = tile(phone, 1, "product")
    found.scroll_into_view_if_needed()
    box = found.bounding_box()
    assert max(box["width"], box["height"]) >= 48
    found.tap(position={"x": box["width"] * 2.5 / shape[1], "y": box["height"] * 4.5 / shape[0]})
    see(phone.get_by_text("row 4, column 2", exact=True))
    assert numbers(phone, "product")[1] == receipt(**case).lines[1].product[4, 2]


def test_the_ledger_follows_the_theme(page, open_case):
    page.emulate_media(color_scheme="light")
    open_case()
    ramp = page.locator(".headings .total .ramp")
    assert "rgb(248, 247, 245)" in ramp.get_attribute("style").replace("rgba", "rgb").replace(", 1)", ")")
    page.emulate_media(color_scheme="dark")
    see(page.locator(".headings .total .ramp[style*='rgb(30, 32, 38)']"))


# ---- the painter ----


def python_has(page, cells, strokes):
    see(page.get_by_text(f"Python has {[tuple(cell) for cell in cells]} after {strokes}", exact=True))


def covered(page):
    written = page.get_by_test_id("painter").get_attribute("data-painted")
    return [[int(each) for each in cell.split(",")] for cell in written.split()]


def becomes_covered(page, cells):
    """Waits for the painter to take over what Python says; the page's text may be there a moment earlier."""
    written = " ".join(f"{row},{col}" for row, col in cells)
    see(page.locator(f"[data-testid=painter][data-painted='{written}']"))


def middle(page, row, col, cells=14):
    box = page.get_by_test_id("painter").bounding_box()
    return box["x"] + box["width"] * (col + 0.5) / cells, box["y"] + box["height"] * (row + 0.5) / cells


def stroke(page, *cells, steps=2):
    page.get_by_test_id("painter").evaluate("(each) => each.scrollIntoView({block: 'end'})")
    page.mouse.move(*middle(page, *cells[0]))
    page.mouse.down()
    for cell in cells[1:]:
        page.mouse.move(*middle(page, *cell), steps=steps)
    page.mouse.up()


def test_a_quick_stroke_has_no_gaps_and_reaches_python_once(open_case):
    page = open_case(view="painter")
    stroke(page, (4, 2), (4, 11))
    becomes(ACROSS, covered, page)
    python_has(page, ACROSS, 1)
    expect(page.get_by_test_id("painted")).to_have_text("10 of 196 cells covered")
    run_again(page)
    becomes(ACROSS, covered, page)
    python_has(page, ACROSS, 1)


def test_a_stroke_that_begins_on_a_covered_cell_clears(open_case):
    page = open_case(view="painter", painted=ACROSS)
    becomes(ACROSS, covered, page)
    stroke(page, (4, 5), (4, 8), (7, 8))
    left = [[4, col] for col in (2, 3, 4, 9, 10, 11)]
    becomes(left, covered, page)
    python_has(page, left, 1)


def test_a_stroke_may_leave_the_picture(open_case):
    page = open_case(view="painter", cells=[4, 4])
    page.mouse.move(*middle(page, 1, 2, 4))
    page.mouse.down()
    page.mouse.move(*middle(page, 1, 9, 4))
    page.mouse.move(*middle(page, 3, 9, 4))
    page.mouse.move(*middle(page, 3, 2, 4))
    page.mouse.up()
    python_has(page, [[1, 2], [1, 3], [3, 2], [3, 3]], 1)


def test_what_is_covered_is_grey_on_the_picture(open_case):
    page = open_case(view="painter", painted=[[0, 0], [4, 5]])
    read = """(each) => { const [w, h] = [each.width / 14, each.height / 14];
        const at = (row, col) => [...each.getContext('2d').getImageData((col + 0.3) * w, (row + 0.5) * h, 1, 1).data];
        return [at(4, 5), at(4, 6)]; }"""
    cover, free = page.get_by_test_id("painter").evaluate(read)
    assert cover[3] == 255
    assert cover[0] == cover[1] == cover[2]
    assert 128 <= cover[0] <= 190
    assert free[3] == 0


def test_the_painter_follows_python(open_case):
    page = open_case(view="painter")
    stroke(page, (4, 2), (4, 11))
    python_has(page, ACROSS, 1)
    page.get_by_role("button", name="Reset").click()
    python_has(page, [], 1)
    becomes_covered(page, [])
    stroke(page, (2, 2))
    python_has(page, [[2, 2]], 2)
    page.get_by_role("button", name="Corner").click()
    python_has(page, [[0, 0]], 2)
    becomes_covered(page, [[0, 0]])
    stroke(page, (2, 2))
    python_has(page, [[0, 0], [2, 2]], 3)


def test_strokes_stay_on_a_page_that_never_keeps_them_until_the_picture_is_another(open_case):
    page = open_case(view="painter", forgetful=True)
    stroke(page, (4, 2), (4, 11))
    python_has(page, ACROSS, 1)
    run_again(page)
    python_has(page, ACROSS, 1)
    becomes(ACROSS, covered, page)
    page.get_by_role("button", name="Clear").click()
    python_has(page, [], 2)
    stroke(page, (4, 2), (4, 11))
    python_has(page, ACROSS, 3)
    before = page.locator(".easel img").get_attribute("src")
    page.get_by_text("Coffee").click()
    python_has(page, [], 3)
    becomes_covered(page, [])
    assert page.locator(".easel img").get_attribute("src") != before


def test_strokes_made_while_python_is_busy_are_all_kept(open_case):
    page = open_case(view="painter", slow=0.5)
    python_has(page, [], 0)
    stroke(page, (1, 1), (1, 3))
    page.mouse.move(*middle(page, 5, 1))
    page.mouse.down()
    page.mouse.move(*middle(page, 5, 3), steps=2)
    first = [[1, 1], [1, 2], [1, 3]]
    python_has(page, first, 1)  # what Python says of the first stroke arrives in the middle of the second
    wanted = [*first, [5, 1], [5, 2], [5, 3]]
    becomes(wanted, covered, page)
    settle(page)
    page.mouse.up()
    see(page.locator(BUSY))
    stroke(page, (9, 1))
    python_has(page, [*wanted, [9, 1]], 3)
    becomes([*wanted, [9, 1]], covered, page)


def test_the_keyboard_paints_and_the_button_clears(open_case):
    page = open_case(view="painter")
    clear = page.get_by_role("button", name="Clear")
    expect(clear).to_be_disabled()
    board = page.get_by_role("application", name="Paint over a cat: 14 × 14 cells")
    board.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    python_has(page, [[1, 2]], 1)
    expect(page.get_by_test_id("painted")).to_have_text("row 1, column 2 · 1 of 196 cells covered")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    python_has(page, [[1, 2], [1, 3]], 2)
    page.keyboard.press("Space")
    python_has(page, [[1, 2]], 3)
    clear.click()
    python_has(page, [], 4)
    becomes([], covered, page)


def test_a_finger_paints_and_the_page_does_not_scroll(new_page, open_case):
    phone = open_case(at=new_page(**PHONE), view="painter")
    assert does_not_scroll_sideways(phone)
    fingers = phone.context.new_cdp_session(phone)

    def touch(kind, *cells):
        points = [dict(zip("xy", middle(phone, *cell), strict=True)) for cell in cells]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    place = phone.get_by_test_id("painter").bounding_box()
    touch("touchStart", (11, 3))
    for row in range(10, 4, -1):
        touch("touchMove", (row, 3))
    touch("touchEnd")
    python_has(phone, [[row, 3] for row in range(5, 12)], 1)
    assert phone.get_by_test_id("painter").bounding_box() == place


@pytest.mark.parametrize("sent", [{"cells": [[0, True]]}, {"cells": [[0, 99]]}, {"cells": "<script>"}, "cells", 5])
def test_a_hostile_state_changes_nothing_on_the_page(sent):
    app = AppTest.from_file(attribution_page.__file__, default_timeout=20)
    app.query_params["case"] = json.dumps({"view": "painter", "painted": [[1, 1]]})
    app.session_state["page.painter"] = {"picked": sent}
    app.run()
    assert not app.exception
    assert app.text[0].value == "Python has [(1, 1)] after 0"
