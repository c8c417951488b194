"""The way on to another page: there inside the app, with the other page's choices set; not on a page by itself."""

import pytest

from explorer.settings import ROOT
from explorer.ui import site, state


class Drawn:
    """Takes Streamlit's place: keeps the buttons, and presses them where ``pressed`` says so."""

    def __init__(self):
        self.buttons, self.gone, self.pressed = [], [], False

    def button(self, label, **options):
        self.buttons.append((label, options))
        if self.pressed and options["on_click"] is not None:
            options["on_click"](*options["args"])
        return self.pressed

    def switch_page(self, script, *, query_params):
        self.gone.append((script, query_params))


@pytest.fixture
def drawn(monkeypatch):
    """Inside the app."""
    drawn = Drawn()
    monkeypatch.setattr(site, "st", drawn)
    monkeypatch.setattr(state, "get", lambda key: key == state.SHELL)
    return drawn


@pytest.mark.parametrize("entry", site.PAGES, ids=lambda entry: entry.title)
def test_a_press_sets_the_other_page_s_choices_and_goes_there(drawn, entry):
    prepared = []
    drawn.pressed = True
    site.onward(entry.script.stem, "Go on", "page.to_there", lambda *values: prepared.append(values), ("conv", 3))
    assert prepared == [("conv", 3)]
    assert drawn.gone == [(ROOT / entry.file, None)]
    assert drawn.gone[0][0].is_file()
    ((label, options),) = drawn.buttons
    assert (label, options["key"], options["icon"]) == ("Go on", "page.to_there", entry.icon)


def test_until_it_is_pressed_the_page_stays_and_nothing_is_set(drawn):
    prepared = []
    site.onward("kernels", "Go on", "page.to_there", prepared.append, (1,))
    assert len(drawn.buttons) == 1
    assert (drawn.gone, prepared) == ([], [])


def test_there_need_not_be_anything_to_set(drawn):
    drawn.pressed = True
    site.onward("grad_cam", "Go on", "page.to_there")
    assert drawn.gone == [(ROOT / "pages" / "grad_cam.py", None)]


def test_a_page_that_runs_by_itself_has_no_way_on(drawn, monkeypatch):
    monkeypatch.setattr(state, "get", lambda *_: None)
    drawn.pressed = True
    site.onward("kernels", "Go on", "page.to_there")
    assert (drawn.buttons, drawn.gone) == ([], [])


def test_a_page_that_there_is_not_is_no_silent_nothing(drawn):
    with pytest.raises(StopIteration):
        site.onward("nowhere", "Go on", "page.to_there")


def test_where_the_other_page_s_controls_are_at_hand_its_choices_go_along(drawn, monkeypatch):
    controls = (object(),)
    asked = []
    monkeypatch.setattr(site.links, "ahead", lambda *given: asked.append(given) or {"filters.layer": "stem"})
    drawn.pressed = True
    site.onward("filters", "Go on", "page.to_there", controls=controls)
    assert asked == [("filters", controls)]
    assert drawn.gone == [(ROOT / "pages" / "filters.py", {"filters.layer": "stem"})]
