"""The Augmentation page in a real browser: pixels and words, keys, own pictures, consequences, a link, phone, dark."""

import base64
import io
import json
import re
import zipfile
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from conftest import DESKTOP, PHONE, becomes, fetch, see, settle, watched_pages
from PIL import Image
from playwright.sync_api import expect
from test_datasets_page import contrast

from explorer import datasets, images
from explorer.augmentation import PRESETS, Augmentation, describe

PATIENCE = 30_000
"""For a page to load on a busy machine, in milliseconds."""
WAKING = 90_000
"""For TensorFlow to wake and the network to load, too."""
CHOLLET, HEAVY = PRESETS["chollet"].policy, PRESETS["heavy"].policy
CAT, DIGIT = (images.read_image(images.SAMPLES[name].read_bytes()) for name in ("chelsea", "digit"))
CAT = images.reduce_to(CAT, 320)
MINE = np.random.default_rng(5).integers(0, 256, (20, 32, 3), np.uint8)
"""A picture of one's own, 20 × 32."""
NAME = "mine [x](y) <b>.png"
MARK = re.compile(r"(\d\.\d\d) (\w+) \+ (\d\.\d\d) (\w+)")


@pytest.fixture(scope="module")
def person(profile):
    """A page that the tests of this file share."""
    with watched_pages() as open_in:
        yield open_in(profile("this person", viewport=DESKTOP))


def visit(page, app, query=""):
    page.set_default_timeout(PATIENCE)
    page.goto(f"{app}/augmentation{query}")
    see(versions(page).nth(15))
    settle(page)
    return page


def grid(page, name="16 versions of "):
    return page.get_by_role("listbox", name=re.compile(f"^{name}"))


def versions(page):
    return grid(page).get_by_role("option")


def words(page):
    """What is written under each version."""
    return versions(page).evaluate_all(
        "(found) => found.map((each) => [...each.querySelectorAll('.drawn i')].map((word) => word.textContent))"
    )


def sources(page):
    return versions(page).locator("img").evaluate_all("(found) => found.map((each) => each.src)")


def pixels(page):
    """The versions as the browser decodes them: uint8 (16, H, W, 3)."""
    decoded = (
        versions(page)
        .locator("img")
        .evaluate_all(
            """(found) => Promise.all(found.map(async (each) => {
          await each.decode();
          const [width, height] = [each.naturalWidth, each.naturalHeight];
          const context = new OffscreenCanvas(width, height).getContext("2d");
          context.drawImage(each, 0, 0);
          const reader = new FileReader();
          const read = new Promise((done) => (reader.onload = done));
          reader.readAsDataURL(new Blob([context.getImageData(0, 0, width, height).data]));
          await read;
          return [height, width, reader.result.split(",")[1]];
        }))"""
        )
    )
    return np.stack(
        [
            np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[..., :3]
            for height, width, data in decoded
        ]
    )


def said(policy, picture, seed=0):
    """The words that sixteen versions of a picture have to have."""
    return [describe(policy, drawn) or ["unchanged"] for drawn in policy.sample(picture, 16, seed)[1]]


