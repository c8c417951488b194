"""The cost of the kernels page, as ratios measured in one run. Prints a markdown table.

Each ratio has a bar; the program ends with an error when one is above it.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from explorer import convolution

HEIGHT, WIDTH, CHANNELS = 3000, 4000, 3
FLOAT_PICTURE_BYTES = HEIGHT * WIDTH * CHANNELS * 4
REPEATS = 9


@dataclass(frozen=True)
class Row:
    """One measured ratio. ``bar`` is None where the number only informs."""

    what: str
    against: str
    ratio: float
    bar: float | None = None

    def kept(self) -> bool:
        """Whether the ratio is within its bar."""
        return self.bar is None or self.ratio <= self.bar

    def markdown(self) -> str:
        """The row of the table."""
        bar = "–" if self.bar is None else f"≤ {self.bar:g}"
        kept = "yes" if self.kept() else "**no**"
        return f"| {self.what} | {self.against} | {self.ratio:.2f} | {bar} | {kept} |"


def photo() -> np.ndarray:
    """A synthetic 12-megapixel colour photo, uint8."""
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, CHANNELS), dtype=np.uint8)


def interleaved(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """The median time of ``ours`` over that of ``theirs``, run in turn so that both meet the same machine."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        for function, taken in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return statistics.median(times[0]) / statistics.median(times[1])


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
            rows.append(Row(what, "cv2.filter2D on float32", interleaved(ours, theirs), bar))
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


def main() -> None:
    """Print the table; fail when a bar is not kept."""
    rows = convolution_rows()
    print("| What | Against | Ratio | Bar | Kept |\n|---|---|---|---|---|")
    for row in rows:
        print(row.markdown())
    if not all(row.kept() for row in rows):
        sys.exit("A ratio is above its bar.")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(int(sys.argv[2]))
    else:
        main()
