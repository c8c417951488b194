"""The Datasets page in a real browser: columns of classes, one's own zip and folder, Stop, a link, phone, dark."""

import io
import re
import time
import zipfile
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from conftest import BUSY, DESKTOP, PHONE, ROOT, becomes, see, settle, watched_pages
from PIL import Image
from playwright.sync_api import expect

PICKED = re.compile("^The picked picture: ")
FASHION = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
HOSTILE = "<img src=x onerror=alert(1)>"
STARS = "**b** $x$"
MANY = 600
"""Pictures of 3 megapixels: together they take many seconds to read."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """The server's cache folder."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def address(serve, cache):
    """The app, with a cache of its own."""
    return serve(ROOT / "app.py", {"EXPLORER_CACHE_DIR": str(cache)})


@pytest.fixture(scope="module")
def person(profile):
    """A page that the tests of this file share."""
    with watched_pages() as open_in:
        page = open_in(profile("this person", viewport=DESKTOP))
        yield page


@pytest.fixture(scope="module")
def requested(person):
    """The addresses that the shared page has asked for, and the dialogs that it has opened."""
    asked = []
    person.on("request", lambda request: asked.append(request.url))
    person.on("dialog", lambda dialog: (asked.append("dialog://"), dialog.dismiss()))
    return asked


