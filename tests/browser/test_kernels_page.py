"""The Kernels page in a real browser: what is seen, clicked, typed, shared, uploaded and downloaded."""

import io
import json
import re
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import numpy as np
import pytest
from conftest import DESKTOP, becomes, fetch, see, settle
from PIL import Image
from playwright.sync_api import expect

from explorer import convolution, images

INPUT = re.compile("as the kernel is given it$")
RESULT = "The result of the kernel"
SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
SOBEL_NAME = "Edges · Sobel, left to right"
PATIENCE = 60_000
"""For a page to load and do what was asked, on a busy machine; in milliseconds."""


@pytest.fixture
def visit(page, app):
    """``visit(**choices)`` opens the page with these choices in its URL and waits for both pictures."""

    def start(at=page, **choices):
        at.set_default_timeout(PATIENCE)
        query = urlencode({f"kernels.{name}": value for name, value in choices.items()})
        at.goto(f"{app}/kernels?{query}" if query else f"{app}/kernels")
        wait_for_pictures(at)
        return at

    return start


def shown(page, name):
    return page.get_by_test_id("stImage").get_by_role("img", name=name)


def wait_for_pictures(page):
    """Both pictures are painted and the page is at rest."""
    for name in (INPUT, RESULT):
        see(shown(page, name))
    page.wait_for_function(
        "(names) => names.every((name) => [...document.images].some((each) => each.alt.endsWith(name) && "
        "each.complete && each.naturalWidth > 0))",
        arg=["as the kernel is given it", RESULT],
    )
    settle(page)


def source(page, name=RESULT):
    return shown(page, name).get_attribute("src")


def pixels(page, name=RESULT):
    """The pixels that the browser was sent."""
    with Image.open(io.BytesIO(page.request.get(urljoin(page.url, source(page, name))).body())) as sent:
        return np.asarray(sent.convert("RGB"))


def wait_for_another(page, before, name=RESULT):
    """Until the picture is another one than ``before``."""
    page.wait_for_function(
        "([name, before]) => [...document.images].some((each) => each.alt === name && each.complete && "
        "each.naturalWidth > 0 && each.getAttribute('src') !== before)",
        arg=[name, before],
    )
    settle(page)


def link(page):
    """The choices in the URL."""
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def wait_for_link(page, **choices):
    """Until the URL says exactly these choices."""
    wanted = {f"kernels.{name}": value for name, value in choices.items()}
    page.wait_for_url(lambda url: {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()} == wanted)


