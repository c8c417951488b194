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
]
START_SECONDS = 60
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
"""The page is drawn, and nothing is running for it."""
PATIENCE = 15_000
"""How long a page may take to show something, in milliseconds."""


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
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        missing("no Chromium found; install one or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


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


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """``serve(script, env=None)`` starts a Streamlit server for a script and returns its address."""
    started = []

    def start(script, env=None):
        port = free_port()
        log = tmp_path_factory.mktemp("streamlit") / "log.txt"
        command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless", "true"]
        command += ["--server.address", "127.0.0.1", "--server.port", str(port)]
        command += ["--browser.gatherUsageStats", "false"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        started.append(process)
        address = f"http://127.0.0.1:{port}"
        wait_until_healthy(process, address, log)
        return address

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture(scope="session")
def app(serve):
    """The address of the whole app, started once: TensorFlow and the bundled network wake once for all its pages."""
    return serve(ROOT / "app.py")


def watch(page):
    """Collects uncaught errors and console errors; Chromium's own network chatter is not ours."""
    problems = []
    page.on("pageerror", lambda error: problems.append(f"uncaught: {error}"))

    def read(message):
        if message.type == "error" and "Failed to load resource" not in message.text:
            problems.append(f"console: {message.text}")

    page.on("console", read)
    return problems


@pytest.fixture
def new_page(chromium):
    """``new_page(**context options)`` opens a page in a profile of its own; an error on it fails the test."""
    opened = []

    def make(**options):
        context = chromium.new_context(**{"viewport": DESKTOP, **options})
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        opened.append((context, watch(page)))
        return page

    yield make
    for context, _ in opened:
        context.close()
    problems = [problem for _, found in opened for problem in found]
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def desktop(chromium):
    """One profile for all plain pages: its cache spares each test the download of Streamlit's own scripts."""
    context = chromium.new_context(viewport=DESKTOP)
    yield context
    context.close()


@pytest.fixture
def page(desktop):
    """A page of 1280 × 800; any error on it fails the test."""
    opened = desktop.new_page()
    opened.set_default_timeout(PATIENCE)
    problems = watch(opened)
    yield opened
    opened.close()
    assert not problems, "\n".join(problems)
