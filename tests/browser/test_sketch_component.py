"""What is drawn by mouse and finger, as Python gets it, against the area of the brush's track."""

import json
import math
import re
from urllib.parse import urlencode

import pytest
import sketch_page
from conftest import BUSY, PHONE, becomes, see, settle
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

FIRST_RUN = 60_000
BRUSH = 0.075 * 56
"""Width of the brush in cells of the drawing."""
NOTHING = "Python has nothing"


@pytest.fixture(scope="module")
def address(serve):
    return serve(sketch_page.__file__)


@pytest.fixture
def open_case(page, address):
    """``open_case(**choices)`` opens the page and waits for the sheet."""

    def start(at=page, **case):
        at.goto(f"{address}/?{urlencode({'case': json.dumps(case)})}")
        see(at.locator("[data-testid=sketch][data-strokes='0']"), timeout=FIRST_RUN)
        see(at.get_by_text(NOTHING, exact=True))
        return at

    return start


def sheet(page):
    return page.get_by_test_id("sketch")


def at(page, x, y):
    """A place on the sheet, given as shares of its side, in the window's pixels."""
    box = sheet(page).bounding_box()
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def stroke(page, *places, steps=6):
    page.mouse.move(*at(page, *places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*at(page, *place), steps=steps)
    page.mouse.up()


def strokes(page, count):
    see(page.locator(f"[data-testid=sketch][data-strokes='{count}']"))


def said(page, other_than=None):
    """What Python says of the drawing, once it says something else than before."""
    found = page.get_by_text(re.compile(r"Python has \[.*digest"))
    see(found if other_than is None else found.filter(has_not_text=f"digest {other_than['digest']}"))
    words = found.inner_text()
    return {
        "shape": re.search(r"\[.*?\] \w+", words)[0],
        "sum": int(re.search(r"sum (\d+)", words)[1]),
        "brightest": int(re.search(r"brightest (\d+)", words)[1]),
        "rows": tuple(int(each) for each in re.search(r"rows (\d+)-(\d+)", words).groups()),
        "columns": tuple(int(each) for each in re.search(r"columns (\d+)-(\d+)", words).groups()),
        "digest": words.split()[-1],
    }


def track(length):
    """The sum of a straight stroke so many cells long: a rectangle with two half circles, all white."""
    return 255 * (length * BRUSH + math.pi * BRUSH**2 / 4)


def test_a_stroke_is_the_brushs_track(open_case):
    page = open_case()
    stroke(page, (0.25, 0.5), (0.75, 0.5))
    python = said(page)
    assert python["shape"] == "[56, 56, 1] uint8"
    assert python["brightest"] == 255
    assert python["sum"] == pytest.approx(track(28), rel=0.08)
    for found, wanted in ((python["rows"], (25, 30)), (python["columns"], (11, 44))):
        assert found == pytest.approx(wanted, abs=1)
    strokes(page, 1)


def test_a_tap_is_a_dot_and_a_second_stroke_is_added(open_case):
    page = open_case()
    stroke(page, (0.5, 0.5))
    dot = said(page)
    assert dot["sum"] == pytest.approx(track(0), rel=0.2)
    stroke(page, (0.2, 0.8), (0.8, 0.8))
    both = said(page, other_than=dot)
    assert both["sum"] == pytest.approx(dot["sum"] + track(0.6 * 56), rel=0.08)
    strokes(page, 2)


def test_undo_takes_the_last_stroke_back_and_clear_all(open_case):
    page = open_case()
    undo, clear = (page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Clear"))
    expect(undo).to_be_disabled()
    expect(clear).to_be_disabled()
    see(page.get_by_text("Draw here"))
    stroke(page, (0.3, 0.3), (0.3, 0.7))
    first = said(page)
    expect(page.get_by_text("Draw here")).not_to_be_visible()
    stroke(page, (0.6, 0.3), (0.6, 0.7))
    second = said(page, other_than=first)
    undo.click()
    assert said(page, other_than=second) == first
    strokes(page, 1)
    clear.click()
    see(page.get_by_text(NOTHING, exact=True))
    strokes(page, 0)
    expect(undo).to_be_disabled()
    see(page.get_by_text("Draw here"))


def test_the_last_stroke_undone_leaves_nothing(open_case):
    page = open_case()
    stroke(page, (0.3, 0.3), (0.3, 0.7))
    said(page)
    page.get_by_role("button", name="Undo").click()
    see(page.get_by_text(NOTHING, exact=True))


def test_a_stroke_may_leave_the_sheet(open_case):
    page = open_case()
    stroke(page, (0.5, 0.5), (1.4, 0.5), (1.4, 0.9), (0.5, 0.9))
    python = said(page)
    assert python["columns"][1] == 55
    assert python["sum"] == pytest.approx(2 * track(28), rel=0.1)


def test_the_drawing_stays_over_reruns_and_when_the_sheet_is_put_elsewhere(open_case):
    page = open_case()
    stroke(page, (0.25, 0.5), (0.75, 0.5), (0.6, 0.8))
    before = said(page)
    page.get_by_role("button", name="Run again").click()
    page.wait_for_timeout(400)
    becomes(before, said, page)
    strokes(page, 1)
    page.get_by_text("Move").click()  # the browser builds it anew; what Python still has is on it
    strokes(page, 0)
    becomes(before, said, page)
    expect(page.get_by_role("button", name="Clear")).to_be_enabled()
    middle = "(each) => each.getContext('2d').getImageData(280, 280, 1, 1).data[0]"
    assert sheet(page).evaluate(middle) == 255
    stroke(page, (0.25, 0.2), (0.75, 0.2))
    after = said(page, other_than=before)
    assert after["sum"] == pytest.approx(before["sum"] + track(28), rel=0.08)
    page.get_by_role("button", name="Undo").click()
    undone = said(page, other_than=after)
    assert undone["sum"] == pytest.approx(before["sum"], rel=0.02)
    page.get_by_role("button", name="Clear").click()
    see(page.get_by_text(NOTHING, exact=True))


def test_a_sheet_that_was_off_the_page_is_empty_here_and_there(open_case):
    page = open_case()
    stroke(page, (0.25, 0.5), (0.75, 0.5))
    said(page)
    page.get_by_text("Hide").click()
    see(page.get_by_text(NOTHING, exact=True))
    sheet(page).wait_for(state="detached")
    page.get_by_text("Hide").click()
    strokes(page, 0)
    see(page.get_by_text(NOTHING, exact=True))
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()


def test_strokes_made_while_python_is_busy_are_all_kept(open_case):
    page = open_case(slow=0.5)
    stroke(page, (0.2, 0.2), (0.8, 0.2))
    see(page.locator(BUSY))
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    stroke(page, (0.2, 0.8), (0.8, 0.8))
    strokes(page, 3)
    page.wait_for_timeout(700)
    settle(page)
    assert said(page)["sum"] == pytest.approx(3 * track(0.6 * 56), rel=0.08)
    strokes(page, 3)


def test_another_button_or_a_hover_draws_nothing(open_case):
    page = open_case()
    page.mouse.move(*at(page, 0.3, 0.3))
    page.mouse.move(*at(page, 0.7, 0.7), steps=3)
    page.mouse.down(button="middle")
    page.mouse.move(*at(page, 0.3, 0.7), steps=3)
    page.mouse.up(button="middle")
    strokes(page, 0)


def test_those_who_do_not_see_it_are_told(open_case):
    page = open_case(label="Draw a digit")
    see(page.get_by_role("img", name="Draw a digit: drawing area, nothing drawn yet"))
    stroke(page, (0.3, 0.3), (0.3, 0.7))
    see(page.get_by_role("img", name="Draw a digit: drawing area, 1 stroke", exact=True))


def test_black_on_white_comes_back_bright_on_black(open_case):
    page = open_case(ink="black on white")
    stroke(page, (0.25, 0.5), (0.75, 0.5))
    assert said(page)["sum"] == pytest.approx(track(28), rel=0.08)
    assert sheet(page).evaluate("(each) => getComputedStyle(each).filter") == "invert(1)"


def test_it_is_a_square_of_280_pixels_on_a_laptop(open_case):
    box = sheet(open_case()).bounding_box()
    assert (box["width"], box["height"]) == (280, 280)


def test_a_finger_draws_on_a_phone_and_the_page_does_not_scroll(new_page, open_case):
    phone = open_case(at=new_page(**PHONE))
    place = sheet(phone).bounding_box()
    assert place["width"] == pytest.approx(place["height"], abs=1)
    assert place["width"] > 0.85 * 390
    assert phone.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
    fingers = phone.context.new_cdp_session(phone)

    def touch(kind, *places):
        points = [dict(zip("xy", at(phone, *each), strict=True)) for each in places]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (0.5, 0.8))
    for tenth in range(7, 1, -1):
        touch("touchMove", (0.5, tenth / 10))
    touch("touchEnd")
    assert said(phone)["sum"] == pytest.approx(track(0.6 * 56), rel=0.08)
    assert sheet(phone).bounding_box() == place


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_buttons_and_frame_follow_the_theme(new_page, open_case, scheme):
    page = open_case(at=new_page(color_scheme=scheme))
    colours = page.get_by_role("button", name="Clear").evaluate(
        "(each) => [getComputedStyle(each).color, getComputedStyle(each).backgroundColor]"
    )
    ink, paper = (sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) for colour in colours)
    assert (ink < paper) == (scheme == "light")
    assert sheet(page).evaluate("(each) => getComputedStyle(each).backgroundColor") == "rgb(0, 0, 0)"


@pytest.mark.parametrize("sent", [{"drawn": "<script>"}, {"drawn": 5}, {"drawn": "A" * 4184}, "drawn", 5, None])
def test_a_hostile_state_is_nothing(sent):
    app = AppTest.from_file(sketch_page.__file__, default_timeout=20)
    app.session_state[sketch_page.KEY] = sent
    app.run()
    assert not app.exception
    assert app.text[0].value == NOTHING
