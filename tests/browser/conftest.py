"""A real Chromium and a real Streamlit server for the tests of this folder."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",  # every page of a profile in one process: what one has compiled, the next finds there
]
START_SECONDS = 60
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
IDLE = """
    () => {
      const parts = document.querySelectorAll("[data-testid^=stBidiComponent]:not(.st-key-visitor *)");
      return document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
        && !document.querySelector("[data-stale=true], [data-testid=stSkeleton]")
        && [...parts].every((each) => (each.shadowRoot ?? each).querySelector(":not(style)"));
    }
"""
"""Nothing is running for the page, all of it is of the last run, and its components have drawn themselves."""
SETTLED = f"""
    async () => {{
      const idle = {IDLE};
      for (let frame = 0; frame < 3; frame++) {{
        await new Promise(requestAnimationFrame);
        if (!idle()) return false;
      }}
      return true;
    }}
"""
BUSY = "[data-testid=stApp][data-test-script-state=running]"
PATIENCE = 15_000
"""How long a page may take to show something, in milliseconds."""
expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


def missing(reason):
    """Skips, unless the browser tests are mandatory."""
    if os.environ.get("EXPLORER_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason} (EXPLORER_REQUIRE_BROWSER=1 makes browser tests mandatory)")
    pytest.skip(f"browser test: {reason}")


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium, started once."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        missing("no Chromium found; install one or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


def see(found, timeout=None):
    """Waits until what is found is visible, as long as its page has patience, or a time in milliseconds.

    Playwright's own wait looks at once, then twice a second: too seldom for what takes a third of one.
    """
    for _ in range(100):
        if found.is_visible():
            return
        found.page.wait_for_timeout(20)
    found.wait_for(timeout=timeout)


def settle(page):
    """Waits until a page is drawn, and stays so for some frames: a press reaches Python a frame later."""
    page.wait_for_function(SETTLED)


def becomes(wanted, read, *arguments):
    """Asserts that ``read(*arguments)`` is what is wanted, soon: a page shows what it shows one thing after another.

    Playwright's ``expect`` does the same for what it knows to ask of an element.
    """
    deadline = time.monotonic() + PATIENCE / 1000
    while (found := read(*arguments)) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == wanted


def fetch(page, name):
    """Presses a button of a drawn page that hands out a file: the file's name, and where it has been saved.

    A file asked for while the page is drawn anew would be another run's, which the server has already forgotten.
    """
    button = page.get_by_role("button", name=name)
    see(button)
    settle(page)
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path())


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_healthy(process, address, log):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxies a test has set
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), direct.open(f"{address}/_stcore/health", timeout=2):
            return
        time.sleep(0.1)
    pytest.fail(f"Streamlit did not start:\n{log.read_text()}")


def launch(script, env, log):
    """Starts a Streamlit server for a script, in a session of its own: its process and its address."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless", "true"]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port)]
    # A full garbage collection after each run of a script takes 0.2 s with TensorFlow loaded.
    command += ["--browser.gatherUsageStats", "false", "--runner.postScriptGC", "false"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return process, f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """``serve(script, env=None)`` starts a Streamlit server for a script and returns its address."""
    started = []

    def start(script, env=None):
        log = tmp_path_factory.mktemp("streamlit") / "log.txt"
        process, address = launch(script, env or {}, log)
        started.append(process)
        wait_until_healthy(process, address, log)
        return address

    yield start
    running = [process for process in started if process.poll() is None]
    for process in running:
        os.killpg(process.pid, signal.SIGTERM)
    for process in running:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def app(serve):
    """The address of the whole app, started once: TensorFlow and the bundled network wake once for all its pages."""
    return serve(ROOT / "app.py")


BROKEN = "() => [...document.images].filter((each) => each.complete && !each.naturalWidth).map((each) => each.src)"


def broken_images(page):
    """The addresses of the pictures a page still shows broken after a while."""
    for _ in range(40):
        found = page.evaluate(BROKEN)
        if not found:
            break
        page.wait_for_timeout(50)
    return found


def watch(page):
    """Collects uncaught errors and console errors; Chromium's own network chatter is not ours.

    Nor is a picture that came too late: where a page is drawn anew before the browser has fetched a picture, the
    server has forgotten it. What counts is that none is broken in the end (`broken_images`).
    """
    problems = []
    page.on("pageerror", lambda error: problems.append(f"uncaught: {error}"))

    def read(message):
        chatter = ("Failed to load resource", "Image source error")
        if message.type == "error" and not any(each in message.text for each in chatter):
            problems.append(f"console: {message.text}")

    page.on("console", read)
    return problems


@pytest.fixture(scope="session")
def profile(chromium):
    """``profile(name, **context options)`` is a browser profile that lasts as long as the tests.

    Its cache, and what its process has compiled, spare each page two seconds of Streamlit's own scripts. An empty
    page of the servers' site keeps that process alive between tests.
    """
    contexts = {}

    def find(name, **options):
        key = (name, repr(sorted(options.items())))
        if key not in contexts:
            contexts[key] = context = chromium.new_context(**options)
            keeper = context.new_page()
            keeper.route("**", lambda route: route.fulfill(body=""))
            keeper.goto("http://127.0.0.1/")
        return contexts[key]

    yield find
    for context in contexts.values():
        context.close()


NOTE_CLICKS = """
    window.clicks = [];
    for (const type of ["pointerdown", "click"])
      addEventListener(type, ({ target, timeStamp }) =>
        clicks.push(`${timeStamp | 0} ${type} ${target.tagName} ${(target.innerText ?? "").slice(0, 40)}`), true);
"""
OPENED = []
"""The pages that are open."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Beside a failure stands what the test's pages showed just then."""
    report = yield
    if report.failed and call.when == "call":
        for page in OPENED:
            with contextlib.suppress(Exception):
                report.sections.append((f"the page {page.url}", portrait(page)))
    return report


def pytest_terminal_summary(terminalreporter):
    """What a test that had to be run twice saw the first time: it is to be mended too."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"passed at the second attempt or not at all: {report.nodeid}")
        terminalreporter.line(report.longreprtext)
        for name, text in report.sections:
            terminalreporter.section(name, "-")
            terminalreporter.line(text)


def portrait(page):
    """Whether the page is drawn, what was clicked on it, and the words on it."""
    script = page.locator("[data-testid=stApp]").get_attribute("data-test-script-state", timeout=1000)
    clicks = page.evaluate("() => window.clicks.slice(-10)")
    words = " ".join(page.get_by_test_id("stMain").inner_text(timeout=1000).split())
    return "\n".join([f"script: {script}", *clicks, words[:2000]])


@contextlib.contextmanager
def watched_pages():
    """``open_in(context)`` opens a page; at the end all of them are closed, and an error on any fails the test."""
    opened = []

    def open_in(context):
        page = context.new_page()
        page.add_init_script(NOTE_CLICKS)
        page.set_default_timeout(PATIENCE)
        OPENED.append(page)
        opened.append((page, watch(page)))
        return page

    yield open_in
    for page, found in opened:
        OPENED.remove(page)
        if not page.is_closed():
            found += [f"broken picture: {each}" for each in broken_images(page)]
            page.close()
    problems = [problem for _, found in opened for problem in found]
    assert not problems, "\n".join(problems)


@pytest.fixture
def new_page(profile):
    """``new_page(color_scheme=None, **context options)`` opens a page of another person's profile, for that device."""
    with watched_pages() as open_in:

        def make(color_scheme=None, **device):
            page = open_in(profile("another person", **{"viewport": DESKTOP, **device}))
            page.emulate_media(color_scheme=color_scheme)
            return page

        yield make


@pytest.fixture
def page(profile):
    """A page of 1280 × 800."""
    with watched_pages() as open_in:
        yield open_in(profile("this person", viewport=DESKTOP))
