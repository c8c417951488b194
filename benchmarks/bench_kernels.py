"""The cost of the kernels page, as ratios measured in one run. Prints a markdown table.

Each ratio has a bar; the program ends with an error when one is above it.
"""

import contextlib
import hashlib
import itertools
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from common import Row, interleaved, report

from explorer import convolution, images
from explorer.settings import ROOT

HEIGHT, WIDTH, CHANNELS = 3000, 4000, 3
FLOAT_PICTURE_BYTES = HEIGHT * WIDTH * CHANNELS * 4
REPEATS = 9
FIRST_PAINTS = 5
PATIENCE = 120
"""How long a server or a page may take, in seconds."""


def photo() -> np.ndarray:
    """A synthetic 12-megapixel colour photo, uint8."""
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, CHANNELS), dtype=np.uint8)


def convolution_rows() -> list[Row]:
    """``convolve`` on the CPU against ``cv2.filter2D`` on the same float picture, and its memory."""
    image = photo()
    floats = image.astype(np.float32)
    rows = []
    for size in (3, 5, 11):
        weights = np.random.default_rng(size).normal(size=(size, size)).astype(np.float32)

        def theirs(weights=weights):
            return cv2.filter2D(floats, cv2.CV_32F, weights)

        for name, picture, bar in (("float32", floats, 1.3), ("uint8", image, None)):

            def ours(picture=picture, weights=weights):
                return convolution.convolve(picture, weights, engine="cpu")

            what = f"convolve, 12 megapixels RGB {name}, {size} × {size}"
            rows.append(Row(what, "cv2.filter2D on float32", interleaved(ours, theirs, REPEATS), bar))
    for size in (3, 11, 15):
        what = f"peak memory of convolve, {size} × {size}, the picture included"
        rows.append(Row(what, "the float32 picture", peak_memory(size), 6))
    return rows


def peak_memory(size: int) -> float:
    """Peak memory of a process that convolves a photo, less that of one that does not, in pictures."""
    with_call, without = (
        int(subprocess.run([sys.executable, __file__, "--peak", str(k)], capture_output=True, check=True).stdout)
        for k in (size, 0)
    )
    return (with_call - without) / FLOAT_PICTURE_BYTES


def print_peak(size: int) -> None:
    """In a process of its own: the peak memory, in bytes, after one call (none for size 0)."""
    if size:
        floats = np.zeros((HEIGHT, WIDTH, CHANNELS), np.float32) + 1
        convolution.convolve(floats, np.ones((size, size)), engine="cpu")
    # Not ru_maxrss: a child process inherits the peak of its parent there.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(int(status.split("VmHWM:")[1].split()[0]) * 1024)


def megapixel() -> bytes:
    """A 1000 × 1000 photo as a PNG file: the bundled astronaut, enlarged."""
    picture = images.read_image(images.SAMPLES["astronaut"].read_bytes())
    return images.encode_png(cv2.resize(picture, (1000, 1000), interpolation=cv2.INTER_CUBIC))


def rerun_rows() -> list[Row]:
    """A rerun of the Kernels page after one kernel edit, against a page that only shows the same picture.

    The Kernels page sends its pictures without loss, so the bar is held against a page that does the same; Streamlit
    by itself makes a JPEG, which is quicker to write. Both run under Streamlit's AppTest, in turn. Every edit is a
    number that was not there before, so that nothing but the decoded picture comes out of a cache.
    """
    from streamlit.testing.v1 import AppTest

    from explorer.ui import pickers, state

    encoded = megapixel()
    chosen = pickers.Chosen("photo", pickers.OWN, encoded, hashlib.sha256(encoded).hexdigest())

    def bare_page(pixels, output_format):
        import streamlit as st

        st.title("Picture")
        st.image(pixels, width="stretch", output_format=output_format)

    pixels = images.read_image(encoded)
    bare = {
        kind: AppTest.from_function(bare_page, args=(pixels, kind), default_timeout=PATIENCE).run()
        for kind in ("PNG", "auto")
    }
    page = AppTest.from_file(str(ROOT / "pages" / "kernels.py"), default_timeout=PATIENCE)
    page.session_state[state.PICTURE] = page.session_state[state.OWN_PICTURE] = chosen
    page.run()
    weight = itertools.count(2)

    def edit() -> None:
        edited = {"edited_rows": {0: {"0": float(next(weight))}}, "added_rows": [], "deleted_rows": []}
        page.session_state["kernels.weights"] = edited
        page.run()
        assert not page.exception

    edit()
    what = "rerun of the page after a kernel edit, 1 megapixel"
    return [
        Row(what, "st.image alone, without loss (PNG)", interleaved(edit, bare["PNG"].run, REPEATS), 2.5),
        Row(what, "st.image alone, as it comes (JPEG)", interleaved(edit, bare["auto"].run, REPEATS), None),
    ]


BARE_PAGE = """
import streamlit as st

st.title("Picture")
st.image({path!r}, width="stretch")
"""
PAINTED = """(count) => {
    const pictures = [...document.querySelectorAll("[data-testid=stImage] img")].slice(0, count);
    const there = (each) => each.complete && each.naturalWidth > 0 && each.offsetHeight > 0;
    return pictures.length === count && pictures.every(there);
}"""
"""In the browser: the first ``count`` pictures of the page are there. The Kernels page's first two are its stage."""


@contextlib.contextmanager
def fresh_server(script: Path) -> Iterator[str]:
    """A Streamlit server that nobody has visited yet; its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless", "true"]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port), "--browser.gatherUsageStats", "false"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(PATIENCE * 10):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):  # noqa: S310
                break
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()


def first_paint_rows() -> list[Row]:
    """From navigation to the pictures on the screen, in a server and a browser profile that know nothing yet."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return []
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium:
        return []
    taken: dict[str, list[float]] = {"kernels": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE_PAGE.format(path=str(images.SAMPLES["chelsea"])), encoding="utf-8")
        cases = (("kernels", ROOT / "app.py", "/kernels", 2), ("bare", bare, "", 1))
        for _ in range(FIRST_PAINTS):
            for name, script, path, pictures in cases:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                with fresh_server(script) as address:
                    start = time.perf_counter()
                    page.goto(f"{address}{path}", wait_until="commit")
                    page.wait_for_function(PAINTED, arg=pictures, timeout=PATIENCE * 1000)
                    taken[name].append(time.perf_counter() - start)
                    browser.close()
    kernels, alone = (statistics.median(taken[name]) for name in ("kernels", "bare"))
    print(f"First paint: {kernels:.2f} s, and {alone:.2f} s for the bare page.", file=sys.stderr)
    return [Row("first paint of the Kernels page, fresh server", "title and st.image alone", kernels / alone, 2)]


def main() -> None:
    """Print the table; fail when a bar is not kept."""
    report([*convolution_rows(), *rerun_rows(), *first_paint_rows()])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(int(sys.argv[2]))
    else:
        main()
