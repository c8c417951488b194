"""The bar of long work: what it says, that it goes away, and that a press on Stop ends the work."""

import contextlib

import pytest
from streamlit.testing.v1 import AppTest

from explorer.ui import progress


class Drawn:
    """What is drawn in place of Streamlit, and the clock."""

    def __init__(self):
        self.said, self.buttons, self.empties, self.now = [], [], 0, 100.0

    def monotonic(self):
        return self.now

    def progress(self, share, text):
        self.said.append((share, text))
        return self

    def button(self, label, key, **options):
        self.buttons.append((label, key, options.get("on_click")))

    def empty(self):
        self.empties += 1
        return self

    @contextlib.contextmanager
    def container(self, **_):
        yield


@pytest.fixture
def drawn(monkeypatch):
    drawn = Drawn()
    monkeypatch.setattr(progress, "st", drawn)
    monkeypatch.setattr(progress, "time", drawn)
    return drawn


def test_the_time_left_is_that_of_the_share_left_at_the_pace_so_far(drawn):
    with progress.progress("key", "Compiling…") as report:
        drawn.now += 50  # compiling comes once: it is no measure of the rest
        report(0.0)
        drawn.now += 2
        report(0.1)
        drawn.now += 3
        report(0.5)
        drawn.now += 15
        report(1.0)
    assert drawn.said == [
        (0.0, "Compiling…"),
        (0.0, "0% done"),
        (0.1, "10% done, about 18 s left"),
        (0.5, "50% done, about 5 s left"),
        (1.0, "100% done, about 0 s left"),
    ]


def test_work_that_begins_in_the_middle_is_reckoned_from_there(drawn):
    with progress.progress("key", "…") as report:
        report(0.5)
        drawn.now += 10
        report(0.75)
    assert drawn.said[1:] == [(0.5, "50% done"), (0.75, "75% done, about 10 s left")]


def test_what_is_being_done_stands_before_how_far_it_is(drawn):
    with progress.progress("key", "Opening…") as report:
        report(0.0, "Looking through the files")
        drawn.now += 4
        report(0.2, "Looking through the files")
        report(0.2, doing="Reading the pictures")
        drawn.now += 4
        report(0.8)
    assert drawn.said == [
        (0.0, "Opening…"),
        (0.0, "Looking through the files: 0% done"),
        (0.2, "Looking through the files: 20% done, about 16 s left"),
        (0.2, "Reading the pictures: 20% done, about 16 s left"),
        (0.8, "80% done, about 2 s left"),
    ]


def test_more_than_all_is_drawn_as_all(drawn):
    with progress.progress("key", "…") as report:
        report(0.0)
        report(1.01)
    assert drawn.said[-1][0] == 1.0


def test_the_bar_goes_away_also_where_the_work_is_ended_and_the_end_is_passed_on(drawn):
    def pressed():
        """Stands for what the page does when Stop is pressed."""

    class Ended(BaseException):
        """As Streamlit's own, which is no Exception."""

    with pytest.raises(Ended), progress.progress("key", "…", stop="Enough", on_stop=pressed) as report:  # noqa: PT012
        report(0.5)
        before = drawn.empties
        raise Ended
    assert drawn.empties == before + 1
    assert drawn.buttons == [("Enough", "key", pressed)]


def page():
    """Work of five steps on a page; a press on Stop is played by a rerun at the third."""
    import streamlit as st

    from explorer.ui.progress import progress

    steps = st.session_state.setdefault("steps", [])
    if st.session_state.get("stopped"):
        st.text(f"stopped after {len(steps)}")
    else:
        with progress("toy.stop", "Working…") as report:
            for step in range(5):
                steps.append(step)
                if step == st.session_state.get("stop_at"):
                    st.session_state["stopped"] = True
                    st.rerun()
                report(step / 4)
        st.text("done")


@pytest.mark.parametrize(("stop_at", "said"), [(None, "done"), (2, "stopped after 3")])
def test_on_a_page_the_bar_and_its_button_are_gone_afterwards(stop_at, said):
    at = AppTest.from_function(page, default_timeout=30)
    at.session_state["stop_at"] = stop_at
    at.run()
    assert not at.exception
    assert at.text[0].value == said
    assert not at.button
    assert not at.get("progress")
