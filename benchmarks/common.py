"""What the benchmarks share: ratios measured in one run, and the table in which they meet their bars."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


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
        kept = "–" if self.bar is None else "yes" if self.kept() else "**no**"
        return f"| {self.what} | {self.against} | {self.ratio:.2f} | {bar} | {kept} |"


def interleaved(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> float:
    """The median time of ``ours`` over that of ``theirs``, run in turn so that both meet the same machine."""
    times: tuple[list[float], list[float]] = ([], [])
    for function in (ours, theirs):
        function()  # compiled before the clock starts
    for _ in range(repeats):
        for function, taken in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return statistics.median(times[0]) / statistics.median(times[1])


def report(rows: Sequence[Row]) -> None:
    """Print the table; end the program with an error when a bar is not kept."""
    print("| What | Against | Ratio | Bar | Kept |\n|---|---|---|---|---|")
    for row in rows:
        print(row.markdown())
    if not all(row.kept() for row in rows):
        sys.exit("A ratio is above its bar.")