def shows(page, read, expected):
    """Waits until what is read from the page is what is expected."""
    for _ in range(PATIENCE // 20):
        if read(page) == expected:
            break
        page.wait_for_timeout(20)
    assert read(page) == expected
    settle(page)


def link(page):
    found = {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}
    return {key.removeprefix("augmentation."): value for key, value in found.items()}


def picked(page):
    """The versions that are marked as picked, from 1."""
    chosen = versions(page).evaluate_all("(found) => found.map((each) => each.getAttribute('aria-selected'))")
    return [place + 1 for place, value in enumerate(chosen) if value == "true"]


def ring(version):
    return version.locator(".shot").evaluate("(each) => getComputedStyle(each).boxShadow")


def choose(page, policy):
    page.get_by_label("Policy", exact=True).click()
    page.get_by_role("option", name=policy, exact=True).click()
    settle(page)  # a press before the sliders have moved would send them as they were


def upload(page, name, content):
    field = page.locator(".st-key-augmentation-upload input[type=file]")
    if not field.count():
        page.get_by_text("Your own picture", exact=True).click()
    field.set_input_files({"name": name, "mimeType": "image/png", "buffer": content})


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def saved(page, name):
    """The bytes of a file of the open Download tab."""
    return fetch(page, name)[1].read_bytes()


def fits(page, box):
    """Whether a box is wholly on the screen."""
    size = page.viewport_size
    return min(box["x"], box["y"]) >= 0 and (
        box["x"] + box["width"] <= size["width"] and box["y"] + box["height"] <= size["height"]
    )


# The order of these tests matters: they share a page.


def test_the_first_screen_is_the_original_and_sixteen_versions_with_what_was_drawn(person, app):
    asked = []
    person.on("request", lambda request: asked.append(request.url))
    visit(person, app)
    original = person.get_by_role("img", name="The original: Chelsea, a cat", exact=True)
    see(original)
    assert fits(person, original.bounding_box())
    expect(versions(person)).to_have_count(16)
    assert all(fits(person, version.bounding_box()) for version in versions(person).all())
    assert words(person) == said(CHOLLET, CAT)
    shown = pixels(person).astype(float)  # JPEGs
    assert np.abs(shown - CHOLLET.sample(CAT)[0]).mean(axis=(1, 2, 3)).max() < 4
    assert contrast(versions(person).locator(".drawn").first) >= 4.5
    expect(person.get_by_test_id("stAlert")).to_have_count(0)
    expect(person.get_by_test_id("stException")).to_have_count(0)
    becomes({}, link, person)
    ours = urlsplit(app).netloc
    assert not [url for url in asked if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != ours]


def test_the_rotation_by_keys_turns_every_picture_and_leaves_the_other_words(person):
    before, other = sources(person), [each[1:] for each in words(person)]
    person.get_by_role("slider", name="Rotation °").focus()
    for _ in range(5):
        person.keyboard.press("ArrowRight")
    shows(person, words, said(CHOLLET.but(rotation_range=45), CAT))
    assert [each[1:] for each in words(person)] == other
    assert not set(sources(person)) & set(before)
    becomes({"rotation_range": "45"}, link, person)
    for _ in range(5):
        person.keyboard.press("ArrowLeft")  # the slider has kept the focus
    shows(person, sources, before)
    becomes({}, link, person)


def test_again_draws_anew_and_back_brings_the_old_ones_back(person):
    before = sources(person)
    person.get_by_role("button", name="Again", exact=True).click()
    shows(person, words, said(CHOLLET, CAT, seed=1))
    assert not set(sources(person)) & set(before)
    becomes({"seed": "1"}, link, person)
    person.go_back()
    shows(person, sources, before)
    expect(person.get_by_label("Seed", exact=True)).to_have_value("0")


def test_a_click_or_a_key_picks_a_version_and_the_tab_follows(person):
    person.get_by_role("tab", name="One version").click()
    overlay = "The original and version {} laid over each other"
    see(person.get_by_role("img", name=overlay.format(1), exact=True))
    plain, ringed = ring(versions(person).nth(5)), ring(versions(person).first)
    assert plain == "none" != ringed
    versions(person).nth(5).click()
    see(person.get_by_role("img", name=overlay.format(6), exact=True))
    settle(person)
    becomes([6], picked, person)
    person.mouse.move(0, 0)
    assert (ring(versions(person).first), ring(versions(person).nth(5))) == (plain, ringed)
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        person.keyboard.press(key)
    see(person.get_by_role("img", name=overlay.format(11), exact=True))
    settle(person)
    becomes([11], picked, person)
    assert versions(person).nth(10).evaluate("(each) => each.matches(':focus-visible')"), "the place was lost"
    becomes({"version": "11", "tab": "one"}, link, person)


def test_every_pixel_of_a_small_picture_is_the_policy_s_own(person):
    person.get_by_role("img", name="A digit (16 × 16)", exact=True).click()
    shows(person, words, said(CHOLLET, DIGIT))
    np.testing.assert_array_equal(pixels(person)[:, ::4, ::4], CHOLLET.sample(DIGIT)[0])
    assert grid(person).bounding_box()["height"] < 660  # square ones too: four rows below the title
    choose(person, "Heavy")
    shows(person, words, said(HEAVY, DIGIT))
    shown = pixels(person)
    np.testing.assert_array_equal(shown[:, ::4, ::4], HEAVY.sample(DIGIT)[0])
    np.testing.assert_array_equal(shown, np.kron(shown[:, ::4, ::4], np.ones((1, 4, 4, 1), np.uint8)))
    expect(person.get_by_role("slider", name="Rotation °")).to_have_attribute("aria-valuetext", "60")
    becomes({"image": "digit", "preset": "heavy", "version": "11", "tab": "one"}, link, person)


def test_another_person_s_link_shows_the_same_and_then_each_has_their_own(person, app, new_page):
    before = sources(person)
    other = visit(new_page(), app, f"?{urlsplit(person.url).query}")
    expect(other.get_by_test_id("stAlert")).to_have_count(0)
    becomes(before, sources, other)
    assert picked(other) == picked(person) == [11]
    other.get_by_role("button", name="Again", exact=True).click()
    shows(other, words, said(HEAVY, DIGIT, seed=1))
    upload(other, "theirs.png", png(MINE))
    shows(other, words, said(HEAVY, MINE, seed=1))
    versions(person).nth(2).click()
    shows(person, picked, [3])
    becomes(before, sources, person)
    becomes([11], picked, other)
    expect(person.get_by_label("Seed", exact=True)).to_have_value("0")
    expect(person.get_by_text("theirs.png")).to_have_count(0)


def test_an_own_picture_is_changed_and_a_broken_one_says_so_and_changes_nothing(person):
    upload(person, NAME, png(MINE))
    shows(person, words, said(HEAVY, MINE))
    np.testing.assert_array_equal(pixels(person)[:, ::2, ::2], HEAVY.sample(MINE)[0])
    see(person.get_by_role("img", name=f"The original: {NAME}", exact=True))
    see(person.get_by_text(f"{NAME} · 20 × 32, colour"))
    before = sources(person)
    upload(person, "broken.png", png(MINE)[:600])
    error = person.get_by_test_id("stSidebar").get_by_test_id("stAlert")
    see(error)
    assert re.search(r"[A-Z][^.]+\.$", error.inner_text())
    settle(person)
    becomes(before, sources, person)
    assert link(person)["image"] == "own"


def test_the_files_are_what_the_page_shows(person):
    person.get_by_role("tab", name="Download").click()
    assert Augmentation.from_json(saved(person, "The policy, JSON")) == HEAVY
    person.get_by_role("button", name="Make the zip").click()
    with zipfile.ZipFile(io.BytesIO(saved(person, re.compile("^.*64 versions, zip")))) as archive:
        told = json.loads(archive.read("drawn.json"))
        inside = {one["file"] for one in told} | {"policy.json", "drawn.json"}
        assert set(archive.namelist()) == inside
        assert len(told) == 64
        assert Augmentation.from_json(archive.read("policy.json")) == HEAVY
        made = np.stack([np.asarray(Image.open(archive.open(one["file"]))) for one in told])
    np.testing.assert_array_equal(made[:16], pixels(person)[:, ::2, ::2])
    np.testing.assert_array_equal(made, HEAVY.replay(MINE, [one["drawn"] for one in told]))


def test_mixup_blends_a_dataset_s_pictures_and_says_both_labels(person):
    person.get_by_role("radio", name="A dataset's").click()
    see(person.get_by_role("img", name=re.compile("^The original: (circle|square|triangle)$")))
    person.get_by_role("button", name="Blends").click()
    slider = person.get_by_role("slider", name="MixUp α")
    slider.focus()
    person.keyboard.press("End")
    marks = versions(person).locator(".mark")
    see(marks.filter(has_text="+").first)
    settle(person)
    person.keyboard.press("Escape")
    assert link(person)["mixup"] == "2"
    train = datasets.load("shapes").train
    order = np.argsort(train.labels, kind="stable")
    firsts = [order[train.labels[order] == label] for label in range(3)]
    places = np.array([firsts[place % 3][place // 3] for place in range(16)])
    policy = HEAVY.but(mixup=2)
    mixed = policy.mix(policy.augment(train.images[places], 0), np.eye(3)[train.labels[places]], 0)
    np.testing.assert_array_equal(pixels(person), mixed.images)
    names = ("circle", "square", "triangle")
    two = 0
    for text, shares in zip(marks.all_inner_texts(), mixed.labels, strict=True):
        if found := MARK.fullmatch(text):
            two += 1
            assert found[2] != found[4]
            for share, name in ((found[1], found[2]), (found[3], found[4])):
                assert float(share) == pytest.approx(shares[names.index(name)], abs=0.0051)
        else:
            assert text == f"1.00 {names[shares.argmax()]}"
    assert two >= 5


def test_change_its_mind_marks_what_the_network_no_longer_says_and_where_it_looks(person):
    person.get_by_role("radio", name="One picture").click()
    person.get_by_role("img", name="Chelsea, a cat", exact=True).click()
    see(person.get_by_role("img", name="The original: Chelsea, a cat", exact=True))
    person.get_by_role("tab", name="Try this").click()
    person.get_by_role("button", name="Set it up").nth(2).click()
    answers = grid(person, "What the network says").get_by_role("option")
    see(answers.nth(15), WAKING)
    see(person.get_by_text("Each map is for the class that the network says"), WAKING)
    settle(person)
    becomes({"preset": "heavy", "tab": "consequence"}, link, person)
    marks = answers.locator(".mark").all_inner_texts()
    assert all(re.fullmatch(r"[✓✗] \D+ \d+%", mark) for mark in marks)
    tones = answers.evaluate_all("(found) => found.map((each) => each.dataset.tone)")
    assert tones == [{"✓": "good", "✗": "bad"}[mark[0]] for mark in marks]
    changed = tones.count("bad")
    assert 0 < changed < 16
    see(person.get_by_text(f"{16 - changed} of 16", exact=True))
    colours = answers.locator(".mark").evaluate_all("(found) => found.map((each) => getComputedStyle(each).color)")
    assert len(set(zip(tones, colours, strict=True))) == 2 == len(set(colours))
    for mark in (answers.locator(".mark").nth(tones.index(tone)) for tone in ("good", "bad")):
        assert contrast(mark) >= 4.5
    see(person.get_by_role("img", name=re.compile("^the original · Egyptian cat")))
    looked_at = tones[0] == "good"  # the picked version has its map as well
    expect(person.get_by_role("img", name=re.compile(r"^version \d+ · "))).to_have_count(min(7, changed) + looked_at)
    worst = tones.index("bad")
    answers.nth(worst).click()
    shows(person, picked, [worst + 1])
    expect(answers.nth(worst)).to_have_attribute("aria-selected", "true")


def test_mirrored_letters_are_warned_of_with_a_b_that_became_a_d(person):
    person.get_by_role("tab", name="What am I seeing?").click()
    choose(person, "Mirror only")
    person.get_by_role("button", name="Do labels survive?").click()
    see(person.get_by_text(re.compile("^In threes: ")), WAKING)
    settle(person)
    see(person.get_by_test_id("stAlertContentWarning").get_by_text(re.compile("“[bd]” became “[bd]”")))
    told = grid(person, "Pictures before and after").get_by_role("option")
    marks = told.locator(".mark").all_inner_texts()
    assert len(marks) % 3 == 0
    threes = [tuple(marks[place : place + 3]) for place in range(0, len(marks), 3)]
    assert {("b", "still b?", "d"), ("d", "still d?", "b")} & set(threes)
    after = told.locator(".drawn").all_inner_texts()[1::3]
    assert {text.strip() for text in after} == {"mirrored"}
    assert link(person) == {
        "preset": "flip",
        "version": str(picked(person)[0]),
        "labels_on": "letters",
        "tab": "labels",
    }


def test_on_a_phone_there_are_two_columns_and_every_tab_and_dark_is_readable(new_page, app):
    phone = visit(new_page(**PHONE, color_scheme="dark"), app)
    boxes = [version.bounding_box() for version in versions(phone).all()]
    assert len({round(box["x"]) for box in boxes}) == 2
    assert len({round(box["y"]) for box in boxes}) == 8
    assert min(box["width"] for box in boxes) >= 150
    assert phone.get_by_test_id("stApp").evaluate("(each) => getComputedStyle(each).backgroundColor") == (
        "rgb(20, 23, 28)"
    )
    assert contrast(versions(phone).locator(".drawn").first) >= 4.5
    assert contrast(phone.get_by_test_id("stCaptionContainer").locator("p").first) >= 4.5
    versions(phone).nth(3).tap()
    shows(phone, picked, [4])
    for tab, shown in (
        ("Fill modes", grid(phone, "The four ways to fill gaps")),
        ("Download", phone.get_by_role("button", name="The policy, JSON")),
    ):
        phone.get_by_role("tab", name=tab).tap()
        see(shown)
        settle(phone)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        assert phone.get_by_test_id("stMain").evaluate("(each) => each.scrollWidth") <= 390
