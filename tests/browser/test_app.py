"""The app in a real browser: navigation from any first request, the home page, and nothing fetched from elsewhere."""

import re
from urllib.parse import urlsplit

import pytest
from conftest import ROOT, see, settle
from playwright.sync_api import expect

PATIENCE = 60_000
"""For a page to load on a busy machine, in milliseconds."""
RESULT = "The result of the kernel"
ALTS = ("Chelsea, a cat, as the kernel is given it", RESULT)


@pytest.fixture(scope="module")
def address(serve):
    return serve(ROOT / "app.py")


@pytest.fixture
def traffic(page, address):
    """Every answer the page got; a request to any other host, or one of ours that fails, fails the test."""
    asked, failed = [], []

    def read(response):
        # On a page's own URL Streamlit itself first probes for the server below that path.
        if response.status >= 400 and "/kernels/_stcore/" not in response.url:
            failed.append(f"{response.status} {response.url}")

    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("response", read)
    yield asked
    ours = urlsplit(address).netloc
    elsewhere = [url for url in asked if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != ours]
    assert not elsewhere, f"requests that leave this machine: {elsewhere}"
    assert not failed, failed


def open_page(page, url):
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    settle(page)


def assert_shell(page):
    """The same frame around every page: navigation, badge, no menu of the old kind, no exception."""
    navigation = page.get_by_role("navigation", name="App pages")
    assert navigation.get_by_role("link").all_inner_texts()[:2] == ["Home", "Kernels"]
    see(page.locator(".st-key-device").get_by_text(re.compile(r"CPU · \d+ core|GPU · ")).first)
    expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


# The order of these tests matters: the first is the first request that the server ever gets.


def test_a_page_s_own_url_as_the_first_request_of_a_server(page, address, traffic):
    open_page(page, f"{address}/kernels")
    see(page.get_by_role("heading", name="Kernels", exact=True))
    for alt in ALTS:
        see(page.get_by_role("img", name=alt, exact=True))
    assert_shell(page)
    assert page.title() == "Kernels · ConvNet Explorer"
    assert any(url.startswith("ws://") for url in traffic)


def test_home_in_the_same_server_and_its_card(page, address, traffic):
    open_page(page, address)
    see(page.get_by_role("heading", name="ConvNet Explorer"))
    card = page.get_by_role("img", name="A cat's photo, and the same photo as edges in red and blue")
    see(card)
    assert_shell(page)
    page.get_by_role("main").get_by_role("link", name="Open Kernels").click()
    page.wait_for_url(f"{address}/kernels")
    see(page.get_by_role("img", name=RESULT))
    assert_shell(page)


def test_the_navigation_leads_there_and_back(page, address, traffic):
    open_page(page, address)
    page.get_by_role("navigation", name="App pages").get_by_role("link", name="Kernels").click()
    see(page.get_by_role("img", name=RESULT))
    page.go_back()
    see(page.get_by_role("heading", name="ConvNet Explorer"))
    settle(page)
    assert_shell(page)


def test_every_picture_has_an_alternative_text(page, address, traffic):
    for path in ("", "/kernels"):
        open_page(page, f"{address}{path}")
        see(page.get_by_test_id("stImage").locator("img").first)
        images = page.locator("img")
        assert images.count() > 0
        unsaid = images.evaluate_all("(images) => images.filter((each) => !each.alt.trim()).map((each) => each.src)")
        assert not unsaid
