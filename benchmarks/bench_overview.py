"""The cost of the whole network at a glance, as ratios measured in one run. Prints a markdown table.

The networks have random weights where trained ones would have to be downloaded: times and sizes are the same. The last
rows need a Chromium and Playwright, and are left out where there are none.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf
from common import Row, medians, report

from explorer import images, overview, trace
from explorer.models import RECIPES, Classifier, build, load_pretrained, tap
from explorer.models.preprocessing import preprocessing_layer
from explorer.models.pretrained import PRETRAINED
from explorer.overview import Glance, Plan
from explorer.settings import MAX_UNFOLDED_BYTES, ROOT
from explorer.ui import glance_columns, glance_unit
from explorer.ui.glance_columns import Look

REPEATS = 15
LARGE = ("VGG16", "ResNet50", "InceptionV3", "MobileNetV2")
SMALL = ("convnet-32-64-64", "mlp-500-250-100")
MOST_BYTES = 2_000_000
MOVES = 200
REPAINT = 0.050
UNFOLD = 0.300
"""Seconds from the pointer's move to the repainted page, and from a click to the unfolded channel."""
COLUMNS = (
    "stem_relu",
    "block1a_project_bn",
    "block3b_add",
    "block5c_add",
    "block7a_project_bn",
    "head_relu",
    "softmax",
)
"""Those of EfficientNet-Lite0 of which a channel is unfolded."""


def published(name: str) -> Classifier:
    """A network of ``keras.applications`` with random weights."""
    keras.utils.set_random_seed(0)
    entry = PRETRAINED[name]
    pixels = keras.Input((entry.size, entry.size, 3))
    prepared = preprocessing_layer(entry.preprocessing)(pixels)
    scores = entry.architecture(input_tensor=prepared, weights=None, classifier_activation=None)
    model = keras.Model(pixels, keras.layers.Softmax(name="softmax")(scores.outputs[0]), name=name)
    return Classifier(model, [f"class {index}" for index in range(1000)], name)


def recipe(name: str) -> Classifier:
    """A network to be trained, as it begins."""
    return Classifier(build(name, RECIPES[name].input_shape, 10), [str(digit) for digit in range(10)], name)


def payload(network: Classifier, plan: Plan, found: Glance) -> dict[str, object]:
    """What the browser is sent while nothing is unfolded."""
    names = network.class_names
    colours = glance_columns.colours_of(plan, network.model)
    look = Look(dark=False, scale=glance_columns.OWN, class_names=names, colours=colours)
    return {
        "columns": glance_columns.columns(plan, found, look),
        "edges": glance_columns.edges(found.edges),
        "hidden": glance_columns.hidden(found),
        "groups": [],
        "alt": glance_columns.sentence(found, network, look),
    }


def network_rows(network: Classifier, bar: float | None) -> list[Row]:
    """The data of the overview against one compiled forward pass, and how large it is."""
    photo = images.read_image(images.SAMPLES["chelsea"].read_bytes())
    pixels = network.fit(photo)[0][0]
    plan = overview.plan(network.model, input_shape=network.input_shape)
    whole = tf.function(tap(network.model, [network.output_path]), autograph=False)
    forward = whole.get_concrete_function(network.spec)
    batch = tf.constant(pixels[np.newaxis])

    def one_pass() -> object:
        return forward(batch)[network.output_path].numpy()

    def data() -> Glance:
        return overview.glance(plan, overview.measure(network, plan, pixels), {}.__getitem__)

    ours, theirs = medians((data, one_pass), REPEATS)
    print(f"{network.name}: data {1e3 * ours:.1f} ms, forward pass {1e3 * theirs:.1f} ms", file=sys.stderr)
    size = len(json.dumps(payload(network, plan, data())))
    largest = size + max(unit_bytes(network, plan, photo), default=0)
    return [
        Row(f"data of the overview, {network.name}", "one compiled forward pass", ours / theirs, bar),
        Row(f"payload, {network.name}", "2 MB", size / MOST_BYTES, 1),
        Row(f"payload with the largest unfolded channel, {network.name}", "2 MB", largest / MOST_BYTES),
    ]


def unit_bytes(network: Classifier, plan: Plan, photo: np.ndarray) -> Iterator[int]:
    """What an unfolded channel adds, for each column."""
    wiring = trace.wired(network, photo)
    for column in plan.columns()[1:]:
        found = trace.unfold(wiring, column.group.told.path, 0, most_bytes=MAX_UNFOLDED_BYTES)
        yield len(json.dumps(glance_unit.sent(found, {})))


# In a browser

