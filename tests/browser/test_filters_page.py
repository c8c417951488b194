"""The Filters page in a real browser: the atlas, live growth, Stop, leaving while it grows, a link, phone, dark."""

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import BUSY, DESKTOP, HERE, PHONE, becomes, see, settle, watched_pages
from playwright.sync_api import expect

PATIENCE = 90_000
"""For TensorFlow to wake and the network to load, on a busy machine; in milliseconds."""
QUICK = "?filters.preset=keras&filters.layer=block2a_expand_relu&filters.size=32&filters.steps=3&filters.channels=0-3"
LONG = "?filters.preset=keras&filters.layer=block2a_expand_relu&filters.size=192&filters.steps=2000"
"""Sixteen channels: a step takes a good part of a second, and none of the tests sees the last one."""
FASTER = f"{LONG}&filters.channels=0-3"
QUIET = 0.6
"""Longer than a step of the faster climb, in seconds: a climb that makes none for so long has ended."""
ATLAS_ROWS = 10


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """A file with a byte for each step that any climb on the server has made."""
    file = tmp_path_factory.mktemp("steps") / "steps"
    file.touch()
    return file


@pytest.fixture(scope="module")
def address(serve, steps):
    """The app, whose steps are counted."""
    return serve(HERE / "counted" / "app.py", {"STEPS_FILE": str(steps)})


@pytest.fixture(scope="module")
def person(profile):
    """A page that the tests of this file share: what one has loaded or grown, the next finds there."""
    with watched_pages() as open_in:
        page = open_in(profile("this person", viewport=DESKTOP))
        page.set_default_timeout(PATIENCE)
        yield page


def visit(page, address, query=""):
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}/filters{query}")
    see(page.get_by_role("button", name="Grow", exact=True))
    settle(page)
    return page


def grow(page):
    page.get_by_role("button", name="Grow", exact=True).click()


def cells(page, many):
    """The cells of the first grid, which are so many."""
    found = page.locator(".channel-grid").first.locator("[data-channel]")
    see(found.nth(many - 1))
    expect(found).to_have_count(many)
    return found


def link(page):
    found = {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}
    return {key.removeprefix("filters."): value for key, value in found.items()}


def count(steps):
    return steps.stat().st_size


