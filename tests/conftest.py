"""What page tests share: an app to click through, what the server would send to the browser, folders to write to."""

import functools
import gc
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT = 60
FOLDERS = ("EXPLORER_CACHE_DIR", "EXPLORER_DATA_DIR", "EXPLORER_RUNS_DIR")
"""Where the app writes, and where it looks for datasets: never in the home of the person who runs the tests."""


def pytest_configure(config):
    """One folder for the whole session, set before anything is imported; the servers of browser tests inherit it.

    Workers of pytest-xdist have their parent's, and each its own runs in it.
    """
    if hasattr(config, "workerinput"):
        os.environ["EXPLORER_RUNS_DIR"] += f"/{config.workerinput['workerid']}"
    else:
        config.written_to = tempfile.mkdtemp(prefix="convnet-explorer-tests-")
        for variable in FOLDERS:
            os.environ[variable] = f"{config.written_to}/{variable.lower()}"
        os.environ["EXPLORER_SPARE"] = "0"  # no process that waits with TensorFlow, beside those of the tests


def pytest_unconfigure(config):
    if hasattr(config, "written_to"):
        shutil.rmtree(config.written_to, ignore_errors=True)


@pytest.fixture(autouse=True, scope="session")
def nothing_slower_than_the_pages():
    """Spares what Streamlit does around each run of a page and takes longer than the run.

    It searches for garbage, twice: by itself, and by ``keras.backend.clear_session``. Among what TensorFlow and earlier
    tests have left that takes a tenth of a second each; Python searches by itself often enough. And for each visit it
    looks for components in every installed package.
    """
    config.set_option("runner.postScriptGC", False)
    gc.freeze()
    clear = script_runner._clean_problem_modules

    def clear_without_searching():
        with mock.patch.object(gc, "collect"):
            clear()

    script_runner._clean_problem_modules = clear_without_searching
    manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)


@pytest.fixture
def open_app():
    """Opens ``app.py`` and goes to one page of it."""

    def start(page="home", link=None):
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT).run()
        at.query_params = dict(link or {})
        at = at.switch_page(f"pages/{page}.py").run() if page != "home" else at
        assert not at.exception
        return at

    return start


@pytest.fixture
def open_page():
    """Opens one page file by itself, on the 16 × 16 digit unless the link names another picture."""

    def start(page="kernels", link=None):
        at = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=TIMEOUT)
        at.query_params = {"kernels.image": "digit"} | dict(link or {}) if page == "kernels" else dict(link or {})
        at.run()
        assert not at.exception
        return at

    return start


class Sent:
    """Pictures by their address, and downloads by their file name, as made by the callables of the last run."""

    def __init__(self):
        self.pictures = {}
        self.makers = {}

    def download(self, name):
        return self.makers[name]()  # as on the server: outside the script's run, without its session


@pytest.fixture
def sent(monkeypatch):
    """What pages hand to the server for the browser to fetch."""
    caught = Sent()
    add, add_deferred = MediaFileManager.add, MediaFileManager.add_deferred

    def keep(self, contents, *args, **kwargs):
        address = add(self, contents, *args, **kwargs)
        caught.pictures[address] = contents
        return address

    def keep_deferred(self, maker, mimetype, coordinates, file_name=None, **kwargs):
        caught.makers[file_name] = maker
        return add_deferred(self, maker, mimetype, coordinates, file_name, **kwargs)

    monkeypatch.setattr(MediaFileManager, "add", keep)
    monkeypatch.setattr(MediaFileManager, "add_deferred", keep_deferred)
    return caught