WATCH = """() => {
  window.times = [];
  const twice = (next) => requestAnimationFrame(() => requestAnimationFrame(next));
  const after = (start) => twice(() => window.times.push(performance.now() - start));
  window.addEventListener("pointermove", () => after(performance.now()), { capture: true });
}"""
UNFOLDED = """(path) => new Promise((done) => {
  const shadows = [...document.querySelectorAll("*")].map((each) => each.shadowRoot);
  const root = shadows.find((each) => each && each.querySelector("[data-testid=glance]")) || document;
  const tile = root.querySelector(`.base .tile[data-path='${path}']`);
  const shown = `[data-testid=unit][data-path='${path}'][data-channel='${tile.dataset.channel}']`;
  const start = performance.now();
  const look = () => {
    const there = root.querySelector(`[data-testid=unit-panel]:not([hidden]) ${shown}`);
    requestAnimationFrame(there ? () => done(performance.now() - start) : look);
  };
  tile.dispatchEvent(new MouseEvent("click", { bubbles: true, composed: true }));
  look();
})"""


@contextmanager
def served() -> Iterator[str]:
    """The app on a free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port), "--browser.gatherUsageStats", "false"]
    environment = {**os.environ, "EXPLORER_SPARE": "0"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2)
                    break
                except OSError:
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def browser_rows() -> list[Row]:
    """Hover and unfold in a real Chromium; nothing where there is none."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        print("No Chromium or no Playwright: the browser's rows are left out.", file=sys.stderr)
        return []
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{address}/feature_maps")
        page.locator("[data-testid=glance][data-drawn]").wait_for(timeout=120_000)
        idle = page.locator("[data-testid=stApp][data-test-script-state=notRunning]")
        idle.wait_for(timeout=60_000)
        moved, empty = hovered(page)
        unfolds = [unfolded(page, idle, path) for path in COLUMNS]
        again = [unfolded(page, idle, path) for path in COLUMNS]
        browser.close()
    print(f"hover p95 {1e3 * p95(moved):.1f} ms, empty {1e3 * p95(empty):.1f} ms; unfold", file=sys.stderr)
    print(" ".join(f"{1e3 * each:.0f}" for each in (*unfolds, *again)), "ms", file=sys.stderr)
    frame, first, second = (statistics.median(each) for each in (empty, unfolds, again))
    return [
        Row(f"hover to repaint, 95th percentile of {MOVES}", f"{1e3 * REPAINT:.0f} ms", p95(moved) / REPAINT, 1),
        Row("hover to repaint", "a pointer's move over nothing", statistics.median(moved) / frame),
        Row(f"unfold a channel, median of {len(COLUMNS)}", f"{1e3 * UNFOLD:.0f} ms", first / UNFOLD, 1),
        Row(f"unfold a channel, the longest of {len(COLUMNS)}", f"{1e3 * UNFOLD:.0f} ms", max(unfolds) / UNFOLD),
        Row("unfold a channel that was unfolded before, median", f"{1e3 * UNFOLD:.0f} ms", second / UNFOLD, 1),
        Row("unfold a channel", "a pointer's move over nothing", first / frame),
    ]


def hovered(page: object) -> tuple[list[float], list[float]]:
    """Seconds from the pointer's moves to the second frame after them, over channels and where nothing changes."""
    page.evaluate(WATCH)
    boxes = [tile.bounding_box() for tile in page.locator("[data-testid=glance] .base .tile").all()]
    picked = np.random.default_rng(0).integers(0, len(boxes), MOVES)
    channels = [(boxes[at]["x"] + boxes[at]["width"] / 2, boxes[at]["y"] + boxes[at]["height"] / 2) for at in picked]
    return moves(page, channels), moves(page, [(500 + at % 200, 20 + at % 30) for at in range(MOVES)])


def moves(page: object, places: list[tuple[float, float]]) -> list[float]:
    """Seconds from each of the pointer's moves to the second frame after it."""
    page.wait_for_timeout(300)
    page.evaluate("window.times = []")
    for place in places:
        page.mouse.move(*place)
        page.wait_for_timeout(60)
    page.wait_for_timeout(200)
    return [each / 1e3 for each in page.evaluate("window.times")]


def unfolded(page: object, idle: object, path: str) -> float:
    """Seconds from a click to the first frame with the channel's sums, from which on they grow to their size."""
    taken = page.evaluate(UNFOLDED, path) / 1e3
    idle.wait_for()
    page.wait_for_timeout(300)
    page.get_by_test_id("unit-fold").click()
    page.wait_for_timeout(500)
    idle.wait_for()
    return taken


def p95(times: list[float]) -> float:
    """The 95th percentile."""
    return float(np.percentile(times, 95))


def main() -> None:
    """Print the table; fail when a bar is not kept."""
    makers: list[tuple[Callable[[], Classifier], float | None]] = [
        (lambda: load_pretrained("EfficientNetLite0"), 2.5),
        *((lambda name=name: published(name), 2.5) for name in LARGE),
        *((lambda name=name: recipe(name), None) for name in SMALL),
    ]
    rows = [row for make, bar in makers for row in network_rows(make(), bar)]
    report(rows + browser_rows())


if __name__ == "__main__":
    main()
