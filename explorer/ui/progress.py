"""Long work on a page: a bar with the time left, and a way to end it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import streamlit as st


class Report(Protocol):
    """What work tells its progress to."""

    def __call__(self, share: float, doing: str = "") -> None:
        """The share that is done, 0–1, and what is being done."""


@contextmanager
def progress(
    key: str, sentence: str, *, stop: str = "Stop", on_stop: Callable[[], None] | None = None
) -> Iterator[Report]:
    """Draw the bar while the work goes on; yields what the work reports its share to, 0–1, and what it is doing.

    The time left is reckoned from the first report on: what comes before it, such as compiling, comes once.

    *Stop*, or any other choice on the page, ends the work at its next report: Streamlit then starts the page anew.

    Args:
        key: of the button.
        sentence: what is going on, before the first report.
        stop: what the button says.
        on_stop: called when it is pressed, before the page is drawn again; it has to see to it that the work is not
            started once more.
    """
    place = st.empty()
    first: tuple[float, float] | None = None
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, sentence)
        st.button(stop, key=key, icon=":material/stop:", on_click=on_stop)

    def report(share: float, doing: str = "") -> None:
        nonlocal first
        now = time.monotonic()
        started, done = first = first or (now, share)
        said = f", about {(now - started) * (1 - share) / (share - done):.0f} s left" if share > done else ""
        bar.progress(min(1.0, share), f"{doing}: {share:.0%} done{said}" if doing else f"{share:.0%} done{said}")

    try:
        yield report
    finally:
        place.empty()