def choose(page, label, option):
    """Pick an option of a drop-down list by typing, as a person does."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.press_sequentially(option)
    page.get_by_role("option", name=option).first.click()


def grey(name):
    """The luminance of a bundled picture, computed here."""
    with Image.open(images.SAMPLES[name]) as picture:
        return np.asarray(picture.convert("RGB"), np.float64) @ [0.299, 0.587, 0.114]


def correlate(picture, kernel):
    """Cross-correlation with zeros around the picture, tap by tap."""
    kernel = np.asarray(kernel, float)
    height, width = picture.shape
    above, before = (kernel.shape[0] - 1) // 2, (kernel.shape[1] - 1) // 2
    padded = np.pad(picture, ((above, kernel.shape[0]), (before, kernel.shape[1])))
    taps = np.ndenumerate(kernel)
    return sum(weight * padded[i : i + height, j : j + width] for (i, j), weight in taps)


def range_text(result):
    return re.compile(rf"min {re.escape(f'{result.min():.4g}')} · max {re.escape(f'{result.max():.4g}')} ")


# What is seen


def test_the_first_screen_shows_input_and_result_together(visit):
    page = visit()
    for name in (INPUT, RESULT):
        box = shown(page, name).bounding_box()
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= DESKTOP["width"]
        assert box["y"] + box["height"] <= DESKTOP["height"]
        assert box["width"] > 250
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
    given, result = (shown(page, name).bounding_box() for name in (INPUT, RESULT))
    assert given["y"] == result["y"]
    assert given["x"] + given["width"] <= result["x"]


def test_nothing_is_wider_than_a_phone(visit, new_page):
    phone = new_page(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    visit(phone)
    see(phone.locator(".inspector"))
    main = phone.get_by_test_id("stMain")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert main.evaluate("(each) => each.scrollWidth") <= 390
    box = shown(phone, RESULT).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def test_a_dark_theme_draws_the_result_for_a_dark_page(visit, new_page):
    light = visit(new_page(color_scheme="light"), display="signed")
    dark = visit(new_page(color_scheme="dark"), display="signed")
    backgrounds = [
        page.get_by_test_id("stApp").evaluate("(each) => getComputedStyle(each).backgroundColor")
        for page in (light, dark)
    ]
    assert backgrounds == ["rgb(255, 255, 255)", "rgb(20, 23, 28)"]
    assert pixels(light).shape == pixels(dark).shape
    assert np.median(pixels(light)) > 200, "zero, the commonest value of edges, is nearly white on white"
    assert np.median(pixels(dark)) < 90, "and nearly black on black"


def test_a_theme_changed_on_the_way_holds_from_the_next_choice(page, visit):
    page.emulate_media(color_scheme="light")
    visit(display="signed")
    page.emulate_media(color_scheme="dark")
    before = source(page)
    page.get_by_role("button", name="Invert").click()
    wait_for_another(page, before)
    assert np.median(pixels(page)) < 90
    page.emulate_media(color_scheme="light")


# Choosing, and what travels in the URL


def test_a_preset_changes_result_and_url_and_back_undoes_it(visit):
    page = visit()
    becomes({}, link, page)
    first, before = source(page), pixels(page)
    choose(page, "Kernel", "Blur · Box blur")
    wait_for_another(page, first)
    wait_for_link(page, preset="box")
    expected = correlate(grey("chelsea"), np.full((3, 3), 1 / 9))
    np.testing.assert_allclose(pixels(page)[..., 0], np.clip(expected, 0, 255), atol=0.51)
    page.go_back()
    wait_for_link(page)
    see(page.get_by_text(range_text(correlate(grey("chelsea"), SOBEL))))
    settle(page)  # the sidebar is drawn after the pictures
    np.testing.assert_array_equal(pixels(page), before)
    expect(page.get_by_role("combobox", name="Kernel")).to_have_value(SOBEL_NAME)


def test_a_copied_url_shows_another_person_the_same(visit, new_page):
    page = visit()
    page.get_by_role("radio", name="A cup of coffee").click()
    wait_for_link(page, image="coffee")
    choose(page, "Kernel", "Edges · Outline")
    wait_for_link(page, image="coffee", preset="outline")
    before = source(page)
    page.get_by_role("button", name="Invert").click()
    wait_for_another(page, before)
    page.wait_for_url("**/*kernels.weights=*")
    other = new_page()
    other.set_default_timeout(PATIENCE)
    other.goto(page.url)
    wait_for_pictures(other)
    assert link(other) == link(page)
    expect(other.get_by_role("combobox", name="Kernel")).to_have_value("Edges · Outline")
    expect(other.get_by_role("radio", name="A cup of coffee")).to_have_attribute("aria-checked", "true")
    np.testing.assert_array_equal(pixels(other), pixels(page))
    np.testing.assert_array_equal(pixels(other, INPUT), pixels(page, INPUT))


def test_a_hostile_url_is_answered_with_notes_and_runs_nothing(page, visit):
    page.on("dialog", lambda dialog: pytest.fail(f"a script of the URL ran: {dialog.message}"))
    script = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    visit(stride="99", weights=script, image="../../x", bias="nan", nonsense=script)
    notes = page.get_by_test_id("stAlert")
    see(notes.nth(4))
    said = "\n".join(notes.all_inner_texts())
    for name in ("stride", "weights", "picture", "bias"):
        assert f"The link's value for “{name}” cannot be used" in said
    assert "choices that this page does not have" in said
    see(page.get_by_text("300 × 451 → 300 × 451 × 1"))
    expect(page.get_by_test_id("stMain").locator("script, img[src=x]")).to_have_count(0)
    wait_for_link(page)
    see(page.get_by_text(range_text(correlate(grey("chelsea"), SOBEL))))


def test_a_cell_of_the_grid_is_edited_from_the_keyboard(visit):
    page = visit()
    before = source(page)
    grid = page.get_by_test_id("stDataFrame")
    box = grid.bounding_box()
    grid.click(position={"x": box["width"] / 6, "y": 35 + 35 / 2})
    page.keyboard.press("Enter")
    editor = page.locator("#portal input, #portal textarea").first
    see(editor)
    editor.press("ControlOrMeta+a")
    page.keyboard.type("-7.5", delay=20)
    page.keyboard.press("Enter")
    wait_for_another(page, before)
    edited = [[-7.5, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    see(page.get_by_text(range_text(correlate(grey("chelsea"), edited))))
    wait_for_link(page, weights="-7.5,0,1;-2,0,2;-1,0,1")


def test_compare_a_click_on_a_preset_takes_it(visit):
    page = visit()
    before = source(page)
    page.get_by_role("tab", name="Compare kernels").click()
    wait_for_link(page, tab="compare")
    settle(page)
    page.get_by_role("button", name="Laplacian, 4 neighbours", exact=True).click()
    wait_for_another(page, before)
    wait_for_link(page, preset="laplacian-4", tab="compare")
    expected = correlate(grey("chelsea"), [[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    see(page.get_by_text(range_text(expected)))


# A picture of one's own


@pytest.fixture
def own(page, visit):
    """The page with its uploader open."""
    visit()
    page.get_by_text("Your own picture").click()
    see(page.get_by_text("Use the camera"))
    return page


def upload(page, name, content):
    page.locator(".st-key-kernels-upload input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def test_an_uploaded_picture_is_filtered_and_a_broken_one_leaves_it(own):
    page = own
    picture = np.random.default_rng(3).integers(0, 256, (90, 130), dtype=np.uint8)
    upload(page, "mine [x](y).png", png(picture))
    see(page.get_by_text(range_text(correlate(picture.astype(float), SOBEL))))
    see(page.get_by_text("In · 90 × 130 × 1 · mine [x](y).png", exact=True))
    wait_for_link(page, image="own")
    before = source(page)
    upload(page, "broken.png", png(picture)[:2000])
    error = page.get_by_test_id("stSidebar").get_by_test_id("stAlert")
    see(error)
    assert re.search(r"\w.*\.$", error.inner_text())
    becomes(before, source, page)
    page.get_by_role("button", name="Previous picture").click()
    see(page.get_by_text("In · 300 × 451 × 1 · Chelsea, a cat", exact=True))


def test_a_file_over_the_limit_is_refused_with_a_sentence(own, tmp_path):
    page = own
    before = source(page)
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(51_000_000)
    page.locator(".st-key-kernels-upload input[type=file]").set_input_files(large)
    see(page.get_by_text(re.compile(r"must be 50(\.0)? ?MB or smaller")))
    becomes(before, source, page)


def test_a_picture_of_too_many_pixels_is_refused_with_a_sentence(own):
    page = own
    before = source(page)
    file = io.BytesIO()
    Image.new("1", (9000, 9000)).save(file, "PNG")
    upload(page, "many.png", file.getvalue())
    see(page.get_by_text(re.compile("81.* megapixels .*the limit is 40")))
    becomes(before, source, page)


def test_a_machine_without_a_camera_says_so(own):
    page = own
    page.get_by_text("Use the camera").click()
    see(page.get_by_test_id("stCameraInput"))
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.get_by_text("Use the camera").click()
    page.get_by_test_id("stCameraInput").wait_for(state="detached")
    expect(shown(page, RESULT)).to_be_visible()


# The inspector


def test_the_inspector_s_numbers_are_those_of_one_step_and_of_keras(visit):
    page = visit(preset="sobel-y", stride="2", bias="-20", padding="reflect", side="24")
    inspector = page.locator(".inspector")
    value = inspector.get_by_test_id("output-value")
    see(inspector.locator("[data-testid=output-value][data-value]"))
    expect(inspector.get_by_test_id("output-size")).to_have_text("8 × 12")

    picture = images.read_image(images.SAMPLES["chelsea"].read_bytes())
    tile = images.to_grey(images.reduce_to(picture, 24))
    weights = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    grid = inspector.get_by_test_id("output-grid")
    grid.scroll_into_view_if_needed()
    for row, col in [(0, 0), (5, 7)]:
        box = grid.bounding_box()
        edge = 4  # room for outlines around the cells
        place = {
            "x": edge + (col + 0.5) * (box["width"] - 2 * edge) / 12,
            "y": edge + (row + 0.5) * (box["height"] - 2 * edge) / 8,
        }
        grid.click(position=place)
        position = inspector.locator(f"[data-testid=position][data-row='{row}'][data-col='{col}']")
        see(position)
        expected = convolution.step(tile, weights, row, col, stride=2, bias=-20, padding="reflect")
        cells = inspector.locator(".products td")
        for name, numbers in (("pixel", expected.patch), ("product", expected.products)):
            read = cells.evaluate_all("(cells, name) => cells.map((each) => Number(each.dataset[name]))", name)
            np.testing.assert_allclose(read, np.ravel(numbers), rtol=1e-5, atol=1e-4)
        assert float(value.get_attribute("data-value")) == pytest.approx(float(np.ravel(expected.total)[0]), abs=1e-4)
        keras = inspector.locator("[data-testid=keras-says][data-equal=true]")
        see(keras)
        assert keras.inner_text().endswith("✓")
        assert float(keras.get_attribute("data-value")) == pytest.approx(float(np.ravel(expected.total)[0]), abs=1e-3)


# Taking it away


def test_downloads_are_the_computed_arrays(visit):
    page = visit(preset="sobel-y", display="clipped")
    expected = correlate(grey("chelsea"), [[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    page.get_by_role("tab", name="Download").click()
    wait_for_link(page, preset="sobel-y", display="clipped", tab="download")

    def saved(label, name):
        found, file = fetch(page, label)
        assert found == name
        return file

    array = np.load(saved("Signed numbers, NPY", "result.npy"))
    assert array.dtype == np.float32
    assert array.shape == (300, 451, 1)
    np.testing.assert_allclose(array[..., 0], expected, atol=1e-2)
    with Image.open(saved("Result, PNG", "result.png")) as picture:
        levels = np.asarray(picture.convert("RGB"), float)
    np.testing.assert_allclose(levels, np.repeat(np.clip(expected, 0, 255)[..., None], 3, axis=2), atol=0.51)
    kernel = json.loads(saved("Kernel, JSON", "kernel.json").read_text())
    assert kernel["weights"] == [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]


def test_what_is_wrong_with_a_file_stands_where_it_was_chosen(visit):
    page = visit()
    before = source(page)
    page.get_by_role("button", name="From a file").click()
    chooser = page.get_by_test_id("stPopoverBody")
    chooser.locator("input[type=file]").set_input_files(
        {"name": "kernel.json", "mimeType": "application/json", "buffer": b'{"weights": "x"}'}
    )
    see(chooser.get_by_test_id("stAlert").get_by_text("has no rows of numbers"))
    settle(page)
    becomes(before, source, page)
