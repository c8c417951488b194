"""The grid of channels and the strip, read from the page, against squares of known colour and number."""

import json
from urllib.parse import urlencode

import maps_page
import numpy as np
import pytest
from conftest import becomes, see
from maps_page import CHANNELS, HOSTILE_NAME, colour_of
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from explorer.ui import map_components
from explorer.ui.map_components import Stage, channel_after, place_after

STAGES = [Stage("a.b", "B", "8 × 8 × 4", channels=(2, 0)), Stage("classes", "Classes", "2", opens=False)]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def address(serve):
    return serve(maps_page.__file__)


@pytest.fixture
def open_case(page, address):
    """``open_case(**choices)`` opens the page with these choices and waits until squares are drawn."""

    def start(at=page, **case):
        at.goto(f"{address}/?{urlencode({'case': json.dumps(case)})}")
        see(at.locator("[data-drawn]").first)
        return at

    return start


def python_has(page, answer, heard):
    see(page.get_by_text(f"Python has {answer} and heard {heard}", exact=True))


def square(page, channel):
    return page.locator(f"[role=gridcell][data-channel='{channel}']")


def tile(page, path, channel):
    return page.locator(f".tile[data-path='{path}'][data-channel='{channel}']")


def selected(page):
    return page.locator("[aria-selected=true], [aria-pressed=true]").evaluate_all(
        "(found) => found.map((each) => Number(each.dataset.channel))"
    )


def does_not_scroll_sideways(page):
    return page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")


def run_again(page):
    page.get_by_role("button", name="Run again").click()
    page.wait_for_timeout(300)


# ---- the grid ----


def test_each_square_is_cut_whole_and_without_its_gaps(open_case):
    page = open_case()
    drawn = page.locator("[role=gridcell] canvas").evaluate_all(
        "(found) => found.map((each) => [...each.getContext('2d').getImageData(0, 0, each.width, each.height).data])"
    )
    for index, values in enumerate(drawn):
        pixels = np.array(values).reshape(12, 12, 4)
        assert (pixels[..., :3] == colour_of(index)).all()
    assert len(drawn) == len(CHANNELS)


def test_a_click_reaches_python_once_and_the_page_may_move_on(open_case):
    page = open_case()
    python_has(page, 9, [])
    becomes([9], selected, page)
    square(page, 41).click()
    python_has(page, 41, [41])
    run_again(page)
    python_has(page, 41, [41])
    page.get_by_role("button", name="Select 31").click()
    python_has(page, 31, [41])
    see(page.locator("[aria-selected=true][data-channel='31']"))
    becomes([31], selected, page)
    square(page, 41).click()
    python_has(page, 41, [41, 41])


def test_the_keyboard_moves_picks_and_clears(open_case):
    page = open_case()
    expect(page.get_by_role("grid", name="Eight maps of a layer")).to_have_count(1)
    expect(page.get_by_role("row")).to_have_count(2)
    square(page, 9).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    python_has(page, 41, [41])
    expect(page.locator("[role=gridcell]:focus")).to_have_attribute("data-channel", "41")
    page.keyboard.press("Escape")
    python_has(page, None, [41, None])
    becomes([], selected, page)


def test_pointing_shows_the_map_larger_with_its_label(open_case):
    page = open_case()
    square(page, 57).hover()
    peek = page.get_by_test_id("peek")
    see(peek)
    expect(peek).to_have_text("channel 57 · mean 0.42 · 61 % zeros")
    box, at = peek.bounding_box(), square(page, 57).bounding_box()
    assert box["width"] > at["width"]
    assert abs(box["y"] - at["y"] - at["height"]) < 20
    page.mouse.move(2, 2)
    peek.wait_for(state="hidden")
    assert page.get_by_test_id("channel-label").inner_text().startswith("channel 9 ")


def test_the_grid_is_laid_out_anew_on_a_phone(new_page, open_case):
    phone = open_case(at=new_page(**PHONE), view="pretty", count=64, columns=16)
    boxes = [each.bounding_box() for each in phone.get_by_role("gridcell").all()[:8]]
    assert min(box["width"] for box in boxes) >= 56
    assert len({box["y"] for box in boxes}) == 2
    assert does_not_scroll_sideways(phone)
    open_case(at=phone)
    square(phone, 40).tap()
    python_has(phone, 40, [40])
    assert phone.get_by_test_id("channel-label").inner_text().startswith("channel 40 ")