def wait_for(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def steps_made(steps, more):
    """Waits for so many more steps."""
    before = count(steps)
    wait_for(lambda: count(steps) >= before + more, f"{more} steps")


def assert_nothing_climbs(steps, quiet=QUIET):
    """The step that is being made may come to its end; after it there is none."""
    before = count(steps)
    time.sleep(quiet)
    settled = count(steps)
    assert settled <= before + 1, "steps are still made"
    time.sleep(quiet)
    assert count(steps) == settled, "steps are still made"


def stopped(page):
    """The step at which the page says that the growth was stopped."""
    found = page.get_by_text(re.compile(r"Stopped at step \d+ of 2000"))
    see(found)
    return int(re.search(r"step (\d+)", found.inner_text())[1])


# The order of these tests matters: they share a page, and what has grown.


def test_the_first_screen_is_the_atlas_and_all_of_it_is_ours(person, address):
    asked = []
    person.on("request", lambda request: asked.append(request.url))
    visit(person, address)
    see(person.locator(".channel-grid[data-drawn]").nth(ATLAS_ROWS - 1))
    expect(person.locator(".channel-grid")).to_have_count(ATLAS_ROWS)
    for row in (0, 1, 2):
        box = person.locator(".channel-grid").nth(row).bounding_box()
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= DESKTOP["width"]
        assert box["y"] + box["height"] <= DESKTOP["height"]
    inked = person.locator(".channel-grid canvas").evaluate_all(
        "(found) => found.map((each) => new Set(each.getContext('2d').getImageData(0, 0, each.width, each.height)"
        ".data).size)"
    )
    assert min(inked) > 20, "a row of the atlas is blank"
    expect(person.get_by_test_id("stAlert")).to_have_count(0)
    expect(person.get_by_test_id("stException")).to_have_count(0)
    becomes({}, link, person)
    ours = urlsplit(address).netloc
    assert not [url for url in asked if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != ours]


def test_a_click_in_the_atlas_grows_that_channel_on_the_page(person, address, steps):
    cell = person.locator(".channel-grid").first.locator("[data-channel]").nth(3)
    channel = cell.get_attribute("data-channel")
    before = count(steps)
    cell.click()
    see(person.get_by_role("img", name=f"What has grown: channel {channel}"))
    settle(person)
    assert count(steps) == before + 65  # the start and 64 steps
    becomes({"layer": "block2a_expand_relu", "channels": channel}, link, person)
    expect(person.get_by_role("button", name="Stop")).to_have_count(0)


def test_grow_grows_and_a_click_in_the_grid_looks_closer(person, address):
    visit(person, address, QUICK)
    grow(person)
    see(person.get_by_role("img", name="What channel 0 looks for"))
    settle(person)  # the grid is drawn anew once the growth has ended
    cells(person, 4).and_(person.locator("[data-channel='2']")).click()
    see(person.get_by_role("img", name="What channel 2 looks for"))
    expect(person.get_by_test_id("stException")).to_have_count(0)


def test_another_person_s_link_shows_what_has_grown_without_a_step(person, address, new_page, steps):
    before = count(steps)
    other = visit(new_page(), address, f"?{urlsplit(person.url).query}")
    see(other.get_by_role("img", name="What channel 2 looks for"))
    assert count(steps) == before


def test_each_tab_draws(person):
    for tab, seen in (
        ("Check", person.get_by_text(re.compile("the pattern")).first),
        ("Weights", person.get_by_text(re.compile("96 kernels of 1 × 1 × 16 weights"))),
        ("Before training", person.get_by_role("button", name="Grow beside")),
        ("Atlas", person.locator(".channel-grid[data-drawn]").nth(ATLAS_ROWS)),
    ):
        person.get_by_role("tab", name=tab).click()
        see(seen)
        settle(person)
        expect(person.get_by_test_id("stException")).to_have_count(0)


def test_it_grows_live_and_stop_ends_it_within_a_frame(person, address, steps):
    visit(person, address, LONG)
    before = count(steps)
    grow(person)
    live = person.get_by_role("img", name=re.compile(r"16 pictures at step \d+"))
    see(live)
    first = live.get_attribute("alt")
    wait_for(lambda: live.get_attribute("alt") != first, "another picture of the growing grid")
    see(person.get_by_role("img", name="Scores by step"))
    see(person.get_by_text(re.compile(r"% done, about [\d,]+ s left")))
    at_click = count(steps)
    person.get_by_role("button", name="Stop").click()
    step = stopped(person)
    assert_nothing_climbs(steps, 2 * QUIET)
    made = count(steps) - before - 1  # without the start
    assert step <= made <= step + 1  # the page is drawn anew while the step that was being made comes to its end
    assert count(steps) <= at_click + 2  # one while the press was on its way
    cells(person, 16)


def test_another_choice_ends_it_too_and_what_has_grown_is_kept(person, address, steps):
    visit(person, address, FASTER)
    grow(person)
    steps_made(steps, 2)
    person.get_by_role("tab", name="Download").click()
    step = stopped(person)
    assert step >= 1
    assert_nothing_climbs(steps)


def test_another_page_ends_it_and_what_has_grown_is_there_on_the_way_back(person, address, steps):
    grow(person)
    steps_made(steps, 2)
    navigation = person.get_by_role("navigation", name="App pages")
    navigation.get_by_role("link", name="Kernels").click()
    see(person.get_by_role("img", name="The result of the kernel"))
    assert_nothing_climbs(steps)
    navigation.get_by_role("link", name="Filters").click()
    assert stopped(person) >= 1
    assert_nothing_climbs(steps)


def test_a_closed_tab_ends_it(new_page, address, steps):
    page = visit(new_page(), address, FASTER)
    expect(page.get_by_text(re.compile("Stopped at step"))).to_have_count(0)
    grow(page)
    see(page.locator(BUSY))
    steps_made(steps, 2)
    page.close()

    def still():
        before = count(steps)
        time.sleep(QUIET)
        return count(steps) == before

    wait_for(still, "the climb to end", 10)  # all of it would take minutes
    assert_nothing_climbs(steps)


def test_nothing_is_wider_than_a_phone_and_dark_is_dark(new_page, address):
    phone = visit(new_page(**PHONE, color_scheme="dark"), address, f"{QUICK}&filters.tab=atlas")
    see(phone.get_by_role("img", name="What channel 0 looks for"))
    see(phone.locator(".channel-grid[data-drawn]").nth(ATLAS_ROWS))
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.get_by_test_id("stMain").evaluate("(each) => each.scrollWidth") <= 390
    background = phone.get_by_test_id("stApp").evaluate("(each) => getComputedStyle(each).backgroundColor")
    assert background == "rgb(20, 23, 28)"
