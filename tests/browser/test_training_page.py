"""The Training page in a real browser: a run is watched, steered, killed, left, found again; visitors, phone, dark."""

import contextlib
import os
import re
import signal
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from conftest import DESKTOP, PHONE, ROOT, becomes, launch, see, settle, wait_until_healthy, watched_pages
from playwright.sync_api import expect
from test_datasets_page import contrast

from explorer.blocks import RECIPES
from explorer.training import ENDED, Run, list_runs

PATIENCE = 30_000
"""For a page to load on a busy machine, in milliseconds."""
WAKING = 90_000
"""For a process to import TensorFlow and take its first step, too."""
AT_ONCE = 5.0
"""Within so many seconds the page says that a process was killed."""
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
LONG = {"recipe": "keras-io-mnist", "train_pictures": 1500, "epochs": 500}
"""Minutes: nobody waits for its end."""


@pytest.fixture(scope="module")
def person(profile):
    """A page that the tests of this file share."""
    with watched_pages() as open_in:
        yield open_in(profile("this person", viewport=DESKTOP))


@pytest.fixture(scope="module", autouse=True)
def nothing_trains_on():
    """What the tests of this file have begun on the shared server is stopped in the end."""
    yield
    end_runs(list_runs())


def runs_in(folder):
    """The runs of a server that has a folder of its own, the newest first."""
    found = sorted(folder.glob("*-*-*/config.json"), reverse=True)
    return [Run(config.parent) for config in found]


def end_runs(runs):
    """Let nothing of them go on; what waits does not begin."""
    for run in runs:
        if run.status == "queued":
            run.stop()
    for run in runs:
        if run.status not in ENDED:
            kill_worker(run)


def worker(run):
    """The number of the process that has this run."""
    return [event["pid"] for event in run.events() if event["event"] == "launched"][-1]


def kill_worker(run):
    with contextlib.suppress(ProcessLookupError):  # it may just have ended
        os.kill(worker(run), signal.SIGKILL)


def visit(page, app, **choices):
    page.set_default_timeout(PATIENCE)
    page.goto(f"{app}/training?{urlencode({f'training.{name}': value for name, value in choices.items()})}")
    see(page.get_by_role("button", name=re.compile("Train( anew)?$")))
    settle(page)
    return page


def link(page):
    found = {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}
    return {key.removeprefix("training."): value for key, value in found.items()}


def press(page, name):
    page.locator(".st-key-training-bar").get_by_role("button", name=name, exact=True).click()


def button(page, name):
    return page.locator(".st-key-training-bar").get_by_role("button", name=name, exact=True)


def begin(page, waits=False):
    """Press *Train*; the id of the run."""
    press(page, "Train")
    page.wait_for_url(re.compile(r"training\.run="))
    if not waits:
        badge(page, "training")
    return link(page)["run"]


def progress(page):
    return page.locator(".st-key-training-progress")


def badge(page, word, timeout=WAKING):
    """Waits until this is said to be the run's status."""
    see(progress(page).get_by_text(word, exact=True), timeout)


def epoch_said(page):
    """The epoch that the progress is at; 0 before the first."""
    found = re.search(r"Epoch (\d+) of|(\d+) of \d+ epochs", progress(page).inner_text())
    return int(found[1] or found[2]) if found else 0


def reaches(page, epoch):
    """Waits until the progress says this epoch, or a later one."""
    deadline = time.monotonic() + WAKING / 1000
    while epoch_said(page) < epoch and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert epoch_said(page) >= epoch