@pytest.mark.parametrize(
    ("sent", "after"),
    [
        (None, 9),
        ({"channel": 2}, 2),
        ({"channel": None}, None),
        ({"channel": 3}, 9),
        ({"channel": -1}, 9),
        ({"channel": True}, 9),
        ({"channel": 2.0}, 9),
        ({"channel": "2"}, 9),
        ({"channel": [2]}, 9),
        ({}, 9),
        ([2], 9),
        ("<script>", 9),
    ],
)
def test_python_takes_only_channels_that_are_shown(sent, after):
    assert channel_after(sent, [1, *CHANNELS], 9) == after


@pytest.mark.parametrize("sent", [{"channel": 10**30}, {"channel": {"a": 1}}, "channel", 5])
def test_a_hostile_state_changes_nothing_on_the_page(sent):
    app = AppTest.from_file(maps_page.__file__, default_timeout=20)
    app.session_state["page.grid"] = {"picked": sent}
    app.run()
    assert not app.exception
    assert app.text[0].value == "Python has 9 and heard []"


def test_a_mosaic_that_does_not_fit_is_refused():
    whole = maps_page.png(maps_page.mosaic(8, 4, 12, 2))
    fitting = {"columns": 4, "count": 8, "side": 12, "gap": 2, "channels": CHANNELS, "labels": ["a map"] * 8}
    rest = {"selected": None, "key": "k", "alt": "maps"}
    with pytest.raises(ValueError, match="54 × 26 pixels; its squares ask for 51 × 25"):
        map_components.channel_grid(mosaic_png=whole, **(fitting | {"gap": 1}), **rest)
    with pytest.raises(ValueError, match="8 maps, 7 channels"):
        map_components.channel_grid(mosaic_png=whole, **(fitting | {"channels": CHANNELS[:7]}), **rest)
    with pytest.raises(ValueError, match="as a PNG"):
        map_components.channel_grid(mosaic_png=b"GIF89a", **fitting, **rest)


# ---- the strip ----


def test_a_tile_and_a_head_of_the_strip_reach_python(open_case):
    page = open_case(view="strip")
    expect(page.locator("section.column")).to_have_count(5)
    tile(page, "backbone.block1", 12).click()
    python_has(page, ("backbone.block1", 12), [("backbone.block1", 12)])
    becomes([12], selected, page)
    lit = page.locator(".threads-lit").get_attribute("d")
    assert lit.count("M") == 10  # from five squares before it, to five after it
    assert page.locator(".threads-all").get_attribute("d").count("M") == 5 + 2 * 25 + 25
    page.locator("button.head[data-path='backbone.block2']").click()
    python_has(page, ("backbone.block2", -1), [("backbone.block1", 12), ("backbone.block2", -1)])
    tile(page, "picture", 0).click()
    run_again(page)
    python_has(page, ("backbone.block2", -1), [("backbone.block1", 12), ("backbone.block2", -1)])


def test_columns_without_threads_stand_closer_and_are_picked_all_the_same(open_case):
    def gap():
        first, second = (page.locator("section.column").nth(place).bounding_box() for place in (1, 2))
        return second["x"] - first["x"] - first["width"]

    page = open_case(view="strip", stages=12)  # so many that their width is the narrowest
    threaded = gap()
    open_case(view="strip", stages=12, threads=False)
    assert gap() < threaded
    assert not page.locator(".threads-all").get_attribute("d")
    tile(page, "backbone.block1", 12).click()
    python_has(page, ("backbone.block1", 12), [("backbone.block1", 12)])
    becomes([12], selected, page)
    tile(page, "backbone.block1", 13).hover()
    see(page.get_by_test_id("peek"))
    assert not page.locator(".threads-lit").get_attribute("d")
    tile(page, "backbone.block1", 12).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    python_has(page, ("backbone.block2", 22), [("backbone.block1", 12), ("backbone.block2", 22)])


