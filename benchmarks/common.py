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


def medians(functions: Sequence[Callable[[], object]], repeats: int, *, warm: bool = True) -> list[float]:
    """The median time of each function in seconds, run in turn so that all meet the same machine.

    Args:
        functions: what is timed.
        repeats: how often each is called.
        warm: call each once before the clock starts, so that everything is compiled.
    """
    times: list[list[float]] = [[] for _ in functions]
    for function in functions if warm else ():
        function()
    for _ in range(repeats):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def interleaved(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> float:
    """The median time of ``ours`` over that of ``theirs``, run in turn."""
    first, second = medians((ours, theirs), repeats)
    return first / second


def report(rows: Sequence[Row]) -> None:
    """Print the table; end the program with an error when a bar is not kept."""
    print("| What | Against | Ratio | Bar | Kept |\n|---|---|---|---|---|")
    for row in rows:
        print(row.markdown())
    if not all(row.kept() for row in rows):
        sys.exit("A ratio is above its bar.")
