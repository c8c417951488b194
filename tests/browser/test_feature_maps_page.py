"""The Feature maps page in a real browser: what is seen first, what a click opens, phone, dark, nothing fetched."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import DESKTOP, IDLE, PHONE, see

PATIENCE = 90_000
"""For TensorFlow to wake and the network to load, on a busy machine; in milliseconds."""


@pytest.fixture
def visit(page, app):
    """``visit()`` opens the page and waits until strip and grid are drawn."""

    def start(at=page, query=""):
        at.set_default_timeout(PATIENCE)
        at.goto(f"{app}/feature_maps{query}")
        drawn(at)
        return at

    return start


def drawn(page):
    see(page.locator(".strip .column:has(.class)"))
    see(page.locator(".strip .column[data-drawn]").nth(7))
    see(page.locator(".channel-grid[data-drawn]"))
    see(page.locator(IDLE))


def link(page):
    found = {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}
    return {key.removeprefix("feature_maps."): value for key, value in found.items()}


def wait_for_link(page, **choices):
    wanted = {f"feature_maps.{name}": value for name, value in choices.items()}
    page.wait_for_url(lambda url: {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()} == wanted)


def squares(page, path):
    return page.locator(f".strip .tile[data-path='{path}']")


def chosen_in_grid(page):
    return page.locator(".channel-grid [aria-selected=true]").evaluate_all(
        "(found) => found.map((each) => Number(each.dataset.channel))"
    )


def test_the_first_screen_is_the_network_from_a_cat_to_its_name_and_all_of_it_is_ours(page, visit, app):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    visit()
    strip = page.get_by_test_id("strip").bounding_box()
    assert strip["y"] >= 0
    assert strip["y"] + strip["height"] <= DESKTOP["height"]
    columns = page.locator(".strip .column")
    assert columns.count() == 9
    for column in (columns.first, columns.last):
        box = column.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= DESKTOP["width"]
        assert box["y"] + box["height"] <= DESKTOP["height"]
    best = page.locator(".strip .class").first
    assert best.locator(".name").inner_text() == "Egyptian cat"
    assert 30 < float(best.locator(".share").inner_text().removesuffix(" %")) < 50
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
    inked = page.locator(".strip canvas").evaluate_all(
        "(found) => found.map((each) => new Set(each.getContext('2d').getImageData(0, 0, each.width, each.height)"
        ".data).size)"
    )
    assert min(inked) > 2, "a square of the strip is blank"
    assert page.get_by_test_id("stAlert").count() == 0
    assert link(page) == {}
    ours = urlsplit(app).netloc
    assert not [url for url in asked if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != ours]


def test_a_click_in_the_strip_opens_that_layer_and_that_channel_and_back_undoes_it(visit):
    page = visit()
    tile = squares(page, "block5a_expand_relu").nth(2)
    channel = tile.get_attribute("data-channel")
    tile.click()
    see(page.get_by_role("heading", name="block5a_expand_relu · ReLU · 14 × 14 × 480"))
    wait_for_link(page, layer="block5a_expand_relu", channel=channel)
    see(page.get_by_role("img", name=f"Channel {channel} over the picture"))
    assert page.locator(".strip [aria-pressed=true]").get_attribute("data-channel") == channel
    page.go_back()
    see(page.get_by_role("heading", name="block2a_expand_relu · ReLU · 112 × 112 × 96"))


def test_a_click_on_the_head_of_a_column_opens_its_most_active_map(visit):
    page = visit()
    page.locator(".strip .head[data-path=head_relu]").click()
    see(page.get_by_role("heading", name="head_relu · ReLU · 7 × 7 × 1280"))
    best = squares(page, "head_relu").first.get_attribute("data-channel")
    see(page.get_by_role("img", name=f"Channel {best} over the picture"))
    wait_for_link(page, layer="head_relu")


def test_a_click_in_the_grid_changes_the_channel(visit):
    page = visit()
    cell = page.locator(".channel-grid [data-channel='17']")
    cell.scroll_into_view_if_needed()
    cell.click()
    see(page.get_by_role("img", name="Channel 17 over the picture"))
    wait_for_link(page, channel="17")
    see(page.locator(IDLE))
    assert chosen_in_grid(page) == [17]
    assert page.get_by_role("heading", name="block2a_expand_relu").count() == 1


def test_a_link_shows_another_person_the_same(visit, new_page):
    query = "?feature_maps.image=coffee&feature_maps.layer=block6a_expand_relu&feature_maps.channel=40"
    page = visit(new_page(), f"{query}&feature_maps.sort=mean&feature_maps.scale=raw")
    see(page.get_by_role("heading", name="block6a_expand_relu"))
    see(page.get_by_role("img", name="Channel 40 over the picture"))
    assert page.locator(".strip .class .name").first.inner_text() == "espresso"
    see(page.get_by_role("img", name="The colours, from the lowest to the highest value"))


def test_each_tab_draws(visit):
    page = visit()
    for tab, alt in (
        ("Two pictures", "How alike the two pictures are, by depth"),
        ("What excites it", None),
        ("Its weights", None),
        ("Along the depth", "Side, channels and values by depth"),
    ):
        page.get_by_role("tab", name=tab).click()
        see(page.locator(IDLE))
        if alt:
            see(page.locator(".js-plotly-plot").first)
        assert page.get_by_test_id("stException").count() == 0


def test_nothing_is_wider_than_a_phone(visit, new_page):
    phone = visit(new_page(**PHONE))
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.get_by_test_id("stMain").evaluate("(each) => each.scrollWidth") <= 390
    tile = squares(phone, "block4a_expand_relu").first
    tile.scroll_into_view_if_needed()
    tile.tap()
    see(phone.get_by_role("heading", name="block4a_expand_relu"))


def test_dark_is_drawn_dark(visit, new_page):
    page = visit(new_page(color_scheme="dark"))
    background = page.get_by_test_id("stApp").evaluate("(each) => getComputedStyle(each).backgroundColor")
    assert background == "rgb(20, 23, 28)"
    text = page.locator(".strip .head strong").first.evaluate("(each) => getComputedStyle(each).color")
    assert min(map(int, re.findall(r"\d+", text)[:3])) > 150