def test_the_strip_shows_shapes_ranges_and_classes_as_text(open_case):
    page = open_case(view="strip")
    words = page.locator("section.column").nth(3).inner_text().split("\n")
    assert words[:3] == ["backbone.block2_expand_activation", "24 × 24 × 64", "3,456 parameters"]
    assert words[-2:] == ["−1.56", "1.56"]
    names = page.locator(".class .name").all_text_contents()
    assert names[1] == HOSTILE_NAME
    expect(page.locator(".class img")).to_have_count(0)
    expect(page.locator(".class .share")).to_have_text(["38.5 %", "24.0 %", "10.0 %", "2.0 %", "< 0.1 %"])
    fill = page.locator(".probability").first.evaluate("(bar) => bar.firstChild.offsetWidth / bar.offsetWidth")
    assert fill == pytest.approx(0.385, abs=0.01)


def test_the_strip_fits_or_scrolls_in_itself(open_case):
    page = open_case(view="strip", stages=6)
    strip = page.get_by_test_id("strip")
    assert strip.evaluate("(each) => each.scrollWidth <= each.clientWidth")
    open_case(view="strip", stages=12)
    assert strip.evaluate("(each) => each.scrollWidth > each.clientWidth")
    expect(page.locator(".strip-frame")).to_have_attribute("class", "strip-frame more-on")
    tile(page, "backbone.block0", 0).focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    python_has(page, ("backbone.block11", 111), [("backbone.block11", 111)])
    last = tile(page, "backbone.block11", 111).bounding_box()
    assert 0 < last["x"] < 1280 - last["width"]
    page.keyboard.press("Escape")
    python_has(page, None, [("backbone.block11", 111), None])
    assert does_not_scroll_sideways(page)


def test_the_strip_is_usable_on_a_phone(new_page, open_case):
    phone = open_case(at=new_page(**PHONE), view="strip", stages=6)
    assert does_not_scroll_sideways(phone)
    assert tile(phone, "backbone.block0", 1).bounding_box()["width"] >= 56
    tile(phone, "backbone.block4", 43).tap()
    python_has(phone, ("backbone.block4", 43), [("backbone.block4", 43)])


def test_the_strip_follows_the_theme(page, open_case):
    page.emulate_media(color_scheme="light")
    open_case(view="strip")
    ramps = page.locator(".foot .ramp")
    light = [each.get_attribute("style") for each in ramps.all()]
    page.emulate_media(color_scheme="dark")
    see(page.locator(".foot .ramp[style*='rgb(30, 32, 38)']"))
    dark = [each.get_attribute("style") for each in ramps.all()]
    assert [before == after for before, after in zip(light, dark, strict=True)] == [True, True, False]


@pytest.mark.parametrize(
    ("sent", "after"),
    [
        (None, ("a.b", 0)),
        ({"path": "a.b", "channel": 2}, ("a.b", 2)),
        ({"path": "a.b", "channel": -1}, ("a.b", -1)),
        ({"path": None}, None),
        ({"path": "a.b", "channel": 1}, ("a.b", 0)),
        ({"path": "a.b", "channel": False}, ("a.b", 0)),
        ({"path": "a.b"}, ("a.b", 0)),
        ({"path": "classes", "channel": -1}, ("a.b", 0)),
        ({"path": ["a.b"], "channel": 2}, ("a.b", 0)),
        ({"path": "../a.b", "channel": 2}, ("a.b", 0)),
        (["a.b", 2], ("a.b", 0)),
    ],
)
def test_python_takes_only_places_of_the_strip(sent, after):
    assert place_after(sent, STAGES, ("a.b", 0)) == after


def test_stages_that_do_not_fit_are_refused():
    tiles = maps_page.png(np.zeros((16, 8, 3), np.uint8))
    stage = Stage("a", "A", "8 × 8 × 2", tiles_png=tiles, side=8, channels=(0, 1, 2))
    with pytest.raises(ValueError, match="8 × 16 pixels; its squares ask for 8 × 24"):
        map_components.strip(stages=[stage], selected=None, key="k")
    with pytest.raises(ValueError, match="same path"):
        map_components.strip(stages=[stage, stage], selected=None, key="k")