def picture(number, size=(24, 24), kind="PNG"):
    """The bytes of a picture of one colour with some noise."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, 3) // 2 + rng.integers(0, 100, (*size, 3))
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, kind)
    return file.getvalue()


def packed(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, content in files:
            archive.writestr(path, content)
    return file.getvalue()


def visit(page, address, query=""):
    page.goto(f"{address}/datasets{query}")
    see(page.get_by_role("img", name=PICKED))
    settle(page)
    return page


def link(page):
    found = {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}
    return {key.removeprefix("datasets."): value for key, value in found.items()}


def tile(page, label, place):
    return page.locator(f".strip .tile[data-path='class {label}']").nth(place)


def heads(page):
    return page.locator(".strip .head strong").all_text_contents()


def summary(page, text):
    see(page.get_by_test_id("stCaptionContainer").get_by_text(text))


def uploader(page, place):
    """The input for files, or the one for a folder."""
    page.get_by_test_id("stExpander").filter(has_text="Your own pictures").locator("summary").wait_for()
    field = page.get_by_test_id("stFileUploader").nth(place)
    if not field.is_visible():
        page.get_by_text("Your own pictures", exact=True).click()
        see(field)
    return field.locator("input[type=file]")


def upload(page, file, content):
    file.write_bytes(content)
    uploader(page, 0).set_input_files(str(file))


def contrast(text):
    """WCAG's contrast of a text to the page behind it."""
    ground = text.page.get_by_test_id("stApp").evaluate("(each) => getComputedStyle(each).backgroundColor")
    colours = text.evaluate(
        """(each, ground) => {
          const canvas = new OffscreenCanvas(1, 1).getContext("2d");
          return [ground, getComputedStyle(each).color].map((colour) => {
            canvas.fillStyle = colour;  // what is half transparent is laid over the ground
            canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data];
          });
        }""",
        ground,
    )

    def luminance(colour):
        share = np.array(colour[:3]) / 255
        return np.where(share <= 0.03928, share / 12.92, ((share + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted(luminance(colour) for colour in colours)
    return (light + 0.05) / (dark + 0.05)


def wait_for_link(page, choices):
    wanted = {f"datasets.{name}": value for name, value in choices.items()}
    page.wait_for_url(lambda url: {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()} == wanted)


# The order of these tests matters: they share a page.


def test_the_first_screen_is_a_column_for_each_class_and_all_of_it_is_ours(person, address, requested):
    visit(person, address)
    see(person.locator(".strip .column[data-drawn]").nth(9))
    becomes(FASHION, heads, person)
    expect(person.locator(".strip .tile")).to_have_count(50)
    box = tile(person, 9, 4).bounding_box()
    assert box["x"] + box["width"] <= DESKTOP["width"]
    assert box["y"] + box["height"] <= DESKTOP["height"]
    assert person.get_by_test_id("strip").evaluate("(each) => each.scrollWidth <= each.clientWidth")
    inked = person.locator(".strip .tile canvas").evaluate_all(
        "(found) => found.map((each) => new Set(each.getContext('2d').getImageData(0, 0, each.width, each.height)"
        ".data).size)"
    )
    assert min(inked) > 20, "a tile is blank"
    assert not person.locator(".strip .threads-all").get_attribute("d")
    see(person.get_by_role("img", name="The picked picture: T-shirt/top · "))
    expect(person.get_by_test_id("stAlert")).to_have_count(0)
    expect(person.get_by_test_id("stException")).to_have_count(0)
    becomes({}, link, person)
    ours = urlsplit(address).netloc
    assert not [
        url for url in requested if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != ours
    ]


def test_a_click_on_a_tile_shows_that_picture_large_with_its_class(person):
    chosen = tile(person, 3, 2)
    place = chosen.get_attribute("data-channel")
    chosen.click()
    large = person.get_by_role("img", name=f"The picked picture: Dress · picture {place}")
    see(large)
    see(person.get_by_text(f"Dress · picture {place}", exact=True))
    assert large.bounding_box()["width"] >= 3 * chosen.bounding_box()["width"]
    see(person.locator(f".strip .tile[aria-pressed=true][data-channel='{place}']"))
    wait_for_link(person, {"picture": place})


def test_the_keyboard_moves_picks_and_is_seen(person):
    tile(person, 3, 2).focus()
    person.keyboard.press("ArrowRight")
    person.keyboard.press("ArrowDown")
    focused = tile(person, 4, 3)
    assert focused.evaluate("(each) => each.matches(':focus-visible')")
    outline = focused.evaluate("(each) => [getComputedStyle(each).outlineStyle, getComputedStyle(each).outlineWidth]")
    assert outline == ["dashed", "2px"]
    place = focused.get_attribute("data-channel")
    person.keyboard.press("Enter")
    see(person.get_by_role("img", name=f"The picked picture: Coat · picture {place}"))
    assert focused.evaluate("(each) => each.matches(':focus')"), "the keyboard's place was lost"


def test_a_click_on_a_head_opens_the_class_and_another_person_s_link_shows_the_same_leaf(person, address, new_page):
    person.locator(".strip button.head[data-path='class 4']").click()
    sheet = person.locator(".channel-grid[data-drawn] [data-channel]")
    see(sheet.nth(71))
    expect(sheet).to_have_count(72)
    person.get_by_label("Page", exact=True).fill("3")
    person.keyboard.press("Enter")
    wait_for_link(person, {"class": "Coat", "page": "3"})
    settle(person)
    see(sheet.nth(71))
    sheet.nth(5).click()
    place = sheet.nth(5).get_attribute("data-channel")
    see(person.get_by_role("img", name=f"The picked picture: Coat · picture {place}"))
    wait_for_link(person, {"class": "Coat", "page": "3", "picture": place})
    other = visit(new_page(), address, f"?{urlsplit(person.url).query}")
    see(other.get_by_role("img", name=f"The picked picture: Coat · picture {place}"))
    theirs = other.locator(".channel-grid[data-drawn] [data-channel]")
    see(theirs.nth(71))
    numbers = "(found) => found.map((each) => each.dataset.channel)"
    assert theirs.evaluate_all(numbers) == sheet.evaluate_all(numbers)
    other.wait_for_function("() => document.querySelector('input[aria-label=Page]').value === '3'")


def test_an_uploaded_zip_with_hostile_names_is_text_everywhere(person, address, requested, new_page, tmp_path):
    names = [HOSTILE, STARS, "ant", "bee", "cow"]
    upload(
        person,
        tmp_path / "pets.zip",
        packed((f"{name}/{n}.png", picture(20 * k + n)) for k, name in enumerate(names) for n in range(20)),
    )
    summary(person, "70 train · 15 validation · 15 test · 5 classes · 24 × 24 pixels, colour")
    settle(person)
    becomes(sorted(names), heads, person)
    see(person.get_by_role("img", name=f"The picked picture: {min(names)} · "))
    tile(person, sorted(names).index(HOSTILE), 1).click()
    see(person.get_by_text(f"{HOSTILE} · {HOSTILE}/"))
    for tab in ("Colours and sizes", "Copies", "Shortcuts", "Mean pictures"):
        person.get_by_role("tab", name=tab).click()
        settle(person)
        expect(person.get_by_test_id("stException")).to_have_count(0)
    person.locator(f".strip button.head[data-path='class {sorted(names).index(STARS)}']").click()
    see(person.get_by_text(f"{STARS} · {STARS}/").first)
    expect(person.locator("img[src=x]")).to_have_count(0)
    assert "dialog://" not in requested
    expect(person.locator("strong", has_text=re.compile("^b$"))).to_have_count(0)
    expect(person.locator(".katex", has_text=re.compile("^x"))).to_have_count(0)
    wait_for_link(person, {"dataset": "own", "class": STARS, "tab": "means"})
    other = visit(new_page(), address, f"?{urlsplit(person.url).query}")
    see(other.get_by_text(re.compile("its author's own, which a link never carries")))
    becomes(FASHION, heads, other)
    expect(other.get_by_text("pets")).to_have_count(0)


def test_a_hostile_zip_gives_its_sentence_and_the_page_below_still_works(person, cache, tmp_path):
    before = sorted((cache / "datasets").iterdir())
    upload(
        person,
        tmp_path / "evil.zip",
        packed([("../../evil.png", picture(1)), ("a/1.png", picture(2)), ("b/1.png", picture(3))]),
    )
    alert = person.get_by_test_id("stAlert").get_by_text(re.compile(r"\.\./\.\./evil\.png"))
    see(alert)
    see(person.get_by_text("Shown below: pets."))
    settle(person)
    expect(person.get_by_test_id("stException")).to_have_count(0)
    summary(person, "70 train · 15 validation · 15 test")
    tile(person, 0, 2).click()
    see(person.locator(".strip .tile[aria-pressed=true]"))
    assert sorted((cache / "datasets").iterdir()) == before
    assert not list(cache.parent.rglob("evil.png"))


def test_an_uploaded_folder_is_read_by_its_class_folders(person, tmp_path):
    for number, name in enumerate(["cats"] * 12 + ["dogs"] * 8):
        (tmp_path / "pets" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name / f"{number}.png").write_bytes(picture(number, (20, 30)))
    (tmp_path / "pets" / "cats" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    uploader(person, 1).set_input_files(str(tmp_path / "pets"))
    summary(person, re.compile(r"train · \d validation · \d test · 2 classes · 20 × 30 pixels, colour"))
    settle(person)
    for name, count in (("cats", 8), ("dogs", 6)):
        see(person.get_by_role("button", name=f"{name} · {count} pictures"))
    see(person.get_by_text("1 file was left out"))
    expect(person.get_by_test_id("stAlert")).to_have_count(0)


def test_reading_shows_its_progress_and_stop_ends_it_and_nothing_is_left(person, cache, tmp_path):
    before = sorted((cache / "datasets").iterdir())
    file = io.BytesIO()
    Image.new("RGB", (2000, 1500), "teal").save(file, "JPEG", quality=30)
    content = file.getvalue()
    upload(
        person,
        tmp_path / "many.zip",
        packed((f"{'ab'[n % 2]}/{n}.jpg", content + n.to_bytes(4, "big")) for n in range(MANY)),
    )
    see(person.get_by_text(re.compile(r"Reading the pictures: \d+% done, about [\d,]+ s left")))
    see(person.locator(BUSY))
    assert len(list((cache / "datasets").glob(".writing-*"))) == 1
    person.get_by_role("button", name="Stop").last.click()
    see(person.get_by_role("button", name="cats · 8 pictures"))
    settle(person)
    expect(person.get_by_role("progressbar")).to_have_count(0)
    deadline = time.monotonic() + 20  # the pictures that are being decoded come to their end
    while sorted((cache / "datasets").iterdir()) != before and time.monotonic() < deadline:
        person.wait_for_timeout(50)
    person.wait_for_timeout(500)
    assert sorted((cache / "datasets").iterdir()) == before
    expect(person.get_by_test_id("stException")).to_have_count(0)


def test_nothing_is_wider_than_a_phone_and_dark_is_readable(new_page, address):
    phone = visit(new_page(**PHONE, color_scheme="dark"), address)
    see(phone.locator(".strip .column[data-drawn]").nth(9))
    see(phone.get_by_test_id("stPlotlyChart").locator(".main-svg").first)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.get_by_test_id("stMain").evaluate("(each) => each.scrollWidth") <= 390
    background = phone.get_by_test_id("stApp").evaluate("(each) => getComputedStyle(each).backgroundColor")
    assert background == "rgb(20, 23, 28)"
    for test_id in ("stCaptionContainer", "stMarkdownContainer"):
        assert contrast(phone.get_by_test_id(test_id).locator("p").first) >= 4.5, test_id
    for head in phone.locator(".strip .head strong, .strip .head span:not(:empty)").all():
        assert contrast(head) >= 4.5
    tile(phone, 0, 1).tap()
    place = tile(phone, 0, 1).get_attribute("data-channel")
    see(phone.get_by_role("img", name=f"The picked picture: T-shirt/top · picture {place}"))
