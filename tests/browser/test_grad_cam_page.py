"""The Grad-CAM page in a real browser: what is seen first, the receipt's numbers, painting, a link, phone, dark."""

import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from conftest import DESKTOP, PHONE, becomes, see, settle
from playwright.sync_api import expect

from explorer import images
from explorer.attribution import explain, receipt
from explorer.models import load_pretrained

PATIENCE = 90_000
"""For TensorFlow to wake and the network to load, on a busy machine; in milliseconds."""


@pytest.fixture(scope="module")
def why():
    """Grad-CAM of the cat, computed here."""
    return explain(load_pretrained("EfficientNetLite0"), images.read_image(images.SAMPLES["chelsea"].read_bytes()))


@pytest.fixture
def visit(page, app):
    """``visit()`` opens the page and waits until its pictures and the receipt are drawn."""

    def start(at=page, query=""):
        at.set_default_timeout(PATIENCE)
        at.goto(f"{app}/grad_cam{query}")
        see(at.get_by_role("img", name=re.compile("^Heatmap: ")))
        settle(at)
        return at

    return start


def link(page):
    found = {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}
    return {key.removeprefix("grad_cam."): value for key, value in found.items()}


def metric(page, place):
    return page.get_by_test_id("stMetricValue").nth(place).inner_text()


def test_the_first_screen_is_the_cat_its_heatmap_and_the_raw_map_and_all_of_it_is_ours(page, visit, app):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    visit()
    for name in (
        re.compile("where the network sees it$"),
        re.compile("^Heatmap: Egyptian cat"),
        "The map as the method gives it",
    ):
        box = page.get_by_role("img", name=name).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= DESKTOP["height"]
    expect(page.get_by_text("Egyptian cat · 38.5%")).to_be_visible()
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    becomes({}, link, page)
    ours = urlsplit(app).netloc
    assert not [url for url in asked if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != ours]


def test_the_receipt_in_the_page_is_the_one_that_is_computed_here(page, visit, why):
    visit()
    made = receipt(why, 5)
    see(page.locator("[data-testid=ledger-check]"))
    assert page.locator("[data-testid=ledger-check]").inner_text().startswith("Sum of all 1,280 products")
    weights = page.locator(".ledger .part.weight .number").evaluate_all(
        "(found) => found.map((each) => Number(each.dataset.value))"
    )
    np.testing.assert_allclose(weights, [line.weight for line in made.lines], rtol=1e-4)


def test_a_press_on_a_class_asks_about_it_and_back_undoes_it(page, visit):
    visit()
    page.get_by_text(re.compile("^tiger cat · ")).click()
    see(page.get_by_role("img", name="Heatmap: tiger cat, by Grad-CAM"))
    page.wait_for_url(re.compile("grad_cam.target=282"))
    page.go_back()
    see(page.get_by_role("img", name="Heatmap: Egyptian cat, by Grad-CAM"))


def test_a_painted_part_moves_score_and_map_and_clear_brings_them_back(page, visit):
    visit(query="?grad_cam.tab=change")
    grid = page.locator(".painter canvas").first
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.35 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.35 * box["height"], steps=12)
    page.mouse.up()
    see(page.get_by_role("img", name="The heatmap of the changed picture"))
    settle(page)
    assert re.fullmatch(r"\d+\.\d%", metric(page, 0))
    assert metric(page, 1) != "9.012"
    page.get_by_role("button", name="Clear").click()
    see(page.get_by_text("Nothing is changed yet."))


def test_a_link_shows_another_person_the_same(visit, new_page):
    query = "?grad_cam.image=coffee&grad_cam.method=hires-cam&grad_cam.target=967&grad_cam.tab=compare"
    page = visit(new_page(), f"{query}&grad_cam.compare=classes")
    see(page.get_by_role("img", name="Heatmap: espresso, by HiResCAM"))
    see(page.get_by_role("img", name=re.compile("^espresso · 9")))


def test_nothing_is_wider_than_a_phone_and_dark_is_dark(visit, new_page):
    phone = visit(new_page(**PHONE, color_scheme="dark"))
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.get_by_test_id("stMain").evaluate("(each) => each.scrollWidth") <= 390
    background = phone.get_by_test_id("stApp").evaluate("(each) => getComputedStyle(each).backgroundColor")
    assert background == "rgb(20, 23, 28)"
