"""The Feature maps page in a real browser: what is seen first, what a click opens, phone, dark, nothing fetched.

What the whole network at a glance shows and does in detail is in test_glance.py.
"""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import DESKTOP, PHONE, becomes, see, settle
from playwright.sync_api import expect

from explorer.ui.feature_options import PER_PAGE

PATIENCE = 90_000
"""For TensorFlow to wake and the network to load, on a busy machine; in milliseconds."""


@pytest.fixture
def visit(page, app):
    """``visit()`` opens the page and waits until the network and the grid are drawn."""

    def start(at=page, query=""):
        at.set_default_timeout(PATIENCE)
        at.goto(f"{app}/feature_maps{query}")
        drawn(at)
        return at

    return start


def drawn(page):
    see(page.locator("[data-testid=glance][data-drawn]"))
    see(page.locator(".channel-grid[data-drawn]"))
    settle(page)


def link(page):
    found = {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}
    return {key.removeprefix("feature_maps."): value for key, value in found.items()}


def wait_for_link(page, /, **choices):
    wanted = {f"feature_maps.{name}": value for name, value in choices.items()}
    page.wait_for_url(lambda url: {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()} == wanted)


def tiles(page, path):
    return page.locator(f".glance .base .tile[data-path='{path}']")


def classes(page):
    """Names and probabilities of the classes, the likeliest first."""
    last = page.locator(".glance .base .column").last.locator(".tile")
    return [tuple(each.locator("text").all_text_contents()) for each in last.all()]


def chosen_in_grid(page):
    return page.locator(".channel-grid [aria-selected=true]").evaluate_all(
        "(found) => found.map((each) => Number(each.dataset.channel))"
    )


INKED = """async (svg) => {
  const found = [];
  for (const node of svg.querySelectorAll("image")) {
    const picture = new Image();
    picture.src = node.getAttribute("href");
    await picture.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    const side = picture.width;
    for (let top = 0; top < picture.height; top += side) {
      found.push(new Set(context.getImageData(0, top, side, side).data).size);
    }
  }
  return found;
}"""


def test_the_first_screen_is_the_network_from_a_cat_to_its_name_and_all_of_it_is_ours(page, visit, app):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    visit()
    columns = page.locator(".glance .base .column")
    expect(columns).to_have_count(11)
    expect(page.locator(".glance .glance-head")).to_have_count(11)
    for part in page.locator(".glance .base .column, .glance .glance-head, .glance .glance-foot").all():
        box = part.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= DESKTOP["width"]
        assert box["y"] + box["height"] <= DESKTOP["height"]
    best, share = classes(page)[0]
    assert best == "Egyptian cat"
    assert 30 < float(share.removesuffix(" %")) < 50
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
    inked = page.get_by_test_id("glance-picture").evaluate(INKED)
    assert len(inked) == 3 + 9 * 10
    assert min(inked) > 2, "a square is blank"
    assert page.get_by_test_id("unit-panel").is_hidden()
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    becomes({}, link, page)
    ours = urlsplit(app).netloc
    assert not [url for url in asked if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != ours]


def test_a_click_on_a_channel_unfolds_it_the_panels_below_follow_and_back_undoes_it(visit):
    page = visit()
    tile = tiles(page, "block5c_add").nth(2)
    channel = tile.get_attribute("data-channel")
    tile.click()
    see(page.get_by_test_id("unit"))
    see(page.get_by_role("heading", name="block5c_add · Add · 14 × 14 × 112"))
    turned = int(channel) // PER_PAGE + 1
    paging = {"page": str(turned)} if turned > 1 else {}
    wait_for_link(page, layer="block5c_add", channel=channel, unfolded="1", **paging)
    see(page.get_by_role("img", name=f"Channel {channel} over the picture"))
    settle(page)
    becomes([int(channel)], chosen_in_grid, page)
    other = 3 - turned if turned < 3 else 1
    page.get_by_label("Page of maps", exact=True).fill(str(other))
    page.keyboard.press("Enter")
    wait_for_link(page, layer="block5c_add", channel=channel, unfolded="1", **({"page": "2"} if other > 1 else {}))
    settle(page)
    page.get_by_test_id("unit-fold").click()
    wait_for_link(page, layer="block5c_add", channel=channel, **({"page": "2"} if other > 1 else {}))
    settle(page)
    assert chosen_in_grid(page) == [], "folding has turned the page"
    page.go_back()
    see(page.get_by_test_id("unit"))
    page.go_back()
    wait_for_link(page, layer="block5c_add", channel=channel, unfolded="1", **paging)
    expect(page.locator(".glance .base [aria-pressed=true]")).to_have_attribute("data-channel", channel)
    expect(page.get_by_role("button", name="Grow this filter")).to_be_visible()
    page.go_back()
    see(page.get_by_role("heading", name="stem_relu · ReLU · 112 × 112 × 32"))
    page.get_by_test_id("unit-panel").wait_for(state="hidden")