def drawn_points(page):
    """The marks on the two curves of the loss, of training and of validation, once they are drawn."""
    for _ in range(PATIENCE // 50):
        found = page.evaluate(
            "() => [...document.querySelectorAll('.js-plotly-plot')].filter((chart) => chart.checkVisibility())"
            ".slice(0, 1).flatMap((chart) => [...chart.querySelectorAll('.scatterlayer .trace')]"
            ".map((trace) => trace.querySelectorAll('path.point').length).filter((count) => count))"
        )
        if len(found) == 2:
            break
        page.wait_for_timeout(50)
    return found


def more_points(page, than):
    """The same, once there are more than so many: the charts follow every other second."""
    for _ in range(200):
        found = drawn_points(page)
        if min(found) > than:
            break
        page.wait_for_timeout(50)
    return found


def listed(page):
    """The names in the list of runs."""
    page.get_by_role("combobox", name="Run", exact=True).click()
    names = page.get_by_role("listbox").get_by_role("option").all_inner_texts()
    page.keyboard.press("Escape")
    return names


def steer(page):
    page.locator(".st-key-training-bar").get_by_role("button", name="Steer").click()
    field = page.get_by_label("Learning rate from now on")
    see(field)
    return field


# The order of these tests matters: they share a page and one run.


def test_the_first_screen_has_the_pictures_the_network_and_a_button_and_all_of_it_is_ours(person, app):
    asked = []
    person.on("request", lambda request: asked.append(request.url))
    visit(person, app)
    see(person.get_by_text("93,322 parameters"))
    shown = person.get_by_role("listbox", name="8 of the pictures that it learns from")
    pictures = shown.get_by_role("option")
    see(pictures.nth(7))
    for found in (button(person, "Train"), *pictures.all(), person.get_by_test_id("stDataFrame").first):
        box = found.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= DESKTOP["width"]
        assert box["y"] + box["height"] <= DESKTOP["height"]
    expect(person.get_by_test_id("stAlert")).to_have_count(0)
    becomes({}, link, person)
    ours = urlsplit(app).netloc
    assert not [url for url in asked if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != ours]


def test_a_run_is_begun_and_its_curves_grow(person, app):
    visit(person, app, **LONG)
    begin(person)
    reaches(person, 2)
    words, points = progress(person).inner_text(), drawn_points(person)
    reaches(person, epoch_said(person) + 2)
    more = more_points(person, points[0])
    assert len(set(points)) == len(set(more)) == 1  # as many of training as of validation
    assert more[0] > points[0] > 0
    assert progress(person).inner_text() != words
    assert re.search(r"pictures a second · about \d+ (s|min) left", progress(person).inner_text())
    watched = person.get_by_role("listbox", name=re.compile("^Eight validation pictures")).get_by_role("option")
    see(watched.nth(7))
    expect(watched).to_have_count(8)
    assert all(re.search(r"\d+%", mark) for mark in watched.locator(".mark").all_inner_texts())
    see(person.get_by_role("img", name=re.compile("^32 filters of 3 × 3 weights")))
    expect(button(person, "Pause")).to_be_enabled()


def test_a_reloaded_tab_shows_the_same_run_still_going(person):
    run_id, before = link(person)["run"], epoch_said(person)
    person.reload()
    badge(person, "training")
    assert link(person)["run"] == run_id
    reaches(person, before + 1)


def test_a_new_tab_finds_the_run_in_the_list(person, app, new_page):
    run = list_runs()[0]
    assert run.id == link(person)["run"]
    other = visit(new_page(), app)
    expect(progress(other)).to_have_count(0)
    assert run.name in listed(other)
    other.get_by_role("combobox", name="Run", exact=True).click()
    other.get_by_role("option", name=run.name, exact=True).click()
    badge(other, "training")
    becomes({"run": run.id}, link, other)


def test_stopped_steered_and_resumed_it_goes_on_from_where_it_was(person):
    run = list_runs()[0]
    press(person, "Stop")
    badge(person, "stopped")
    see(button(person, "Resume"))
    before = run.history()
    stopped_at = before["epoch"][-1]
    becomes(stopped_at, epoch_said, person)
    field = steer(person)
    assert float(field.input_value()) == 0.001
    field.fill("0.0002")
    field.press("Enter")
    settle(person)
    person.get_by_role("button", name="Set it", exact=True).click()
    settle(person)
    person.keyboard.press("Escape")
    press(person, "Resume")
    badge(person, "training")
    reaches(person, stopped_at + 2)
    after = run.history()
    assert {name: values[:stopped_at] for name, values in after.items()} == before
    assert after["learning_rate"] == pytest.approx([0.001] * stopped_at + [0.0002] * (len(after["epoch"]) - stopped_at))
    assert len(after["epoch"]) > stopped_at
    assert min(more_points(person, stopped_at)) > stopped_at


def test_a_killed_process_is_said_within_five_seconds_and_resume_loses_that_epoch_alone(person):
    run = list_runs()[0]
    badge(person, "training")
    kill_worker(run)
    see(person.get_by_text("ended without a word"), timeout=1000 * AT_ONCE)
    badge(person, "failed")
    before = run.history()
    reached = before["epoch"][-1]
    press(person, "Resume")
    badge(person, "training")
    reaches(person, reached + 2)
    expect(person.get_by_text("ended without a word")).to_have_count(0)
    assert {name: values[:reached] for name, values in run.history().items()} == before
    starts = [event for event in run.events() if event["event"] == "started"]
    assert len(starts) == 3
    assert (starts[-1]["epoch"], starts[-1]["step"]) == (reached + 1, 0)
    press(person, "Stop")
    badge(person, "stopped")
    assert run.wait(20) == "stopped"


def test_what_it_gets_wrong_are_pictures_with_what_it_took_them_for(person):
    person.get_by_role("tab", name="What it gets wrong").click()
    right = person.get_by_test_id("stMetricValue").first
    see(right)
    run = list_runs()[0]
    tested = run.story().tested
    expect(right).to_have_text(f"{tested['accuracy']:.1%}")
    mistakes = person.get_by_role("listbox", name=re.compile("most confident mistakes")).get_by_role("option")
    see(mistakes.nth(15))
    expect(mistakes).to_have_count(16)
    assert all(
        re.fullmatch(rf"({'|'.join(map(re.escape, FASHION))}) \d+%", mark)
        for mark in mistakes.locator(".mark").all_inner_texts()
    )
    assert all(re.search("is (.+)", words) for words in mistakes.locator(".drawn").all_inner_texts())
    settle(person)
    assert link(person)["tab"] == "wrong"


def draw_a_coat(page):
    """A thick vertical box on the sheet."""
    sheet = page.get_by_test_id("sketch")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    places = ((0.3, 0.2), (0.7, 0.2), (0.7, 0.8), (0.3, 0.8), (0.3, 0.2))
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def test_a_drawing_is_answered_and_goes_on_to_the_feature_maps(person):
    run = list_runs()[0]
    person.get_by_role("tab", name="Ask it").click()
    see(person.get_by_text("Draw with the mouse or a finger."))
    draw_a_coat(person)
    bars = person.get_by_role("tabpanel").get_by_test_id("stProgress")
    see(bars.nth(4), WAKING)
    said = [re.fullmatch(r"(.+) · (\d+\.\d)%", text.strip()) for text in bars.all_inner_texts()]
    assert len({each[1] for each in said} & set(FASHION)) == len(said) == 5
    shares = [float(each[2]) for each in said]
    assert shares == sorted(shares, reverse=True)
    assert 50 < sum(shares) <= 100.3
    settle(person)
    person.get_by_role("button", name="See its feature maps").click()
    person.wait_for_url(re.compile("/feature_maps"))
    classes = person.locator(".glance .base .column").last.locator(".tile")
    see(classes.first, WAKING)
    found = [tuple(each.locator("text").all_text_contents()) for each in classes.all()]
    assert {name for name, _ in found} < set(FASHION)
    assert found[0] == (said[0][1], f"{said[0][2]} %")
    box = person.get_by_test_id("stSidebar").get_by_role("combobox", name=re.compile("Network"))
    expect(box).to_have_value(f"{run.name} · your run")


def test_build_your_own_by_keyboard_changes_the_number_of_parameters(person, app):
    visit(person, app, recipe="own")
    see(person.get_by_text("93,322 parameters"))
    table = person.get_by_test_id("stDataFrame").first.get_by_test_id("data-grid-canvas")
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    person.mouse.click(box["x"] + 100, box["y"] + 52)  # the first row's layer
    person.keyboard.press("ArrowRight")
    person.keyboard.press("8")
    see(person.locator("#portal input"))
    person.keyboard.press("Enter")
    fewer = (32 - 8) * (3 * 3 * 1 + 1) + (32 - 8) * 3 * 3 * 64
    see(person.get_by_text(f"{93_322 - fewer:,} parameters"))
    settle(person)
    person.get_by_role("combobox", name=re.compile("Begin with")).click()
    person.get_by_role("option", name=RECIPES["keras-io-mnist"].title, exact=True).click()
    person.get_by_role("button", name="Copy it").click()
    see(person.get_by_text("34,826 parameters"))


@pytest.mark.slow
def test_whether_augmentation_helps_is_answered_by_two_runs(person, app):
    choices = {"tab": "help", "help_dataset": "mnist-small", "help_pictures": 32, "help_epochs": 2}
    person.goto(f"{app}/augmentation?{urlencode({f'augmentation.{name}': value for name, value in choices.items()})}")
    person.get_by_role("button", name="Train both").click()
    answer = person.get_by_text(re.compile(r"^Test: \d+\.\d% without, \d+\.\d% with\. "))
    see(answer, WAKING)
    assert re.search(r"(it helps|that may be chance|it harms\. .+)\.$", answer.inner_text())
    pair = list_runs()[:2]
    assert {run.status for run in pair} == {"finished"}
    assert sorted(bool(run.config.augmentation.active) for run in pair) == [False, True]


def narrow(page):
    """Asserts that nothing is wider than a phone, and that everything is in one column."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.get_by_test_id("stMain").evaluate("(each) => each.scrollWidth") <= 390
    lefts = (
        page.get_by_test_id("stMain")
        .locator("[data-testid=stColumn]")
        .evaluate_all(
            "(found) => found.filter((each) => each.checkVisibility() && each.offsetHeight)"
            ".map((each) => Math.round(each.getBoundingClientRect().width))"
        )
    )
    assert all(width > 300 for width in lefts)


def test_on_a_phone_there_is_one_column_and_dark_is_readable(new_page, app):
    phone = visit(new_page(**PHONE, color_scheme="dark"), app)
    see(phone.get_by_text("93,322 parameters"))
    narrow(phone)
    ended = next(run for run in list_runs() if run.status in ENDED)
    visit(phone, app, run=ended.id, tab="wrong")
    badge(phone, ended.status)
    see(phone.get_by_test_id("stMetricValue").first)
    settle(phone)
    narrow(phone)
    assert phone.get_by_test_id("stApp").evaluate("(each) => getComputedStyle(each).backgroundColor") == (
        "rgb(20, 23, 28)"
    )
    for text in (
        phone.get_by_test_id("stCaptionContainer").locator("p").first,
        phone.get_by_role("listbox").first.locator(".mark").first,
        progress(phone).get_by_text(ended.status, exact=True),
    ):
        assert contrast(text) >= 4.5
    for tab in ("Ask it", "The network", "Compare runs", "Download"):
        phone.get_by_role("tab", name=tab).tap()
        settle(phone)
        narrow(phone)


# Other servers


@pytest.fixture
def mortal(tmp_path):
    """``mortal()`` starts a server of the whole app on one folder of runs: its process and its address."""
    started = []
    runs = tmp_path / "runs"

    def start():
        log = tmp_path / f"log{len(started)}.txt"
        process, address = launch(ROOT / "app.py", {"EXPLORER_RUNS_DIR": str(runs), "EXPLORER_SPARE": "1"}, log)
        started.append(process)
        wait_until_healthy(process, address, log)
        return process, address

    start.runs = runs
    yield start
    end_runs(runs_in(runs))
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_run_goes_on_while_the_app_is_killed_and_started_again(mortal, new_page):
    """Also one that was handed to the process that waits with TensorFlow."""
    server, address = mortal()
    page = visit(new_page(), address, **LONG)
    run_id = begin(page)
    reaches(page, 1)
    page.goto("about:blank")  # what is lost of a page whose server is gone is no fault
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    run = Run(mortal.runs / run_id)
    before = run.story().epoch
    server, address = mortal()
    visit(page, address, run=run_id)
    badge(page, "training")
    reaches(page, before + 2)
    assert run.story().epoch > before
    assert len([event for event in run.events() if event["event"] == "started"]) == 1


@pytest.mark.slow
def test_two_visitors_train_at_once_a_third_waits_and_each_sees_their_own(serve, profile, tmp_path):
    runs = tmp_path / "runs"
    hosted = {"EXPLORER_PROFILE": "hosted", "EXPLORER_RUNS_DIR": str(runs), "EXPLORER_RUNS_AT_ONCE": "2"}
    address = serve(ROOT / "app.py", hosted)
    choices = {"dataset": "mnist-small", "recipe": "keras-io-mnist", "epochs": 20}
    with watched_pages() as open_in:
        first, second, third = (
            visit(open_in(profile(name, viewport=DESKTOP)), address, **choices)
            for name in ("this person", "another person", "a third person")
        )
        try:
            ids = [begin(first), begin(second), begin(third, waits=True)]
            badge(third, "waiting")
            see(progress(third).get_by_text("Others are training. It is the next one."))
            reaches(first, 1)
            first.goto("about:blank")  # two live pages take what two trainings need
            reaches(second, 1)
            assert Run(runs / ids[2]).status == "queued"
            assert [Run(runs / run_id).status for run_id in ids[:2]] == ["running", "running"]
            owners = {Run(runs / run_id).about.owner for run_id in ids}
            assert len(owners) == 3
            assert "" not in owners

            visit(second, address, run=ids[0])
            see(second.get_by_test_id("stAlert").get_by_text("it is no run of yours"))
            expect(progress(second)).to_have_count(0)
            assert len(listed(second)) == 2  # the new one and their own
            visit(first, address, run=ids[0])  # as a reload: its cookie says whose it is
            badge(first, "training")
            assert link(first)["run"] == ids[0]
            press(first, "Stop")
            badge(first, "stopped")
            badge(third, "training")
            assert len(listed(first)) == 2
        finally:
            end_runs(runs_in(runs))