@pytest.mark.parametrize(
    ("button", "page_name"),
    [
        ("Grow this filter", "filters"),
        pytest.param("Grad-CAM at this layer", "grad_cam", marks=pytest.mark.slow),
    ],
)
def test_an_unfolded_channel_leads_on_to_the_other_pages(visit, button, page_name):
    page = visit(query="?feature_maps.layer=block4c_add&feature_maps.channel=7&feature_maps.unfolded=1")
    see(page.get_by_test_id("unit"))
    page.get_by_role("button", name=button).first.click()
    page.wait_for_url(re.compile(f"/{page_name}"))
    page.wait_for_url(re.compile(rf"{page_name}\.layer=block4c_add"))
    if page_name == "filters":
        page.wait_for_url(re.compile(r"filters\.channels=7"))
    settle(page)
    page.go_back()
    wait_for_link(page, layer="block4c_add", channel="7", unfolded="1")
    see(page.get_by_test_id("unit"))


def test_a_click_in_the_grid_changes_the_channel(visit):
    page = visit()
    cell = page.locator(".channel-grid [data-channel='17']")
    cell.scroll_into_view_if_needed()
    cell.click()
    see(page.get_by_role("img", name="Channel 17 over the picture"))
    wait_for_link(page, channel="17")
    settle(page)
    becomes([17], chosen_in_grid, page)
    expect(page.get_by_role("heading", name="stem_relu")).to_have_count(1)


@pytest.mark.parametrize("between", [0, 60, 200])
def test_a_picture_and_right_after_it_a_channel_both_count(visit, between):
    page = visit(query="?feature_maps.layer=block1a_project_bn&feature_maps.channel=4")
    channel = tiles(page, "block4c_add").nth(3)
    picture = page.get_by_test_id("stSidebar").get_by_role("radio").nth(2)
    wanted = channel.get_attribute("data-channel")
    first, second = [(box["x"] + 12, box["y"] + 12) for box in (picture.bounding_box(), channel.bounding_box())]
    page.mouse.click(*first)
    page.wait_for_timeout(between)
    page.mouse.click(*second)
    becomes("espresso", lambda: (classes(page) or [("",)])[0][0])
    page.wait_for_url(re.compile("layer=block4c_add.*unfolded|unfolded.*layer=block4c_add"))
    settle(page)
    assert link(page)["image"] == "coffee"
    found = link(page)["channel"]
    there = channel.get_attribute("data-channel")  # where the other picture was drawn by then
    assert found in {wanted, there}
    see(page.locator(f"[data-testid=unit][data-path=block4c_add][data-channel='{found}']"))


def test_a_link_shows_another_person_the_same(visit, new_page):
    query = "?feature_maps.image=coffee&feature_maps.layer=block6a_expand_relu&feature_maps.channel=40"
    page = visit(new_page(), f"{query}&feature_maps.sort=mean&feature_maps.scale=raw")
    see(page.get_by_role("heading", name="block6a_expand_relu"))
    see(page.get_by_role("img", name="Channel 40 over the picture"))
    assert classes(page)[0][0] == "espresso"
    see(page.get_by_role("img", name="The colours, from the lowest to the highest value"))


def test_each_tab_draws(visit):
    page = visit()
    for tab, name, chart in (
        ("Two pictures", "pictures", True),
        ("What excites it", "excites", False),
        ("Its weights", "weights", False),
        ("Along the depth", "depth", True),
    ):
        page.get_by_role("tab", name=tab).click()
        wait_for_link(page, tab=name)  # a click on another tab before that would be lost
        settle(page)
        if chart:
            see(page.locator(".js-plotly-plot").first)
        expect(page.get_by_test_id("stException")).to_have_count(0)


def test_nothing_is_wider_than_a_phone(visit, new_page):
    phone = visit(new_page(**PHONE))
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.get_by_test_id("stMain").evaluate("(each) => each.scrollWidth") <= 390
    tile = tiles(phone, "block4c_add").first
    tile.scroll_into_view_if_needed()
    tile.tap()
    see(phone.get_by_role("heading", name="block4c_add"))
    see(phone.get_by_test_id("unit"))
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_dark_is_drawn_dark(visit, new_page):
    page = visit(new_page(color_scheme="dark"))
    background = page.get_by_test_id("stApp").evaluate("(each) => getComputedStyle(each).backgroundColor")
    assert background == "rgb(20, 23, 28)"
    words = page.locator(".glance .glance-head text").first.evaluate("(each) => getComputedStyle(each).fill")
    assert min(map(int, re.findall(r"\d+", words)[:3])) > 150
